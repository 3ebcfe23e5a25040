/** The processes with what they use, read again and again. */

import { useRef } from "preact/hooks";
import type { Process } from "../../../../src/kinds/process/handle.ts";
import type { ProcessInfo } from "../../../../src/kinds/process/info.ts";
import type { Processes } from "../../../../src/kinds/process.ts";
import { type Poll, usePoll } from "../../ui/use-poll.ts";
import { cpuRate, type Reading } from "./process-table.ts";

/** A process with what it uses. */
export interface LiveProcess extends ProcessInfo {
  /** What to call on it. */
  readonly handle: Process;
  /** Busy cores of it and all that descends from it; nothing before the second reading, and when it does not run. */
  readonly cpu: number | undefined;
  /** Resident memory of the same, in bytes. */
  readonly memory: number | undefined;
  /** Processes in its tree. */
  readonly tree: number | undefined;
}

/** Milliseconds between two looks. */
const PAUSE = 1500;
/** Questions for figures that are on their way at once. */
const PARALLEL = 8;

/** Looks while `active`. */
export function useProcesses(client: Pick<Processes, "listProcesses">, active: boolean): Poll<LiveProcess[]> {
  const readings = useRef(new Map<string, Reading>());
  return usePoll(active, PAUSE, async signal => {
    const handles = await client.listProcesses({ signal });
    const before = readings.current;
    const now = new Map<string, Reading>();
    const live: LiveProcess[] = handles.map(handle => plain(handle));
    const waiting = live.entries();
    const work = async () => {
      for (const [i, process] of waiting) {
        if (process.status !== "running") continue;
        // One that ends just now has no figures.
        const stats = await process.handle.stats({ signal }).catch(() => undefined);
        if (stats === undefined) continue;
        const reading = { at: performance.now(), pid: process.pid, cpu: stats.cpu };
        now.set(process.id, reading);
        const cpu = cpuRate(before.get(process.id), reading);
        live[i] = { ...process, cpu, memory: stats.memoryBytes, tree: stats.processes };
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    readings.current = now;
    return live;
  });
}

function plain(handle: Process): LiveProcess {
  return { ...handle.info, handle, cpu: undefined, memory: undefined, tree: undefined };
}
