/** One connection: the handshake, which lanes it carries, whether the peer is alive. A server's is in `conn/server.ts`. */

import { malformed, unexpected, WireError } from "./error.ts";
import { GOAWAY, HELLO, PING, PONG, RESET, WELCOME } from "./frame/header.ts";
import { decodeWelcome, type Hello, type Welcome } from "./frame/payload.ts";
import { CONNECTION, type Frame, type Uint } from "./frame.ts";
import { DEAD_AFTER, PING_AFTER, VERSION } from "./limits.ts";

/** What a frame means to the connection. */
export type Step =
  /** Nothing is to be done. */
  | { readonly type: "done" }
  /** Send this back. */
  | { readonly type: "reply"; readonly frame: Frame }
  /** A client opens or resumes a lane (server). Answer with `attach` and WELCOME. */
  | { readonly type: "hello"; readonly lane: number; readonly hello: Hello }
  /** The server's answer (client). */
  | { readonly type: "welcome"; readonly lane: number; readonly welcome: Welcome }
  /** A PING in a lane: answer with what the lane has received. */
  | { readonly type: "lanePing"; readonly lane: number; readonly nonce: Uint }
  /** The frame is for its lane. */
  | { readonly type: "lane" }
  /** The peer goes away: the connection (lane 0) or one lane. Payload as it came. */
  | { readonly type: "goAway"; readonly lane: number; readonly payload: Uint8Array }
  /** A relay lost the other side of this lane. */
  | { readonly type: "reset"; readonly lane: number; readonly payload: Uint8Array };

const DONE: Step = { type: "done" };
const LANE: Step = { type: "lane" };

/** One connection, as the client has it. Times are those of any clock that does not go back, in milliseconds. */
export class Conn {
  /** Lanes that this connection carries, those whose WELCOME has not come included. */
  protected readonly lanes = new Set<number>();
  readonly #welcomed = new Set<number>();
  #heard: number;
  #pinged = false;
  #pings = 0;

  /** A connection that was made now. */
  constructor(now: number) {
    this.#heard = now;
  }

  /** The connection carries this lane from here on. */
  attach(lane: number): void {
    this.lanes.add(lane);
  }

  /** Something arrived, be it a WebSocket pong. */
  handleSignOfLife(now: number): void {
    this.#heard = now;
    this.#pinged = false;
  }

  /** Takes a frame. Throws a {@link WireError} that ends the connection. */
  handleFrame(now: number, frame: Frame): Step {
    this.handleSignOfLife(now);
    const { lane, kind } = frame;
    switch (kind) {
      case HELLO:
        return this.handleHello(lane, frame.payload);
      case WELCOME:
        return this.handleWelcome(lane, frame.payload);
      case GOAWAY:
        return lane === CONNECTION || this.#forget(lane) ? { type: "goAway", lane, payload: frame.payload } : DONE;
      case RESET:
        return this.#forget(lane) ? { type: "reset", lane, payload: frame.payload } : DONE;
      case PING:
        if (lane === CONNECTION) {
          return { type: "reply", frame: { lane, channel: 0, kind: PONG, nonce: frame.nonce, received: 0 } };
        }
        if (this.speaks(lane)) return { type: "lanePing", lane, nonce: frame.nonce };
        break;
      case PONG:
        if (lane === CONNECTION) return DONE;
        break;
      default:
    }
    if (this.speaks(lane)) return LANE;
    this.handleStray(lane);
    return DONE;
  }

  /** When {@link handleTimeout} wants to be called. */
  pollTimeout(): number {
    return this.#heard + (this.#pinged ? DEAD_AFTER : PING_AFTER);
  }

  /** Time has passed. Returns a PING to send. Throws a {@link WireError}, `PEER_SILENT`. */
  handleTimeout(now: number): Frame | undefined {
    const silence = now - this.#heard;
    if (silence >= DEAD_AFTER) throw new WireError("PEER_SILENT", "the peer is silent");
    if (silence < PING_AFTER || this.#pinged) return undefined;
    this.#pinged = true;
    this.#pings += 1;
    return { lane: CONNECTION, channel: 0, kind: PING, nonce: this.#pings };
  }

  /** Whether the peer may speak in this lane. */
  protected speaks(lane: number): boolean {
    return this.#welcomed.has(lane);
  }

  /** A frame in a lane in which the peer may not speak. That of a lane which ended while it was on its way is dropped. */
  protected handleStray(lane: number): void {
    if (lane === CONNECTION) throw unexpected("not for lane 0");
    if (this.lanes.has(lane)) throw unexpected("before WELCOME");
  }

  protected handleHello(_lane: number, _payload: Uint8Array): Step {
    throw unexpected("HELLO is for servers");
  }

  protected handleWelcome(lane: number, payload: Uint8Array): Step {
    if (!this.lanes.has(lane)) throw unexpected("WELCOME without HELLO");
    const welcome = readPayload("WELCOME", payload, decodeWelcome);
    checkVersion(welcome.version, VERSION);
    if (this.#welcomed.has(lane)) throw unexpected("WELCOME twice");
    this.#welcomed.add(lane);
    return { type: "welcome", lane, welcome };
  }

  #forget(lane: number): boolean {
    this.#welcomed.delete(lane);
    return this.lanes.delete(lane);
  }
}

/** Throws a {@link WireError} for a version that there is not. */
export function checkVersion(version: number, most: number): void {
  if (version === 0 || version > most) {
    throw new WireError("UNSUPPORTED_VERSION", `protocol version ${version} is not supported`);
  }
}

/** Reads the payload of a frame of this name. Throws a {@link WireError} when it cannot be read. */
export function readPayload<T>(name: string, payload: Uint8Array, decode: (payload: Uint8Array) => T): T {
  try {
    return decode(payload);
  } catch {
    throw malformed(`payload of ${name}`);
  }
}
