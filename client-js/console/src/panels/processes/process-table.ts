/** What the table of processes shows: words for states, rates from readings, a filter. */

import type { Exit } from "../../../../src/kinds/command.ts";
import type { ProcessInfo } from "../../../../src/kinds/process/info.ts";
import type { StatusText } from "../../ui/states.tsx";

/** Where a process is in its life. */
export function statusText(info: Pick<ProcessInfo, "status" | "exit">): StatusText {
  if (info.status === "running") return { label: "Running", tone: "ok", detail: "It runs." };
  if (info.status === "restarting") {
    const before = info.exit === undefined ? "" : ` The last run: ${exitText(info.exit).detail}`;
    return { label: "Restarting", tone: "warn", detail: `It ended and will be started again.${before}` };
  }
  if (info.exit === undefined) return { label: "Ended", tone: undefined, detail: "It ended; how is not known." };
  return exitText(info.exit);
}

/** How something ended. */
export function exitText(exit: Exit): StatusText {
  const by = exit.signal === null ? `code ${exit.exitCode}` : exit.signal;
  const core = exit.coreDumped ? " It left a core dump." : "";
  if (exit.oomKilled)
    return { label: "Out of memory", tone: "danger", detail: `The kernel ended it for want of memory (${by}).${core}` };
  if (exit.timedOut)
    return { label: "Timed out", tone: "danger", detail: `Its time was over, and it was ended (${by}).${core}` };
  if (exit.signal !== null)
    return { label: exit.signal, tone: "danger", detail: `It was ended by ${exit.signal}.${core}` };
  if (exit.exitCode === 0) return { label: "Exited 0", tone: undefined, detail: "It ended by itself with code 0." };
  return { label: `Exited ${exit.exitCode}`, tone: "danger", detail: `It ended by itself with code ${exit.exitCode}.` };
}

/** Whether it may still do something. */
export function isAlive(info: Pick<ProcessInfo, "status">): boolean {
  return info.status === "running" || info.status === "restarting";
}

/** Which processes are shown. */
export type Which = "all" | "running" | "ended";

/** Those of a state whose id, command or pid has every word; those that run first, then the newest first. */
export function chosen<P extends ProcessInfo>(processes: readonly P[], which: Which, text: string): P[] {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter(word => word !== "");
  return processes
    .filter(process => which === "all" || isAlive(process) === (which === "running"))
    .filter(process => {
      const all = `${process.id} ${process.command} ${process.pid}`.toLowerCase();
      return words.every(word => all.includes(word));
    })
    .sort((a, b) => Number(isAlive(b)) - Number(isAlive(a)) || b.startedAt.getTime() - a.startedAt.getTime());
}

/** CPU time at a moment. */
export interface Reading {
  /** Milliseconds, by a clock that never goes back. */
  readonly at: number;
  /** Process id: another run begins at 0 again. */
  readonly pid: number;
  /** CPU time in milliseconds. */
  readonly cpu: number;
}

/** Cores that were busy between two readings; nothing when they cannot be compared. */
export function cpuRate(before: Reading | undefined, now: Reading): number | undefined {
  if (before === undefined || before.pid !== now.pid || now.at - before.at < 1) return undefined;
  // The time of a child that ended is not counted any more.
  return Math.max(0, (now.cpu - before.cpu) / (now.at - before.at));
}

/** How long the present run has been going, or the last one went, in milliseconds. */
export function age(info: Pick<ProcessInfo, "startedAt" | "endedAt">, now: number): number {
  return Math.max(0, (info.endedAt?.getTime() ?? now) - info.startedAt.getTime());
}
