/** CPU and memory of the sandbox over the last minutes. */

import { type ReadonlySignal, signal } from "@preact/signals";

/** The load at a moment. */
export interface Load {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Part of all CPUs that was busy since the moment before, 0 to 1. */
  readonly cpu: number;
  /** Bytes of memory in use. */
  readonly memory: number;
  /** Bytes of memory that there are. */
  readonly memoryTotal: number;
}

const history = signal<readonly Load[]>([]);

/** The load, oldest first. */
export const load: ReadonlySignal<readonly Load[]> = history;
