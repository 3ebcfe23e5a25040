/** Credit windows: how many bytes may be on their way in one direction of a channel. Arithmetic only. */

import { EVENT_RESERVE, GROWTH_FRAME, MAX_WINDOW, MIN_COST } from "./limits.ts";

/** What a DATA or EVENT of this length costs. */
export const cost = (length: number): number => Math.max(length, MIN_COST);

/** Most bytes that a window may hold. */
const MOST = 0x8000_0000;

/** The sender's side. */
export class SendWindow {
  /** Bytes that may be sent. */
  #available: number;

  /** A window of this many bytes. */
  constructor(initial: number) {
    this.#available = initial;
  }

  /** Longest DATA that may be sent now: the window less what is kept for events. */
  room(): number {
    const room = this.#available - EVENT_RESERVE;
    return room < MIN_COST ? 0 : room;
  }

  /** Longest EVENT that may be sent now. */
  eventRoom(): number {
    return this.#available < MIN_COST ? 0 : this.#available;
  }

  /** Takes the cost of a payload. The caller has looked at the room. */
  take(cost: number): void {
    this.#available -= cost;
  }

  /** Adds credit. Returns false when the window would hold more than 2^31 bytes, which no honest peer grants. */
  grant(bytes: number): boolean {
    if (this.#available + bytes > MOST) return false;
    this.#available += bytes;
    return true;
  }
}

/** Bytes by which the receive windows of all channels of a lane together may still grow. */
export interface Growth {
  /** What is left of them. */
  growth: number;
}

/** The receiver's side. At any time `credit + buffered + consumed = limit`. */
export class RecvWindow {
  /** Size of the window now, in bytes. */
  limit: number;
  /** Bytes that the peer may still send. */
  #credit: number;
  /** Bytes that the user has taken and that have not been granted again. */
  #consumed = 0;

  /** A window of this many bytes. */
  constructor(limit: number) {
    this.limit = limit;
    this.#credit = limit;
  }

  /** A frame of this cost arrived. Returns false when the peer had no credit for it. */
  receive(cost: number): boolean {
    if (cost > this.#credit) return false;
    this.#credit -= cost;
    return true;
  }

  /**
   * The user took a frame of this cost. Returns the credit to grant now, 0 when it is not worth a frame: less than half a
   * window.
   *
   * `drained` says that nothing more is buffered: the reader keeps up with the peer. If it takes bulk, frames of
   * {@link GROWTH_FRAME} and more, it gets a window twice as large, as far as `budget` and {@link MAX_WINDOW} allow. A slow
   * reader's window never grows, and an interactive one's stays small.
   */
  consume(cost: number, drained: boolean, budget: Growth): number {
    this.#consumed += cost;
    if (this.#consumed < Math.floor(this.limit / 2)) return 0;
    let grant = this.#consumed;
    this.#consumed = 0;
    if (drained && cost >= GROWTH_FRAME) {
      const growth = Math.max(0, Math.min(MAX_WINDOW - this.limit, this.limit, budget.growth));
      budget.growth -= growth;
      this.limit += growth;
      grant += growth;
    }
    this.#credit += grant;
    return grant;
  }
}
