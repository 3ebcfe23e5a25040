import { expect, test } from "vitest";
import type { Exit } from "../../../../src/kinds/command.ts";
import type { ProcessInfo } from "../../../../src/kinds/process/info.ts";
import { age, chosen, cpuRate, exitText, statusText } from "./process-table.ts";

const ended: Exit = {
  success: false,
  exitCode: 0,
  signal: null,
  timedOut: false,
  oomKilled: false,
  coreDumped: false,
  shellEnded: false,
  duration: 1,
  usage: { user: 0, system: 0 },
  outputDropped: 0,
};

function info(id: string, change: Partial<ProcessInfo> = {}): ProcessInfo {
  const startedAt = new Date(1000);
  return {
    id,
    pid: 1,
    command: `run ${id}`,
    status: "running",
    startedAt,
    restarts: 0,
    keepAlive: false,
    logStart: 0,
    logEnd: 0,
    ...change,
  };
}

test("an end is told as it was", () => {
  expect(exitText(ended).label).toBe("Exited 0");
  expect(exitText({ ...ended, exitCode: 3 })).toMatchObject({ label: "Exited 3", tone: "danger" });
  expect(exitText({ ...ended, exitCode: null, signal: "SIGSEGV", coreDumped: true }).detail).toContain("core dump");
  expect(exitText({ ...ended, exitCode: null, signal: "SIGKILL", timedOut: true })).toMatchObject({
    label: "Timed out",
  });
  expect(exitText({ ...ended, exitCode: 0, timedOut: true })).toMatchObject({ label: "Timed out", tone: "danger" });
  expect(exitText({ ...ended, exitCode: null, signal: "SIGKILL", oomKilled: true }).label).toBe("Out of memory");
});

test("what is not known is not said", () => {
  expect(statusText({ status: "failed" }).label).toBe("Ended");
  expect(statusText({ status: "restarting", exit: { ...ended, exitCode: 2 } }).detail).toContain("code 2");
  expect(statusText({ status: "running" }).label).toBe("Running");
});

test("running ones first, then the newest; every word must be found", () => {
  const all = [
    info("old", { startedAt: new Date(1) }),
    info("gone", { status: "completed", startedAt: new Date(9) }),
    info("new", { startedAt: new Date(5), pid: 4711 }),
  ];
  const ids = (...args: [Parameters<typeof chosen>[1], string]) => chosen(all, ...args).map(process => process.id);
  expect(ids("all", "")).toEqual(["new", "old", "gone"]);
  expect(ids("running", "")).toEqual(["new", "old"]);
  expect(ids("ended", "")).toEqual(["gone"]);
  expect(ids("all", "RUN 471")).toEqual(["new"]);
  expect(ids("all", "run nothing")).toEqual([]);
});

test("a rate needs two readings of one run", () => {
  const at = (ms: number, cpu: number, pid = 1) => ({ at: ms, cpu, pid });
  expect(cpuRate(undefined, at(0, 0))).toBeUndefined();
  expect(cpuRate(at(0, 0), at(1000, 500))).toBe(0.5);
  expect(cpuRate(at(0, 0), at(1000, 3000))).toBe(3);
  expect(cpuRate(at(0, 500), at(1000, 100))).toBe(0);
  expect(cpuRate(at(0, 0), at(1000, 500, 2))).toBeUndefined();
  expect(cpuRate(at(5, 0), at(5, 500))).toBeUndefined();
});

test("age stops at the end", () => {
  expect(age(info("a"), 4000)).toBe(3000);
  expect(age(info("a", { endedAt: new Date(2000) }), 9000)).toBe(1000);
  expect(age(info("a"), 0)).toBe(0);
});
