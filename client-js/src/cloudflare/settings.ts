/** What a sandbox's object remembers beyond its eviction. Written at once, read once when the object wakes. */

import type { SandboxOptions } from "./types.ts";

/** What is remembered. */
export interface Remembered {
  /** The name by which the Worker asked for it. */
  readonly name?: string;
  /** Inactivity after which it sleeps: seconds, or `30s`, `10m`, `1h`. */
  readonly sleepAfter?: string | number;
  /** Whether it never sleeps by itself. */
  readonly keepAlive?: boolean;
  /** Variables of `setEnvVars`; `null` for one that was taken away. */
  readonly variables?: Readonly<Record<string, string | null>>;
  /** The start of the sandbox's server that was told them. */
  readonly told?: string | undefined;
  /** What was said of the time to start. */
  readonly containerTimeouts?: NonNullable<SandboxOptions["containerTimeouts"]>;
  /** Labels of the container at its next start. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Token of the server in the container; drawn once, when a container starts. */
  readonly token?: string;
  /** Whether a run of the container has begun whose end was not handled. */
  readonly ran?: boolean;
  /** Directory in the sandbox from which relative paths count, as the sandbox said. */
  readonly workspace?: string | undefined;
  /** Placement of the container, as it was last seen. */
  readonly placementId?: string | null | undefined;
}

const KEY = "sandwire:settings";

/** The settings of one object. */
export class Settings {
  readonly #storage: SyncKvStorage;
  #now: Remembered;
  #given: string | undefined;

  /** Reads what an earlier life of the object left. */
  constructor(storage: SyncKvStorage) {
    this.#storage = storage;
    this.#now = storage.get<Remembered>(KEY) ?? {};
  }

  /** What holds now. */
  get now(): Remembered {
    return this.#now;
  }

  /** Takes a token that somebody else chose, in the place of one that is drawn. Writes nothing. */
  use(token: string): void {
    this.#given = token;
  }

  /** Token of the server in the container: drawn when it is first asked for, and written then. */
  get token(): string {
    if (this.#given !== undefined) return this.#given;
    const { token = randomToken(32) } = this.#now;
    this.set({ token });
    return token;
  }

  /** Sets some of it, and writes when something changed. */
  set(change: Partial<Remembered>): void {
    const next = { ...this.#now, ...change };
    if (JSON.stringify(next) === JSON.stringify(this.#now)) return;
    this.#now = next;
    this.#storage.put(KEY, next);
  }
}

/** Letters and digits that nobody can guess: each of the 36 is as likely as the others. */
export function randomToken(length: number): string {
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  let token = "";
  while (token.length < length) {
    // 252 is the greatest multiple of 36 in a byte.
    for (const byte of crypto.getRandomValues(new Uint8Array(length))) {
      if (byte < 252 && token.length < length) token += letters[byte % 36];
    }
  }
  return token;
}

/** Whether two secrets are the same, in a time that tells nothing about where they differ. */
export async function sameSecret(a: string, b: string): Promise<boolean> {
  const encode = new TextEncoder();
  const hash = (text: string) => crypto.subtle.digest("SHA-256", encode.encode(text));
  const [left, right] = await Promise.all([hash(a), hash(b)]);
  return crypto.subtle.timingSafeEqual(left, right);
}
