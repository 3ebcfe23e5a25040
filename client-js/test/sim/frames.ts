/** Frames that a hostile peer may say: valid ones, near the edges of what they mean. */

import fc from "fast-check";
import { encodeWelcome } from "../../src/protocol/conn/server.ts";
import * as header from "../../src/protocol/frame/header.ts";
import { encodeHello } from "../../src/protocol/frame/payload.ts";
import type { Body, Frame, Stream, Uint } from "../../src/protocol/frame.ts";
import type { Class } from "../../src/protocol/schedule.ts";

const MAX = 2 ** 32 - 1;

/** Ids near the edges, so that they meet. */
export const id = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 8 }) },
  { weight: 2, arbitrary: fc.constantFrom(MAX, MAX - 1) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: MAX }) },
);

/** A payload of any length up to one that no window covers. */
export const payload: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 2, arbitrary: fc.nat(70_000).map(length => new Uint8Array(length).fill(0x61)) },
);

/** A 64-bit integer, as the decoder gives it. */
export const uint: fc.Arbitrary<Uint> = fc.oneof(
  { weight: 4, arbitrary: fc.nat(20) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(exact) },
  { weight: 1, arbitrary: fc.constant(2n ** 64n - 1n) },
);

function exact(value: bigint): Uint {
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

const stream = fc.nat(2) as fc.Arbitrary<Stream>;
const cls = fc.nat(2) as fc.Arbitrary<Class>;
const kind = <K extends number>(number: K): fc.Arbitrary<K> => fc.constant(number);

const hello = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .record({ version: fc.nat(2), length: fc.integer({ min: 14, max: 17 }) })
      .map(({ version, length }) =>
        encodeHello({ version, token: new Uint8Array(length), received: 0, attempt: 0, client: "" }),
      ),
  },
  { weight: 1, arbitrary: payload },
);

const welcome = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.nat(2).map(version =>
      encodeWelcome({
        version,
        resumed: false,
        received: 0,
        bootId: "",
        server: "",
        laneTtlMs: 0,
        maxChannels: 0,
        retain: 0,
      }),
    ),
  },
  { weight: 1, arbitrary: payload },
);

const body: fc.Arbitrary<Body> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: kind(header.OPEN),
      name: fc.constantFrom("exec", "pty.open", "", "of.the.future", "ü".repeat(32)),
      class: cls,
      payload,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: kind(header.DATA), stream, payload: payload.filter(({ length }) => length > 0) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: kind(header.EVENT), payload }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: kind(header.CREDIT),
      bytes: fc.oneof(fc.integer({ min: 1, max: 200_000 }), fc.constantFrom(MAX, 2 ** 31)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind(header.END), stream }) },
  { weight: 3, arbitrary: fc.record({ kind: kind(header.CLOSE), ok: fc.boolean(), payload }) },
  { weight: 2, arbitrary: fc.record({ kind: kind(header.CANCEL) }) },
  { weight: 2, arbitrary: fc.record({ kind: kind(header.ACK), received: uint }) },
  { weight: 1, arbitrary: fc.record({ kind: kind(header.PONG), nonce: uint, received: uint }) },
  { weight: 1, arbitrary: fc.record({ kind: kind(header.PING), nonce: uint }) },
  { weight: 1, arbitrary: fc.record({ kind: kind(header.HELLO), payload: hello }) },
  { weight: 1, arbitrary: fc.record({ kind: kind(header.WELCOME), payload: welcome }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom(header.GOAWAY, header.RESET), payload }) },
);

const lane = fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(MAX) });

/** A valid frame. */
export const frame: fc.Arbitrary<Frame> = fc
  .tuple(lane, id, body)
  .map(([lane, channel, body]) => ({ lane, channel: body.kind >= header.OPEN ? channel : 0, ...body }));
