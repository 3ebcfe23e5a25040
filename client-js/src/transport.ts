/** What carries frames: a WebSocket, or anything else that passes on whole binary messages in order. */

/** What a transport tells whoever drives it. */
export interface TransportEvents {
  /** A binary message came. The bytes are the receiver's own. */
  message(bytes: Uint8Array): void;
  /** A text message came. */
  text(text: string): void;
  /** It takes more again, after {@link Transport.writable} said no. */
  drained(): void;
  /** It is over: WebSocket's close code and reason, 1006 when it was lost. Comes once, and nothing after it. */
  closed(code: number, reason: string): void;
}

/** A connection that stands. */
export interface Transport {
  /** Begins the events. Again: they go to another from here on. What is over tells that at once. */
  listen(events: TransportEvents): void;
  /** Whether a message should be handed over now: little waits before it. When not, `drained` comes. */
  writable(): boolean;
  /** Hands over a message, which is not touched any more. */
  send(message: Uint8Array<ArrayBuffer> | string): void;
  /** Ends it after what was handed over; `closed` still comes. */
  close(code: number, reason: string): void;
  /** Ends it without waiting for the other side, which is thought to be gone. */
  drop(): void;
}
