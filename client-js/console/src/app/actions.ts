/** Everything that a person can do, by name: what the command palette lists and what the shortcuts run. */

import { type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { IconName } from "../ui/icon.tsx";

/** Something to do. */
export interface Action {
  /** Unique and lasting, as `terminals.new`. */
  readonly id: string;
  /** As in a menu: `New terminal`. */
  readonly title: string;
  /** The heading it stands under in the list of shortcuts. */
  readonly group: string;
  readonly icon?: IconName;
  /**
   * Its keys, as `Mod+K` (Mod: Command on a Mac, else Control), `Ctrl+Shift+F`, `?`. While a terminal has the focus,
   * only those with Ctrl+Shift, or Command on a Mac, work: all others belong to the program in the terminal.
   */
  readonly keys?: readonly string[];
  /** Whether the palette leaves it out. Default: false. */
  readonly hidden?: boolean;
  run(): void;
}

const known = signal<ReadonlyMap<symbol, readonly Action[]>>(new Map());

/** All actions that there are now, in the order in which they were made known. */
export const actions: { readonly all: ReadonlySignal<ReadonlyMap<symbol, readonly Action[]>>; list(): Action[] } = {
  all: known,
  list: () => [...known.value.values()].flat(),
};

/** Makes actions known until the returned function is called. */
export function registerActions(added: readonly Action[]): () => void {
  const key = Symbol("actions");
  known.value = new Map(known.value).set(key, added);
  return () => {
    const rest = new Map(known.value);
    rest.delete(key);
    known.value = rest;
  };
}

/**
 * Makes a component's actions known while it is mounted and `enabled` (say `props.active` in a panel, so that keys do
 * not act on what cannot be seen). They may close over the component's newest state.
 */
export function useActions(enabled: boolean, added: readonly Action[]): void {
  const newest = useRef(added);
  newest.current = added;
  // The titles stand for the actions: `run` is looked up when it is called.
  const titles = added.map(action => `${action.id} ${action.title}`).join("\n");
  useEffect(() => {
    if (!enabled) return undefined;
    return registerActions(
      added.map(action => ({
        ...action,
        run: () => newest.current.find(candidate => candidate.id === action.id)?.run(),
      })),
    );
  }, [enabled, titles]);
}
