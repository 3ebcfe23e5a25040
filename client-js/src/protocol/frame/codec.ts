/** Bytes to frames and back. There is one encoding of each frame: integers and lengths have their shortest form. */

import { malformed, WireError } from "../error.ts";
import { type Frame, payloadLength, type Stream, type Uint } from "../frame.ts";
import { MAX_FRAME, MAX_KIND_NAME } from "../limits.ts";
import type { Class } from "../schedule.ts";
import { readText, writeText } from "../utf8.ts";
import {
  ACK,
  byteAt,
  CANCEL,
  CLOSE,
  CREDIT,
  DATA,
  END,
  EVENT,
  GOAWAY,
  HELLO,
  LEN,
  OPEN,
  PING,
  PONG,
  putUint32,
  RESET,
  readHeader,
  uint32,
  WELCOME,
  writeHeader,
} from "./header.ts";

/** Longest head (everything but the payload) of any frame, in bytes, with the room that a name needs before it is cut. */
const MAX_HEAD = LEN + 3 * MAX_KIND_NAME + 16;

/** Where heads are written while the length of the frame is not known. Nothing in it outlives a call of {@link encode}. */
const head = /* @__PURE__ */ new Uint8Array(MAX_HEAD);

/** Number of elements of each kind of frame, by its number. */
const ELEMENTS = [0, 4, 4, 4, 4, 5, 4, 4, 6, 5, 4, 4, 4, 5, 3];

/** Encodes a frame, for this lane. The payload is copied once, to its place. */
export function encode(frame: Frame, lane: number = frame.lane): Uint8Array<ArrayBuffer> {
  const at = putHead(frame, lane);
  const out = new Uint8Array(at + payloadLength(frame));
  for (let index = 0; index < at; index += 1) out[index] = byteAt(head, index);
  if ("payload" in frame) out.set(frame.payload, at);
  return out;
}

/** Decodes one frame. Payloads are slices of `bytes`, not copies. Throws a {@link WireError} that says what is wrong. */
export function decode(bytes: Uint8Array): Frame {
  if (bytes.length > MAX_FRAME) {
    throw new WireError("FRAME_TOO_LARGE", `the frame has ${bytes.length} bytes, more than ${MAX_FRAME}`);
  }
  const { elements, kind, lane, channel } = readHeader(bytes);
  const fields = new Fields(bytes);
  const frame = readBody(kind, lane, channel, fields);
  if (elements !== ELEMENTS[kind]) throw malformed("wrong number of elements for this kind of frame");
  if (fields.at !== bytes.length) throw malformed("bytes after the end of the frame");
  if (kind >= OPEN === (channel === 0)) throw malformed("frames of a channel have a channel, others have 0");
  return frame;
}

function readBody(kind: number, lane: number, channel: number, fields: Fields): Frame {
  switch (kind) {
    case HELLO:
    case WELCOME:
    case GOAWAY:
    case RESET:
    case EVENT:
      return { lane, channel, kind, payload: fields.bin() };
    case ACK:
      return { lane, channel, kind, received: fields.uint() };
    case PING:
      return { lane, channel, kind, nonce: fields.uint() };
    case PONG:
      return { lane, channel, kind, nonce: fields.uint(), received: fields.uint() };
    case OPEN: {
      const name = fields.kindName();
      const cls = fields.atMost(2, "the class of OPEN is 0, 1 or 2") as Class;
      return { lane, channel, kind, name, class: cls, payload: fields.bin() };
    }
    case DATA: {
      const stream = fields.stream();
      const payload = fields.bin();
      if (payload.length === 0) throw malformed("DATA without a byte");
      return { lane, channel, kind, stream, payload };
    }
    case CREDIT: {
      const bytes = fields.atMost(2 ** 32 - 1, CREDIT_RANGE);
      if (bytes === 0) throw malformed(CREDIT_RANGE);
      return { lane, channel, kind, bytes };
    }
    case END:
      return { lane, channel, kind, stream: fields.stream() };
    case CLOSE: {
      const status = fields.atMost(1, "the status of CLOSE is 0 or 1");
      return { lane, channel, kind, ok: status === 0, payload: fields.bin() };
    }
    case CANCEL:
      return { lane, channel, kind };
    default:
      throw new WireError("UNKNOWN_FRAME", `unknown frame kind ${kind}`);
  }
}

const CREDIT_RANGE = "CREDIT is 1 to 2^32 - 1";

/** Writes everything but the payload's own bytes to `head`. Returns its length. */
function putHead(frame: Frame, lane: number): number {
  const { kind } = frame;
  let at = writeHeader(head, ELEMENTS[kind] ?? 0, kind, lane, frame.channel);
  switch (kind) {
    case PING:
    case PONG:
      at = putUint(at, frame.nonce);
      break;
    case OPEN:
      at = putUint(putName(at, frame.name), frame.class);
      break;
    case DATA:
    case END:
      at = putUint(at, frame.stream);
      break;
    case CREDIT:
      at = putUint(at, frame.bytes);
      break;
    case CLOSE:
      at = putUint(at, frame.ok ? 0 : 1);
      break;
    default:
  }
  if ("received" in frame) return putUint(at, frame.received);
  return "payload" in frame ? putLength(at, frame.payload.length) : at;
}

function putUint(at: number, value: Uint): number {
  if (value < 0x80) return putByte(at, Number(value));
  if (value < 0x100) return putByte(putByte(at, 0xcc), Number(value));
  if (value < 0x10000) return putUint16(putByte(at, 0xcd), Number(value));
  if (value < 0x1_0000_0000) return putLong(putByte(at, 0xce), Number(value));
  const exact = BigInt(value);
  return putLong(putLong(putByte(at, 0xcf), Number(exact >> 32n)), Number(exact & 0xffff_ffffn));
}

function putLength(at: number, length: number): number {
  if (length < 0x100) return putByte(putByte(at, 0xc4), length);
  if (length < 0x10000) return putUint16(putByte(at, 0xc5), length);
  return putLong(putByte(at, 0xc6), length);
}

/** Names longer than {@link MAX_KIND_NAME} are cut between characters, so that the head keeps its bound; no kind has one. */
function putName(at: number, name: string): number {
  const text = at + 2;
  let length = writeText(name.slice(0, MAX_KIND_NAME), head, text);
  while (length > MAX_KIND_NAME || (length > 0 && (byteAt(head, text + length) & 0xc0) === 0x80)) length -= 1;
  const start = length < 32 ? putByte(at, 0xa0 | length) : putByte(putByte(at, 0xd9), length);
  head.copyWithin(start, text, text + length);
  return start + length;
}

function putByte(at: number, byte: number): number {
  head[at] = byte;
  return at + 1;
}

const putUint16 = (at: number, value: number): number => putByte(putByte(at, value >>> 8), value);

function putLong(at: number, value: number): number {
  putUint32(head, at, value);
  return at + 4;
}

/** Reads the fields behind the header, one after the other. */
class Fields {
  at = LEN;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  uint(): Uint {
    const marker = this.#int(1);
    if (marker < 0x80) return marker;
    if (marker < 0xcc || marker > 0xcf) throw malformed("not an unsigned integer");
    const size = 1 << (marker - 0xcc);
    const high = size === 8 ? this.#int(4) : 0;
    const low = this.#int(Math.min(size, 4));
    const least = size === 8 ? high > 0 : low >= (size === 1 ? 0x80 : 2 ** (4 * size));
    if (!least) throw malformed("an integer that is not in its shortest form");
    return high < 0x20_0000 ? high * 0x1_0000_0000 + low : (BigInt(high) << 32n) | BigInt(low);
  }

  atMost(most: number, what: string): number {
    const value = this.uint();
    if (value > most) throw malformed(what);
    return Number(value);
  }

  stream(): Stream {
    return this.atMost(2, "a stream is 0 to 2") as Stream;
  }

  bin(): Uint8Array {
    const marker = this.#int(1);
    if (marker < 0xc4 || marker > 0xc6) throw malformed("the payload is not a bin");
    const length = this.#length(1 << (marker - 0xc4));
    const { buffer, byteOffset } = this.#bytes;
    // Not `subarray`: of a Node Buffer that would be a Buffer.
    return new Uint8Array(buffer, byteOffset + this.#take(length), length);
  }

  kindName(): string {
    const marker = this.#int(1);
    const short = marker >= 0xa0 && marker <= 0xbf;
    if (!short && marker !== 0xd9) throw malformed("the kind of OPEN is not a str");
    const length = short ? marker & 0x1f : this.#int(1);
    if (!short && length < 32) throw malformed(LENGTH_FORM);
    if (length > MAX_KIND_NAME) throw malformed("the kind of OPEN is too long");
    const from = this.#take(length);
    try {
      return readText(this.#bytes, from, this.at);
    } catch {
      throw malformed("the kind of OPEN is not UTF-8");
    }
  }

  /** A length in so many bytes, which must not fit in fewer. */
  #length(size: number): number {
    const length = this.#int(size);
    if (size > 1 && length < 2 ** (4 * size)) throw malformed(LENGTH_FORM);
    return length;
  }

  #int(size: number): number {
    const from = this.#take(size);
    const bytes = this.#bytes;
    if (size === 4) return uint32(bytes, from);
    return size === 1 ? byteAt(bytes, from) : (byteAt(bytes, from) << 8) | byteAt(bytes, from + 1);
  }

  /** Goes on by so many bytes. Returns where they begin. */
  #take(length: number): number {
    const from = this.at;
    this.at += length;
    if (this.at > this.#bytes.length) throw malformed("the frame ends too early");
    return from;
  }
}

const LENGTH_FORM = "a length that is not in its shortest form";
