/** A server's side of a connection, and of the handshake. The client does not need it: it is for simulations, and relays. */

import { Conn, checkVersion, readPayload, type Step } from "../conn.ts";
import { malformed, unexpected, ValueError, WireError } from "../error.ts";
import { decodeKnown, type Hello, type Welcome } from "../frame/payload.ts";
import { CONNECTION, type Frame } from "../frame.ts";
import { HELLO_WITHIN, INITIAL_WINDOW, MAX_CLIENT_NAME, TOKEN_MAX, TOKEN_MIN } from "../limits.ts";
import { decodeFields, encode } from "../msgpack.ts";
import { utf8Length } from "../utf8.ts";

/** One connection, as the server has it. */
export class ServerConn extends Conn {
  readonly #maxLanes: number;
  #helloBy: number | undefined;

  /** A connection that was made now, which may carry so many lanes. */
  constructor(now: number, maxLanes: number) {
    super(now);
    this.#maxLanes = maxLanes;
    this.#helloBy = now + HELLO_WITHIN;
  }

  /** The connection carries this lane from here on. */
  override attach(lane: number): void {
    super.attach(lane);
    this.#helloBy = undefined;
  }

  /** When {@link handleTimeout} wants to be called. */
  override pollTimeout(): number {
    const silent = super.pollTimeout();
    return Math.min(silent, this.#helloBy ?? silent);
  }

  /** Time has passed. Returns a PING to send. Throws a {@link WireError}: `HELLO_TIMEOUT` or `PEER_SILENT`. */
  override handleTimeout(now: number): Frame | undefined {
    if (this.#helloBy !== undefined && this.#helloBy <= now) throw new WireError("HELLO_TIMEOUT", "no HELLO in time");
    return super.handleTimeout(now);
  }

  protected override speaks(lane: number): boolean {
    return this.lanes.has(lane);
  }

  protected override handleStray(lane: number): void {
    if (this.#helloBy !== undefined) throw unexpected("the first frame is HELLO");
    super.handleStray(lane);
  }

  protected override handleWelcome(): Step {
    throw unexpected("WELCOME answers a client's HELLO");
  }

  protected override handleHello(lane: number, payload: Uint8Array): Step {
    if (lane === CONNECTION) throw unexpected("lane 0 is the connection itself");
    if (this.lanes.has(lane)) throw unexpected("HELLO in a lane that is open");
    if (this.lanes.size >= this.#maxLanes) throw new WireError("TOO_MANY_LANES", "too many lanes on one connection");
    const hello = readPayload("HELLO", payload, decodeHello);
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

/** Reads HELLO. Throws a {@link ValueError}. */
export function decodeHello(bytes: Uint8Array): Hello {
  const { window, age_ms, ...same } = decodeKnown(bytes, {
    version: 0,
    received: 0,
    attempt: 0,
    age_ms: -1,
    client: "",
    window: -1,
  });
  const { token = new Uint8Array(), scopes } = decodeFields(bytes);
  if (!(token instanceof Uint8Array)) throw new ValueError("the field token has a wrong type");
  const names = Array.isArray(scopes) && scopes.every(scope => typeof scope === "string");
  if (!names && scopes !== undefined && scopes !== null) throw new ValueError("the field scopes has a wrong type");
  const given = (value: number) => (value < 0 ? undefined : value);
  return {
    ...same,
    token,
    age_ms: given(age_ms),
    window: given(window),
    scopes: names ? scopes : undefined,
  };
}

/** Writes WELCOME. */
export const encodeWelcome = ({ bootId, laneTtlMs, maxChannels, ...same }: Welcome): Uint8Array =>
  encode({ ...same, boot_id: bootId, lane_ttl_ms: laneTtlMs, max_channels: maxChannels });
