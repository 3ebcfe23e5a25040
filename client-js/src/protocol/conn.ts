/** One connection: the handshake, which lanes it carries, whether the peer is alive. */

import { malformed, unexpected, WireError } from "./error.ts";
import { GOAWAY, HELLO, PING, PONG, RESET, WELCOME } from "./frame/header.ts";
import { decodeHello, decodeWelcome, type Hello, type Welcome } from "./frame/payload.ts";
import { CONNECTION, type Frame, type Uint } from "./frame.ts";
import type { Role } from "./lane.ts";
import {
  DEAD_AFTER,
  HELLO_WITHIN,
  INITIAL_WINDOW,
  MAX_CLIENT_NAME,
  PING_AFTER,
  TOKEN_MAX,
  TOKEN_MIN,
  VERSION,
} from "./limits.ts";
import { utf8Length } from "./utf8.ts";

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
  | { readonly type: "reset"; readonly lane: number };

const DONE: Step = { type: "done" };
const LANE: Step = { type: "lane" };

/** One connection. Times are those of any clock that does not go back, in milliseconds. */
export class Conn {
  readonly #role: Role;
  readonly #maxLanes: number;
  /** Lanes that this connection carries. For a client also those whose WELCOME has not come. */
  readonly #lanes = new Set<number>();
  /** A client's lanes whose WELCOME has come. */
  readonly #welcomed = new Set<number>();
  #heard: number;
  #helloBy: number | undefined;
  #pinged = false;
  #pings = 0;

  /** A connection that was made now. */
  constructor(role: Role, now: number, maxLanes = 1) {
    this.#role = role;
    this.#maxLanes = maxLanes;
    this.#heard = now;
    this.#helloBy = role === "server" ? now + HELLO_WITHIN : undefined;
  }

  /** The connection carries this lane from here on. */
  attach(lane: number): void {
    this.#lanes.add(lane);
    this.#helloBy = undefined;
  }

  /** The connection does not carry this lane any more. */
  detach(lane: number): void {
    this.#forget(lane);
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
        return this.#handleHello(lane, frame.payload);
      case WELCOME:
        return this.#handleWelcome(lane, frame.payload);
      case GOAWAY:
        return lane === CONNECTION || this.#forget(lane) ? { type: "goAway", lane, payload: frame.payload } : DONE;
      case RESET:
        return this.#forget(lane) ? { type: "reset", lane } : DONE;
      case PING:
        if (lane === CONNECTION) {
          return { type: "reply", frame: { lane, channel: 0, kind: PONG, nonce: frame.nonce, received: 0 } };
        }
        if (this.#speaks(lane)) return { type: "lanePing", lane, nonce: frame.nonce };
        break;
      case PONG:
        if (lane === CONNECTION) return DONE;
        break;
      default:
    }
    if (this.#speaks(lane)) return LANE;
    if (lane === CONNECTION) throw unexpected("lane 0 carries only PING, PONG and GOAWAY");
    if (this.#helloBy !== undefined) throw unexpected("the first frame is HELLO");
    if (this.#lanes.has(lane)) throw unexpected("the first frame of a server in a lane is WELCOME");
    // A lane that ended here while the peer was still sending.
    return DONE;
  }

  /** When {@link handleTimeout} wants to be called. */
  pollTimeout(): number {
    const silent = this.#heard + (this.#pinged ? DEAD_AFTER : PING_AFTER);
    return Math.min(silent, this.#helloBy ?? silent);
  }

  /** Time has passed. Returns a PING to send. Throws a {@link WireError}: `HELLO_TIMEOUT` or `PEER_SILENT`. */
  handleTimeout(now: number): Frame | undefined {
    if (this.#helloBy !== undefined && this.#helloBy <= now) throw new WireError("HELLO_TIMEOUT", "no HELLO in time");
    const silence = now - this.#heard;
    if (silence >= DEAD_AFTER) throw new WireError("PEER_SILENT", "the peer is silent");
    if (silence < PING_AFTER || this.#pinged) return undefined;
    this.#pinged = true;
    this.#pings += 1;
    return { lane: CONNECTION, channel: 0, kind: PING, nonce: this.#pings };
  }

  #forget(lane: number): boolean {
    this.#welcomed.delete(lane);
    return this.#lanes.delete(lane);
  }

  /** Whether the peer may speak in this lane. */
  #speaks(lane: number): boolean {
    return (this.#role === "server" ? this.#lanes : this.#welcomed).has(lane);
  }

  #handleWelcome(lane: number, payload: Uint8Array): Step {
    if (this.#role !== "client" || !this.#lanes.has(lane)) throw unexpected("WELCOME answers a client's HELLO");
    const welcome = read("WELCOME", payload, decodeWelcome);
    checkVersion(welcome.version, VERSION);
    if (this.#welcomed.has(lane)) throw unexpected("WELCOME comes once");
    this.#welcomed.add(lane);
    return { type: "welcome", lane, welcome };
  }

  #handleHello(lane: number, payload: Uint8Array): Step {
    if (this.#role !== "server") throw unexpected("HELLO is for servers");
    if (lane === CONNECTION) throw unexpected("lane 0 is the connection itself");
    if (this.#lanes.has(lane)) throw unexpected("HELLO in a lane that is open");
    if (this.#lanes.size >= this.#maxLanes) throw new WireError("TOO_MANY_LANES", "too many lanes on one connection");
    const hello = read("HELLO", payload, decodeHello);
    checkVersion(hello.version, Number.POSITIVE_INFINITY);
    const { length } = hello.token;
    if (length < TOKEN_MIN || length > TOKEN_MAX) throw malformed("the token in HELLO has 16 to 64 bytes");
    if (hello.window !== undefined && hello.window < INITIAL_WINDOW) {
      throw malformed("the window in HELLO is at least 65536");
    }
    if (utf8Length(hello.client) > MAX_CLIENT_NAME) throw malformed("the client's name in HELLO has at most 256 bytes");
    // What follows a HELLO that the server refuses was sent before the refusal arrived.
    this.#helloBy = undefined;
    return { type: "hello", lane, hello };
  }
}

function checkVersion(version: number, most: number): void {
  if (version === 0 || version > most) {
    throw new WireError("UNSUPPORTED_VERSION", `protocol version ${version} is not supported`);
  }
}

function read<T>(name: string, payload: Uint8Array, decode: (payload: Uint8Array) => T): T {
  try {
    return decode(payload);
  } catch {
    throw malformed(`payload of ${name}`);
  }
}
