/** Frames that were sent and are not yet acknowledged, by count: what a resumed lane sends again. */

import { type Frame, payloadLength, type Uint } from "./frame.ts";
import { RETAIN_OVERHEAD } from "./limits.ts";
import { Queue } from "./queue.ts";

/** What keeping this frame costs, in bytes. */
export const retainCost = (frame: Frame): number => payloadLength(frame) + RETAIN_OVERHEAD;

/** The retained frames. Payloads are references to the bytes that were sent, not copies. */
export class Replay {
  readonly #frames = new Queue<Frame>();
  #acked = 0;
  /** How many of `#frames` have been handed to the present connection. */
  #handed = 0;
  #bytes = 0;

  /** Frames sent since the lane began. */
  get sent(): number {
    return this.#acked + this.#frames.length;
  }

  /** Frames that the peer has acknowledged, since the lane began. */
  get acked(): number {
    return this.#acked;
  }

  /** What the retained frames cost, in bytes: the sum of {@link retainCost}. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a frame that is being sent for the first time. The caller has seen to it that nothing waits to be resent. */
  push(frame: Frame): void {
    this.#bytes += retainCost(frame);
    this.#frames.push(frame);
    this.#handed = this.#frames.length;
  }

  /** The peer has received this many frames since the lane began. Returns false when that cannot be. */
  ack(received: Uint): boolean {
    if (received < this.#acked || received > this.sent) return false;
    while (this.#acked < received) {
      const frame = this.#frames.shift();
      if (!frame) break;
      this.#bytes -= retainCost(frame);
      this.#acked += 1;
      if (this.#handed > 0) this.#handed -= 1;
    }
    return true;
  }

  /** A new connection begins: everything that is retained must be sent again. */
  rewind(): void {
    this.#handed = 0;
  }

  /** The next frame to send again on this connection. */
  resend(): Frame | undefined {
    const frame = this.#frames.at(this.#handed);
    if (frame) this.#handed += 1;
    return frame;
  }

  /** Whether anything waits to be sent again. */
  hasResend(): boolean {
    return this.#handed < this.#frames.length;
  }
}
