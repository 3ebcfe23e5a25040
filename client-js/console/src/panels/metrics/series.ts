/** Readings of the sandbox as columns for plots: each with rates since the one before, and no more than are shown. */

import type { Metrics } from "../../../../src/kinds/sandbox.ts";

/** A moment in the plots. What was not read then is null. */
export interface Sample {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Part of all CPUs that was busy since the moment before, 0 to 1. */
  readonly cpu: number | null;
  /** Bytes of memory in use. */
  readonly memory: number | null;
  readonly load: number | null;
  /** Part of one CPU that the server itself used. */
  readonly serverCpu: number | null;
  /** Bytes of memory of the server itself. */
  readonly serverMemory: number | null;
  /** Bytes a second of this connection. */
  readonly down: number | null;
  readonly up: number | null;
}

/** Moments that are kept: five minutes at one a second. */
export const KEPT = 300;

/** A gap of more than this, in milliseconds, is one: nobody knows what was between. */
const GAP = 10_000;

/** The samples with one more. */
export function added(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1);
  if (last !== undefined && sample.at <= last.at) return samples;
  const hole =
    last !== undefined && sample.at - last.at > GAP
      ? [
          {
            at: last.at + 1,
            cpu: null,
            memory: null,
            load: null,
            serverCpu: null,
            serverMemory: null,
            down: null,
            up: null,
          },
        ]
      : [];
  return [...samples, ...hole, sample].slice(-KEPT);
}

/** A sample from two readings; rates need both. */
export function sampleOf(
  before: Metrics | undefined,
  now: Metrics,
  cpus: number,
  traffic: { readonly down: number; readonly up: number },
): Sample {
  const at = now.time.getTime();
  const ms = before === undefined ? 0 : at - before.time.getTime();
  const rate = (a: number | undefined, b: number) =>
    ms > 0 && ms <= GAP && a !== undefined ? Math.max(0, (b - a) / ms) : null;
  const cpu = rate(before?.cpu, now.cpu);
  return {
    at,
    cpu: cpu === null ? null : Math.min(1, cpu / cpus),
    memory: now.memoryUsed,
    load: now.load1,
    serverCpu: rate(before?.serverCpu, now.serverCpu),
    serverMemory: now.serverMemory,
    down: traffic.down,
    up: traffic.up,
  };
}

/** A column of the samples, as plots take it. */
export function column(samples: readonly Sample[], name: keyof Sample): (number | null)[] {
  return samples.map(sample => sample[name]);
}
