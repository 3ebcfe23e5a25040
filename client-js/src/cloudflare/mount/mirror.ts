/**
 * A bucket and a directory of the sandbox that are kept alike by the object, which alone has the keys: what is written on one
 * side is carried to the other, a whole file at a time. It is no file system: a file is there when it was carried over.
 *
 * What changed on one side only goes to the other. What changed on both is kept twice: the bucket's under its name, the
 * sandbox's beside it. Nothing is removed because it was not looked at: only what was alike before, and is gone on one side.
 */

import type { Sandbox } from "../../client.ts";
import type { Content } from "../../web.ts";
import { ConflictError, type Store, write } from "../store/store.ts";
import type { Known } from "./known.ts";
import { inGroups, localSide, remoteSide, type Side } from "./sides.ts";

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
  /** Told, once of each, of objects that cannot be files in the sandbox, and why. */
  readonly onSkip?: (key: string, reason: string) => void;
}

/** Milliseconds between two looks into the bucket: right after something changed, and when nothing does. */
const SHORTEST = 1000;
const LONGEST = 15_000;

/** Milliseconds that changes are waited for behind the first, so that what belongs together is carried together. */
const SETTLE = 200;

/** How often it looks at the end, when things change while they are carried. */
const LAST_LOOKS = 5;

/** What the file system says when there cannot be a file of that name, however often it is tried. */
const NO_PLACE: readonly unknown[] = ["NAME_TOO_LONG", "NOT_DIRECTORY", "IS_DIRECTORY"];

/** How a side was, when it was looked at. */
interface Seen {
  /** Entity tag of the object. */
  readonly there: string | undefined;
  /** Entity tag of the file. */
  readonly here: string | undefined;
}

/** Keeps the two alike, from {@link Mirror.begin} or {@link Mirror.resume} to {@link Mirror.stop}. */
export class Mirror {
  readonly #options: MirrorOptions;
  readonly #over = new AbortController();
  /** Whether something changed in the directory since it was last listed. */
  #changed = true;
  /** Whether something changed while it was carried: the next round has it. */
  #unsettled = false;
  #isStopping = false;
  /** Whether changes of the directory are heard of, and it is the one that it was. */
  #isWatched = false;
  #wake = () => {};
  #pause = SHORTEST;
  #sameRun: boolean;
  #running: Promise<void> | undefined;
  /** Objects that cannot be files, with their entity tags. */
  readonly #skipped = new Map<string, string>();

  /** Does nothing yet. */
  constructor(options: MirrorOptions) {
    this.#options = options;
    this.#sameRun = options.sameRun;
  }

  /**
   * Makes both sides alike, and keeps them so.
   *
   * @throws when the bucket or the sandbox cannot be reached, or there are more than {@link MAX_FILES} files.
   */
  async begin(): Promise<void> {
    try {
      await this.#watch();
      await this.#round();
    } catch (error) {
      this.end();
      throw error;
    }
    this.resume();
  }

  /** Keeps both sides alike, as soon as they can be reached, instead of {@link begin}. */
  resume(): void {
    this.#running = this.#run();
  }

  /** The client through which it reaches the sandbox. */
  get client(): Sandbox {
    return this.#options.client;
  }

  /** Whether what is gone from the directory was removed there. */
  get isSameRun(): boolean {
    return this.#sameRun;
  }

  /** Whether it has ended: nothing is carried any more. */
  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** Makes both sides alike once more, and ends. When that fails it goes on. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#wake();
    try {
      await this.#running;
      for (let looks = 0; looks === 0 || this.#unsettled; looks += 1) {
        if (looks === LAST_LOOKS) throw new Error("files change all the time, here or in the bucket");
        this.#changed = true;
        await this.#round();
      }
    } catch (error) {
      this.#isStopping = false;
      this.resume();
      throw error;
    }
    this.end();
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
    this.#over.abort();
    this.#wake();
  }

  /** Something changed in the directory. */
  #touch(): void {
    this.#changed = true;
    this.#wake();
  }

  /** What was seen is not so any more: the next round looks again. */
  #lookAgain(): void {
    this.#changed = true;
    this.#unsettled = true;
  }

  get #isLeaving(): boolean {
    return this.#isStopping || this.isOver;
  }

  async #run(): Promise<void> {
    for (let failed = false; !this.#isLeaving; ) {
      if (failed || this.#unsettled || !this.#changed) await this.#sleep(this.#pause);
      if (!this.#isLeaving && this.#changed) await new Promise(resolve => setTimeout(resolve, SETTLE));
      if (this.#isLeaving) return;
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

  /** Hears of changes in the directory, which is made when it is not there. */
  async #watch(): Promise<void> {
    if (this.#isWatched) return;
    const { client, path, known } = this.#options;
    // Of a directory that is gone nobody knows that its files were removed.
    if (!(await client.exists(path))) known.clear();
    await client.mkdir(path, { recursive: true });
    const changes = await client.watch(path, { recursive: true, signal: this.#over.signal });
    this.#isWatched = true;
    this.#changed = true;
    void (async () => {
      try {
        for await (const _ of changes) this.#touch();
      } catch {
        // It is watched anew below.
      }
      this.#isWatched = false;
      if (this.isOver) return;
      // The directory was moved or removed, or its server is another one: what is not there now was not removed one by one.
      this.#sameRun = false;
      this.#touch();
    })();
  }

  /** Looks at both sides, and carries over what is not alike. Returns how many files that were. */
  async #round(): Promise<number> {
    const { store, prefix } = this.#options;
    // Where it cannot be watched, as something in it may not be looked at any more, it is looked through each time.
    await this.#watch().catch(() => this.#touch());
    const looked = this.#changed;
    this.#changed = false;
    this.#unsettled = false;
    try {
      const [remote, local] = await Promise.all([remoteSide(store, prefix), looked ? this.#locals() : undefined]);
      return await this.#carryAll(remote, local);
    } catch (error) {
      this.#changed ||= looked;
      throw error;
    }
  }

  async #locals(): Promise<Side> {
    const { client, path, known } = this.#options;
    const side = await localSide(client, path);
    if (!this.#sameRun) {
      // What an earlier run of the sandbox had is not here, and nobody removed it.
      for (const name of [...known.names()]) if (!side.has(name)) known.delete(name);
      this.#sameRun = this.#isWatched;
    }
    return side;
  }

  async #carryAll(remote: Side, local: Side | undefined): Promise<number> {
    const { known } = this.#options;
    const names = new Set([...remote.keys(), ...(local?.keys() ?? []), ...known.names()]);
    let carried = 0;
    await inGroups([...names], async name => {
      const seen = { there: remote.get(name), here: local ? local.get(name) : known.get(name)?.local };
      try {
        if (await this.#carry(name, seen, local !== undefined)) carried += 1;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`${name}: ${reason}`, { cause: error });
      }
    });
    return carried;
  }

  /** Carries one file to where it is not as it should be. Returns whether it had to. */
  async #carry(name: string, seen: Seen, looked: boolean): Promise<boolean> {
    const { readOnly, known } = this.#options;
    const { there } = seen;
    const before = known.get(name);
    // What cannot be listed may be there all the same.
    const here = seen.here ?? (looked && before ? await this.#local(name) : undefined);
    const thereChanged = there !== before?.remote;
    const hereChanged = here !== before?.local;
    if (!thereChanged && (!hereChanged || readOnly)) return false;
    if (this.isOver) throw new Error("the mirror has ended");
    if (there !== undefined && this.#skipped.get(name) === there && here === undefined) {
      if (!looked || !(await this.#hasPlace(name))) return false;
    }
    if (!thereChanged) await this.#up(name, { there, here });
    else if (there !== undefined) {
      if (hereChanged && here !== undefined) await this.#moveAside(name);
      await this.#down(name, there, hereChanged ? undefined : here).catch(error => {
        // At the end it does not matter: it is in the bucket.
        if (!this.#isStopping) throw error;
      });
    } else if (!hereChanged) await this.#removeHere(name, here);
    else if (readOnly) known.delete(name);
    else await this.#up(name, { there, here });
    return true;
  }

  /** Carries an object into the sandbox. Who writes the file meanwhile is not overwritten: the next round sees it. */
  async #down(name: string, there: string, here: string | undefined): Promise<void> {
    const { client, store, prefix, path, known } = this.#options;
    const object = await store.get(prefix + name);
    if (object === undefined) return this.#lookAgain();
    try {
      const how = here === undefined ? { how: "create" as const } : { ifMatch: here };
      const { etag } = await client.writeFile(`${path}/${name}`, object.body as Content, { parents: true, ...how });
      known.set(name, { remote: object.etag, local: etag });
      this.#skipped.delete(name);
    } catch (error) {
      await object.body.cancel(error).catch(() => {});
      const { code, message } = error as { code?: unknown; message?: string };
      const isTaken = code === "FILE_EXISTS" || code === "PRECONDITION_FAILED";
      if (!isTaken && !NO_PLACE.includes(code)) throw error;
      if (await this.#hasPlace(name)) return this.#lookAgain();
      if (this.#skipped.get(name) !== there) this.#options.onSkip?.(prefix + name, message ?? "");
      this.#skipped.set(name, there);
    }
  }

  /** The object is gone, and with it goes the file. */
  async #removeHere(name: string, here: string | undefined): Promise<void> {
    const { client, path, known } = this.#options;
    if (here !== undefined && (await this.#local(name)) === here) {
      await client.remove(`${path}/${name}`, { force: true });
    }
    known.delete(name);
  }

  /** Carries a file, or that it is gone, into the bucket, if that is as it was seen. */
  async #up(name: string, { there, here }: Seen): Promise<void> {
    const { client, store, prefix, path, known } = this.#options;
    const key = prefix + name;
    try {
      if (here === undefined) {
        if (!this.#isWatched || this.isOver) throw new Error("nobody knows whether it was removed");
        if (there !== undefined) await store.delete(key, there);
        known.delete(name);
        return;
      }
      const content = await client.readFile(`${path}/${name}`, { encoding: "stream" });
      const { etag } = await write(store, key, content as unknown as ReadableStream<Uint8Array>, there ?? null);
      const { changed } = await content.result;
      known.set(name, { remote: etag, local: content.info.etag ?? here });
      if (changed) this.#lookAgain();
    } catch (error) {
      const isGone = (error as { code?: unknown }).code === "FILE_NOT_FOUND";
      if (!isGone && !(error instanceof ConflictError)) throw error;
      this.#lookAgain();
    }
  }

  /** Both sides have a file of that name, and not the same: the sandbox's makes room. */
  async #moveAside(name: string): Promise<void> {
    const { client, path } = this.#options;
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
    try {
      await client.moveFile(`${path}/${name}`, `${path}/${name}.conflict-${time}`, { overwrite: false });
    } catch (error) {
      if ((error as { code?: unknown }).code !== "FILE_NOT_FOUND") throw error;
    }
    this.#lookAgain();
  }

  /** Entity tag of a regular file now; absent when there is none. Throws when that cannot be told. */
  async #local(name: string): Promise<string | undefined> {
    const { client, path } = this.#options;
    try {
      const info = await client.stat(`${path}/${name}`, { followSymlinks: false });
      return info.type === "file" ? info.etag : undefined;
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code === "FILE_NOT_FOUND" || code === "NOT_DIRECTORY") return undefined;
      throw error;
    }
  }

  /** Whether there is a regular file of that name, or can be one. */
  async #hasPlace(name: string): Promise<boolean> {
    const { client, path } = this.#options;
    try {
      return (await client.stat(`${path}/${name}`, { followSymlinks: false })).type === "file";
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (NO_PLACE.includes(code)) return false;
      if (code === "FILE_NOT_FOUND") return true;
      throw error;
    }
  }
}
