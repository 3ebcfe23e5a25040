/**
 * A bucket and a directory of the sandbox that are kept alike by the object, which alone has the keys: what is written on one
 * side is carried to the other, a whole file at a time. It is no file system: a file is there when it was carried over.
 *
 * What changed on one side only goes to the other. What changed on both is kept twice: the bucket's under its name, the
 * sandbox's beside it. Nothing is removed because it was not looked at: only what was alike before, and is gone on one side.
 */

import type { Sandbox } from "../../client.ts";
import type { FileInfo } from "../../kinds/file/info.ts";
import type { Content } from "../../web.ts";
import { type Store, write } from "../store/store.ts";
import type { Known } from "./known.ts";

/** What is mirrored. */
export interface MirrorOptions {
  /** The connected client. */
  readonly client: Sandbox;
  /** The bucket. */
  readonly store: Store;
  /** What the keys begin with: empty, or it ends with a slash. */
  readonly prefix: string;
  /** The directory, absolute. */
  readonly path: string;
  /** Whether nothing is carried into the bucket. */
  readonly readOnly: boolean;
  /** What was alike before. */
  readonly known: Known;
  /** Whether files that are gone were removed in this run of the sandbox, and not lost with the one before. */
  readonly sameRun: boolean;
}

/** Files at the most: all names of them are in memory at once. */
export const MAX_FILES = 20_000;

/** Files that are carried at once: each may take the memory of an upload. */
const AT_ONCE = 2;

/** Milliseconds between two looks into the bucket: right after something changed, and when nothing does. */
const SHORTEST = 1000;
const LONGEST = 15_000;

/** Milliseconds that changes are waited for behind the first, so that what belongs together is carried together. */
const SETTLE = 200;

/** A file that the sandbox's server writes, before it has its name. */
const UNFINISHED = /\.sandwire-[0-9a-f]{16}$/;

/** A file in the sandbox, or an object in the bucket, by its name below the directory. */
type Side = ReadonlyMap<string, string>;

/** Keeps the two alike, from {@link Mirror.start} to {@link Mirror.stop}. */
export class Mirror {
  readonly #options: MirrorOptions;
  readonly #ending = new AbortController();
  /** Whether something changed in the directory since it was last listed. */
  #changed = true;
  #wake = () => {};
  #pause = SHORTEST;
  #sameRun: boolean;
  #running: Promise<void> | undefined;

  private constructor(options: MirrorOptions) {
    this.#options = options;
    this.#sameRun = options.sameRun;
  }

  /**
   * Makes both sides alike, and keeps them so.
   *
   * @throws when the bucket or the sandbox cannot be reached, or there are more than {@link MAX_FILES} files.
   */
  static async start(options: MirrorOptions): Promise<Mirror> {
    const { client, path } = options;
    // Of a directory that is gone nobody knows that its files were removed.
    const sameRun = options.sameRun && (await client.exists(path));
    const mirror = new Mirror({ ...options, sameRun });
    await client.mkdir(path, { recursive: true });
    const { signal } = mirror.#ending;
    const changes = await client.watch(path, { recursive: true, signal });
    try {
      await mirror.#round();
    } catch (error) {
      mirror.#ending.abort();
      throw error;
    }
    void (async () => {
      for await (const _ of changes) mirror.#touch();
    })().catch(() => mirror.end());
    mirror.#running = mirror.#run();
    return mirror;
  }

  /** Whether it has ended, by itself or not. */
  get isOver(): boolean {
    return this.#ending.signal.aborted;
  }

  /** Makes both sides alike once more, and ends. */
  async stop(): Promise<void> {
    this.end();
    await this.#running;
    this.#changed = true;
    await this.#round();
  }

  /** Removes the files that are in the bucket as they are here. After {@link stop}. */
  async clear(): Promise<void> {
    const { client, known, path } = this.#options;
    await inGroups([...known.names()], async name => {
      if ((await this.#local(name)) === known.get(name)?.local) await client.remove(`${path}/${name}`, { force: true });
    });
    known.clear();
  }

  /** Ends at once: what was not carried over stays where it is. */
  end(): void {
    this.#ending.abort();
    this.#wake();
  }

  /** Something changed in the directory. */
  #touch(): void {
    this.#changed = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    for (let failed = false; !this.isOver; ) {
      if (failed || !this.#changed) await this.#sleep(this.#pause);
      if (!this.isOver && this.#changed) await new Promise(resolve => setTimeout(resolve, SETTLE));
      if (this.isOver) return;
      let carried = 0;
      try {
        carried = await this.#round();
        failed = false;
      } catch {
        // A bucket that does not answer, or a sandbox that is away: it is tried again, ever more seldom.
        failed = true;
      }
      this.#pause = carried > 0 ? SHORTEST : Math.min(LONGEST, this.#pause * 1.5);
    }
  }

  #sleep(time: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, time);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Looks at both sides, and carries over what is not alike. Returns how many files that were. */
  async #round(): Promise<number> {
    const { known, readOnly } = this.#options;
    const looked = this.#changed;
    this.#changed = false;
    try {
      const [remote, local] = await Promise.all([this.#remotes(), looked ? this.#locals() : undefined]);
      if (local && !this.#sameRun) {
        // What an earlier run of the sandbox had is not here, and nobody removed it.
        for (const name of [...known.names()]) if (!local.has(name)) known.delete(name);
        this.#sameRun = true;
      }
      const names = new Set([...remote.keys(), ...(local?.keys() ?? []), ...known.names()]);
      let carried = 0;
      await inGroups([...names], async name => {
        const before = known.get(name);
        const there = remote.get(name);
        const here = local ? local.get(name) : before?.local;
        const thereChanged = there !== before?.remote;
        const hereChanged = here !== before?.local;
        if (!thereChanged && (!hereChanged || readOnly)) return;
        carried += 1;
        if (thereChanged && hereChanged && there !== undefined && here !== undefined) await this.#keepBoth(name);
        else if (thereChanged && (there !== undefined || !hereChanged)) await this.#down(name, there, here);
        else await this.#up(name, here);
      });
      return carried;
    } catch (error) {
      this.#changed ||= looked;
      throw error;
    }
  }

  /** Carries a file, or that it is gone, into the sandbox. Who writes it meanwhile is not overwritten: the next round sees it. */
  async #down(name: string, there: string | undefined, here: string | undefined): Promise<void> {
    const { client, store, prefix, path, known } = this.#options;
    const at = `${path}/${name}`;
    if (there === undefined) {
      if (here !== undefined && (await this.#local(name)) === here) await client.remove(at, { force: true });
      known.delete(name);
      return;
    }
    const object = await store.get(prefix + name);
    if (object === undefined) return;
    try {
      const how = here === undefined ? { how: "create" as const } : { ifMatch: here };
      const { etag } = await client.writeFile(at, object.body as Content, { parents: true, ...how });
      known.set(name, { remote: object.etag, local: etag });
    } catch (error) {
      await object.body.cancel(error).catch(() => {});
      const { code } = error as { code?: unknown };
      if (code !== "FILE_EXISTS" && code !== "PRECONDITION_FAILED") throw error;
      this.#changed = true;
    }
  }

  /** Carries a file, or that it is gone, into the bucket. */
  async #up(name: string, here: string | undefined): Promise<void> {
    const { client, store, prefix, path, known } = this.#options;
    if (here === undefined) {
      await store.delete(prefix + name);
      known.delete(name);
      return;
    }
    try {
      const content = await client.readFile(`${path}/${name}`, { encoding: "stream" });
      const { etag } = await write(store, prefix + name, content as unknown as ReadableStream<Uint8Array>);
      const { changed } = await content.result;
      known.set(name, { remote: etag, local: content.info.etag ?? here });
      if (changed) this.#changed = true;
    } catch (error) {
      if ((error as { code?: unknown }).code !== "FILE_NOT_FOUND") throw error;
      // It is gone again: the next round sees it.
      this.#changed = true;
    }
  }

  /** Both sides have a file of that name, and not the same. */
  async #keepBoth(name: string): Promise<void> {
    const { client, path } = this.#options;
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
    await client.moveFile(`${path}/${name}`, `${path}/${name}.conflict-${time}`, { overwrite: false });
    this.#changed = true;
    await this.#down(name, "there", undefined);
  }

  /** Entity tag of a file now. */
  async #local(name: string): Promise<string | undefined> {
    const { client, path } = this.#options;
    const info = await client.stat(`${path}/${name}`, { followSymlinks: false }).catch(() => undefined);
    return info?.type === "file" ? info.etag : undefined;
  }

  async #locals(): Promise<Side> {
    const { client, path } = this.#options;
    const files = client.iterateFiles(path, { recursive: true });
    return sideOf(files, ({ type, path: name, rawPath, etag }: FileInfo) =>
      type === "file" && rawPath === undefined && etag !== undefined && !UNFINISHED.test(name)
        ? [name, etag]
        : undefined,
    );
  }

  #remotes(): Promise<Side> {
    const { store, prefix } = this.#options;
    return sideOf(store.list(prefix), ({ key, etag }) => {
      const name = key.slice(prefix.length);
      // What no file can be called, as the markers that stand for directories.
      const isName = name
        .split("/")
        .every(part => part !== "" && part !== "." && part !== ".." && !part.includes("\0"));
      return isName ? [name, etag] : undefined;
    });
  }
}

async function sideOf<T>(all: AsyncIterable<T>, entry: (one: T) => [string, string] | undefined): Promise<Side> {
  const side = new Map<string, string>();
  for await (const one of all) {
    const [name, etag] = entry(one) ?? [];
    if (name === undefined || etag === undefined) continue;
    if (side.size >= MAX_FILES) throw new Error(`more than ${MAX_FILES} files cannot be mirrored: use a prefix`);
    side.set(name, etag);
  }
  return side;
}

/** Does it with each, several at once. When some fail, with the others all the same; then it throws the first failure. */
async function inGroups<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  let at = 0;
  const failures: unknown[] = [];
  const worker = async () => {
    while (at < all.length) {
      const one = all[at++] as T;
      await work(one).catch(error => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (failures.length > 0) throw failures[0];
}
