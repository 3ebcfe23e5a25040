/** The notebooks that are open, remembered for the next visit. */

import { type Signal, signal } from "@preact/signals";
import type { Client } from "../../app/client.ts";
import { remembered } from "../../app/settings.ts";
import { Notebook } from "./notebook.ts";

/** Notebooks open at once. */
const MOST_OPEN = 12;

const kept = remembered(
  "notebooks-open",
  [],
  (value): value is string[] => Array.isArray(value) && value.every(path => typeof path === "string"),
) as Signal<readonly string[]>;

/** The open notebooks, and which one is seen. */
export class Notebooks {
  readonly all: Signal<readonly Notebook[]> = signal([]);
  readonly current: Signal<Notebook | undefined> = signal(undefined);
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
    this.all.value = kept.peek().map(path => new Notebook(client, path));
    // Only the one that is seen is read; the others when they are seen.
    const last = this.all.peek().at(-1);
    if (last !== undefined) this.show(last);
  }

  /** Shows a notebook; opens it when it is not open. Nothing when there are too many. */
  open(path: string): Notebook | undefined {
    const known = this.all.peek().find(notebook => notebook.path === path);
    if (known === undefined && this.all.peek().length >= MOST_OPEN) return undefined;
    const notebook = known ?? new Notebook(this.#client, path);
    if (known === undefined) {
      this.all.value = [...this.all.peek(), notebook];
      this.#remember();
    }
    this.show(notebook);
    return notebook;
  }

  /** Shows one. */
  show(notebook: Notebook): void {
    this.current.value = notebook;
    if (notebook.state.peek() === "loading") void notebook.load();
  }

  /** Closes one, with its changes. Its kernel stays, as the sandbox's. */
  close(notebook: Notebook): void {
    notebook.kernel.close();
    const at = this.all.peek().indexOf(notebook);
    this.all.value = this.all.peek().filter(other => other !== notebook);
    this.#remember();
    if (this.current.peek() !== notebook) return;
    this.current.value = undefined;
    const next = this.all.peek()[Math.min(at, this.all.peek().length - 1)];
    if (next !== undefined) this.show(next);
  }

  /** The page, or the client, goes: what runs is interrupted. */
  dispose(): void {
    for (const notebook of this.all.peek()) notebook.kernel.close();
  }

  #remember(): void {
    kept.value = this.all.peek().map(notebook => notebook.path);
  }
}
