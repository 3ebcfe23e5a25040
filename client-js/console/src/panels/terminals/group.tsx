/** A group: its tabs, its tools, and the terminal of the tab that is seen. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { clipboardWrite, screenReader, terminalFontSize } from "../../app/settings.ts";
import { Button, MenuButton, type MenuItem } from "../../ui/index.ts";
import { ExtraKeys } from "./extra-keys.tsx";
import { activate, type Group, groupsOf, moveTab, splitWith, type Tab } from "./layout.ts";
import { SearchBar } from "./search-bar.tsx";
import { StatusNote } from "./status-note.tsx";
import { dragged, layout, type TerminalStore } from "./store.ts";
import { panelElementId, TabStrip, tabElementId } from "./tab-strip.tsx";

/** What a group may be asked from outside. */
export interface GroupProps {
  store: TerminalStore;
  group: Group;
  /** Whether it is the group that keys act on. */
  focused: boolean;
  /** Whether the panel is seen. */
  active: boolean;
  /** Without splits: on a phone. */
  single: boolean;
  /** Shows the list of all terminals. */
  onList: () => void;
}

/** A group. */
export function GroupView(props: GroupProps) {
  const { store, group, focused, single } = props;
  const tab = group.tabs.find(candidate => candidate.id === group.active) ?? group.tabs[0];
  if (tab === undefined) return null;
  return (
    <section class="terminals-group" aria-label={`Terminal group: ${store.title(tab)}`}>
      <div class="terminals-bar">
        <TabStrip
          store={store}
          group={group}
          focused={focused}
          onDrop={(dropped, index) => {
            layout.value = moveTab(layout.value, dropped, group.id, index);
            store.focus();
          }}
        />
        <Button kind="ghost" icon="plus" label="New terminal" onClick={() => inGroup(group, () => store.open())} />
        <MenuButton kind="ghost" icon="more" label="Terminal menu" items={() => menuOf(props, tab)} />
      </div>
      <Screen {...props} tab={tab} />
      {single && <ExtraKeys view={store.view(tab)} />}
    </section>
  );
}

function Screen(props: GroupProps & { tab: Tab }) {
  const { store, group, tab, active, focused } = props;
  const box = useRef<HTMLDivElement>(null);
  const view = store.view(tab);
  const title = store.title(tab);

  useEffect(() => {
    const parent = box.current;
    if (parent === null || !active) return undefined;
    parent.append(view.element);
    view.show();
    return () => {
      // Another group may have taken it already.
      if (view.element.parentElement === parent) view.element.remove();
    };
  }, [view, active]);
  useEffect(() => view.label(`Terminal ${title}. Press Control Shift L to leave it.`), [view, title]);

  return (
    <div
      id={panelElementId(group.id)}
      class="terminals-body"
      role="tabpanel"
      aria-labelledby={tabElementId(tab.id)}
      onFocusIn={() => {
        layout.value = activate(layout.value, tab.id);
      }}
    >
      <div ref={box} class="terminals-box" />
      {focused && store.searching.value && <SearchBar key={tab.id} store={store} view={view} />}
      <StatusNote store={store} tab={tab} view={view} />
      {dragged.value !== undefined && !props.single && <DropZones store={store} group={group} />}
    </div>
  );
}

/** Where a dragged tab may fall: in the middle into the group, at an edge into a new one beside it. */
type Zone = "center" | "left" | "right" | "top" | "bottom";

function DropZones(props: { store: TerminalStore; group: Group }) {
  const zone = useSignal<Zone | undefined>(undefined);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: only a drop target; the menu of a group splits by keys.
    <div
      class="terminals-drop"
      onDragOver={event => {
        event.preventDefault();
        zone.value = zoneAt(event.currentTarget.getBoundingClientRect(), event.clientX, event.clientY);
      }}
      onDragLeave={() => {
        zone.value = undefined;
      }}
      onDrop={event => {
        event.preventDefault();
        if (dragged.value !== undefined && zone.value !== undefined) drop(dragged.value, props.group, zone.value);
        dragged.value = undefined;
        props.store.focus();
      }}
    >
      <div class="terminals-drop-mark" data-zone={zone.value} />
    </div>
  );
}

function drop(id: string, group: Group, zone: Zone): void {
  if (zone === "center") {
    layout.value = moveTab(layout.value, id, group.id, group.tabs.length);
    return;
  }
  const tab = groupsOf(layout.value.root)
    .flatMap(candidate => candidate.tabs)
    .find(candidate => candidate.id === id);
  if (tab === undefined) return;
  const direction = zone === "left" || zone === "right" ? "row" : "column";
  layout.value = splitWith(layout.value, group.id, direction, tab, zone === "left" || zone === "top");
}

function zoneAt(box: DOMRect, clientX: number, clientY: number): Zone {
  const x = (clientX - box.left) / box.width;
  const y = (clientY - box.top) / box.height;
  const edge = Math.min(x, 1 - x, y, 1 - y);
  if (edge > 0.25) return "center";
  if (edge === x) return "left";
  if (edge === 1 - x) return "right";
  return edge === y ? "top" : "bottom";
}

/** Does something while that group has the focus. */
function inGroup(group: Group, run: () => void): void {
  layout.value = activate(layout.value, group.active);
  run();
}

function menuOf(props: GroupProps, tab: Tab): MenuItem[] {
  const { store, group, single } = props;
  const view = store.view(tab);
  const at = group.tabs.findIndex(candidate => candidate.id === tab.id);
  const split = (direction: "row" | "column") => inGroup(group, () => store.open({}, direction));
  const moves: MenuItem[] = [
    { title: "Move tab left", disabled: at === 0, run: () => move(tab, group, at - 1) },
    { title: "Move tab right", disabled: at === group.tabs.length - 1, run: () => move(tab, group, at + 2) },
    { title: "Move tab to a new split", disabled: group.tabs.length < 2, run: () => drop(tab.id, group, "right") },
  ];
  return [
    { title: "New terminal in…", icon: "folderPlus", run: () => inGroup(group, () => void store.openIn()) },
    { title: "All terminals…", icon: "link", run: props.onList },
    ...(single
      ? []
      : ([
          { title: "Split right", icon: "splitRight", keys: "Ctrl+Shift+D", run: () => split("row") },
          { title: "Split down", icon: "splitDown", keys: "Ctrl+Shift+S", run: () => split("column") },
        ] satisfies MenuItem[])),
    { separator: true },
    { title: "Find", icon: "search", keys: "Ctrl+Shift+F", run: () => inGroup(group, () => store.search(true)) },
    { title: "Copy selection", icon: "copy", keys: "Ctrl+Shift+C", run: () => void view.copy() },
    { title: "Paste", keys: "Ctrl+Shift+V", run: () => void view.paste() },
    { title: "Clear lines above", run: () => view.clear() },
    { title: "Rename…", icon: "edit", run: () => void store.rename(tab) },
    ...moves,
    { separator: true },
    { title: "Larger letters", run: () => zoom(1) },
    { title: "Smaller letters", run: () => zoom(-1) },
    {
      title: "Programs may set the clipboard",
      checked: clipboardWrite.value,
      run: () => {
        clipboardWrite.value = !clipboardWrite.value;
      },
    },
    {
      title: "For screen readers",
      checked: screenReader.value,
      run: () => {
        screenReader.value = !screenReader.value;
      },
    },
    { separator: true },
    { title: "Detach, let it run", icon: "plug", run: () => store.detach(tab, true) },
    { title: "Close terminal", icon: "trash", keys: "Ctrl+Shift+X", danger: true, run: () => void store.close(tab) },
  ];
}

/** Makes the letters of all terminals larger or smaller. */
export function zoom(by: number): void {
  terminalFontSize.value = Math.min(32, Math.max(8, terminalFontSize.value + by));
}

function move(tab: Tab, group: Group, index: number): void {
  layout.value = moveTab(layout.value, tab.id, group.id, index);
}
