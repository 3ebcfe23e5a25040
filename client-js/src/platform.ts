/**
 * What this package takes from the runtime, typed by structure: the compiler knows neither the DOM nor Node here, so that
 * nothing of either can leak into our types. No side effects, and nothing is read before it is needed.
 */

/** A WebSocket as the standard has it: of a browser, Node, Bun, Deno, workerd, or the package `ws`. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  send(data: Uint8Array<ArrayBuffer> | string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open" | "message" | "close" | "error", listener: (event: unknown) => void): void;
}

/** What makes one. */
export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;

/** An AbortSignal. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** What aborts one. */
export interface AbortControllerLike {
  readonly signal: AbortSignalLike;
  abort(reason: unknown): void;
}

/** The part of `Response` that we look at. */
export interface ResponseLike {
  readonly status: number;
  /** Of workerd, when the upgrade was done. */
  readonly webSocket?: (WebSocketLike & { accept(): void }) | null;
  text(): Promise<string>;
}

/** The part of `fetch`'s options that we use. */
export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignalLike;
  readonly redirect?: "manual";
}

interface EventTargetLike {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

interface Runtime extends EventTargetLike {
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
  readonly performance?: { now(): number };
  readonly crypto: { getRandomValues<T extends Uint8Array<ArrayBuffer>>(bytes: T): T };
  readonly fetch?: (url: string, options?: RequestOptions) => Promise<ResponseLike>;
  readonly WebSocket?: WebSocketConstructor;
  readonly WebSocketPair?: unknown;
  readonly AbortController: new () => AbortControllerLike;
  readonly TextEncoder: new () => { encode(text: string): Uint8Array<ArrayBuffer> };
  readonly TextDecoder: new () => { decode(bytes: Uint8Array): string };
  readonly btoa: (binary: string) => string;
  readonly document?: EventTargetLike & { readonly visibilityState: string };
  readonly process?: {
    readonly versions?: { readonly node?: string };
    /** Node 20.16 and newer. */
    getBuiltinModule?(name: "node:module"): { createRequire(from: string): (name: string) => unknown };
  };
}

/** The runtime's global object. */
export const runtime: Runtime = globalThis as unknown as Runtime;

/** Milliseconds of a clock that never goes back. */
export function monotonic(): number {
  return runtime.performance?.now() ?? Date.now();
}

/**
 * Begins to measure; what it returns says how many milliseconds ago that was, and not less. Of two clocks the one that shows
 * more: one may stand still while the machine sleeps, the other may be set back.
 */
export function stopwatch(): () => number {
  const steady = monotonic();
  const wall = Date.now();
  return () => Math.ceil(Math.max(monotonic() - steady, Date.now() - wall));
}

/** Random bytes that nobody can guess. */
export function randomBytes(length: number): Uint8Array {
  return runtime.crypto.getRandomValues(new Uint8Array(length));
}

/** A timer. Returns what stops it. */
export function after(ms: number, callback: () => void): () => void {
  const timer = runtime.setTimeout(callback, ms);
  return () => runtime.clearTimeout(timer);
}

/** Whether this is Node, Bun or Deno, whose WebSockets can be given request headers. */
export function canSetHeaders(): boolean {
  return runtime.process?.versions?.node !== undefined && runtime.WebSocketPair === undefined;
}

/** Calls back when the network may be there again: the browser came online, or its page to the front. Returns what ends this. */
export function onWakeUp(callback: () => void): () => void {
  const { document } = runtime;
  const seen = () => {
    if (document?.visibilityState === "visible") callback();
  };
  runtime.addEventListener?.("online", callback);
  document?.addEventListener?.("visibilitychange", seen);
  return () => {
    runtime.removeEventListener?.("online", callback);
    document?.removeEventListener?.("visibilitychange", seen);
  };
}
