/** One client of a relay, as the machine in `lanes.ts` sees it. */

import type { Grant } from "./grant.ts";

/**
 * Where a client's lane is:
 *
 * - `none`: it has said no HELLO yet.
 * - `carried`: the trunk carries it.
 * - `waiting`: its HELLO came while there was no trunk, and was not passed on.
 * - `lost`: it was on a trunk that is gone.
 * - `over`: the client was told that it is over, or to say HELLO again. What it still says is dropped.
 */
export type Phase = "none" | "carried" | "waiting" | "lost" | "over";

/** What outlives the object's memory, with the client's socket. */
export interface Kept {
  /** The lane's number on the client's connection; 0 before HELLO. */
  readonly lane: number;
  /** What it may do. */
  readonly grant: Grant;
  /** Where its lane was; one that the trunk carried is lost with this object's memory. */
  readonly phase: Exclude<Phase, "carried">;
  /** Whether channels may be open in the lane. */
  readonly busy: boolean;
}

/** What is on its way, of all gauges that share it. */
export interface OnTheWay {
  /** In bytes, as far as is known. */
  bytes: number;
}

/**
 * How much is on its way in one direction, which no runtime tells: every so many bytes a PING goes behind them, and its PONG
 * proves that they were read.
 */
export class Gauge {
  readonly #all: OnTheWay;
  #sent = 0;
  #proven = 0;
  /** The PINGs on their way, in order: the nonce, and what was sent before it. */
  #probes: { readonly nonce: number; readonly behind: number }[] = [];

  /** A gauge whose bytes are counted there, too. */
  constructor(all: OnTheWay) {
    this.#all = all;
  }

  /** Bytes that are on their way, as far as is known. */
  get bytes(): number {
    return this.#sent - this.#proven;
  }

  /** Whether PINGs are on their way. */
  get asks(): boolean {
    return this.#probes.length > 0;
  }

  /** Bytes behind the last PING. */
  get unasked(): number {
    return this.#sent - (this.#probes.at(-1)?.behind ?? this.#proven);
  }

  /** Bytes were handed over. */
  add(bytes: number): void {
    this.#sent += bytes;
    this.#all.bytes += bytes;
  }

  /** A PING with this nonce is sent behind everything. */
  ask(nonce: number): void {
    this.#probes.push({ nonce, behind: this.#sent });
  }

  /** A PONG came. Returns whether it is an answer; those before it are overtaken. */
  prove(nonce: number | bigint): boolean {
    const index = this.#probes.findIndex(probe => probe.nonce === nonce);
    const probe = this.#probes[index];
    if (probe === undefined) return false;
    this.#probes.splice(0, index + 1);
    this.#all.bytes -= probe.behind - this.#proven;
    this.#proven = probe.behind;
    return true;
  }

  /** Nothing of it is on its way any more. */
  clear(): void {
    this.#all.bytes -= this.bytes;
    this.#proven = this.#sent;
    this.#probes = [];
  }
}

/** One client. `Socket` is whatever the shell knows it by. */
export class Client<Socket> {
  readonly socket: Socket;
  readonly grant: Grant;
  /** The lane's number on the client's connection; 0 before HELLO. */
  lane = 0;
  /** The lane's number on the trunk; 0 when the trunk does not carry it. */
  trunk = 0;
  phase: Phase = "none";
  /** The channels that the client opened and that have not ended, by id. */
  readonly channels = new Set<number>();
  /** Whether channels may be open that were opened before this object's memory begins. */
  doubtful = false;
  /** Which HELLO of its lane the last one was, from 1; 0 when the client does not say. */
  attempt = 0;
  /** A frame came that a trunk is needed for. */
  asked = false;
  /** What is on its way to the client, which may leave it unread. */
  readonly down: Gauge;
  /** What of it is on its way to the server. */
  readonly up: Gauge;
  /** Bytes that may be on their way in each direction. */
  patience = 0;
  /** Bytes that it said since its last HELLO and that were passed on to nobody. */
  dropped = 0;

  constructor(socket: Socket, grant: Grant, all: OnTheWay) {
    this.socket = socket;
    this.grant = grant;
    this.down = new Gauge(all);
    this.up = new Gauge(all);
  }

  /** A client whose socket outlived the object's memory. */
  static restored<Socket>(socket: Socket, { lane, grant, phase, busy }: Kept, all: OnTheWay): Client<Socket> {
    const client = new Client(socket, grant, all);
    client.lane = lane;
    client.phase = phase;
    client.doubtful = busy;
    return client;
  }

  /** What to keep with the socket. It is not kept anew for every channel: while a trunk carries the lane there may be some. */
  get kept(): Kept {
    const { lane, grant, phase } = this;
    const carried = phase === "carried";
    return { lane, grant, phase: carried ? "lost" : phase, busy: carried || this.isBusy() };
  }

  /** No channel is open in its lane. */
  forget(): void {
    this.channels.clear();
    this.doubtful = false;
  }

  /** Whether channels are open, or may be. */
  isBusy(): boolean {
    return this.doubtful || this.channels.size > 0;
  }

  /** Whether it needs a trunk now. */
  needsTrunk(): boolean {
    return this.phase === "waiting" || (this.phase === "lost" && (this.asked || this.isBusy()));
  }
}
