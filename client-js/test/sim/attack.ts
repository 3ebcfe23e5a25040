/** What the user of a lane under attack does, while its peer says anything; and the bounds that hold meanwhile. */

import fc from "fast-check";
import { expect } from "vitest";
import { LaneError } from "../../src/protocol/error.ts";
import { decode, encode } from "../../src/protocol/frame/codec.ts";
import type { Frame, Stream, Uint } from "../../src/protocol/frame.ts";
import type { Config, Lane, Role } from "../../src/protocol/lane.ts";
import { EVENT_RESERVE, MAX_FRAME, MIN_RETAIN, OUTBOX, RETAIN_OVERHEAD } from "../../src/protocol/limits.ts";
import type { Class } from "../../src/protocol/schedule.ts";
import { frame, id, uint } from "./frames.ts";
import { MeasuredLane } from "./measured.ts";

/** Narrow bounds, so that they are met. */
export const CONFIG: Config = {
  maxChannels: 3,
  retain: MIN_RETAIN,
  recvWindow: 64 << 10,
  sendWindow: 300 << 10,
  growth: 200_000,
};

/** One thing that happens. */
export type Deed =
  | { readonly do: "hear"; readonly frame: Frame }
  | { readonly do: "open"; readonly class: number }
  | { readonly do: "send" | "event" | "close"; readonly id: number; readonly length: number }
  | { readonly do: "end" | "cancel" | "release" | "recv"; readonly id: number }
  | { readonly do: "say"; readonly most: number }
  | { readonly do: "reconnect"; readonly received: Uint }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "lose" | "drain" | "fail" };

const named = <N extends string>(name: N): fc.Arbitrary<N> => fc.constant(name);

/** Any deed; mostly the peer's. */
export const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 30, arbitrary: fc.record({ do: named("hear"), frame }) },
  { weight: 3, arbitrary: fc.record({ do: named("open"), class: fc.nat(2) }) },
  { weight: 5, arbitrary: fc.record({ do: named("send"), id, length: fc.nat(70_000) }) },
  { weight: 2, arbitrary: fc.record({ do: named("event"), id, length: fc.nat(40_000) }) },
  { weight: 2, arbitrary: fc.record({ do: named("close"), id, length: fc.nat(2000) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("end", "cancel", "release"), id }) },
  { weight: 8, arbitrary: fc.record({ do: named("recv"), id }) },
  { weight: 8, arbitrary: fc.record({ do: named("say"), most: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: named("reconnect"), received: uint }) },
  { weight: 1, arbitrary: fc.record({ do: named("wait"), ms: fc.nat(3000) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("lose", "drain", "fail") }) },
);

/** Plays the deeds. `giveUp` says what an honest shell does at an error; without it the lane must hold even longer. */
export function attack(role: Role, deeds: readonly Deed[], giveUp: boolean): void {
  const lane = new MeasuredLane(role, CONFIG);
  const opened = new Set<number>();
  let epoch = lane.attach(0);
  let now = 0;
  for (const deed of deeds) {
    switch (deed.do) {
      case "hear": {
        const error = laneError(() => lane.handleFrame(now, deed.frame));
        if (error && giveUp) lane.fail(error.code);
        break;
      }
      case "open":
        lane.open("exec", deed.class as Class, true, new Uint8Array(1));
        break;
      case "send": {
        const room = lane.room(deed.id);
        const blocked = lane.send(deed.id, 1, new Uint8Array(deed.length));
        if (!blocked && deed.length > (room ?? 0)) throw new Error(`${deed.length} bytes were sent into ${room}`);
        break;
      }
      case "event":
        lane.event(deed.id, new Uint8Array(deed.length));
        break;
      case "close":
        lane.close(deed.id, { ok: true, payload: new Uint8Array(deed.length) });
        break;
      case "end":
        lane.end(deed.id, (deed.id % 3) as Stream);
        break;
      case "cancel":
      case "release":
      case "recv":
        lane[deed.do](deed.id);
        break;
      case "say":
        for (let count = 0; count < deed.most; count += 1) if (!say(lane, epoch)) break;
        break;
      case "reconnect": {
        lane.detach();
        const error = laneError(() => {
          epoch = lane.attach(deed.received);
        });
        if (error && error.code !== "LANE_GONE") {
          const fewer = Number(BigInt(deed.received) % 3n);
          laneError(() => {
            epoch = lane.attach(lane.sent - Math.min(lane.sent, fewer));
          });
        }
        break;
      }
      case "wait":
        now += deed.ms;
        lane.handleTimeout(now);
        break;
      case "lose":
        lane.detach();
        break;
      case "drain":
        lane.drain();
        break;
      case "fail":
        lane.fail("lost");
        break;
    }
    let events = 0;
    for (let event = lane.pollEvent(); event; event = lane.pollEvent()) {
      events += 1;
      if (event.type !== "opened") continue;
      expect(opened.has(event.id), `OPEN ${event.id} took effect twice`).toBe(false);
      opened.add(event.id);
    }
    bounded(lane, events);
  }
}

/** The error of the lane that this throws. Anything else is thrown on: it has no name. */
export function laneError(work: () => void): LaneError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof LaneError && error.code !== undefined) return error;
    throw error;
  }
}

function say(lane: Lane, epoch: number): boolean {
  const retained = lane.retained;
  const frame = lane.pollTransmit(epoch);
  if (!frame) return false;
  const bytes = encode(frame, 1);
  expect(bytes.length).toBeLessThanOrEqual(MAX_FRAME);
  expect(decode(bytes).kind).toBe(frame.kind);
  if (lane.retained !== retained && retained >= CONFIG.retain) throw new Error("sent beyond the limit");
  return true;
}

function bounded(lane: MeasuredLane, events: number): void {
  const most = CONFIG.maxChannels * 3;
  within("channels", lane.channels, most + 1);
  within("bytes for the user", lane.buffered(), lane.channels * CONFIG.recvWindow + CONFIG.growth);
  within("bytes of growth", lane.growth, CONFIG.growth);
  within("bytes to be sent", lane.queued(), lane.channels * (OUTBOX + EVENT_RESERVE + 2000));
  within("bytes retained", lane.retained, CONFIG.retain + 70_000 + RETAIN_OVERHEAD);
  within("events of one deed", events, 2 * most + 2);
}

function within(what: string, value: number, most: number): void {
  if (value > most) throw new Error(`${value} ${what}, more than ${most}`);
}
