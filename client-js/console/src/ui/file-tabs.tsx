/** The tabs of the files that are open: one stop for the Tab key, arrows move, Delete and the middle button close. */

import { useEffect, useRef } from "preact/hooks";
import { Icon } from "./icon.tsx";

/** A tab. */
export interface FileTab {
  /** Unique in its row. */
  readonly key: string | number;
  readonly name: string;
  /** Its tooltip. */
  readonly path: string;
  /** Whether it is the one that is seen. */
  readonly current: boolean;
  /** Whether it has changes that its file has not. */
  readonly unsaved: boolean;
  /** What screen readers are told beside: `running`. */
  readonly note?: string | undefined;
  show(): void;
  close(): void;
}

/** The row of tabs. */
export function FileTabs(props: {
  /** Its name for screen readers. */
  label: string;
  /** What the names of its classes begin with: the look is the panel's. */
  panel: "files" | "notebooks";
  tabs: readonly FileTab[];
}) {
  const { panel, tabs } = props;
  const bar = useRef<HTMLElement>(null);
  const current = tabs.find(tab => tab.current)?.key;
  // The one that is shown is seen, also when there is not room for all of them.
  useEffect(() => {
    bar.current?.querySelector('[data-selected="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [current]);
  return (
    <nav ref={bar} class={`${panel}-tabs`} aria-label={props.label}>
      {tabs.map((tab, index) => (
        <span key={tab.key} class={`${panel}-tab`} data-selected={tab.current ? "true" : undefined}>
          <button
            type="button"
            class={`${panel}-tab-name`}
            aria-current={tab.current ? "true" : undefined}
            tabIndex={tab.current ? 0 : -1}
            title={tab.path}
            onClick={tab.show}
            onAuxClick={event => {
              if (event.button === 1) tab.close();
            }}
            onKeyDown={event => {
              const to = { ArrowLeft: index - 1, ArrowRight: index + 1 }[event.key];
              const next = to === undefined ? -1 : (to + tabs.length) % tabs.length;
              if (event.key === "Delete") tab.close();
              if (next < 0) return;
              event.preventDefault();
              tabs[next]?.show();
              bar.current?.children[next]?.querySelector("button")?.focus();
            }}
          >
            <span class="truncate">{tab.name}</span>
            {tab.note !== undefined && <span class="visually-hidden">, {tab.note}</span>}
            {tab.unsaved && (
              <>
                <span class="unsaved" aria-hidden="true" />
                <span class="visually-hidden">, not saved</span>
              </>
            )}
          </button>
          <button
            type="button"
            class={`${panel}-tab-close`}
            tabIndex={-1}
            aria-label={`Close ${tab.name}`}
            onClick={tab.close}
          >
            <Icon name="close" size={12} />
          </button>
        </span>
      ))}
    </nav>
  );
}
