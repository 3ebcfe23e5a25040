/** A lane whose memory can be measured. */

import { itemCost } from "../../src/protocol/channel.ts";
import { payloadLength } from "../../src/protocol/frame.ts";
import { Lane } from "../../src/protocol/lane.ts";
import type { Queue } from "../../src/protocol/queue.ts";

/** A lane that says what waits in it. */
export class MeasuredLane extends Lane {
  /** What arrived and was not taken, in bytes of window. */
  buffered(): number {
    return sum([...this.byId.values()].flatMap(({ inbox }) => all(inbox).map(itemCost)));
  }

  /** What waits to be sent for the first time, in bytes of payload, OPEN and CLOSE included. */
  queued(): number {
    const frames = [...this.byId.values()].flatMap(({ outbox }) => all(outbox));
    return sum([...frames, ...all(this.opens)].map(payloadLength));
  }
}

/** The entries of a queue, first to last. */
export const all = <T>(queue: Queue<T>): T[] =>
  Array.from({ length: queue.length }, (_, index) => queue.at(index) as T);

const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
