/** What a lane is made of, and its place on a connection. */

import type { Blocked, Channel, State } from "../channel.ts";
import { LaneError } from "../error.ts";
import type { Frame, Uint } from "../frame.ts";
import { DEFAULT_RETAIN, INITIAL_WINDOW, MIN_RETAIN } from "../limits.ts";
import { Queue } from "../queue.ts";
import { Replay } from "../replay.ts";
import { Scheduler } from "../schedule.ts";
import type { Growth } from "../window.ts";

/** Which side of the lane we are. It decides the parity of the channel ids that we open: a client's are odd. */
export type Role = "client" | "server";

/** Names one connection of the lane. A writer that holds an old epoch is given nothing more to send. */
export type Epoch = number;

/** Bounds of a lane. */
export interface Config {
  /** Channels that may be open at once; one more is answered with `LIMIT_EXCEEDED`. Default: 1024. */
  readonly maxChannels: number;
  /** Bytes of retained frames, at least `MIN_RETAIN`. Default: `DEFAULT_RETAIN`. */
  readonly retain: number;
  /** Window of a channel for what the peer sends, in bytes: what HELLO announces. Default: `INITIAL_WINDOW`. */
  readonly recvWindow: number;
  /** Window of a channel for what we send on the peer's channels before the first CREDIT, in bytes. Default: `INITIAL_WINDOW`. */
  readonly sendWindow: number;
  /** Bytes by which the receive windows of all channels together may grow. Default: 8 MiB. */
  readonly growth: number;
}

/** What the user of a lane has to know. */
export type LaneEvent =
  /** The peer opened a channel. */
  | {
      readonly type: "opened";
      readonly id: number;
      /** Name of the kind. */
      readonly name: string;
      /** The parameters, encoded. */
      readonly params: Uint8Array;
    }
  /** There is something to take from this channel. */
  | { readonly type: "readable"; readonly id: number }
  /** There is room on this channel, for which somebody waited, or never will be. */
  | { readonly type: "writable"; readonly id: number }
  /** The peer gave up this channel (or the lane is gone): stop the work and close it. */
  | { readonly type: "cancelled"; readonly id: number };

/** The first layer of a `Lane`: all that it knows. */
export abstract class LaneState implements Growth {
  /** Bytes by which receive windows may still grow. */
  growth: number;
  protected readonly role: Role;
  protected readonly recvWindow: number;
  protected readonly sendWindow: number;
  protected maxChannels: number;
  protected retain: number;
  protected readonly byId = new Map<number, Channel>();
  /** The id that we open next. */
  protected nextId: number;
  /** The highest id that the peer opened. */
  protected peerId = 0;
  /** The peer's channels that are open, closing ones included. */
  protected accepted = 0;
  protected readonly scheduler = new Scheduler();
  /** OPENs that wait. */
  protected readonly opens = new Queue<Frame>();
  protected replay = new Replay();
  protected readonly events = new Queue<LaneEvent>();
  protected draining = false;
  /** Why the lane is gone for good. */
  protected gone: string | undefined;
  /** Counted frames received since the lane began. */
  protected count = 0;
  /** What arrived since the peer was last told `count`, counted as `retainCost`. */
  protected unreportedBytes = 0;
  /** When to acknowledge at the latest. */
  protected ackBy: number | undefined;
  protected ackDue = false;
  #epoch = 0;
  #attached = false;

  /** A new lane, not attached to a connection. */
  constructor(role: Role, config: Partial<Config> = {}) {
    this.role = role;
    this.maxChannels = config.maxChannels ?? 1024;
    this.retain = Math.max(config.retain ?? DEFAULT_RETAIN, MIN_RETAIN);
    this.recvWindow = config.recvWindow ?? INITIAL_WINDOW;
    this.sendWindow = config.sendWindow ?? INITIAL_WINDOW;
    this.growth = config.growth ?? 8 << 20;
    this.nextId = role === "client" ? 1 : 2;
  }

  /**
   * A connection carries the lane from here on. The peer has received this many of our frames; what came after them is sent
   * again. The handshake tells the peer {@link received}.
   *
   * Throws a {@link LaneError}: `BAD_ACK` when the peer cannot have received that many, or says that it has received fewer
   * than it has acknowledged (those are gone, and nothing could fill the gap); `LANE_GONE` after `fail`.
   */
  attach(peerReceived: Uint): Epoch {
    if (this.gone !== undefined) throw new LaneError("LANE_GONE", "the lane is gone");
    if (!this.replay.ack(peerReceived)) throw this.badAck(peerReceived);
    this.replay.rewind();
    this.acknowledgeNow();
    this.#attached = true;
    this.#epoch += 1;
    return this.#epoch;
  }

  /** The connection is lost. Channels go on, as far as their windows allow. */
  detach(): void {
    this.#attached = false;
    this.#epoch += 1;
  }

  /** Whether this is the lane's present connection. */
  isCurrent(epoch: Epoch): boolean {
    return this.#attached && this.#epoch === epoch;
  }

  /** Whether a connection carries the lane. */
  get isAttached(): boolean {
    return this.#attached;
  }

  /** Counted frames received since the lane began. */
  get received(): number {
    return this.count;
  }

  /** Counted frames sent since the lane began, on any connection. */
  get sent(): number {
    return this.replay.sent;
  }

  /** Bytes of retained frames. */
  get retained(): number {
    return this.replay.bytes;
  }

  /** Open channels, closing ones included. */
  get channels(): number {
    return this.byId.size;
  }

  /** Sets the limit of retained bytes, as WELCOME says it. */
  setRetain(bytes: number): void {
    this.retain = Math.max(bytes, MIN_RETAIN);
  }

  /** Sets how many channels may be open at once, as WELCOME says it. */
  setMaxChannels(most: number): void {
    this.maxChannels = most;
  }

  /** Where a channel is in its life; nothing when it was never opened, or is forgotten. */
  state(id: number): State | undefined {
    return this.byId.get(id)?.state;
  }

  /** The next thing that the user has to know. */
  pollEvent(): LaneEvent | undefined {
    return this.events.shift();
  }

  /** What a PONG in this lane acknowledges. */
  acknowledgeNow(): number {
    this.unreportedBytes = 0;
    this.ackBy = undefined;
    this.ackDue = false;
    return this.count;
  }

  /** Ends a channel that the peer opened: the lane itself closes what it refuses. */
  abstract close(id: number, outcome: { readonly ok: boolean; readonly payload: Uint8Array }): Blocked | undefined;

  protected badAck(received: Uint): LaneError {
    return new LaneError("BAD_ACK", `acknowledged ${received}, sent ${this.sent}`);
  }

  protected tell(type: "readable" | "writable" | "cancelled", id: number): void {
    this.events.push({ type, id });
  }

  protected forgetFinished(channel: Channel): void {
    if (channel.isFinished() && this.byId.delete(channel.id)) {
      this.growth += channel.recvLimit - this.recvWindow;
      if (channel.side === "acceptor") this.accepted -= 1;
    }
  }
}
