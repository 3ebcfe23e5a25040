/** What all families share: a channel with an AbortSignal and a deadline on it, and its values in the manner of JavaScript. */

import { bytesOf, utf8 } from "../bytes.ts";
import type { Channel, Item, Opener } from "../channel.ts";
import { AbortError, InterruptedError, type SandwireError, TimeoutError } from "../error.ts";
import { type AbortSignalLike, after } from "../platform.ts";
import type { Chunk } from "../web.ts";

/** What every call takes. */
export interface CallOptions {
  /** Gives up when it is aborted: the call rejects with an `AbortError`, and the sandbox stops the work. */
  readonly signal?: AbortSignalLike | undefined;
  /**
   * Gives up after so many milliseconds: the call rejects with a `TimeoutError`, and the sandbox stops the work. The time
   * runs on this side, so it holds while the connection is lost, too. Default: none.
   */
  readonly timeout?: number | undefined;
}

/** A path: text, or bytes when the name is no UTF-8. A relative one is taken from the sandbox's workspace. */
export type Path = string | Uint8Array;

/** An open channel that can be given up. */
export interface Call<Up, Down, Result> {
  /** The next item; nothing when the channel has closed. Taking it is what lets the other side send more. */
  next(): Promise<Item<Down> | undefined>;
  /** What CLOSE said. Settles when everything before it was taken. */
  result(): Promise<Result>;
  /** Takes and forgets what comes, then {@link result}. */
  drain(): Promise<Result>;
  /** Sends a copy of the bytes on stream 0, as there is room. */
  write(chunk: Chunk): Promise<void>;
  /** Sends an event. */
  event(event: Up): Promise<void>;
  /** No more on stream 0. */
  end(): void;
  /** Gives up; with an error, everything that waits rejects with it. */
  cancel(error?: unknown): void;
}

/** Bytes of one DATA frame at most; what is written is copied in pieces of this size, when there is room for them. */
const PIECE = 64 << 10;

/** The longest time that timers can be set to. */
export const LONGEST: number = 2 ** 31 - 1;

/** Opens a channel that ends with the signal, or the time: then with the code `late`. */
export function begin<Up, Down, Result>(
  opener: Opener,
  kind: string,
  params: object,
  { signal, timeout }: CallOptions = {},
  late = "TIMEOUT",
): Call<Up, Down, Result> {
  if (signal?.aborted) throw aborted(signal);
  const channel: Channel<Up, Down, Result> = opener.open(kind, params);
  const waiting = new Set<(error: unknown) => void>();
  let failure: { error: unknown } | undefined;

  const cancel = (error: unknown = new AbortError(`${kind} was cancelled`)) => {
    failure ??= { error };
    settle();
    channel.cancel();
    for (const reject of waiting) reject(failure.error);
  };
  const onAbort = () => cancel(signal && aborted(signal));
  const stopTimer =
    timeout === undefined
      ? undefined
      : after(Math.min(timeout, LONGEST), () =>
          cancel(new TimeoutError(`${kind} took longer than ${timeout} ms`, { timeout }, late)),
        );
  const settle = () => {
    signal?.removeEventListener("abort", onAbort);
    stopTimer?.();
  };
  signal?.addEventListener("abort", onAbort);
  channel.result.then(settle, settle);

  // Not Promise.race: what is raced against one promise again and again is kept until that one settles.
  const orFailure = <T>(promise: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      if (failure) reject(failure.error);
      waiting.add(reject);
      promise.then(resolve, reject).then(() => waiting.delete(reject));
    });

  const call: Call<Up, Down, Result> = {
    next: () => orFailure(channel.recv()),
    result: () => orFailure(channel.result),
    async drain() {
      while (await call.next()) {}
      return call.result();
    },
    async write(chunk) {
      const bytes = bytesOf(chunk);
      for (let at = 0; at < bytes.length; at += PIECE) {
        await orFailure(channel.write(0, bytes.slice(at, at + PIECE)));
      }
    },
    event: event => orFailure(channel.event(event)),
    end: () => channel.end(0),
    cancel,
  };
  return call;
}

/** A channel that has a result and nothing else. */
export const unary = async <Result>(
  opener: Opener,
  kind: string,
  params: object,
  options?: CallOptions,
  late?: string,
): Promise<Result> => begin<never, never, Result>(opener, kind, params, options, late).result();

/**
 * Whether what followed something is to be picked up again: its lane was lost. Not when the sandbox was put to sleep: only
 * what a user asks for wakes it.
 */
export const isResumable = (error: unknown): boolean =>
  error instanceof InterruptedError && error.context["reason"] !== "asleep";

/** The error of an aborted signal, with its reason as the cause. */
export function aborted(signal: AbortSignalLike): SandwireError {
  const cause = signal.reason;
  // AbortSignal.timeout() says so by the name of its reason.
  return (cause as { name?: unknown } | undefined)?.name === "TimeoutError"
    ? Object.assign(new TimeoutError("the time of the signal was over"), { cause })
    : new AbortError("the signal was aborted", { cause });
}

/** The name of a field on the wire: `some_field` of `someField`; a time has its unit behind it. */
type Wire<Name extends string> = Snake<Name> | `${Snake<Name>}_ms`;
type Snake<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${Snake<Rest>}`
  : Name;

/** Options as fields of the wire, by their names there. What is not there is undefined, which is not sent. */
export const pick = <T extends object>(options: T | undefined, ...names: Wire<keyof T & string>[]): object =>
  Object.fromEntries(names.map(name => [name, options?.[optionOf(name) as keyof T]]));

/**
 * A value from the wire in the manner of JavaScript. `some_field` is `someField`; microseconds (`_us`) are milliseconds;
 * points in time (`started_ms` …) are a `Date` (`startedAt`). Names that are no UTF-8 are text with replacement characters,
 * and beside it the bytes (`path` and `rawPath`).
 */
export function fromWire<T>(value: unknown): T {
  if (Array.isArray(value)) return value.map(fromWire) as T;
  if (value instanceof Uint8Array) return utf8().decode(value) as T;
  if (typeof value !== "object" || value === null) return value as T;
  const result: Record<string, unknown> = {};
  for (const [wire, field] of Object.entries(value)) {
    const key = optionOf(wire);
    const name = /^(started|ended|modified|created|used)_ms$/.test(wire) ? `${key}At` : key;
    result[name] = wire.endsWith("_us")
      ? (field as number) / 1000
      : name.endsWith("At") || wire === "time_ms"
        ? new Date(field as number)
        : fromWire(field);
    if (field instanceof Uint8Array) result[camel(`raw_${key}`)] = field;
  }
  return result as T;
}

/** The name in the manner of JavaScript, without the unit of time. */
const optionOf = (wire: string): string => camel(wire.replace(/_[um]s$/, ""));

const camel = (name: string): string => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
