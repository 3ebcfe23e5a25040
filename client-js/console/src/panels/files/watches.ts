/** Watches the directories that are seen, and gathers what changed in them. */

import type { Trees, WatchEvent } from "../../../../src/kinds/tree.ts";
import { fromWire, toWire } from "./paths.ts";

/** Directories that are watched at once: each takes a channel. Others are looked at when they are opened again. */
const MOST = 40;
/** Milliseconds in which changes are gathered. */
const GATHER = 80;

/** What happened in a directory. */
export interface Changes {
  /** Names that came, changed or went. */
  readonly names: ReadonlySet<string>;
  /** Names that are others now. */
  readonly renames: readonly { readonly from: string; readonly to: string }[];
  /** Something was lost: everything may have changed. */
  readonly all: boolean;
}

/** Watches directories. */
export class Watches {
  readonly #client: Pick<Trees, "watch">;
  readonly #onChanges: (dir: string, changes: Changes) => void;
  readonly #watched = new Map<string, AbortController>();
  readonly #gathered = new Map<string, { names: Set<string>; renames: { from: string; to: string }[]; all: boolean }>();

  constructor(client: Pick<Trees, "watch">, onChanges: (dir: string, changes: Changes) => void) {
    this.#client = client;
    this.#onChanges = onChanges;
  }

  /** From now on these directories are watched, and no others. */
  set(dirs: readonly string[]): void {
    const wanted = new Set(dirs.slice(0, MOST));
    for (const [dir, stop] of this.#watched) {
      if (wanted.has(dir)) continue;
      stop.abort();
      this.#watched.delete(dir);
    }
    for (const dir of wanted) {
      if (this.#watched.has(dir)) continue;
      const stop = new AbortController();
      this.#watched.set(dir, stop);
      void this.#watch(dir, stop);
    }
  }

  async #watch(dir: string, stop: AbortController): Promise<void> {
    try {
      for await (const event of await this.#client.watch(toWire(dir), { recursive: false, signal: stop.signal })) {
        this.#gather(dir, event);
      }
    } catch {
      // It is gone, which the watch of the directory above tells; or it cannot be watched, and is looked at when it is
      // opened again or the person asks for it.
    }
    if (this.#watched.get(dir) === stop) this.#watched.delete(dir);
  }

  #gather(dir: string, event: WatchEvent): void {
    let changes = this.#gathered.get(dir);
    if (changes === undefined) {
      changes = { names: new Set(), renames: [], all: false };
      this.#gathered.set(dir, changes);
      setTimeout(() => {
        const gathered = this.#gathered.get(dir);
        this.#gathered.delete(dir);
        if (gathered !== undefined && this.#watched.has(dir)) this.#onChanges(dir, gathered);
      }, GATHER);
    }
    if (event.type === "overflow") {
      changes.all = true;
      return;
    }
    const name = fromWire(event.rawPath ?? event.path);
    if (name !== "") changes.names.add(name);
    if (event.from === undefined) return;
    const from = fromWire(event.rawFrom ?? event.from);
    changes.names.add(from);
    changes.renames.push({ from, to: name });
  }
}
