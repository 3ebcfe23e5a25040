/** The tree with what fills it: directories are listed when they are opened, and kept in step with the sandbox. */

import { type Signal, signal } from "@preact/signals";
import type { FileInfo } from "../../../../src/kinds/file/info.ts";
import type { Trees } from "../../../../src/kinds/tree.ts";
import { fromWire, isWithin, join, nameOf, parentOf, toWire } from "./paths.ts";
import { type Entry, FileTree } from "./tree.ts";
import { type Changes, Watches } from "./watches.ts";

/** Entries of a directory that are listed at a time; for more a person asks. */
const PAGE = 5000;
/** More changes than this in one directory, and it is listed anew. */
const MANY_CHANGES = 32;
/** Links of one directory of which it is found out where they lead. */
const MOST_LINKS = 200;
/** Questions that are on their way at once. */
const PARALLEL = 8;

/** A directory that is being listed. */
type Listing = ReturnType<Trees["iterateFiles"]>;

/** The tree of one root directory. */
export class FileStore {
  readonly tree: FileTree;
  /** Changes when the tree does. */
  readonly version: Signal<number> = signal(0);

  readonly #client: Trees;
  readonly #watches: Watches;
  /** What is left to list of directories with more than a page. */
  readonly #rest = new Map<string, Listing>();
  #active = false;

  constructor(client: Trees, root: string) {
    this.#client = client;
    this.tree = new FileTree(root);
    this.#watches = new Watches(client, (dir, changes) => void this.#changed(dir, changes));
  }

  /** Looks while somebody sees it: at the beginning again at everything. */
  setActive(active: boolean): void {
    if (active === this.#active) return;
    this.#active = active;
    if (active) this.refresh();
    else {
      this.#watches.set([]);
      for (const dir of [...this.#rest.keys()]) this.#giveUp(dir);
    }
  }

  /** Lists everything that is seen again. */
  refresh(): void {
    for (const dir of this.tree.visibleDirectories()) void this.load(dir);
  }

  /** Opens a directory, or shuts it. */
  toggle(path: string): void {
    if (this.tree.isOpen(path)) {
      this.tree.close(path);
      this.#giveUp(path);
      this.#touch();
    } else this.open(path);
  }

  open(path: string): void {
    this.tree.open(path);
    // One that is watched is in step already; another one may have changed since it was listed.
    void this.load(path);
  }

  setHidden(show: boolean): void {
    this.tree.showHidden = show;
    this.#touch();
  }

  /** Makes a path seen. */
  async reveal(path: string): Promise<void> {
    const above = this.tree.reveal(path);
    if (nameOf(path).startsWith(".") || above.some(dir => dir !== this.tree.root && nameOf(dir).startsWith("."))) {
      this.tree.showHidden = true;
    }
    this.#touch();
    for (const dir of above) if (this.tree.needsLoading(dir)) await this.load(dir);
  }

  /** Lists a directory. */
  async load(path: string): Promise<void> {
    this.tree.loading(path);
    this.#touch();
    try {
      const files = this.#client.iterateFiles(toWire(path));
      const { entries, more } = await take(files);
      this.#keep(path, more ? files : undefined);
      this.tree.loaded(path, entries, more);
      this.#touch();
      await this.#followLinks(path, entries);
    } catch (error) {
      this.tree.failed(path, error);
      this.#touch();
    }
  }

  /** Lists more of a directory with many entries. */
  async loadMore(path: string): Promise<void> {
    const files = this.#rest.get(path);
    if (files === undefined) return;
    this.#rest.delete(path);
    try {
      const { entries, more } = await take(files);
      this.#keep(path, more ? files : undefined);
      this.tree.loadedMore(path, entries, more);
      this.#touch();
      await this.#followLinks(path, entries);
    } catch {
      await this.load(path);
    }
  }

  /** Looks at one path again, as after something was done to it. */
  async update(path: string): Promise<void> {
    const dir = parentOf(path);
    if (!isWithin(this.tree.root, dir)) return;
    try {
      const entry = entryOf(await this.#client.stat(toWire(path), { followSymlinks: false }), nameOf(path));
      this.tree.patch(dir, entry.name, entry);
      if (entry.type === "symlink") await this.#followLinks(dir, [entry]);
    } catch (error) {
      // What cannot be looked at now, as without a connection, is not gone.
      if (!isGone(error)) return;
      this.tree.patch(dir, nameOf(path), undefined);
    }
    this.#touch();
  }

  /** What is left to list of a directory is listed when a person asks; while nobody looks it is of no use. */
  #keep(path: string, files: Listing | undefined): void {
    this.#giveUp(path);
    if (files === undefined) return;
    if (this.#active) this.#rest.set(path, files);
    else void files.return();
  }

  /** A listing that is not read to its end takes a channel until it is given up. */
  #giveUp(path: string): void {
    void this.#rest.get(path)?.return();
    this.#rest.delete(path);
  }

  async #changed(dir: string, changes: Changes): Promise<void> {
    for (const { from, to } of changes.renames) {
      const old = this.tree.entry(join(dir, from));
      if (old !== undefined && to !== "") this.tree.moved(join(dir, from), join(dir, to));
    }
    if (changes.all || changes.names.size > MANY_CHANGES) {
      await this.load(dir);
      return;
    }
    await inParallel([...changes.names], name => this.update(join(dir, name)));
  }

  async #followLinks(dir: string, entries: readonly Entry[]): Promise<void> {
    const links = entries.filter(entry => entry.type === "symlink").slice(0, MOST_LINKS);
    await inParallel(links, async link => {
      // A link that leads nowhere stays a link.
      const target = await this.#client.stat(toWire(join(dir, link.name))).catch(() => undefined);
      if (target?.type === "directory") this.tree.patch(dir, link.name, { ...link, leadsToDirectory: true });
    });
    if (links.length > 0) this.#touch();
  }

  #touch(): void {
    this.version.value += 1;
    if (this.#active) this.#watches.set(this.tree.visibleDirectories());
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return code === "FILE_NOT_FOUND" || code === "NOT_DIRECTORY";
}

/** An entry of a listing. */
export function entryOf(info: FileInfo, name: string = fromWire(info.rawPath ?? info.path)): Entry {
  return {
    name,
    type: info.type,
    size: info.size,
    mode: info.mode,
    modified: info.modifiedAt.getTime(),
    target: info.target,
  };
}

async function take(files: Listing): Promise<{ entries: Entry[]; more: boolean }> {
  const entries: Entry[] = [];
  while (entries.length < PAGE) {
    const next = await files.next();
    if (next.done === true) return { entries, more: false };
    entries.push(entryOf(next.value));
  }
  return { entries, more: true };
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (const item of waiting) await work(item);
    }),
  );
}
