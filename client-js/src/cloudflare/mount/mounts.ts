/** What is mounted in one sandbox, as its object remembers it: beyond the object, and not beyond the run of the container. */

import type { Sandbox } from "../../client.ts";
import { BucketMountError, InvalidMountConfigError, MissingCredentialsError } from "../errors.ts";
import { type Keys, keysIn } from "../store/keys.ts";
import { bucketStore, isBucket } from "../store/r2.ts";
import { s3Store } from "../store/s3.ts";
import type { Store } from "../store/store.ts";
import { within } from "../within.ts";
import { forgetAll, Known } from "./known.ts";
import { Mirror } from "./mirror.ts";
import { overlap } from "./options.ts";

/** A mirror, as it is kept. */
export interface Mirrored {
  /** The binding, or the bucket's name at its endpoint. */
  readonly bucket: string;
  /** URL of the S3 endpoint; absent: it is a binding. */
  readonly endpoint?: string;
  /** Its keys, when the call said them. Default: those of the Worker's environment. */
  readonly keys?: Keys;
  /** What the keys begin with: empty, or it ends with a slash. */
  readonly prefix: string;
  /** Whether nothing is carried into the bucket. */
  readonly readOnly: boolean;
}

/** What is kept of it. */
interface Kept extends Mirrored {
  /** The start of the sandbox's server in which it was made; absent: nobody knew. */
  readonly boot?: string;
  /** Whether its files began to be taken away: what is not there then was not removed by somebody. */
  readonly leaving?: boolean;
}

const MIRRORS = "sandwire:mounts:mirrors";
const REMOTE = "sandwire:mounts:remote";

/** Milliseconds that unmounting may take when the sandbox is to end. */
const FAREWELL = 10_000;

/** Mounts by their directories. */
export class Mounts {
  readonly #env: unknown;
  readonly #storage: SyncKvStorage;
  readonly #running = new Map<string, Mirror>();
  /** Where a mirror is being ended: none is begun again meanwhile. */
  readonly #leaving = new Set<string>();
  /** What is kept, once it was read. */
  #read: Readonly<Record<string, Kept>> | undefined;
  /** Through which something was mounted. */
  #client: Sandbox | undefined;

  /** Of one object. */
  constructor(env: unknown, storage: SyncKvStorage) {
    this.#env = env;
    this.#storage = storage;
  }

  /** Whether a directory is a mirror. */
  isMirror(path: string): boolean {
    return this.#kept[path] !== undefined;
  }

  /** @throws InvalidMountConfigError, MissingCredentialsError when nobody could reach that bucket. */
  check(mirrored: Mirrored): void {
    this.#storeOf(mirrored);
  }

  /**
   * Checks that nothing is mounted in a mirror, nor a mirror over something: when the inner one is unmounted, the outer one
   * would take its files for removed.
   *
   * @throws InvalidMountConfigError.
   */
  checkPlace(path: string, isMirror: boolean): void {
    const others = [...Object.keys(this.#kept), ...(isMirror ? this.#remote : [])];
    const other = others.find(one => overlap(one, path));
    if (other === undefined) return;
    throw new InvalidMountConfigError(
      other === path
        ? `Mount path already in use: ${path}`
        : `${path} and ${other}, where a bucket is mounted, must not be one in the other`,
    );
  }

  /** Remembers that s3fs has something mounted there, or no more. */
  note(client: Sandbox, path: string, mounted: boolean): void {
    this.#client = client;
    const others = this.#remote.filter(other => other !== path);
    if (others.length > 0 || mounted) this.#storage.put(REMOTE, mounted ? [...others, path] : others);
    else this.#storage.delete(REMOTE);
  }

  /**
   * Makes a directory a mirror. Resolves when what is in the bucket is there.
   *
   * @throws BucketMountError, InvalidMountConfigError, MissingCredentialsError.
   */
  async mirror(client: Sandbox, path: string, mirrored: Mirrored): Promise<void> {
    this.checkPlace(path, true);
    const mirror = this.#make(client, path, mirrored, false);
    try {
      await mirror.begin();
      // The run may be over before everything was there.
      if (mirror.isOver) throw new Error("the sandbox has ended");
    } catch (error) {
      this.#running.delete(path);
      const reason = error instanceof Error ? error.message : String(error);
      throw new BucketMountError(`the bucket ${mirrored.bucket} could not be mounted at ${path}: ${reason}`);
    }
    this.#keep(path, { ...mirrored, ...bootOf(client) });
  }

  /** Carries over what is left, takes the files away that are in the bucket, and ends a mirror. When that fails it goes on. */
  async unmirror(client: Sandbox, path: string): Promise<void> {
    // By then it is known which run of the sandbox this is.
    if (bootOf(client).boot === undefined) await client.info();
    const kept = this.#kept[path];
    const mirror = kept && this.#resumed(client, path, kept);
    if (kept === undefined || mirror === undefined) {
      // One of an earlier run is over.
      if (!this.isMirror(path)) return;
      throw new Error("the sandbox is not connected");
    }
    this.#leaving.add(path);
    try {
      await mirror.stop();
      // Nobody is told when the object ends in the middle of it.
      this.#keep(path, { ...kept, leaving: true });
      await mirror.clear();
      this.#running.delete(path);
      this.#forget(path);
    } finally {
      this.#leaving.delete(path);
      this.resume(client);
    }
  }

  /**
   * Goes on with the mirrors that an earlier life of the object began, in the same run of the sandbox, or that ended; forgets
   * those of other runs. Nobody waits for the bucket.
   */
  resume(client: Sandbox): void {
    for (const [path, kept] of Object.entries(this.#kept)) {
      try {
        this.#resumed(client, path, kept);
      } catch {
        // Its binding or its keys are gone; unmounting says so.
      }
    }
  }

  /** Whether there are mirrors that nobody has gone on with in this life of the object. */
  get areAway(): boolean {
    return Object.keys(this.#kept).some(path => !this.#isRunning(path));
  }

  /** Unmounts everything, as far as there is time: the sandbox is going to end. Its server unmounts what is left. */
  async farewell(): Promise<void> {
    const client = this.#client;
    const remote = client === undefined ? [] : this.#remote.map(path => client.unmountBucket(path));
    const mirrors = [...this.#running.values()].filter(mirror => !mirror.isOver);
    const all = [...remote, ...mirrors.map(mirror => mirror.stop())];
    if (all.length === 0) return;
    await within(FAREWELL, Promise.allSettled(all));
    // What is not through by now would wake the sandbox again.
    for (const mirror of mirrors) mirror.end();
  }

  /** The run of the sandbox is over. What was alike is remembered: files may be there again in the next one. */
  end(): void {
    for (const mirror of this.#running.values()) mirror.end();
    this.#running.clear();
    this.#write({});
    this.#storage.delete(REMOTE);
  }

  /** The sandbox is no more, and its files are not. */
  clear(): void {
    this.end();
    forgetAll(this.#storage);
  }

  #isRunning(path: string, client?: Sandbox): boolean {
    const mirror = this.#running.get(path);
    return mirror !== undefined && !mirror.isOver && (client === undefined || mirror.client === client);
  }

  /** The mirror of a path: the one that runs, or it goes on. Absent: it is one of another run, or is being ended. */
  #resumed(client: Sandbox, path: string, kept: Kept): Mirror | undefined {
    if (this.#leaving.has(path)) return undefined;
    if (this.#isRunning(path, client)) return this.#running.get(path);
    const { boot } = bootOf(client);
    // Nobody knows yet in which run this is.
    if (boot === undefined) return undefined;
    if (kept.boot !== undefined && kept.boot !== boot) {
      this.#running.get(path)?.end();
      this.#running.delete(path);
      this.#forget(path);
      return undefined;
    }
    const { isSameRun = true } = this.#running.get(path) ?? {};
    const mirror = this.#make(client, path, kept, isSameRun && kept.boot === boot && kept.leaving !== true);
    mirror.resume();
    return mirror;
  }

  /** A mirror that is the only one of its path, and does nothing yet. */
  #make(client: Sandbox, path: string, mirrored: Mirrored, sameRun: boolean): Mirror {
    const { bucket, endpoint = "", prefix, readOnly } = mirrored;
    const store = this.#storeOf(mirrored);
    // By all that makes it this one: another bucket was never alike.
    const known = new Known(this.#storage, [path, endpoint, bucket, prefix].map(encodeURIComponent).join(":"));
    this.#running.get(path)?.end();
    const mirror = new Mirror({ client, store, prefix, path, readOnly, known, sameRun, onSkip: told(bucket, path) });
    this.#running.set(path, mirror);
    return mirror;
  }

  #storeOf({ bucket, endpoint, keys }: Mirrored): Store {
    if (endpoint === undefined) {
      const binding = ((this.#env ?? {}) as Readonly<Record<string, unknown>>)[bucket];
      if (isBucket(binding)) return bucketStore(binding, bucket);
      throw new InvalidMountConfigError(
        `R2 binding "${bucket}" not found in Worker env. Ensure the binding name matches the bucket binding configured in wrangler.jsonc.`,
      );
    }
    const found = keys ?? keysIn(this.#env);
    if (found !== undefined) return s3Store({ endpoint, bucket, ...found });
    throw new MissingCredentialsError(NO_KEYS);
  }

  get #kept(): Readonly<Record<string, Kept>> {
    this.#read ??= this.#storage.get<Record<string, Kept>>(MIRRORS) ?? {};
    return this.#read;
  }

  get #remote(): readonly string[] {
    return this.#storage.get<string[]>(REMOTE) ?? [];
  }

  #keep(path: string, kept: Kept): void {
    this.#write({ ...this.#kept, [path]: kept });
  }

  #forget(path: string): void {
    const { [path]: _, ...others } = this.#kept;
    this.#write(others);
  }

  #write(kept: Readonly<Record<string, Kept>>): void {
    this.#read = kept;
    if (Object.keys(kept).length > 0) this.#storage.put(MIRRORS, kept);
    else this.#storage.delete(MIRRORS);
  }
}

/** What to do when there are no keys. */
export const NO_KEYS: string =
  "No credentials found. Set R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the Worker's environment, or pass credentials";

/** Absent while it is not connected. */
const bootOf = ({ state }: Sandbox): { readonly boot?: string } =>
  state.status === "connected" ? { boot: state.bootId } : {};

/** Tells in the Worker's log of what is in the bucket only. */
const told = (bucket: string, path: string) => (key: string, reason: string) =>
  // biome-ignore lint/suspicious/noConsole: no call is there to tell it to
  console.warn(`sandwire: ${key} of the bucket ${bucket} is not at ${path}, for it cannot be a file there: ${reason}`);
