/** Tabs as ARIA knows them: arrows, Home and End move, one stop for the Tab key. */

import type { ComponentChildren } from "preact";

/** A tab. */
export interface Tab {
  readonly id: string;
  readonly title: ComponentChildren;
}

/**
 * The strip of tabs. What a tab shows must carry `role="tabpanel"`, `id={tabPanelId(name, tab.id)}` and
 * `aria-labelledby={tabId(name, tab.id)}`.
 */
export function Tabs(props: {
  /** Unique on the page; part of the elements' ids. */
  name: string;
  /** Its name for screen readers. */
  label: string;
  tabs: readonly Tab[];
  selected: string;
  onSelect: (id: string) => void;
}) {
  const { name, tabs, selected, onSelect } = props;
  return (
    <div class="tabs" role="tablist" aria-label={props.label}>
      {tabs.map((tab, index) => (
        <button
          key={tab.id}
          id={tabId(name, tab.id)}
          type="button"
          class="tab"
          role="tab"
          aria-selected={tab.id === selected}
          aria-controls={tabPanelId(name, tab.id)}
          tabIndex={tab.id === selected ? 0 : -1}
          onClick={() => onSelect(tab.id)}
          onKeyDown={event => {
            const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: tabs.length - 1 }[event.key];
            const next = to === undefined ? undefined : tabs[(to + tabs.length) % tabs.length];
            if (next === undefined) return;
            event.preventDefault();
            onSelect(next.id);
            document.getElementById(tabId(name, next.id))?.focus();
          }}
        >
          {tab.title}
        </button>
      ))}
    </div>
  );
}

/** The id of a tab's element. */
export function tabId(name: string, tab: string): string {
  return `${name}-tab-${tab}`;
}

/** The id of the element that a tab shows. */
export function tabPanelId(name: string, tab: string): string {
  return `${name}-panel-${tab}`;
}
