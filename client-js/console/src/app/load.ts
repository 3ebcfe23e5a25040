/** CPU and memory of the sandbox over the last minutes. */

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Client } from "./client.ts";
import { access } from "./connection.ts";

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

/** Milliseconds between two readings. */
const INTERVAL_MS = 2000;
/** Readings that are kept: five minutes. */
const KEPT = 150;

const history = signal<readonly Load[]>([]);

/** The load, oldest first. */
export const load: ReadonlySignal<readonly Load[]> = history;

/** Reads the load for as long as the page lives; not while nobody sees it. */
export function watchLoad(): void {
  const visible = signal(!document.hidden);
  document.addEventListener("visibilitychange", () => {
    visible.value = !document.hidden;
  });
  effect(() => {
    const now = access.value;
    if (now.is !== "open" || !visible.value) return undefined;
    const stop = new AbortController();
    void read(now.client, stop.signal);
    return () => stop.abort();
  });
}

/** Ends without a word when it may not, or cannot: the plot is then empty, and that is no reason to disturb anybody. */
async function read(client: Client, signal: AbortSignal): Promise<void> {
  try {
    const { cpus } = await client.info({ signal });
    let before: { at: number; cpu: number } | undefined;
    for await (const metrics of client.metrics({ interval: INTERVAL_MS, signal })) {
      const at = metrics.time.getTime();
      if (before !== undefined && at > before.at) {
        const cpu = Math.min(1, Math.max(0, (metrics.cpu - before.cpu) / (at - before.at) / cpus));
        const { memoryUsed: memory, memoryTotal } = metrics;
        history.value = [...history.value, { at, cpu, memory, memoryTotal }].slice(-KEPT);
      }
      before = { at, cpu: metrics.cpu };
    }
  } catch {
    // Aborted, not allowed, or the client is closed.
  }
}
