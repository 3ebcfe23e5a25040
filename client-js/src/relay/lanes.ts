/**
 * Which client has which lane of the trunk, and what becomes of each frame.
 *
 * Pure: it is told what came and what happened, and tells the shell what to send, to close and to dial. Of a frame it looks
 * at the header alone, and overwrites the lane in place; only HELLO is decoded (to narrow it), and WELCOME (for its limits).
 * It keeps no frame: while there is no trunk, what a client says is dropped, and the client is told to say it again.
 */

import { readPayload } from "../protocol/conn.ts";
import { unexpected, WireError } from "../protocol/error.ts";
import { decode, encode } from "../protocol/frame/codec.ts";
import { CLOSE, GOAWAY, HELLO, LEN, OPEN, PING, PONG, RESET, WELCOME } from "../protocol/frame/header.ts";
import { decodeWelcome, encodeGoAway, type GoAway } from "../protocol/frame/payload.ts";
import { CONNECTION, type Uint } from "../protocol/frame.ts";
import { DEFAULT_RETAIN, RETAIN_OVERHEAD } from "../protocol/limits.ts";
import { encode as encodeValue } from "../protocol/msgpack.ts";
import { Client, type Gauge, type Kept, type OnTheWay } from "./client.ts";
import { type Grant, narrowed } from "./grant.ts";
import { channelOf, checkFromClient, kindOf, laneOf, setLane } from "./header.ts";

/** What the machine wants done. Frames are not touched any more once they are handed over. */
export interface Outside<Socket> {
  /** Sends a frame on the trunk, which is there. */
  toTrunk(frame: Uint8Array): void;
  /** Sends a frame to a client. */
  toClient(socket: Socket, frame: Uint8Array): void;
  /** Closes a client's connection, of which nothing more is told. */
  close(socket: Socket, code: number, reason: string): void;
  /** A client needs a trunk, and there is none. */
  dial(): void;
  /** What to keep with the socket has changed. */
  keep(socket: Socket, kept: Kept): void;
  /** A client opened a channel. */
  opened(): void;
  /** A number from 1 to 2^32 - 1 that nobody can guess. */
  random(): number;
}

/** Why clients say HELLO again, for a person. */
const LOST = "the relay lost its connection to the sandbox";

/** What clients are told when the sandbox ended on purpose. */
const STOPPED: GoAway = { reason: "asleep", message: "the sandbox was stopped" };

/** What a client is told that had nothing open when the trunk ended, whyever it did. */
const RESTING: GoAway = {
  reason: "asleep",
  message: "the relay's connection to the sandbox ended, and nothing was open",
};

/** Bytes after which a client, or the server, is asked whether it reads, at the most. */
const PROBE = 2 << 20;

/**
 * Bytes that may be on their way of all clients together, both ways; and at the least so many for each: what the server lets
 * be on its way to one that does not read, and one frame.
 */
const ON_THE_WAY = 64 << 20;
const EACH = 320 << 10;

/** Added to nonces of our own PINGs in a client's lane, so that they are none of the client's. */
const OURS = 2 ** 32;

/** Channels of a client that are remembered: more than a server lets anybody open. */
const MOST_CHANNELS = 1 << 16;

const LAST_LANE = 0xffff_ffff;

/** The lanes of one trunk after the other. */
export class Lanes<Socket> {
  readonly #outside: Outside<Socket>;
  readonly #clients = new Set<Client<Socket>>();
  readonly #carried = new Map<number, Client<Socket>>();
  readonly #onTheWay: OnTheWay = { bytes: 0 };
  #connected = false;
  /** The server has said that it goes away: when it is gone, it was stopped, and nobody is to start it again for what ended. */
  #draining = false;
  #lastLane = 0;

  constructor(outside: Outside<Socket>) {
    this.#outside = outside;
  }

  /** How many clients there are. */
  get size(): number {
    return this.#clients.size;
  }

  /** Bytes that were sent, to clients or for them, and that nobody has proven to have read. 64 MiB at the most. */
  get onTheWay(): number {
    return this.#onTheWay.bytes;
  }

  /** Whether a client needs a trunk and waits for it. */
  get needsTrunk(): boolean {
    return this.#any(client => client.needsTrunk());
  }

  /** Whether channels are open, or may be, in any lane. */
  get isBusy(): boolean {
    return this.#any(client => client.isBusy() || client.needsTrunk());
  }

  /** A client connected. */
  add(socket: Socket, grant: Grant): Client<Socket> {
    return this.#add(new Client(socket, grant, this.#onTheWay));
  }

  /** A client is still there, whose lane was on a trunk that is gone. */
  restore(socket: Socket, kept: Kept): Client<Socket> {
    return this.#add(Client.restored(socket, kept, this.#onTheWay));
  }

  /** A client's connection is over: the server keeps its lane, as after any lost connection. */
  remove(client: Client<Socket>): void {
    if (!this.#clients.delete(client)) return;
    if (client.trunk !== 0) this.#outside.toTrunk(reset(client.trunk, "client-gone"));
    this.#release(client);
    client.down.clear();
  }

  /** A message came from a client. What is wrong with it ends that client's connection and nothing else. */
  handleClient(client: Client<Socket>, frame: Uint8Array): void {
    if (!this.#clients.has(client)) return;
    try {
      this.#handleClient(client, frame);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.refuse(client, error);
    }
  }

  /** Ends the connection of a client that broke the protocol. */
  refuse(client: Client<Socket>, error: WireError): void {
    this.#drop(client, error.closeCode, `${error.code}: ${error.message}`);
  }

  /**
   * A message came on the trunk.
   *
   * @throws WireError when the trunk cannot be trusted any more.
   */
  handleTrunk(frame: Uint8Array): void {
    const kind = kindOf(frame);
    const lane = laneOf(frame);
    if (lane === CONNECTION) {
      this.#handleTrunkItself(kind, frame);
      return;
    }
    // What comes in a lane that ended here was on its way.
    const client = this.#carried.get(lane);
    if (client === undefined) return;
    if (kind === HELLO) throw unexpected("HELLO is for servers");
    if (kind === CLOSE) client.channels.delete(channelOf(frame));
    else if (kind === WELCOME) this.#handleWelcome(client, frame);
    else if (kind === PONG && this.#isOurs(client, frame)) return;
    setLane(frame, client.lane);
    if (kind === GOAWAY) client.forget();
    if (kind === GOAWAY || kind === RESET) this.#over(client);
    this.#send(client, frame);
  }

  /** There is a trunk. Whoever had a lane, or wants one, says HELLO again. */
  handleConnected(): void {
    this.#connected = true;
    this.#draining = false;
    this.#lastLane = 0;
    for (const client of this.#clients) {
      if (client.phase === "waiting" || client.phase === "lost") this.#reset(client, LOST);
    }
  }

  /** The trunk is gone. Clients with open channels need another one; the others when they want something. */
  handleDisconnected(): void {
    this.#connected = false;
    for (const client of this.#carried.values()) {
      client.trunk = 0;
      client.up.clear();
      client.phase = "lost";
      this.#outside.keep(client.socket, client.kept);
    }
    this.#carried.clear();
    if (this.#draining) this.sleep(STOPPED);
    this.#dialWhenNeeded();
  }

  /** No trunk can be had, for now: whoever waits for one is told why, and tries again when it likes. */
  handleUnreachable(message: string): void {
    for (const client of this.#clients) if (client.needsTrunk()) this.#reset(client, message);
  }

  /** The sandbox stops, and with it every lane. Who waits for a sandbox goes on waiting. */
  sleep(goAway: GoAway): void {
    for (const client of this.#clients) {
      if (client.phase === "carried" || client.phase === "lost") this.#sleep(client, goAway);
    }
  }

  /** A client without a trunk that has nothing open is to look for no signs of life until it wants something. */
  rest(client: Client<Socket>): void {
    if (client.phase === "lost" && !client.needsTrunk()) this.#sleep(client, RESTING);
  }

  #handleClient(client: Client<Socket>, frame: Uint8Array): void {
    const kind = kindOf(frame);
    const lane = laneOf(frame);
    if (lane === CONNECTION) {
      this.#handleClientItself(client, kind, frame);
    } else if (kind === HELLO) {
      this.#handleHello(client, lane, frame);
    } else if (client.phase === "none") {
      throw unexpected("the first frame is HELLO");
    } else {
      checkFromClient(kind);
      // Frames of a lane that ended here were on their way.
      if (lane === client.lane) this.#pass(client, kind, frame);
      else this.#waste(client, frame);
    }
  }

  /**
   * What is passed on to nobody costs the runtime nonetheless. Who has not heard yet that its lane ended sends what it
   * retains at the most: nothing of that is acknowledged.
   */
  #waste(client: Client<Socket>, frame: Uint8Array): void {
    client.dropped += frame.length + RETAIN_OVERHEAD;
    if (client.dropped > client.patience) this.#drop(client, 1008, "it goes on in a lane that ended");
  }

  #pass(client: Client<Socket>, kind: number, frame: Uint8Array): void {
    const { trunk } = client;
    if (trunk !== 0) {
      setLane(frame, trunk);
      if (kind === OPEN) this.#handleOpen(client, frame);
      this.#outside.toTrunk(frame);
      if (kind !== GOAWAY) this.#handlePassed(client, frame.length);
    } else {
      this.#waste(client, frame);
    }
    if (!this.#clients.has(client)) return;
    if (kind === GOAWAY) {
      client.forget();
      this.#over(client);
    } else if (client.phase === "lost" && kind >= OPEN) {
      client.asked = true;
      this.#outside.dial();
    }
  }

  #handleOpen(client: Client<Socket>, frame: Uint8Array): void {
    if (client.channels.size < MOST_CHANNELS) client.channels.add(channelOf(frame));
    this.#outside.opened();
  }

  #handleHello(client: Client<Socket>, lane: number, frame: Uint8Array): void {
    if (client.phase === "carried") {
      if (lane === client.lane) throw unexpected("HELLO in a lane that is open");
      throw new WireError("TOO_MANY_LANES", "one lane for each connection to a relay");
    }
    const { attempt, payload } = narrowed(payloadOf(frame), client.grant);
    if (attempt === 1) client.forget();
    else if (client.phase === "none") client.doubtful = true;
    // Who says it again before it is answered is allowed no more by that.
    if (client.phase !== "waiting") client.dropped = 0;
    client.lane = lane;
    client.attempt = attempt;
    client.asked = false;
    if (this.#connected) {
      client.phase = "carried";
      client.trunk = this.#freeLane();
      this.#carried.set(client.trunk, client);
      this.#outside.toTrunk(encode({ lane: client.trunk, channel: 0, kind: HELLO, payload }));
    } else {
      client.phase = "waiting";
      this.#outside.dial();
    }
    this.#outside.keep(client.socket, client.kept);
  }

  #handleWelcome(client: Client<Socket>, frame: Uint8Array): void {
    const { resumed, retain } = readPayload("WELCOME", payloadOf(frame), decodeWelcome);
    // Who says HELLO again opens nothing before WELCOME: what was open is lost.
    if (!resumed && client.attempt > 1) client.forget();
    client.patience = Math.max(retain, DEFAULT_RETAIN) + 2 * PROBE;
  }

  /** Lane 0 of a client's connection: the relay answers for its own hop. */
  #handleClientItself(client: Client<Socket>, kind: number, frame: Uint8Array): void {
    const said = decode(frame);
    if (said.kind === PING) {
      this.#send(client, pong(said.nonce));
    } else if (said.kind === PONG) {
      client.down.prove(said.nonce);
    } else if (said.kind === GOAWAY) {
      // All its lanes are over: it has one.
      if (client.lane !== 0) this.#pass(client, kind, frame);
    } else {
      throw unexpected("not for lane 0");
    }
  }

  /** Lane 0 of the trunk. */
  #handleTrunkItself(kind: number, frame: Uint8Array): void {
    if (kind === PING) {
      const said = decode(frame);
      if (said.kind === PING) this.#outside.toTrunk(pong(said.nonce));
    } else if (kind === GOAWAY) {
      // The server drains: that concerns everybody.
      this.#draining = true;
      for (const client of this.#carried.values()) this.#send(client, frame.slice());
    } else if (kind !== PONG) {
      throw unexpected("not for lane 0");
    }
  }

  /**
   * Sends to a client, and sees to it that it reads: one that gives credit for what it does not read would cost memory
   * without a bound.
   */
  #send(client: Client<Socket>, frame: Uint8Array): void {
    this.#outside.toClient(client.socket, frame);
    client.down.add(frame.length);
    if (this.#isAsked(client.down)) {
      const nonce = this.#outside.random();
      client.down.ask(nonce);
      this.#outside.toClient(client.socket, encode({ lane: CONNECTION, channel: 0, kind: PING, nonce }));
    }
    if (client.down.bytes > client.patience) this.#drop(client, 1008, "it does not read what it asked for");
    this.#checkAll();
  }

  /** The same up: a client that sends more than its windows let it, and faster than the server reads, is not waited for. */
  #handlePassed(client: Client<Socket>, bytes: number): void {
    client.up.add(bytes);
    if (this.#isAsked(client.up)) {
      const nonce = OURS + this.#outside.random();
      client.up.ask(nonce);
      this.#outside.toTrunk(encode({ lane: client.trunk, channel: 0, kind: PING, nonce }));
    }
    if (client.up.bytes > client.patience) this.#drop(client, 1008, "it sends more than its windows let it");
    this.#checkAll();
  }

  /** Whether it is time to ask: the more clients there are, the more exactly it has to be known what each of them costs. */
  #isAsked(gauge: Gauge): boolean {
    return gauge.unasked >= Math.min(PROBE, this.#budget / (4 * this.#clients.size));
  }

  get #budget(): number {
    return Math.max(ON_THE_WAY, EACH * this.#clients.size);
  }

  /** All together have a bound, too. Who has most on its way goes: it has more than its share, and can come back. */
  #checkAll(): void {
    while (this.#onTheWay.bytes > this.#budget) {
      let most: Client<Socket> | undefined;
      for (const client of this.#clients) if (most === undefined || costOf(client) > costOf(most)) most = client;
      if (most === undefined) return;
      this.#drop(most, 1008, "it has most on its way of all clients");
    }
  }

  /** Whether this PONG answers us. What it acknowledges the client learns by the next one. */
  #isOurs(client: Client<Socket>, frame: Uint8Array): boolean {
    if (!client.up.asks) return false;
    const said = decode(frame);
    return said.kind === PONG && client.up.prove(said.nonce);
  }

  #sleep(client: Client<Socket>, goAway: GoAway): void {
    client.forget();
    this.#over(client);
    this.#send(client, encode({ lane: client.lane, channel: 0, kind: GOAWAY, payload: encodeGoAway(goAway) }));
  }

  /** Has it say HELLO again, and tells it whether the last one was passed on. */
  #reset(client: Client<Socket>, message: string): void {
    const reason = client.phase === "waiting" ? "no-trunk" : "trunk-lost";
    this.#over(client);
    this.#send(client, reset(client.lane, reason, message));
  }

  #over(client: Client<Socket>): void {
    this.#release(client);
    client.phase = "over";
    this.#outside.keep(client.socket, client.kept);
  }

  /** The trunk does not carry its lane any more. */
  #release(client: Client<Socket>): void {
    this.#carried.delete(client.trunk);
    client.trunk = 0;
    client.up.clear();
    client.asked = false;
  }

  #drop(client: Client<Socket>, code: number, reason: string): void {
    this.remove(client);
    this.#outside.close(client.socket, code, reason);
  }

  #add(client: Client<Socket>): Client<Socket> {
    client.patience = DEFAULT_RETAIN + 2 * PROBE;
    this.#clients.add(client);
    return client;
  }

  /** A number that no frame on its way can mean: they rise, and begin again when the last of them is far away. */
  #freeLane(): number {
    do {
      this.#lastLane = this.#lastLane === LAST_LANE ? 1 : this.#lastLane + 1;
    } while (this.#carried.has(this.#lastLane));
    return this.#lastLane;
  }

  #dialWhenNeeded(): void {
    if (this.needsTrunk) this.#outside.dial();
  }

  #any(holds: (client: Client<Socket>) => boolean): boolean {
    for (const client of this.#clients) if (holds(client)) return true;
    return false;
  }
}

/** The payload of a HELLO or a WELCOME. */
function payloadOf(frame: Uint8Array): Uint8Array {
  const said = decode(frame);
  return "payload" in said ? said.payload : frame.subarray(LEN);
}

/** Bytes that are on their way because of a client. */
const costOf = ({ up, down }: Client<unknown>): number => up.bytes + down.bytes;

/** RESET in a lane, with this reason, and what happened, for a person. */
const reset = (lane: number, reason: string, message?: string): Uint8Array =>
  encode({ lane, channel: 0, kind: RESET, payload: encodeValue({ reason, message }) });

/** PONG in lane 0, which acknowledges nothing. */
const pong = (nonce: Uint): Uint8Array => encode({ lane: CONNECTION, channel: 0, kind: PONG, nonce, received: 0 });
