/** A peer that says anything: a named error or nothing, never another, and memory stays within its bounds. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ServerConn } from "../src/protocol/conn/server.ts";
import { Conn } from "../src/protocol/conn.ts";
import { WireError } from "../src/protocol/error.ts";
import { decode, encode } from "../src/protocol/frame/codec.ts";
import { CLOSE, DATA, END, OPEN } from "../src/protocol/frame/header.ts";
import type { Body, Stream } from "../src/protocol/frame.ts";
import { Lane } from "../src/protocol/lane.ts";
import { MAX_DEPTH, RETAIN_OVERHEAD } from "../src/protocol/limits.ts";
import * as msgpack from "../src/protocol/msgpack.ts";
import { attack, CONFIG, deed, laneError } from "./sim/attack.ts";
import { frame } from "./sim/frames.ts";
import { runs } from "./sim/runs.ts";
import { hex } from "./vectors/files.ts";

/** Names that a wire error may have. */
const WIRE = [
  "MALFORMED_FRAME",
  "FRAME_TOO_LARGE",
  "UNKNOWN_FRAME",
  "UNEXPECTED_FRAME",
  "UNSUPPORTED_VERSION",
  "HELLO_TIMEOUT",
  "PEER_SILENT",
  "TOO_MANY_LANES",
];

/** What this gives, unless it throws a wire error. Anything else is thrown on. */
function unlessWrong<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    expect(WIRE).toContain(error.code);
    expect([1002, 1008, 1009]).toContain(error.closeCode);
    return undefined;
  }
}

/** R-FRAME-2: what is accepted is the one encoding of it. */
function decodesOrNames(bytes: Uint8Array): void {
  const frame = unlessWrong(() => decode(bytes));
  if (frame) expect(hex(encode(frame))).toBe(hex(bytes));
}

describe("bytes", () => {
  it("decode to a frame or have a name", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), bytes => decodesOrNames(bytes)),
      { numRuns: runs(4000) },
    );
  });

  it("of frames decode to themselves", () => {
    fc.assert(
      fc.property(frame, frame => {
        const decoded = decode(encode(frame));
        if ("payload" in frame && "payload" in decoded) {
          expect(hex(decoded.payload)).toBe(hex(frame.payload));
          expect({ ...decoded, payload: 0 }).toEqual({ ...frame, payload: 0 });
        } else {
          expect(decoded).toEqual(frame);
        }
      }),
      { numRuns: runs(2000) },
    );
  });

  it("that are nearly a frame decode or have a name", () => {
    const changes = fc.array(fc.tuple(fc.nat(39), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(frame, changes, fc.nat(60), fc.uint8Array({ maxLength: 3 }), (frame, changes, cut, more) => {
        const bytes = encode(frame);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const kept = cut < 20 ? bytes.subarray(0, Math.max(0, bytes.length - cut)) : bytes;
        decodesOrNames(Buffer.concat([kept, more]));
      }),
      { numRuns: runs(4000) },
    );
  });
});

describe("values", () => {
  const key = fc.oneof(fc.string(), fc.constant("__proto__"), fc.string({ unit: "binary", maxLength: 50 }));
  const { value } = fc.letrec<{ value: unknown }>(tie => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constantFrom(null, true, false, "", "ü€😀", "x".repeat(31), "x".repeat(32), "ä".repeat(200)),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).filter(each => !Number.isSafeInteger(Number(each))),
      fc.double({ noInteger: true }),
      fc.string({ unit: "binary" }),
      fc.uint8Array({ maxLength: 300 }),
      fc.array(tie("value"), { maxLength: 20 }),
      fc.array(fc.tuple(key, tie("value")), { maxLength: 20 }).map(entries => Object.fromEntries(entries)),
      fc.constantFrom(
        new Map<unknown, unknown>([
          ["a", 1],
          [new Uint8Array([255]), null],
        ]),
      ),
    ),
  }));

  it("come back as they were", () => {
    fc.assert(
      fc.property(value, value => {
        expect(msgpack.decode(msgpack.encode(value))).toEqual(value);
      }),
      { numRuns: runs(2000) },
    );
  });

  it("of any bytes are read or are a ValueError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
        let value: unknown;
        try {
          value = msgpack.decode(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: "VALIDATION_FAILED" });
          return;
        }
        expect(msgpack.decode(msgpack.encode(value))).toEqual(value);
      }),
      { numRuns: runs(4000) },
    );
  });

  it("are nested as deep as they may be, and no deeper", () => {
    const nested = (depth: number) => new Uint8Array([...new Array<number>(depth).fill(0x91), 0xc0]);
    expect(hex(msgpack.encode(msgpack.decode(nested(MAX_DEPTH))))).toBe(hex(nested(MAX_DEPTH)));
    expect(() => msgpack.decode(nested(MAX_DEPTH + 1))).toThrow("nested deeper");
    expect(() => msgpack.decode(nested(100_000))).toThrow("nested deeper");
    const endless: unknown[] = [];
    endless.push(endless);
    expect(() => msgpack.encode(endless)).toThrow("nested deeper");
  });

  it("that promise more than they have cost nothing", () => {
    for (const head of ["dd7fffffff", "df7fffffff", "dbffffffff", "c6ffffffff", "de8000", "dcffff00"]) {
      expect(() => msgpack.decode(Buffer.from(head, "hex")), head).toThrow("too early");
    }
  });

  it("that have no form are refused", () => {
    for (const value of [() => 0, Symbol("s"), undefined, new Date(0), 2n ** 64n, -(2n ** 63n) - 1n, [undefined]]) {
      expect(() => msgpack.encode(value)).toThrow(expect.objectContaining({ code: "VALIDATION_FAILED" }));
    }
    expect(() => msgpack.encode("x".repeat(1 << 20))).toThrow("a frame carries");
    expect(msgpack.decode(msgpack.encode({ there: 1, not: undefined }))).toEqual({ there: 1 });
  });

  it("get no prototype from the wire", () => {
    const value = msgpack.decodeFields(msgpack.encode(new Map([["__proto__", { polluted: true }]])));
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect("polluted" in value).toBe(false);
    expect("polluted" in {}).toBe(false);
  });
});

describe("a lane under attack", () => {
  // R-FLOW-7, R-CHANNEL-7, R-RETAIN-1: whatever comes, what is kept has its bound.
  it("holds", () => {
    const deeds = fc.array(deed, { minLength: 1, maxLength: 80, size: "max" });
    fc.assert(
      fc.property(fc.boolean(), fc.boolean(), deeds, (client, giveUp, deeds) =>
        attack(client ? "client" : "server", deeds, giveUp),
      ),
      { numRuns: runs(1000) },
    );
  });

  it("costs no more than its limit when the peer never acknowledges", () => {
    const lane = new Lane("server", CONFIG);
    const epoch = lane.attach(0);
    const hear = (channel: number, body: Body) => laneError(() => lane.handleFrame(0, { lane: 1, channel, ...body }));
    const sayAll = () => {
      while (lane.pollTransmit(epoch)) {}
    };
    let refused: string | undefined;
    for (let id = 1; id < 200_000 && !refused; id += 2) {
      refused = hear(id, { kind: OPEN, name: "exec", class: 0, payload: new Uint8Array() })?.code;
      // Each upload earns a CREDIT, each channel a CLOSE: control and interactive frames, without end.
      hear(id, { kind: DATA, stream: 0, payload: new Uint8Array(40_000) });
      lane.recv(id);
      sayAll();
      lane.close(id, { ok: true, payload: new Uint8Array([0x80]) });
      sayAll();
      while (lane.pollEvent()) {}
      expect(lane.retained).toBeLessThanOrEqual(CONFIG.retain + RETAIN_OVERHEAD + 1);
    }
    expect(refused).toBe("TOO_MANY_CHANNELS");
    expect(lane.hasTransmit()).toBe(false);
  });

  it("refuses a stream that the codec would not let through", () => {
    const lane = new Lane("server", CONFIG);
    lane.attach(0);
    lane.handleFrame(0, { lane: 1, channel: 1, kind: OPEN, name: "exec", class: 0, payload: new Uint8Array() });
    for (const stream of [3, 8, 255] as number[] as Stream[]) {
      expect(lane.send(1, stream, new Uint8Array(1))).toBe("done");
      expect(lane.end(1, stream)).toBe("done");
      for (const body of [
        { kind: DATA, stream, payload: new Uint8Array(1) } as const,
        { kind: END, stream } as const,
      ]) {
        expect(laneError(() => lane.handleFrame(0, { lane: 1, channel: 1, ...body }))?.code).toBe("WRONG_STATE");
      }
    }
  });

  it("gives each error its name", () => {
    const lane = new Lane("client", CONFIG);
    lane.attach(0);
    const id = lane.open("exec", 2, false, new Uint8Array()) ?? 0;
    const early = { lane: 1, channel: id, kind: CLOSE, ok: true, payload: new Uint8Array() } as const;
    expect(laneError(() => lane.handleFrame(0, early))?.code).toBe("NO_SUCH_CHANNEL");
  });
});

describe("a connection under attack", () => {
  // R-HELLO-5, R-ZERO-1
  it("carries no more lanes than it may", () => {
    const frames = fc.array(fc.tuple(frame, fc.nat(20)), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(fc.boolean(), frames, (client, frames) => {
        const conn = client ? new Conn(0) : new ServerConn(0, 2);
        const carried = new Set<number>();
        let now = 0;
        if (client) {
          conn.attach(1);
          carried.add(1);
        }
        for (const [frame, seconds] of frames) {
          const step = unlessWrong(() => conn.handleFrame(now, frame));
          if (step?.type === "hello") {
            expect(step.lane > 0 && carried.size < 2 && !carried.has(step.lane)).toBe(true);
            carried.add(step.lane);
            conn.attach(step.lane);
          } else if (step?.type === "goAway" || step?.type === "reset") {
            expect(step.lane === 0 || carried.delete(step.lane)).toBe(true);
          } else if (step?.type === "lane") {
            expect(carried).toContain(frame.lane);
          }
          now += seconds * 1000;
          unlessWrong(() => conn.handleTimeout(now));
        }
      }),
      { numRuns: runs(1000) },
    );
  });
});
