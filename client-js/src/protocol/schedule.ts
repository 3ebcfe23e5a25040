/** Which comes next: by class, and round robin inside a class. Used for the channels of a lane, and by relays for lanes. */

import { Queue } from "./queue.ts";

/** Frames that keep the rest going: OPEN, CREDIT, CANCEL. In OPEN it means "the kind's own class". */
export const CONTROL = 0;
/** What a person waits for: keys, screens, unary calls. */
export const INTERACTIVE = 1;
/** Streams and transfers. */
export const BULK = 2;

/** How urgent a frame is. A higher number is sent only when no lower one has anything to send. */
export type Class = typeof CONTROL | typeof INTERACTIVE | typeof BULK;

/** Members that have something to send, each at most once in the queue of its class. */
export class Scheduler {
  readonly #queues: readonly [Queue<number>, Queue<number>, Queue<number>] = [new Queue(), new Queue(), new Queue()];

  /** Puts a member last in its class. The caller sees to it that it is in no queue yet. */
  push(cls: Class, id: number): void {
    this.#queues[cls].push(id);
  }

  /** Takes the member of this class whose turn it is. */
  pop(cls: Class): number | undefined {
    return this.#queues[cls].shift();
  }

  /** The most urgent class in which anybody waits. */
  first(): Class | undefined {
    const [control, interactive, bulk] = this.#queues;
    return control.length > 0 ? CONTROL : interactive.length > 0 ? INTERACTIVE : bulk.length > 0 ? BULK : undefined;
  }

  /** Forgets everybody. */
  clear(): void {
    for (const queue of this.#queues) queue.clear();
  }
}
