/**
 * What the lane promises about time and memory: keys are not behind floods, what is kept has a limit, nobody waits for an
 * acknowledgement that is held back, windows grow for who keeps up.
 */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ACK, CLOSE, CREDIT, DATA, END, OPEN } from "../src/protocol/frame/header.ts";
import { type Body, type Frame, isCounted } from "../src/protocol/frame.ts";
import { type Config, Lane } from "../src/protocol/lane.ts";
import {
  ACK_BYTES,
  GROWTH_FRAME,
  MAX_DATA,
  MAX_WINDOW,
  MIN_RETAIN,
  RETAIN_OVERHEAD,
  RETAIN_RESERVE,
} from "../src/protocol/limits.ts";
import { decodeFields } from "../src/protocol/msgpack.ts";
import { Queue } from "../src/protocol/queue.ts";
import { retainCost } from "../src/protocol/replay.ts";
import { BULK, INTERACTIVE } from "../src/protocol/schedule.ts";
import { all } from "./sim/measured.ts";
import { runs } from "./sim/runs.ts";

const WIDE: Config = { maxChannels: 64, retain: 64 << 20, recvWindow: 64 << 10, sendWindow: 1 << 20, growth: 8 << 20 };
const NOTHING = new Uint8Array();

/** A lane on a connection. */
class Peer {
  readonly lane: Lane;
  readonly epoch: number;

  constructor(role: "client" | "server", config: Config = WIDE) {
    this.lane = new Lane(role, config);
    this.epoch = this.lane.attach(0);
  }

  hear(channel: number, body: Body): void {
    this.lane.handleFrame(0, { lane: 1, channel, ...body });
    while (this.lane.pollEvent()) {}
  }

  /** The peer opens a channel of this kind. */
  accept(id: number, name: string): void {
    this.hear(id, { kind: OPEN, name, class: 0, payload: NOTHING });
  }

  say(): Frame | undefined {
    return this.lane.pollTransmit(this.epoch);
  }

  /** Says all that it may. Returns how many counted frames that were. */
  sayAll(): number {
    let count = 0;
    for (let frame = this.say(); frame; frame = this.say()) count += isCounted(frame) ? 1 : 0;
    return count;
  }

  /** As much as there is room for, in frames of this length. */
  fill(id: number, length: number): void {
    while ((this.lane.room(id) ?? 0) >= length) expect(this.lane.send(id, 1, new Uint8Array(length))).toBeUndefined();
  }
}

/** Odd ids, from 1. */
const ids = (count: number): number[] => Array.from({ length: count }, (_, index) => index * 2 + 1);

describe("a key", () => {
  // R-SCHED-2: whatever floods, the frame after the one that is on its way is the key.
  it("is at most one bulk frame behind", () => {
    const peer = new Peer("server");
    for (const id of ids(20)) {
      peer.accept(id, "exec");
      peer.fill(id, MAX_DATA);
    }
    peer.accept(41, "pty.open");
    for (let round = 0; round < 30; round += 1) {
      expect(peer.say()?.channel).not.toBe(41);
      peer.lane.send(41, 0, new Uint8Array(1));
      expect(peer.say()?.channel, "the key goes next").toBe(41);
    }
  });

  // R-SCHED-3
  it("does not wait for another terminal that floods, which takes its turn with bulk", () => {
    const peer = new Peer("server");
    for (const id of [1, 3]) peer.accept(id, "pty.open");
    peer.accept(5, "exec");
    for (const id of [1, 5]) peer.fill(id, 8 << 10);
    peer.say();
    const turns = new Map<number, number>();
    for (let round = 0; round < 20; round += 1) {
      peer.lane.send(3, 0, new Uint8Array(1));
      expect(peer.say()?.channel).toBe(3);
      for (const id of [1, 5]) peer.fill(id, 8 << 10);
      const channel = peer.say()?.channel ?? 0;
      turns.set(channel, (turns.get(channel) ?? 0) + 1);
    }
    expect([...turns].sort()).toEqual([
      [1, 10],
      [5, 10],
    ]);
  });
});

// R-SCHED-2: channels of one class have the same number of turns, however much each has.
it("channels of a class take turns", () => {
  const peer = new Peer("server");
  for (const id of [1, 3, 5]) peer.accept(id, "file.read");
  const turns = new Map<number, number>();
  for (let round = 0; round < 300; round += 1) {
    peer.fill(1, 1000);
    peer.fill(3, 20_000);
    peer.fill(5, 100);
    const frame = peer.say();
    if (frame?.kind !== DATA) throw new Error("no DATA");
    turns.set(frame.channel, (turns.get(frame.channel) ?? 0) + 1);
    peer.hear(frame.channel, { kind: CREDIT, bytes: frame.payload.length });
  }
  expect([...turns.values()]).toEqual([100, 100, 100]);
});

describe("at the limit of what is retained", () => {
  // R-RETAIN-2
  it("bulk stops before keys, and keys before credit; each goes on after an ACK", () => {
    const peer = new Peer("server", { ...WIDE, retain: MIN_RETAIN });
    const { lane } = peer;
    peer.accept(1, "exec");
    peer.accept(3, "pty.open");
    do peer.fill(1, 10_000);
    while (peer.sayAll() > 0);
    within(lane.retained, MIN_RETAIN - RETAIN_RESERVE, 10_000 + RETAIN_OVERHEAD);
    do lane.send(3, 0, new Uint8Array(1000));
    while (peer.sayAll() > 0);
    within(lane.retained, MIN_RETAIN - RETAIN_RESERVE / 2, 1000 + RETAIN_OVERHEAD);
    // The peer uploads: CREDIT still goes out, up to the limit itself.
    const upload = () => {
      peer.hear(1, { kind: DATA, stream: 0, payload: new Uint8Array(33_000) });
      lane.recv(1);
      return peer.sayAll();
    };
    let credits = 0;
    while (lane.retained < MIN_RETAIN) {
      credits += upload();
      expect(credits, "credit passes keys and bulk").toBeGreaterThan(0);
    }
    expect(lane.retained).toBeLessThanOrEqual(MIN_RETAIN + RETAIN_OVERHEAD);
    expect(credits).toBeGreaterThan(400);
    expect(upload(), "beyond the limit nothing goes, not even credit").toBe(0);
    peer.hear(0, { kind: ACK, received: lane.sent });
    expect(lane.retained).toBe(0);
    expect(peer.sayAll()).toBeGreaterThan(0);
    expect(lane.retained).toBeGreaterThan(0);
  });

  // R-RETAIN-1
  it("OPENs stop as well, when the peer ends every channel and never acknowledges", () => {
    const peer = new Peer("client", { ...WIDE, retain: MIN_RETAIN });
    const { lane } = peer;
    for (let round = 0; ; round += 1) {
      expect(round, "OPENs without end").toBeLessThan(10_000);
      const id = lane.open("exec", BULK, false, new Uint8Array(1000)) ?? 0;
      if (!peer.say()) break;
      peer.hear(id, { kind: CLOSE, ok: true, payload: NOTHING });
      expect(lane.recv(id)?.type).toBe("close");
    }
    expect(lane.retained).toBeLessThanOrEqual(MIN_RETAIN + 1000 + RETAIN_OVERHEAD);
    expect(lane.hasTransmit()).toBe(false);
    peer.hear(0, { kind: ACK, received: lane.sent });
    expect(lane.hasTransmit()).toBe(true);
  });

  function within(value: number, from: number, by: number): void {
    expect(value).toBeGreaterThanOrEqual(from);
    expect(value).toBeLessThan(from + by);
  }
});

// R-ACK-1, R-RETAIN-1: with the least retention there is, a sender whose frames all arrive is never stuck, although no time
// passes and so no acknowledgement comes by time.
it("no sender waits for an acknowledgement that is held back", () => {
  const length = fc.oneof(
    fc.integer({ min: 1, max: 199 }),
    fc.integer({ min: 1, max: MAX_DATA }),
    fc.constant(MAX_DATA),
  );
  const lengths = fc.array(length, { minLength: 20, maxLength: 200, size: "max" });
  fc.assert(
    fc.property(lengths, fc.boolean(), (lengths, interactive) => {
      const config = { ...WIDE, retain: MIN_RETAIN, recvWindow: 1 << 20 };
      const sender = new Peer("server", config);
      const receiver = new Peer("client", config);
      const id = receiver.lane.open("exec", interactive ? INTERACTIVE : BULK, true, NOTHING) ?? 0;
      let next = 0;
      let unreported = 0;
      while (next < 600) {
        let moved = false;
        for (let frame = receiver.say(); frame; frame = receiver.say()) {
          moved = true;
          if (frame.kind === ACK) unreported = 0;
          sender.lane.handleFrame(0, frame);
        }
        while (next < 600 && !sender.lane.send(id, 1, new Uint8Array(lengths[next % lengths.length] ?? 1))) {
          moved = true;
          next += 1;
        }
        for (let frame = sender.say(); frame; frame = sender.say()) {
          moved = true;
          if (isCounted(frame)) unreported += retainCost(frame);
          receiver.lane.handleFrame(0, frame);
          receiver.lane.recv(id);
          if (unreported >= ACK_BYTES && !receiver.lane.hasTransmit()) throw new Error("an acknowledgement is due");
        }
        while (sender.lane.pollEvent() || receiver.lane.pollEvent()) {}
        if (!moved) throw new Error(`stuck with ${sender.lane.retained} bytes retained`);
      }
    }),
    { numRuns: runs(12) },
  );
});

describe("a window", () => {
  /** The largest that it becomes for a user who takes all but `lag` frames of this length. */
  function largest(length: number, lag: number, growth: number): number {
    const peer = new Peer("client", { ...WIDE, growth });
    const { lane } = peer;
    const id = lane.open("file.read", BULK, false, NOTHING) ?? 0;
    peer.say();
    const cost = Math.max(length, 64);
    let window = 64 << 10;
    let most = window;
    let waiting = 0;
    for (let round = 0; round < 100; round += 1) {
      for (; window >= cost; window -= cost, waiting += 1) {
        peer.hear(id, { kind: DATA, stream: 1, payload: new Uint8Array(length) });
      }
      for (; waiting > lag; waiting -= 1) expect(lane.recv(id)?.type).toBe("data");
      for (let frame = peer.say(); frame; frame = peer.say()) if (frame.kind === CREDIT) window += frame.bytes;
      most = Math.max(most, window + waiting * cost);
    }
    peer.hear(id, { kind: CLOSE, ok: true, payload: NOTHING });
    while (lane.recv(id)) {}
    expect(lane.growth, "what grew comes back").toBe(growth);
    expect(lane.channels).toBe(0);
    return most;
  }

  // R-FLOW-6
  it("grows for who keeps up, and only then", () => {
    expect(largest(16 << 10, 0, 64 << 20), "a reader that keeps up").toBe(MAX_WINDOW);
    expect(largest(16 << 10, 1, 64 << 20), "one that lags").toBe(64 << 10);
    expect(largest(GROWTH_FRAME - 1, 0, 64 << 20), "small frames").toBe(64 << 10);
    expect(largest(16 << 10, 0, 100_000), "as far as the budget goes").toBe((64 << 10) + 100_000);
    expect(largest(16 << 10, 0, 0)).toBe(64 << 10);
  });
});

// R-LOST-1
it("a lost lane says what is known of each channel", () => {
  const peer = new Peer("client");
  const { lane } = peer;
  const open = () => lane.open("exec", BULK, false, NOTHING) ?? 0;
  const opened = [1, 2, 3].map(() => {
    const id = open();
    peer.say();
    return id;
  });
  opened.push(open());
  peer.hear(0, { kind: ACK, received: 1 });
  peer.hear(opened[2] ?? 0, { kind: END, stream: 1 });
  lane.fail("gone");
  opened.push(open());
  const admitted = opened.map(id => {
    for (let item = lane.recv(id); item; item = lane.recv(id)) {
      if (item.type !== "close") continue;
      expect(item.ok).toBe(false);
      const { code, details } = decodeFields(item.payload);
      expect(code).toBe("OPERATION_INTERRUPTED");
      return (details as { admitted: string }).admitted;
    }
    throw new Error("every channel ends");
  });
  expect(admitted).toEqual(["true", "unknown", "true", "false", "false"]);
  expect(lane.channels).toBe(0);
  expect(lane.hasTransmit()).toBe(false);
  expect(() => lane.attach(0)).toThrow("gone");
});

it("a queue is a list without its cost", () => {
  const step = fc.oneof(fc.integer(), fc.constantFrom("shift" as const, "shift" as const, "clear" as const));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: "max" }), steps => {
      const queue = new Queue<number>();
      let list: number[] = [];
      for (const step of steps) {
        if (step === "shift") {
          expect(queue.shift()).toBe(list.shift());
        } else if (step === "clear") {
          queue.clear();
          list = [];
        } else {
          queue.push(step);
          list.push(step);
        }
        expect([queue.length, queue.at(list.length - 1), queue.at(list.length)]).toEqual([
          list.length,
          list.at(-1),
          undefined,
        ]);
      }
      expect(all(queue)).toEqual(list);
    }),
    { numRuns: runs(300) },
  );
});
