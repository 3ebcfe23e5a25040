/** A WebSocket as a {@link Transport}: the standard one of every runtime, and the package `ws`. */

import { ConnectionError } from "./error.ts";
import { type AbortSignalLike, after, type WebSocketLike } from "./platform.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/**
 * Bytes that may wait in the socket before the next frame is held back: what a key can be behind. Two of the largest data
 * frames and a little, so that the network has something to send while we are told that it took the last one.
 */
const QUEUE = 160 << 10;

/** Milliseconds after which the queue is looked at again: browsers have no event for that. Any message is a look, too. */
const LOOK_AGAIN = 4;

/** Longest close reason, in bytes (RFC 6455, section 5.5). */
const MAX_REASON = 123;

const CONNECTING = 0;
const OPEN = 1;

/** The parts of the events that we read. */
interface Fields {
  readonly data?: unknown;
  readonly code?: number;
  readonly reason?: unknown;
  readonly message?: string;
}

/** What sockets may have beside the standard's methods, and those of some runtimes do not have. */
interface Extras {
  /** Not in workerd: there the lane's pace alone bounds what waits. */
  readonly bufferedAmount?: number;
  /** Of `ws`: ends the socket at once. */
  terminate?(): void;
}

/** A WebSocket that is open. Made by {@link opened}. */
export class WebSocketTransport implements Transport {
  readonly #socket: WebSocketLike & Extras;
  #events: TransportEvents | undefined;
  #closed = false;
  /** Stops the look at a full queue. */
  #looking: (() => void) | undefined;

  constructor(socket: WebSocketLike) {
    this.#socket = socket;
    on(socket, "message", ({ data }) => {
      if (this.#closed) return;
      if (typeof data === "string") this.#events?.text(data);
      else this.#events?.message(new Uint8Array(data as ArrayBuffer));
    });
    on(socket, "close", ({ code, reason }) => this.#end(code ?? 1005, typeof reason === "string" ? reason : ""));
    // Where a socket fails without a close event, this is its end; where both come, the first counts.
    on(socket, "error", ({ message }) => {
      if (socket.readyState !== OPEN) this.#end(1006, message ?? "the connection failed");
    });
  }

  listen(events: TransportEvents): void {
    this.#events = events;
    if (this.#socket.readyState === OPEN) return;
    this.#closed = true;
    events.closed(1006, "");
  }

  writable(): boolean {
    const waiting = this.#socket.bufferedAmount;
    if (waiting === undefined || waiting < QUEUE) return true;
    this.#looking ??= after(LOOK_AGAIN, () => {
      this.#looking = undefined;
      if (!this.#closed && this.writable()) this.#events?.drained();
    });
    return false;
  }

  send(message: Uint8Array<ArrayBuffer> | string): void {
    // What is handed to a socket that is about to close is lost with it; the lane sends it again.
    if (this.#socket.readyState === OPEN) this.#socket.send(message);
  }

  close(code: number, reason: string): void {
    closeWith(this.#socket, code, reason);
  }

  drop(): void {
    // The socket may still wait for the other side's farewell; for us it is over.
    this.#closed = true;
    this.#looking?.();
    if (this.#socket.terminate === undefined) closeWith(this.#socket, 1000, "");
    else this.#socket.terminate();
  }

  #end(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#looking?.();
    this.#events?.closed(code, reason);
  }
}

/**
 * Waits until a socket is open.
 *
 * @throws {@link ConnectionError} when it fails or closes, or the signal's reason when that gives it up; it is closed then.
 */
export async function opened(socket: WebSocketLike, signal: AbortSignalLike): Promise<Transport> {
  socket.binaryType = "arraybuffer";
  if (socket.readyState === CONNECTING) {
    await new Promise<void>((resolve, reject) => {
      let settled = false;
      const settle = (error?: unknown) => {
        if (settled) return;
        settled = true;
        if (error === undefined) return resolve();
        reject(error);
        closeWith(socket, 1000, "");
      };
      const fail = (reason: string) => settle(new ConnectionError(reason));
      signal.addEventListener("abort", () => settle(signal.reason));
      on(socket, "open", () => settle());
      on(socket, "error", ({ message }) => fail(message || "the connection failed"));
      on(socket, "close", ({ code, reason }) => fail(`closed before it was open: ${code} ${reason || ""}`.trim()));
    });
  }
  if (socket.readyState !== OPEN) throw new ConnectionError("the WebSocket is closed");
  return new WebSocketTransport(socket);
}

function on(socket: WebSocketLike, type: "open" | "message" | "close" | "error", listener: (event: Fields) => void) {
  socket.addEventListener(type, listener as (event: unknown) => void);
}

/** Closes with a code and a reason, as far as the runtime allows: browsers take only 1000 and those from 3000 on. */
function closeWith(socket: WebSocketLike, code: number, reason: string): void {
  try {
    // Two bytes a character at the most are what our reasons have.
    socket.close(code, reason.slice(0, MAX_REASON >> 1));
  } catch {
    socket.close();
  }
}
