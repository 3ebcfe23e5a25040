/** Bytes to frames and back. There is one encoding of each frame: integers and lengths have their shortest form. */

import { malformed, WireError } from "../error.ts";
import { type Frame, payloadLength } from "../frame.ts";
import { MAX_FRAME, MAX_KIND_NAME } from "../limits.ts";
import { Reader, Writer } from "../msgpack.ts";
import { DATA, LEN, OPEN, readHeader } from "./header.ts";

/** The fields of each kind of frame, by its number, in the order of the wire. */
const FIELDS: readonly (readonly string[] | undefined)[] = [
  undefined,
  ["payload"],
  ["payload"],
  ["received"],
  ["nonce"],
  ["nonce", "received"],
  ["payload"],
  ["payload"],
  ["name", "class", "payload"],
  ["stream", "payload"],
  ["payload"],
  ["bytes"],
  ["stream"],
  ["ok", "payload"],
  [],
];

/** The greatest value of each integer that does not have 64 bits. */
const MOST: Readonly<Record<string, number>> = { class: 2, stream: 2, ok: 1, bytes: 0xffff_ffff };

/** Where heads (all but the payload's bytes) are written. Nothing in it outlives a call of {@link encode} or {@link decode}. */
const head = /* @__PURE__ */ new Writer();

/** Encodes a frame, for this lane. The payload is copied once, to its place. */
export function encode(frame: Frame, lane: number = frame.lane): Uint8Array<ArrayBuffer> {
  const at = putHead(frame, lane);
  const out = new Uint8Array(at + payloadLength(frame));
  out.set(head.out.subarray(0, at));
  if ("payload" in frame) out.set(frame.payload, at);
  return out;
}

/** Decodes one frame. Payloads are slices of `bytes`, not copies. Throws a {@link WireError} that says what is wrong. */
export function decode(bytes: Uint8Array): Frame {
  if (bytes.length > MAX_FRAME) throw new WireError("FRAME_TOO_LARGE", `more than ${MAX_FRAME} bytes`);
  const { kind, lane, channel } = readHeader(bytes);
  const names = FIELDS[kind];
  if (!names) throw new WireError("UNKNOWN_FRAME", `unknown frame kind ${kind}`);
  const fields: Record<string, unknown> = { lane, channel, kind };
  const reader = new Reader(bytes, LEN);
  for (const name of names) {
    const start = reader.at;
    fields[name] = checked(name, kind, fieldOf(reader), reader.at - start);
  }
  const frame = fields as Frame;
  if (kind >= OPEN === (channel === 0)) throw malformed("channel");
  // What was read in any form is written in the one that there is: if that is not the same, it was not a frame.
  const at = putHead(frame, lane);
  if (at + payloadLength(frame) !== bytes.length) throw malformed("length");
  for (let index = 0; index < at; index += 1) {
    if (head.out[index] !== bytes[index]) throw malformed(`not its one form, at byte ${index}`);
  }
  return frame;
}

function fieldOf(reader: Reader): unknown {
  try {
    return reader.value(0);
  } catch {
    throw malformed("field");
  }
}

/** The field as a frame has it. `length` is what it took on the wire, in bytes. */
function checked(name: string, kind: number, value: unknown, length: number): unknown {
  if (name === "payload") {
    if (value instanceof Uint8Array && (value.length > 0 || kind !== DATA)) return value;
  } else if (name === "name") {
    // Names of 32 bytes and more have a head of 2 bytes.
    if (typeof value === "string" && length <= MAX_KIND_NAME + 2) return value;
  } else if (typeof value === "bigint" || Number.isSafeInteger(value)) {
    const uint = value as number | bigint;
    const least = name === "bytes" ? 1 : 0;
    if (uint >= least && !(uint > (MOST[name] ?? uint))) return name === "ok" ? uint === 0 : uint;
  }
  throw malformed(`field ${name}`);
}

/** Writes all but the payload's own bytes to `head`. Returns its length. */
function putHead(frame: Frame, lane: number): number {
  const names = FIELDS[frame.kind] as readonly string[];
  head.at = 0;
  head.put(0x93 + names.length, 1, frame.kind);
  head.put(0xce, 4, lane);
  head.put(0xce, 4, frame.channel);
  for (const name of names) {
    const value = (frame as Readonly<Record<string, unknown>>)[name];
    if (value instanceof Uint8Array) head.binLength(value.length);
    else head.value(name === "ok" ? Number(!value) : value, 0);
  }
  return head.at;
}
