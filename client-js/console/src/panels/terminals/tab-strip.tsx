/** The tabs of a group: one stop for the Tab key, arrows move, Enter goes into the terminal, Delete closes, all can be dragged. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../../ui/icon.tsx";
import type { Group, Tab } from "./layout.ts";
import { dragged, type TerminalStore } from "./store.ts";

/** The tabs. */
export function TabStrip(props: {
  store: TerminalStore;
  group: Group;
  /** Whether it is the group that keys act on. */
  focused: boolean;
  /** A tab was dropped in front of tab number `index`. */
  onDrop: (tab: string, index: number) => void;
}) {
  const { group, store } = props;
  const strip = useRef<HTMLDivElement>(null);
  const target = useSignal<number | undefined>(undefined);
  // Another active tab is what this is for.
  useEffect(() => {
    strip.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [group.active]);

  return (
    <div
      ref={strip}
      class="terminals-tabs"
      role="tablist"
      aria-label="Terminals"
      data-focused={props.focused ? "true" : undefined}
      onDragOver={event => {
        if (dragged.value === undefined) return;
        event.preventDefault();
        target.value = indexAt(event.currentTarget, event.clientX);
      }}
      onDragLeave={() => {
        target.value = undefined;
      }}
      onDrop={event => {
        event.preventDefault();
        const tab = dragged.value;
        if (tab !== undefined && target.value !== undefined) props.onDrop(tab, target.value);
        target.value = undefined;
        dragged.value = undefined;
      }}
    >
      {group.tabs.map((tab, index) => (
        <TabButton
          key={tab.id}
          tab={tab}
          index={index}
          group={group}
          store={store}
          dropBefore={target.value === index}
          dropAfter={target.value === group.tabs.length && index === group.tabs.length - 1}
        />
      ))}
    </div>
  );
}

function TabButton(props: {
  tab: Tab;
  index: number;
  group: Group;
  store: TerminalStore;
  dropBefore: boolean;
  dropAfter: boolean;
}) {
  const { tab, index, group, store } = props;
  const view = store.view(tab);
  const status = view.status.value;
  const title = store.title(tab);
  const selected = group.active === tab.id;
  const note = noteOf(tab, status.is, view.rang.value);
  const go = (to: number) => {
    const next = group.tabs[(to + group.tabs.length) % group.tabs.length];
    if (next === undefined) return;
    store.show(next.id);
    document.getElementById(tabElementId(next.id))?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: group.tabs.length - 1 }[event.key];
    if (to !== undefined) go(to);
    else if (event.key === "Enter") store.select(tab.id);
    else if (event.key === "Delete") void store.close(tab);
    else if (event.key === "F2") void store.rename(tab);
    else return;
    event.preventDefault();
  };
  return (
    <button
      id={tabElementId(tab.id)}
      type="button"
      class="terminals-tab"
      role="tab"
      aria-selected={selected}
      aria-controls={selected ? panelElementId(group.id) : undefined}
      aria-keyshortcuts="Enter Delete F2"
      tabIndex={selected ? 0 : -1}
      title={note === undefined ? title : `${title} (${note})`}
      draggable
      data-drop={props.dropBefore ? "before" : props.dropAfter ? "after" : undefined}
      onDragStart={event => {
        dragged.value = tab.id;
        event.dataTransfer?.setData("text/plain", title);
      }}
      onDragEnd={() => {
        dragged.value = undefined;
      }}
      onPointerDown={event => {
        if (event.button === 0) store.show(tab.id);
      }}
      onClick={() => store.select(tab.id)}
      onDblClick={() => void store.rename(tab)}
      onAuxClick={event => {
        if (event.button === 1) void store.close(tab);
      }}
      onKeyDown={onKeyDown}
    >
      <span class="terminals-tab-mark" data-is={view.rang.value && !selected ? "bell" : status.is}>
        <Icon name={tab.readOnly ? "eye" : "terminal"} size={14} />
      </span>
      <span class="truncate">{title}</span>
      {note !== undefined && <span class="visually-hidden">, {note}</span>}
      {/* For the pointer; keys have Delete. A button in a tab would be one that screen readers cannot reach. */}
      <span
        class="terminals-tab-close"
        aria-hidden="true"
        onPointerDown={event => event.stopPropagation()}
        onClick={event => {
          event.stopPropagation();
          void store.close(tab);
        }}
      >
        <Icon name="close" size={12} />
      </span>
    </button>
  );
}

/** The id of the element of a tab. */
export function tabElementId(tab: string): string {
  return `terminal-tab-${tab}`;
}

/** The id of the element that shows a group's terminal. */
export function panelElementId(group: string): string {
  return `terminal-group-${group}`;
}

function noteOf(tab: Tab, is: string, rang: boolean): string | undefined {
  const notes = [
    tab.readOnly && "read only",
    rang && "rang its bell",
    is === "ended" && "ended",
    is === "failed" && "not attached",
  ];
  return notes.filter(Boolean).join(", ") || undefined;
}

/** In front of which tab something falls that is dropped at `x`. */
function indexAt(strip: HTMLElement, x: number): number {
  const tabs = [...strip.children];
  const at = tabs.findIndex(tab => {
    const box = tab.getBoundingClientRect();
    return x < box.left + box.width / 2;
  });
  return at < 0 ? tabs.length : at;
}
