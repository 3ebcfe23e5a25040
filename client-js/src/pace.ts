/**
 * How much may be on its way at once, so that little waits before a key.
 *
 * Between us and the server are queues that no runtime shows: of the browser, the kernel, the routers. A flood fills them, and
 * a key waits behind megabytes. So every so many bytes a PING goes out in the lane. Its PONG tells what has arrived, and how
 * long the way took. When it takes {@link PATIENCE} longer than the shortest way there ever was, that is the queue, and less is
 * sent ahead; when it does not, more.
 */

import { DEFAULT_RETAIN } from "./protocol/limits.ts";

/** Milliseconds that frames may wait in queues on their way. Below what a person notices. */
const PATIENCE = 50;

/**
 * Bytes that may be on their way: at first, at least, at most. The least is two of the largest frames, the most is what a lane
 * keeps until it is acknowledged.
 */
const START = 256 << 10;
const LEAST = 128 << 10;
const MOST = DEFAULT_RETAIN;

/** Bytes between two PINGs at least, and how many PINGs are on their way at most when more is. */
const STEP = 32 << 10;
const STEPS = 16;

/** Milliseconds after which a shortest way is forgotten, half of them at least: the network may be another one. */
const MEMORY = 60_000;

/** The bytes of one connection. Times are those of any clock that does not go back, in milliseconds. */
export class Pace {
  /** Bytes handed over. */
  #sent = 0;
  /** Of these, bytes that have arrived. */
  #arrived = 0;
  /** Bytes that may be on their way. */
  #budget = START;
  /** PINGs on their way, in order: when they were sent, behind how many bytes. */
  #pings: { readonly nonce: number; readonly at: number; readonly behind: number }[] = [];
  #nonce = 0;
  /** Shortest way of this and of the last half of {@link MEMORY}. */
  #shortest = Number.POSITIVE_INFINITY;
  #shortestBefore = Number.POSITIVE_INFINITY;
  #halfSince = 0;
  /** Whether the budget held anything back since it was set. */
  #held = false;
  /** The budget is set anew when this many bytes have arrived: what it allowed has had its effect then. */
  #next = 0;

  /** Whether bulk has to wait. */
  isFull(): boolean {
    const full = this.#sent - this.#arrived >= this.#budget;
    if (full) this.#held = true;
    return full;
  }

  /** Bytes were handed over. Returns the nonce of a PING to send behind them, when one is due. */
  handleSent(bytes: number, now: number): number | undefined {
    this.#sent += bytes;
    const last = this.#pings.at(-1)?.behind ?? this.#arrived;
    if (this.#sent - last < Math.max(STEP, this.#budget / STEPS)) return undefined;
    this.#nonce += 1;
    this.#pings.push({ nonce: this.#nonce, at: now, behind: this.#sent });
    return this.#nonce;
  }

  /** The answer to a PING has come. */
  handlePong(nonce: number, now: number): void {
    // Answers come in order; an unknown one is not ours.
    const index = this.#pings.findIndex(ping => ping.nonce === nonce);
    const ping = this.#pings[index];
    if (ping === undefined) return;
    this.#pings.splice(0, index + 1);
    this.#arrived = ping.behind;
    const way = now - ping.at;
    if (now - this.#halfSince > MEMORY / 2) {
      this.#shortestBefore = this.#shortest;
      this.#shortest = way;
      this.#halfSince = now;
    }
    this.#shortest = Math.min(this.#shortest, way);
    if (ping.behind < this.#next) return;
    const least = Math.min(this.#shortest, this.#shortestBefore);
    const change = Math.min(2, Math.max(0.5, (least + PATIENCE) / way));
    // What nobody needed is no reason for more.
    if (change < 1 || this.#held) this.#budget = Math.min(MOST, Math.max(LEAST, this.#budget * change));
    this.#held = false;
    this.#next = this.#sent;
  }
}
