/**
 * Two sides with a network between them that loses connections at any byte, at one side first: what was sent arrives once, in
 * order. Rules R-RESUME-1 to R-RESUME-5, R-HELLO-2, R-ACK-1 and R-FLOW-3 are what makes it pass.
 */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "./sim/runs.ts";
import { type Act, LANES, World } from "./sim/world.ts";

const lane = fc.nat(LANES - 1);
const channel = fc.nat(7);
const byClient = fc.boolean();
const up = fc.boolean();

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("open" as const), lane, byClient, bulk: fc.boolean() }) },
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant("send" as const), lane, byClient, channel, length: fc.nat(70_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("event" as const), lane, byClient, channel, length: fc.nat(5000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("end" as const), lane, byClient, channel }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("take" as const),
      lane,
      byClient,
      channel,
      times: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("cancel" as const, "close" as const), lane, channel }) },
  {
    weight: 14,
    arbitrary: fc.record({ do: fc.constant("carry" as const), up, frames: fc.integer({ min: 1, max: 16 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cut" as const), up, bytes: fc.nat(200_000) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("carryOld" as const), frames: fc.integer({ min: 1, max: 6 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom("loseAtClient" as const, "loseAtServer" as const, "dial" as const, "dial" as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 1500 }) }) },
);

describe("a lane over connections that are lost", () => {
  it("delivers what was sent once, in order", () => {
    fc.assert(
      fc.property(fc.array(act, { minLength: 1, maxLength: 150, size: "max" }), acts => {
        const world = new World();
        for (const each of acts) world.step(each);
        world.drain();
        world.check();
      }),
      { numRuns: runs(400) },
    );
  });

  it("survives a loss after any frame of a command, and again while resuming", () => {
    for (const side of [true, false]) {
      for (let first = 0; first < 14; first += 1) {
        for (let second = 0; second < 6; second += 1) {
          const world = new World();
          world.step({ do: "open", lane: 0, byClient: true, bulk: true });
          world.step({ do: "send", lane: 0, byClient: true, channel: 0, length: 3000 });
          world.step({ do: "end", lane: 0, byClient: true, channel: 0 });
          for (const [lost, frames] of [
            [side, first],
            [!side, second],
          ] as const) {
            for (let at = 0; at < frames; at += 1) {
              world.step({ do: "carry", up: at % 2 === 0, frames: 1 });
              world.step({ do: "send", lane: 0, byClient: false, channel: 0, length: 1000 });
            }
            world.step({ do: lost ? "loseAtClient" : "loseAtServer" });
            world.step({ do: "dial" });
            world.step({ do: "carryOld", frames: 1 });
          }
          world.drain();
          world.check();
        }
      }
    }
  });

  it("survives a cut at every byte of a short life", () => {
    for (let bytes = 0; bytes < 400; bytes += 1) {
      const world = new World();
      world.step({ do: "open", lane: 0, byClient: true, bulk: false });
      world.step({ do: "send", lane: 0, byClient: true, channel: 0, length: 30 });
      world.step({ do: "cut", up: true, bytes });
      world.step({ do: "dial" });
      world.step({ do: "carry", up: true, frames: 9 });
      world.step({ do: "send", lane: 0, byClient: false, channel: 0, length: 50 });
      world.step({ do: "cut", up: false, bytes });
      world.drain();
      world.check();
    }
  });

  it("is in a world that really loses messages", () => {
    const world = new World();
    for (let round = 0; round < 50; round += 1) {
      world.step({ do: "open", lane: 0, byClient: round % 2 === 0, bulk: true });
      world.step({ do: "send", lane: 0, byClient: true, channel: 0, length: 500 });
      world.step({ do: "carry", up: true, frames: 2 });
      world.step({ do: "loseAtClient" });
      world.step({ do: "dial" });
      world.step({ do: "carry", up: true, frames: 3 });
      world.step({ do: "carry", up: false, frames: 3 });
    }
    expect(world.lostInFlight).toBeGreaterThanOrEqual(10);
    world.drain();
    world.check();
  });
});
