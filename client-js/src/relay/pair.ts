/** Two ends of a WebSocket that is none: what one end sends, the other hears, in memory and in order. */

import type { WebSocketLike } from "../platform.ts";

type Type = "open" | "message" | "close" | "error";

/** The other end, as the relay has it: messages are heard by functions, and no events are made. */
export interface FarEnd {
  /** Sends to the near end. The bytes are not copied. */
  send(message: Uint8Array | string): void;
  /** Closes both ends. */
  close(code: number, reason: string): void;
}

/** What the far end hears. */
export interface FarEvents {
  /** The near end sent this. */
  message(message: Uint8Array | string): void;
  /** The near end closed. */
  closed(): void;
}

const OPEN = 1;
const CLOSED = 3;

/** Makes a pair: a socket for a client, and the relay's end of it. */
export function pair(hear: FarEvents): { readonly near: WebSocketLike; readonly far: FarEnd } {
  const listeners = new Map<Type, ((event: unknown) => void)[]>();
  let readyState = OPEN;
  // What is handed over is heard when the one who said it has come to an end, and not in the middle of it.
  const later = (work: () => void) => void Promise.resolve().then(work);
  const tell = (type: Type, event: object) => {
    for (const listener of listeners.get(type) ?? []) listener(event);
  };
  const end = (code: number, reason: string) => {
    if (readyState === CLOSED) return false;
    readyState = CLOSED;
    later(() => tell("close", { code, reason }));
    return true;
  };
  const near: WebSocketLike = {
    binaryType: "arraybuffer",
    get readyState() {
      return readyState;
    },
    send(data) {
      later(() => hear.message(data));
    },
    close(code = 1005, reason = "") {
      if (end(code, reason)) later(() => hear.closed());
    },
    addEventListener(type, listener) {
      listeners.set(type, [...(listeners.get(type) ?? []), listener]);
    },
  };
  const far: FarEnd = {
    send(message) {
      later(() => {
        if (readyState !== OPEN) return;
        tell("message", { data: typeof message === "string" ? message : bufferOf(message) });
      });
    },
    close: (code, reason) => later(() => void end(code, reason)),
  };
  return { near, far };
}

/** The bytes as a message event has them. */
const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBufferLike =>
  byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
