/** The tabs of the open notebooks. */

import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../../ui/index.ts";
import { nameOf, shown } from "../files/paths.ts";
import type { Notebook } from "./notebook.ts";
import type { Notebooks } from "./store.ts";

/** Shows the tabs. */
export function TabBar(props: { notebooks: Notebooks; onClose: (notebook: Notebook) => void }) {
  const { notebooks } = props;
  const all = notebooks.all.value;
  const current = notebooks.current.value;
  const bar = useRef<HTMLElement>(null);
  // The one that is shown is seen, also when there is not room for all of them.
  useEffect(() => {
    bar.current?.querySelector('[data-selected="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [current]);
  return (
    <nav ref={bar} class="notebooks-tabs" aria-label="Open notebooks">
      {all.map((notebook, index) => {
        const name = shown(nameOf(notebook.path)).replace(/\.ipynb$/, "");
        const here = notebook === current;
        const running = notebook.cells.value.some(cell => cell.state.value !== "idle");
        return (
          <span key={notebook.path} class="notebooks-tab" data-selected={here ? "true" : undefined}>
            <button
              type="button"
              class="notebooks-tab-name"
              aria-current={here ? "true" : undefined}
              tabIndex={here ? 0 : -1}
              title={shown(notebook.path)}
              onClick={() => notebooks.show(notebook)}
              onAuxClick={event => {
                if (event.button === 1) props.onClose(notebook);
              }}
              onKeyDown={event => {
                const to = { ArrowLeft: index - 1, ArrowRight: index + 1 }[event.key];
                const next = to === undefined ? undefined : all[(to + all.length) % all.length];
                if (event.key === "Delete") props.onClose(notebook);
                if (next === undefined) return;
                event.preventDefault();
                notebooks.show(next);
                const tabs = event.currentTarget.closest("nav")?.querySelectorAll<HTMLElement>(".notebooks-tab-name");
                tabs?.[all.indexOf(next)]?.focus();
              }}
            >
              <span class="truncate">{name}</span>
              {running && <span class="visually-hidden">, running</span>}
              {notebook.dirty.value && (
                <>
                  <span class="notebooks-unsaved" aria-hidden="true" />
                  <span class="visually-hidden">, not saved</span>
                </>
              )}
            </button>
            <button
              type="button"
              class="notebooks-tab-close"
              tabIndex={-1}
              aria-label={`Close ${name}`}
              onClick={() => props.onClose(notebook)}
            >
              <Icon name="close" size={12} />
            </button>
          </span>
        );
      })}
    </nav>
  );
}
