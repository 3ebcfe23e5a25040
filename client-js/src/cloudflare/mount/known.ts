/** What a mirror left alike on both sides, kept by the object: so that after an eviction a file that is gone is told from a new one. */

/** Entity tags of what was alike. */
export interface Alike {
  /** Of the object in the bucket. */
  readonly remote: string;
  /** Of the file in the sandbox. */
  readonly local: string;
}

const KEYS = "sandwire:mirror:";

/** Forgets the files of all mirrors. */
export function forgetAll(storage: SyncKvStorage): void {
  for (const [key] of [...storage.list({ prefix: KEYS })]) storage.delete(key);
}

/** The files of one mirror, by their names below its directory. */
export class Known {
  readonly #storage: SyncKvStorage;
  readonly #prefix: string;
  readonly #files: Map<string, Alike>;

  /** Reads what was left of the mirror of this name. */
  constructor(storage: SyncKvStorage, name: string) {
    this.#storage = storage;
    this.#prefix = `${KEYS}${name}:`;
    const prefix = this.#prefix;
    this.#files = new Map(
      [...storage.list<Alike>({ prefix })].map(([key, alike]): [string, Alike] => [key.slice(prefix.length), alike]),
    );
  }

  /** A file, when it was alike once. */
  get(name: string): Alike | undefined {
    return this.#files.get(name);
  }

  /** The names of all. */
  names(): Iterable<string> {
    return this.#files.keys();
  }

  /** It is alike on both sides now. */
  set(name: string, alike: Alike): void {
    const { remote, local } = this.#files.get(name) ?? {};
    if (remote === alike.remote && local === alike.local) return;
    this.#files.set(name, alike);
    this.#storage.put(this.#prefix + name, alike);
  }

  /** It is on neither side. */
  delete(name: string): void {
    if (this.#files.delete(name)) this.#storage.delete(this.#prefix + name);
  }

  /** Forgets all of it. */
  clear(): void {
    for (const name of [...this.#files.keys()]) this.delete(name);
  }
}
