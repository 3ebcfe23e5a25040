/** The directories that were looked into, and the rows that a person sees of them. No I/O: who loads tells what came. */

import { isWithin, join, nameOf, parentOf } from "./paths.ts";

/** What something in a directory is. */
export type EntryType = "file" | "directory" | "symlink" | "other";

/** Something in a directory. */
export interface Entry {
  readonly name: string;
  readonly type: EntryType;
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
  /** Target of a symbolic link. */
  readonly target?: string | undefined;
  /** A symbolic link that leads to a directory: it can be opened as one. */
  readonly leadsToDirectory?: boolean | undefined;
}

/** A directory that was looked into. */
interface Directory {
  state: "loading" | "loaded" | "failed";
  error?: unknown;
  /** Sorted: directories first, then by name. */
  entries: Entry[];
  /** There is more than was loaded. */
  more: boolean;
}

/** A row of the tree. */
export type Row =
  | {
      readonly type: "entry";
      readonly path: string;
      readonly depth: number;
      readonly entry: Entry;
      readonly open: boolean;
      readonly loading: boolean;
    }
  | { readonly type: "more"; readonly path: string; readonly depth: number }
  | { readonly type: "empty"; readonly path: string; readonly depth: number; readonly hidden: number }
  | { readonly type: "error"; readonly path: string; readonly depth: number; readonly error: unknown };

const COLLATOR = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** Directories first, then names as a person counts them: `file9` before `file10`. */
export function compareEntries(a: Entry, b: Entry): number {
  const order = Number(opensAsDirectory(b)) - Number(opensAsDirectory(a));
  return order || COLLATOR.compare(a.name, b.name) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** Whether it can be looked into. */
export function opensAsDirectory(entry: Entry): boolean {
  return entry.type === "directory" || entry.leadsToDirectory === true;
}

/** A tree below a root directory, which itself is no row. */
export class FileTree {
  readonly root: string;
  /** Changes with every change. */
  version = 0;

  #showHidden = false;
  readonly #directories = new Map<string, Directory>();
  readonly #open: Set<string>;
  #rows: { version: number; rows: Row[] } | undefined;

  constructor(root: string) {
    this.root = root;
    this.#open = new Set([root]);
  }

  /** Whether names that begin with a dot are rows. Default: false. */
  get showHidden(): boolean {
    return this.#showHidden;
  }

  set showHidden(show: boolean) {
    this.#showHidden = show;
    this.#changed();
  }

  /** Directories whose content is seen now, the root first. */
  visibleDirectories(): string[] {
    return [this.root, ...this.rows().flatMap(row => (row.type === "entry" && row.open ? [row.path] : []))];
  }

  /** Whether this directory must be loaded to be seen. */
  needsLoading(path: string): boolean {
    const state = this.#directories.get(path)?.state;
    return state === undefined || state === "failed";
  }

  isOpen(path: string): boolean {
    return this.#open.has(path);
  }

  open(path: string): void {
    this.#open.add(path);
    this.#changed();
  }

  close(path: string): void {
    if (path !== this.root) this.#open.delete(path);
    this.#changed();
  }

  /** A directory is being loaded; what is known of it stays. */
  loading(path: string): void {
    const known = this.#directories.get(path);
    if (known === undefined) this.#directories.set(path, { state: "loading", entries: [], more: false });
    else if (known.state === "failed") known.state = "loading";
    this.#changed();
  }

  /** A directory's content, in the whole or its first part. */
  loaded(path: string, entries: readonly Entry[], more: boolean): void {
    const sorted = [...entries].sort(compareEntries);
    this.#directories.set(path, { state: "loaded", entries: sorted, more });
    const names = new Set(entries.filter(opensAsDirectory).map(entry => entry.name));
    // Of what is no directory any more nothing is kept.
    if (!more) {
      for (const known of [...this.#directories.keys()]) {
        if (known === path || !isWithin(path, known)) continue;
        const rest = path === "/" ? known.slice(1) : known.slice(path.length + 1);
        if (!names.has(rest.split("/")[0] ?? "")) this.#forget(known);
      }
    }
    this.#changed();
  }

  /** More of a directory's content. */
  loadedMore(path: string, entries: readonly Entry[], more: boolean): void {
    const known = this.#directories.get(path);
    if (known === undefined) return;
    const names = new Set(entries.map(entry => entry.name));
    known.entries = [...known.entries.filter(entry => !names.has(entry.name)), ...entries].sort(compareEntries);
    known.more = more;
    this.#changed();
  }

  /** A directory could not be loaded. What was known of it goes: it may not be there any more. */
  failed(path: string, error: unknown): void {
    this.#directories.set(path, { state: "failed", error, entries: [], more: false });
    this.#changed();
  }

  /** One entry as it is now; nothing when it is gone. */
  patch(dir: string, name: string, entry: Entry | undefined): void {
    const known = this.#directories.get(dir);
    if (known?.state !== "loaded") return;
    known.entries = known.entries.filter(other => other.name !== name);
    if (entry !== undefined) {
      const at = known.entries.findIndex(other => compareEntries(entry, other) < 0);
      known.entries.splice(at < 0 ? known.entries.length : at, 0, entry);
    }
    if (entry === undefined || !opensAsDirectory(entry)) this.#forget(join(dir, name));
    this.#changed();
  }

  /** Something has another path: what is open in it stays open. */
  moved(from: string, to: string): void {
    const renamed = (path: string) => to + path.slice(from.length);
    for (const path of [...this.#open]) {
      if (!isWithin(from, path)) continue;
      this.#open.delete(path);
      this.#open.add(renamed(path));
    }
    for (const [path, directory] of [...this.#directories]) {
      if (!isWithin(from, path)) continue;
      this.#directories.delete(path);
      this.#directories.set(renamed(path), directory);
    }
    const entry = this.entry(from);
    if (entry !== undefined) {
      const source = this.#directories.get(parentOf(from));
      if (source !== undefined) source.entries = source.entries.filter(other => other !== entry);
      const target = this.#directories.get(parentOf(to));
      if (target?.state === "loaded") {
        const name = nameOf(to);
        target.entries = [...target.entries.filter(other => other.name !== name), { ...entry, name }].sort(
          compareEntries,
        );
      }
    }
    this.#changed();
  }

  /** What is known of a path. */
  entry(path: string): Entry | undefined {
    const name = nameOf(path);
    return this.#directories.get(parentOf(path))?.entries.find(entry => entry.name === name);
  }

  /** How many entries of a directory are known, and whether there are more. */
  known(path: string): { count: number; more: boolean } {
    const directory = this.#directories.get(path);
    return { count: directory?.entries.length ?? 0, more: directory?.more ?? false };
  }

  /** Whether a directory has this name, as far as it is known. */
  has(dir: string, name: string): boolean {
    return this.#directories.get(dir)?.entries.some(entry => entry.name === name) ?? false;
  }

  /** Opens every directory above a path, and gives them, the highest first, for loading. */
  reveal(path: string): string[] {
    const above: string[] = [];
    for (let dir = parentOf(path); isWithin(this.root, dir); dir = parentOf(dir)) {
      above.unshift(dir);
      this.#open.add(dir);
      if (dir === this.root || dir === "/") break;
    }
    this.#changed();
    return above;
  }

  /** What a person sees, in order. */
  rows(): readonly Row[] {
    if (this.#rows?.version === this.version) return this.#rows.rows;
    const rows: Row[] = [];
    this.#collect(this.root, 0, rows);
    this.#rows = { version: this.version, rows };
    return rows;
  }

  /** Index of the row of the directory that this row is in; -1 for one in the root. */
  parentRow(index: number): number {
    const depth = this.rows()[index]?.depth ?? 0;
    for (let i = index - 1; i >= 0; i -= 1) if ((this.rows()[i]?.depth ?? 0) < depth) return i;
    return -1;
  }

  /** Index of the next row after `index`, around the end, whose name begins so. -1 for none. */
  typeahead(index: number, prefix: string): number {
    const rows = this.rows();
    const wanted = prefix.toLowerCase();
    for (let i = 1; i <= rows.length; i += 1) {
      const at = (index + i) % rows.length;
      const row = rows[at];
      if (row?.type === "entry" && row.entry.name.toLowerCase().startsWith(wanted)) return at;
    }
    return -1;
  }

  #collect(path: string, depth: number, rows: Row[]): void {
    const directory = this.#directories.get(path);
    if (directory === undefined) return;
    if (directory.state === "failed") {
      rows.push({ type: "error", path, depth, error: directory.error });
      return;
    }
    let seen = 0;
    for (const entry of directory.entries) {
      if (!this.#showHidden && entry.name.startsWith(".")) continue;
      seen += 1;
      const at = join(path, entry.name);
      const open = opensAsDirectory(entry) && this.#open.has(at);
      const state = this.#directories.get(at)?.state;
      rows.push({
        type: "entry",
        path: at,
        depth,
        entry,
        open,
        loading: open && (state === undefined || state === "loading"),
      });
      if (open) this.#collect(at, depth + 1, rows);
    }
    if (directory.more) rows.push({ type: "more", path, depth });
    else if (seen === 0 && directory.state === "loaded") {
      rows.push({ type: "empty", path, depth, hidden: directory.entries.length });
    }
  }

  #forget(path: string): void {
    for (const known of [...this.#directories.keys()]) if (isWithin(path, known)) this.#directories.delete(known);
    for (const open of [...this.#open]) if (isWithin(path, open)) this.#open.delete(open);
  }

  #changed(): void {
    this.version += 1;
  }
}
