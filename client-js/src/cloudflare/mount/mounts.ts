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
  /** The start of the sandbox's server in which it was made. */
  readonly boot: string;
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
    if (this.isMirror(path)) throw new InvalidMountConfigError(`Mount path already in use: ${path}`);
    await this.#start(client, path, mirrored, false);
    this.#write({ ...this.#kept, [path]: { ...mirrored, boot: bootOf(client) } });
  }

  /** Carries over what is left, takes the files away that are in the bucket, and ends a mirror. */
  async unmirror(client: Sandbox, path: string): Promise<void> {
    await this.resume(client);
    const mirror = this.#running.get(path);
    if (mirror === undefined) return;
    await mirror.stop();
    await mirror.clear();
    this.#running.delete(path);
    this.#forget(path);
  }

  /** Goes on with the mirrors that an earlier life of the object began, in the same run of the sandbox; forgets those of others. */
  async resume(client: Sandbox): Promise<void> {
    for (const [path, kept] of Object.entries(this.#kept)) {
      const running = this.#running.get(path);
      if (running !== undefined && !running.isOver) continue;
      if (kept.boot === bootOf(client)) await this.#start(client, path, kept, true);
      else this.#forget(path);
    }
  }

  /** Unmounts everything, as far as there is time: the sandbox is going to end. Its server unmounts what is left. */
  async farewell(): Promise<void> {
    const client = this.#client;
    const remote = client === undefined ? [] : this.#remote.map(path => client.unmountBucket(path));
    const mirrors = [...this.#running.values()].map(mirror => mirror.stop());
    const all = [...remote, ...mirrors];
    if (all.length === 0) return;
    await within(FAREWELL, Promise.allSettled(all));
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

  async #start(client: Sandbox, path: string, mirrored: Mirrored, sameRun: boolean): Promise<void> {
    const { bucket, endpoint = "", prefix, readOnly } = mirrored;
    const store = this.#storeOf(mirrored);
    // By all that makes it this one: another bucket was never alike.
    const known = new Known(this.#storage, [path, endpoint, bucket, prefix].map(encodeURIComponent).join(":"));
    try {
      this.#running.set(path, await Mirror.start({ client, store, prefix, path, readOnly, known, sameRun }));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new BucketMountError(`the bucket ${bucket} could not be mounted at ${path}: ${reason}`);
    }
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
    return this.#storage.get<Record<string, Kept>>(MIRRORS) ?? {};
  }

  get #remote(): readonly string[] {
    return this.#storage.get<string[]>(REMOTE) ?? [];
  }

  #forget(path: string): void {
    const { [path]: _, ...others } = this.#kept;
    this.#write(others);
  }

  #write(kept: Readonly<Record<string, Kept>>): void {
    if (Object.keys(kept).length > 0) this.#storage.put(MIRRORS, kept);
    else this.#storage.delete(MIRRORS);
  }
}

/** What to do when there are no keys. */
export const NO_KEYS: string =
  "No credentials found. Set R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the Worker's environment, or pass credentials";

const bootOf = ({ state }: Sandbox): string => (state.status === "connected" ? state.bootId : "");
