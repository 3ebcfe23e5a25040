/** One transport and the lane on it: the reading, the writing, the timers. */

import type { Link } from "./link.ts";
import { Pace } from "./pace.ts";
import { after, monotonic } from "./platform.ts";
import { Conn, readPayload } from "./protocol/conn.ts";
import { LaneError, malformed, WireError } from "./protocol/error.ts";
import { decode, encode } from "./protocol/frame/codec.ts";
import { GOAWAY, PING, PONG } from "./protocol/frame/header.ts";
import { decodeGoAway, encodeGoAway, type GoAway, type Reset, type Welcome } from "./protocol/frame/payload.ts";
import { CONNECTION, type Frame, type Uint } from "./protocol/frame.ts";
import type { Epoch } from "./protocol/lane.ts";
import { DEAD_AFTER } from "./protocol/limits.ts";
import { BULK } from "./protocol/schedule.ts";
import type { Transport } from "./transport.ts";

/** A direct client has one lane, with this number. */
export const LANE = 1;

/** Replies that may wait. A peer that asks for more without reading is answered less: a flood of PINGs is owed one PONG. */
const MAX_REPLIES = 64;

/** A timer that comes so late, in milliseconds, tells of a machine that slept: what was not heard then means nothing. */
const SLEPT = 2000;

/** Milliseconds in which a connection has to show that it lives, when there is reason to doubt. */
const DOUBT = 5000;

/** What the owner of a connection has to act on. It is called while the frame is handled: what follows sees what it did. */
export interface Owner {
  /** The server's answer to HELLO: attach, then the lane goes on. */
  handleWelcome(welcome: Welcome): void;
  /** The server goes away (lane 0), or ends the lane. */
  handleGoAway(lane: number, goAway: GoAway): void;
  /** A relay has no other side for the lane any more. */
  handleReset(reset: Reset): void;
  /** The server broke the lane's rules, and was told. */
  handleBroken(error: LaneError): void;
  /** The connection is over. Comes once, and nothing after it. */
  handleClosed(closed: Closed): void;
  /** A round trip was measured, in milliseconds. */
  handleRtt(rtt: number): void;
}

/** Bytes of frames on all connections of a client. */
export interface Traffic {
  up: number;
  down: number;
}

/** Why a connection is over. */
export interface Closed {
  /** `lost`: on another connection the lane may go on; `broken`: a side broke the protocol, and the lane is not to be trusted. */
  readonly how: "lost" | "broken";
  readonly reason: string;
}

/** One connection. */
export class Connection {
  readonly #transport: Transport;
  readonly #owner: Owner;
  readonly #traffic: Traffic;
  readonly #conn = new Conn(monotonic());
  #link: Link | undefined;
  #epoch: Epoch | undefined;
  readonly #pace = new Pace();
  #replies: Frame[] = [];
  #closed = false;
  #pumping = false;
  #stopTimer: (() => void) | undefined;
  #armed = Number.POSITIVE_INFINITY;
  /** Round trips that are measured, by their nonces: what is told the answer. */
  #pings = new Map<Uint, () => void>();
  #nonce = 0;

  constructor(transport: Transport, owner: Owner, traffic: Traffic) {
    this.#transport = transport;
    this.#owner = owner;
    this.#traffic = traffic;
    this.#conn.attach(LANE);
    transport.listen({
      message: bytes => this.#handleMessage(bytes),
      text: text => {
        if (text === "pong") this.#conn.handleSignOfLife(monotonic());
        else this.#fail(malformed("a text message"));
      },
      drained: () => this.#pump(),
      closed: (code, reason) => this.#end(closedByPeer(code, reason)),
    });
    this.#arm();
  }

  /** Sends a frame that no lane counts. */
  send(frame: Frame): void {
    if (this.#replies.length < MAX_REPLIES) this.#replies.push(frame);
    this.wake();
  }

  /**
   * The connection carries this lane from here on; the peer has received this many of its frames.
   *
   * @throws LaneError when it cannot have.
   */
  attach(link: Link, peerReceived: number): void {
    this.#epoch = link.attach(peerReceived, () => this.wake());
    this.#link = link;
    this.wake();
  }

  /** There is something to send: it goes out when what is being done now is done. */
  wake(): void {
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    Promise.resolve().then(() => this.#pump());
  }

  /** Measures a round trip. `done` is not called when the connection is lost before the answer. */
  ping(done?: (rtt: number) => void): void {
    const nonce = ++this.#nonce;
    const since = monotonic();
    this.#pings.set(nonce, () => {
      const rtt = monotonic() - since;
      this.#owner.handleRtt(rtt);
      done?.(rtt);
    });
    this.send({ lane: CONNECTION, channel: 0, kind: PING, nonce });
  }

  /** There is reason to doubt that the connection lives: it has to show it soon. */
  doubt(): void {
    this.#conn.handleSignOfLife(monotonic() - (DEAD_AFTER - DOUBT));
    this.#handleTimeout();
  }

  /** Says GOAWAY in the lane: it is over, and nothing has to wait its turn any more. */
  goAway(goAway: GoAway): void {
    if (this.#closed) return;
    this.#pump();
    this.#transport.send(encode({ lane: LANE, channel: 0, kind: GOAWAY, payload: encodeGoAway(goAway) }));
  }

  /** Ends the connection after what waits. The owner hears nothing more of it, but for `gone`, when the socket has closed. */
  close(code: number, reason: string, gone?: () => void): void {
    if (this.#closed) {
      gone?.();
      return;
    }
    this.#pump();
    this.#detach();
    this.#gone = gone;
    this.#transport.close(code, reason);
  }

  /** Leaves the transport to whoever comes next. */
  release(): Transport {
    this.#detach();
    return this.#transport;
  }

  /** Ends the connection without waiting for anybody. */
  drop(): void {
    this.#detach();
    this.#transport.drop();
  }

  #gone: (() => void) | undefined;

  #handleMessage(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#traffic.down += bytes.length;
    try {
      this.#handleFrame(decode(bytes));
    } catch (error) {
      if (error instanceof WireError) this.#fail(error);
      else if (error instanceof LaneError) this.#owner.handleBroken(error);
      else throw error;
    }
    // A message may have freed the way, too: the network took something.
    if (!this.#closed) this.wake();
  }

  #handleFrame(frame: Frame): void {
    const now = monotonic();
    if (frame.kind === PONG) this.#handlePong(frame.lane, frame.nonce, now);
    const step = this.#conn.handleFrame(now, frame);
    switch (step.type) {
      case "reply":
        this.send(step.frame);
        break;
      case "welcome":
        this.#owner.handleWelcome(step.welcome);
        break;
      case "lanePing": {
        const received = this.#link?.with(lane => lane.acknowledgeNow()) ?? 0;
        this.send({ lane: step.lane, channel: 0, kind: PONG, nonce: step.nonce, received });
        break;
      }
      case "lane":
        this.#handleLaneFrame(now, frame);
        break;
      case "goAway":
      case "reset": {
        const said = readPayload("GOAWAY or RESET", step.payload, decodeGoAway);
        if (step.type === "goAway") this.#owner.handleGoAway(step.lane, said);
        else this.#owner.handleReset(said);
      }
    }
  }

  #handleLaneFrame(now: number, frame: Frame): void {
    const epoch = this.#epoch;
    if (epoch === undefined) return;
    this.#link?.with(lane => {
      if (lane.isCurrent(epoch)) lane.handleFrame(now, frame);
    });
    this.#arm();
  }

  #handlePong(lane: number, nonce: Uint, now: number): void {
    if (lane === LANE) {
      this.#pace.handlePong(Number(nonce), now);
    } else {
      this.#pings.get(nonce)?.();
      this.#pings.delete(nonce);
    }
  }

  /** Hands frames to the transport, as long as it takes them. */
  #pump(): void {
    // The lane wakes whoever looks at it while it has something to send: not again while this does.
    this.#pumping = true;
    while (this.#mayPump() && this.#transport.writable()) {
      const reply = this.#replies.shift();
      const frame = reply ?? this.#next();
      if (frame === undefined) break;
      // A lane does not know its number.
      const bytes = encode(frame, reply === undefined ? LANE : frame.lane);
      this.#traffic.up += bytes.length;
      this.#transport.send(bytes);
      const nonce = this.#pace.handleSent(bytes.length, monotonic());
      if (nonce !== undefined) this.#replies.push({ lane: LANE, channel: 0, kind: PING, nonce });
    }
    this.#pumping = false;
  }

  /** Whether there is something that may go out now. */
  #mayPump(): boolean {
    if (this.#closed) return false;
    if (this.#replies.length > 0) return true;
    const cls = this.#link?.with(lane => lane.transmitClass());
    return cls !== undefined && (cls !== BULK || !this.#pace.isFull());
  }

  #next(): Frame | undefined {
    const epoch = this.#epoch;
    return epoch === undefined ? undefined : this.#link?.with(lane => lane.pollTransmit(epoch));
  }

  /** Sets the timer forward when something is due earlier. One that rings too early does no harm. */
  #arm(): void {
    const due = Math.min(
      this.#conn.pollTimeout(),
      this.#link?.with(lane => lane.pollTimeout()) ?? Number.POSITIVE_INFINITY,
    );
    if (this.#closed || due >= this.#armed) return;
    this.#stopTimer?.();
    this.#armed = due;
    this.#stopTimer = after(Math.max(0, due - monotonic()), () => {
      const late = monotonic() - this.#armed;
      this.#armed = Number.POSITIVE_INFINITY;
      if (late > SLEPT) this.doubt();
      else this.#handleTimeout();
    });
  }

  #handleTimeout(): void {
    if (this.#closed) return;
    const now = monotonic();
    this.#link?.with(lane => lane.handleTimeout(now));
    try {
      // As text: a relay's runtime answers that without waking the relay.
      if (this.#conn.handleTimeout(now)) this.#transport.send("ping");
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#fail(error);
    }
    this.wake();
    this.#arm();
  }

  /** Tells the peer what is wrong, and ends the connection. */
  #fail(error: WireError): void {
    if (this.#closed) return;
    // Silence breaks no rule: it is what a lost network is like.
    const silent = error.code === "PEER_SILENT";
    const reason = `${error.code}: ${error.message}`;
    if (silent) this.#transport.drop();
    else this.#transport.close(error.closeCode, reason);
    this.#end({ how: silent ? "lost" : "broken", reason });
  }

  #end(closed: Closed): void {
    this.#gone?.();
    if (this.#closed) return;
    this.#detach();
    this.#owner.handleClosed(closed);
  }

  #detach(): void {
    this.#closed = true;
    this.#stopTimer?.();
    if (this.#epoch !== undefined) this.#link?.detach(this.#epoch);
    this.#link = undefined;
  }
}

/** What a close code of the peer means; PROTOCOL.md, section 2. */
function closedByPeer(code: number, reason: string): Closed {
  const broken = (code === 1002 && !reason.startsWith("PEER_SILENT")) || code === 1009;
  const how = broken ? "broken" : "lost";
  const lost = reason || "the connection was lost";
  return { how, reason: code === 1006 ? lost : `closed by the server: ${code} ${reason}`.trim() };
}
