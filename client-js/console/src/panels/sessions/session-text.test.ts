import { expect, test } from "vitest";
import { stateText } from "./session-text.ts";

const EXIT = {
  success: false,
  exitCode: null,
  signal: "SIGKILL",
  timedOut: false,
  oomKilled: false,
  coreDumped: false,
  shellEnded: false,
  duration: 1,
  usage: { user: 0, system: 0 },
  outputDropped: 0,
};

test("a shell that ended says how, when that is known", () => {
  expect(stateText({ state: "idle", queued: 0 }).label).toBe("Idle");
  expect(stateText({ state: "busy", queued: 0 }).detail).toBe("A command runs in it.");
  expect(stateText({ state: "busy", queued: 2 }).detail).toContain("2 more wait");
  expect(stateText({ state: "ended", queued: 0 }).detail).toContain("The next command gets a fresh one");
  const killed = stateText({ state: "ended", queued: 0, exit: EXIT });
  expect(killed.label).toBe("Shell ended");
  expect(killed.detail).toContain("SIGKILL");
});
