/**
 * One channel's life, seen from one side.
 *
 * ```text
 *  opener    ── OPEN ──▶ open ──(we CANCEL)──▶ cancelling ──(peer CLOSE)──▶ closed
 *                          └───────────(peer CLOSE)──────────────────────▶ closed
 *  acceptor  ◀─ OPEN ──  open ──(peer CANCEL)─▶ cancelling ──(we CLOSE)───▶ closed
 *                          └───────────(we CLOSE)────────────────────────▶ closed
 * ```
 * What arrives for a channel after its CLOSE was sent crossed it on the way, and is dropped.
 */

import { LaneError } from "./error.ts";
import { CANCEL, CLOSE, CREDIT, DATA, END, EVENT } from "./frame/header.ts";
import type { Frame, Outcome, Stream } from "./frame.ts";
import { EVENT_RESERVE, INTERACTIVE_BACKLOG, MAX_DATA, MAX_EVENT, OUTBOX } from "./limits.ts";
import { Queue } from "./queue.ts";
import { BULK, type Class, INTERACTIVE } from "./schedule.ts";
import { cost, type Growth, RecvWindow, SendWindow } from "./window.ts";

/** Which side of the channel we are: the opener sent OPEN. */
export type Side = "opener" | "acceptor";

/** Where the channel is in its life. `cancelling`: CANCEL was sent or received, and CLOSE is to come. */
export type State = "open" | "cancelling" | "closed";

/** What the user of a channel takes from it. Nothing comes after `close`. */
export type Item =
  | { readonly type: "data"; readonly stream: Stream; readonly data: Uint8Array }
  | { readonly type: "event"; readonly payload: Uint8Array }
  | { readonly type: "end"; readonly stream: Stream }
  | ({ readonly type: "close" } & Outcome);

/**
 * Why nothing can be sent. `window`: there is no room, wait until the channel is writable. `done`: the channel takes nothing
 * any more, as it is cancelled or closed, or the stream was ended.
 */
export type Blocked = "window" | "done";

/** One channel. Only its `Lane` uses it. */
export class Channel {
  readonly id: number;
  readonly side: Side;
  state: State = "open";
  /** The class in whose queue the scheduler has this channel's outbox. */
  queued: Class | undefined;
  /** Whether the scheduler has this channel for its CREDIT or CANCEL. */
  controlQueued = false;
  /** Number of the OPEN among the frames that we sent (opener), counted from 1; 0 while it waits. */
  openCount = 0;
  /** Whether the peer has said anything on it. */
  heard = false;
  /** Frames that wait for their turn, all within the send window. */
  readonly outbox = new Queue<Frame>();
  /** What arrived and was not taken. */
  readonly inbox = new Queue<Item>();
  readonly #cls: Class;
  /** Cost of the DATA and EVENT frames in the outbox. */
  #outboxCost = 0;
  readonly #send: SendWindow;
  readonly #recv: RecvWindow;
  /** Credit to grant with the next CREDIT; 0 for none. */
  #creditDue = 0;
  #cancelDue = false;
  /** Streams that we ended, a bit each. */
  #ended = 0;
  /** Streams that the peer ended. */
  #peerEnded = 0;
  /** Whether the user waits for room. */
  #wantsRoom = false;
  /** Nobody will take what arrives (opener whose user has gone). */
  #abandoned = false;

  /** `send` and `recv` are the first sizes of the windows, in bytes. */
  constructor(id: number, side: Side, cls: Class, send: number, recv: number) {
    this.id = id;
    this.side = side;
    this.#cls = cls;
    this.#send = new SendWindow(send);
    this.#recv = new RecvWindow(recv);
  }

  /** Size of the receive window, in bytes. */
  get recvLimit(): number {
    return this.#recv.limit;
  }

  /** The class for the next frame: a flooding interactive channel counts as bulk. */
  classNow(): Class {
    return this.#cls === INTERACTIVE && this.#outboxCost > INTERACTIVE_BACKLOG ? BULK : this.#cls;
  }

  /** Longest DATA that may be queued now. */
  room(): number {
    return this.state === "open" ? Math.max(0, Math.min(this.#send.room(), OUTBOX - this.#outboxCost, MAX_DATA)) : 0;
  }

  /** Queues DATA. No bytes are no frame. */
  push(stream: Stream, payload: Uint8Array): Blocked | undefined {
    if (!this.#speaks(stream)) return "done";
    if (payload.length === 0) return undefined;
    return this.#queue({ lane: 0, channel: this.id, kind: DATA, stream, payload }, payload.length, this.room());
  }

  /** Queues EVENT. */
  pushEvent(payload: Uint8Array): Blocked | undefined {
    if (this.state !== "open") return "done";
    const room = Math.min(this.#send.eventRoom(), OUTBOX + EVENT_RESERVE - this.#outboxCost, MAX_EVENT);
    return this.#queue({ lane: 0, channel: this.id, kind: EVENT, payload }, payload.length, room);
  }

  /** Queues END. */
  pushEnd(stream: Stream): Blocked | undefined {
    if (!this.#speaks(stream)) return "done";
    this.#ended |= 1 << stream;
    this.outbox.push({ lane: 0, channel: this.id, kind: END, stream });
    return undefined;
  }

  /** Queues CLOSE behind what is queued. What the peer still says is dropped from here on. */
  pushClose(outcome: Outcome): Blocked | undefined {
    if (this.side !== "acceptor" || this.state === "closed") return "done";
    this.state = "closed";
    this.inbox.clear();
    this.#creditDue = 0;
    const { ok, payload } = outcome;
    this.outbox.push({ lane: 0, channel: this.id, kind: CLOSE, ok, payload });
    return undefined;
  }

  /** Throws away what is queued. */
  discard(): void {
    this.outbox.clear();
    this.#outboxCost = 0;
  }

  /** Gives up as the opener. Returns whether a CANCEL is now due. */
  cancel(): boolean {
    if (this.side !== "opener" || this.state !== "open") return false;
    this.state = "cancelling";
    // OPEN itself must go out before CANCEL; it is in the control queue and not here.
    this.discard();
    this.#cancelDue = true;
    return true;
  }

  /** Nobody will take what arrives. */
  abandon(): void {
    this.#abandoned = true;
    this.inbox.clear();
    this.#creditDue = 0;
  }

  /** The user waits for room and is told when there is some. */
  wantRoom(): void {
    this.#wantsRoom = true;
  }

  /**
   * Whether to tell the user that waits for room. A little room is kept back while more is on its way, so that a fast writer
   * sends few large frames and not many small ones.
   */
  takeRoomWanted(): boolean {
    if (!this.#wantsRoom) return false;
    const room = this.room();
    const tell = room >= OUTBOX / 4 || (room > 0 && this.outbox.length === 0) || this.state !== "open";
    if (tell) this.#wantsRoom = false;
    return tell;
  }

  /** The next frame of the outbox. */
  pop(): Frame | undefined {
    const frame = this.outbox.shift();
    if (frame?.kind === DATA || frame?.kind === EVENT) this.#outboxCost -= cost(frame.payload.length);
    return frame;
  }

  /** The CREDIT or CANCEL that is due. */
  popControl(): Frame | undefined {
    if (this.#cancelDue) {
      this.#cancelDue = false;
      return { lane: 0, channel: this.id, kind: CANCEL };
    }
    const bytes = this.#creditDue;
    if (bytes === 0 || this.state === "closed") return undefined;
    this.#creditDue = 0;
    return { lane: 0, channel: this.id, kind: CREDIT, bytes };
  }

  /** Takes a frame of the peer for this channel. Returns whether the user has something new to look at. */
  handle(frame: Frame): boolean {
    if (this.side === "opener" && this.state === "closed") throw wrongState(this.id, "a frame after CLOSE");
    this.heard = true;
    switch (frame.kind) {
      case DATA:
        if (this.#peerEnded & this.#bit(frame.stream)) throw wrongState(this.id, "DATA after END");
        return this.#receive({ type: "data", stream: frame.stream, data: frame.payload });
      case EVENT:
        return this.#receive({ type: "event", payload: frame.payload });
      case CREDIT:
        if (this.#send.grant(frame.bytes)) return false;
        throw new LaneError("CREDIT_OVERFLOW", `channel ${this.id}: too much CREDIT`);
      case END: {
        const bit = this.#bit(frame.stream);
        if (this.#peerEnded & bit) throw wrongState(this.id, "END twice");
        this.#peerEnded |= bit;
        return this.#keep({ type: "end", stream: frame.stream });
      }
      case CLOSE:
        if (this.side !== "opener") throw wrongState(this.id, "CLOSE by the opener");
        this.end(frame);
        return true;
      case CANCEL: {
        if (this.side !== "acceptor" || this.state === "cancelling") {
          throw wrongState(this.id, "CANCEL twice, or not by the opener");
        }
        // One that crossed our CLOSE is no news.
        const news = this.state === "open";
        if (news) {
          this.state = "cancelling";
          this.discard();
          this.inbox.clear();
        }
        return news;
      }
      default:
        throw wrongState(this.id, "frame kind");
    }
  }

  /** The channel ends with this outcome, as if the peer had said it. */
  end({ ok, payload }: Outcome): void {
    this.state = "closed";
    this.discard();
    this.#cancelDue = false;
    this.#creditDue = 0;
    if (!this.#abandoned) this.inbox.push({ type: "close", ok, payload });
  }

  /** Takes the next item. Taking DATA and EVENT makes room, of `budget` too. */
  take(budget: Growth): Item | undefined {
    const item = this.inbox.shift();
    const cost = item ? itemCost(item) : 0;
    if (cost > 0) {
      const grant = this.#recv.consume(cost, this.inbox.length === 0, budget);
      if (this.state === "open") this.#creditDue += grant;
    }
    return item;
  }

  /** Whether a CREDIT is due. */
  hasCredit(): boolean {
    return this.#creditDue > 0;
  }

  /** Whether the channel can be forgotten: ended, and nothing is left to send or to take. */
  isFinished(): boolean {
    return this.state === "closed" && this.outbox.length === 0 && this.inbox.length === 0;
  }

  #speaks(stream: Stream): boolean {
    return this.state === "open" && stream <= 2 && (this.#ended & (1 << stream)) === 0;
  }

  #bit(stream: number): number {
    if (stream > 2) throw wrongState(this.id, "stream");
    return 1 << stream;
  }

  #queue(frame: Frame, length: number, room: number): Blocked | undefined {
    if (length > room || room <= 0) return "window";
    this.#send.take(cost(length));
    this.#outboxCost += cost(length);
    this.outbox.push(frame);
    return undefined;
  }

  #receive(item: Item): boolean {
    if (this.#recv.receive(itemCost(item))) return this.#keep(item);
    throw new LaneError("WINDOW_EXCEEDED", `channel ${this.id}: more than its window`);
  }

  #keep(item: Item): boolean {
    // Dropped data needs no credit: an abandoned channel was cancelled, and the peer stops.
    const keep = this.state === "open" || (this.side === "opener" && !this.#abandoned);
    if (keep) this.inbox.push(item);
    return keep;
  }
}

/** A frame that the channel's state does not allow. */
export const wrongState = (id: number, what: string): LaneError =>
  new LaneError("WRONG_STATE", `channel ${id}: ${what}`);

/** What an item costs of the window. */
export function itemCost(item: Item): number {
  return item.type === "data" ? cost(item.data.length) : item.type === "event" ? cost(item.payload.length) : 0;
}
