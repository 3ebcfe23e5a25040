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

/**
 * How much is on its way in one direction, which no runtime tells: every so many bytes a PING goes behind them, and its PONG
 * proves that they were read.
 */
export class Gauge {
  #sent = 0;
  #proven = 0;
  /** The PING that is on its way: its nonce, and what was sent before it. */
  #probe: { readonly nonce: number; readonly behind: number } | undefined;

  /** Bytes were handed over. Returns how many are on their way, as far as is known. */
  add(bytes: number): number {
    this.#sent += bytes;
    return this.#sent - this.#proven;
  }

  /** Whether a PING is on its way. */
  get asks(): boolean {
    return this.#probe !== undefined;
  }

  /** A PING with this nonce is sent behind everything. */
  ask(nonce: number): void {
    this.#probe = { nonce, behind: this.#sent };
  }

  /** A PONG came. Returns whether it is the answer. */
  prove(nonce: number | bigint): boolean {
    if (this.#probe?.nonce !== nonce) return false;
    this.#proven = this.#probe.behind;
    this.#probe = undefined;
    return true;
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
  readonly down = new Gauge();
  /** What of it is on its way to the server. */
  up = new Gauge();
  /** Bytes that may be on their way in each direction. */
  patience = 0;

  constructor(socket: Socket, grant: Grant) {
    this.socket = socket;
    this.grant = grant;
  }

  /** A client whose socket outlived the object's memory. */
  static restored<Socket>(socket: Socket, { lane, grant, phase, busy }: Kept): Client<Socket> {
    const client = new Client(socket, grant);
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
