/** A Worker that was written for the stock package, with its import changed, under real workerd, with real servers behind it. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../harness/until.ts";
import { Platform } from "./platform.ts";

let platform: Platform;
beforeAll(async () => {
  platform = await Platform.start();
});
afterAll(() => platform?.stop());

interface Result {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const exec = (command: string, options: object = {}) => platform.call<Result>("exec", { args: [command], ...options });

/** Whether a process lives: one whose parent has not asked for its end yet does not. */
const lives = (pid: number) => existsSync(`/proc/${pid}/exe`);

describe("commands", () => {
  it("runs one and says how it ended", async () => {
    const result = await exec("echo out; echo err >&2; exit 7");
    expect(result).toMatchObject({
      success: false,
      exitCode: 7,
      stdout: "out",
      stderr: "err",
      sessionId: "sandbox-test",
    });
  });

  it("keeps directory and variables from one to the next, in the default session", async () => {
    await exec("cd /usr; export KEPT=yes");
    expect((await exec("pwd; echo $KEPT")).stdout).toBe("/usr\nyes");
    const alone = { options: { enableDefaultSession: false } };
    expect((await exec("echo $KEPT.", alone)).stdout).toBe(".");
  });

  it("calls back while it runs, and with the result", async () => {
    const { result, heard, completed } = await platform.call<{ result: Result; heard: unknown; completed: unknown }>(
      "execCallbacks",
      { args: ["echo one; echo two >&2; exit 3"] },
    );
    expect(result).toMatchObject({ exitCode: 3, stdout: "one", stderr: "two" });
    expect(heard).toEqual([
      ["stdout", "one\n"],
      ["stderr", "two\n"],
    ]);
    expect(completed).toEqual([3]);
  });

  it.each([
    ["one that has written", "execAborted", "sh -c 'echo $$; exec sleep 1000'"],
    ["a silent one", "execAbortedSilently", "pid"],
  ])("ends %s in the sandbox when its signal aborts", async (_, scenario, arg) => {
    const args = [arg === "pid" ? join(platform.folder, "pid") : arg];
    const { error, pid } = await platform.call<{ error: string; pid: number }>(scenario, { args });
    expect(error).toBe("AbortError");
    expect(pid).toBeGreaterThan(1);
    await until("the command's end", () => !lives(pid));
    expect((await exec("echo on")).stdout).toBe("on");
  });

  it("streams events, the last of which says how it ended", async () => {
    const events = await platform.call<{ type: string; data?: string; exitCode?: number }[]>("execStream", {
      args: ["echo hi; exit 4"],
    });
    expect(events.map(({ type }) => type)).toEqual(["start", "stdout", "complete"]);
    expect(events.at(1)?.data).toBe("hi\n");
    expect(events.at(-1)?.exitCode).toBe(4);
  });
});

describe("watches", () => {
  it("end in the sandbox when they are cancelled, also when nothing changes", async () => {
    const folder = join(platform.folder, "quiet");
    await exec(`mkdir ${folder}`);
    // More than the server has room for at once.
    await platform.call("watchAndLeave", { args: [folder, "60"] });
  });
});

describe("processes", () => {
  it("are waited for, listed, killed and looked at by handles that go through the Worker", async () => {
    const args = ["echo ready 42; exec sleep 1000"];
    expect(await platform.call("process", { args })).toEqual({
      line: "ready 42",
      match: "42",
      listed: [{ id: "one", status: "running" }],
      exitCode: 143,
      status: "killed",
      stdout: "ready 42\n",
      missing: null,
    });
  });

  it("call back with output and with their end", async () => {
    const { heard, code } = await platform.call<{ heard: string[]; code: number }>("processCallbacks", {
      args: ["echo a; echo b; exit 5"],
    });
    expect(heard[0]).toBe("start true");
    expect(heard.slice(1).join("").replaceAll("stdout ", "")).toBe("a\nb\n");
    expect(code).toBe(5);
  });
});

it("reads and writes files, bytes as they are", async () => {
  expect(await platform.call("files", { args: [join(platform.folder, "files")] })).toEqual({
    content: "hello",
    names: ["b", "y.txt"],
    back: [0, 1, 254, 255],
    exists: false,
  });
});

it("reads and writes files that are larger than a value of RPC", async () => {
  expect(await platform.call("largeFiles", { args: [join(platform.folder, "large")] })).toEqual({
    encoding: "base64",
    same: 0,
    text: 16 << 20,
    size: 32 << 20,
    wrong: "VALIDATION_FAILED",
    tooMuch: "FILE_TOO_LARGE",
  });
});

it("has sessions whose shells are their own", async () => {
  expect(await platform.call("sessions")).toEqual({
    stdout: "hello w\n/",
    second: "hello other",
    twice: "SESSION_ALREADY_EXISTS",
    deleted: true,
    names: ["named", true, "on"],
  });
});

it("has sessions that live on, however their commands end", async () => {
  expect(await platform.call("sessionEnds")).toEqual({
    exitCode: 3,
    late: "COMMAND_EXECUTION_ERROR",
    stdout: "/usr\nlocal",
    ended: "SESSION_TERMINATED",
    fresh: "fresh",
    other: expect.not.stringContaining("/usr"),
  });
});

it("says where its container is, as far as that is known", async () => {
  expect(await platform.call("placement")).toBe(null);
});

it("gives a Worker a WebSocket of the container, which the client takes", async () => {
  expect(await platform.call("passThrough", { args: ["the-class-has-a-token-of-its-own"] })).toBe("through\n");
  expect(await platform.call("passThrough", { args: ["another one"] })).toBe("refused with 401");
});

it("does without the default session what it does with it", async () => {
  const alone = { id: "alone", options: { enableDefaultSession: false } };
  expect((await exec("cd /usr; pwd", alone)).stdout).toBe("/usr");
  expect((await exec("pwd", alone)).stdout).not.toBe("/usr");
  await platform.call("setEnvVars", { ...alone, args: ['{"A":"b"}'] });
  expect((await exec("echo $A", alone)).stdout).toBe("b");
  await platform.call("destroy", alone);
  expect((await platform.info("alone")).state).toBe("absent");
});

it.each(["-edge", "edge-", "x".repeat(64), "www", "a\nb"])("refuses the id %s before anything is started", async id => {
  await expect(exec("true", { id })).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
});

it("takes whatever can be shown for an id, each its own", async () => {
  const ids = ["https://example.com/a b", "ä@example.com", "a.b"];
  for (const id of ids) await exec("export KEPT=$PWD", { id });
  const kept = await Promise.all(ids.map(async id => (await exec("echo $KEPT", { id })).stdout));
  expect(new Set(kept.filter(directory => directory !== "")).size).toBe(ids.length);
});

it("takes ids in lower case when it is told to", async () => {
  await exec("echo here > mark", { id: "lower" });
  const same = { id: "LOWER", options: { normalizeId: true } };
  expect((await exec("cat mark", same)).stdout).toBe("here");
});

it("tells the object only what changed since it was told last", async () => {
  const told = async (options: object) => {
    await platform.call("isExposed", { id: "told", options });
    return (await platform.call<{ configured: unknown }>("lookInto", { id: "told" })).configured;
  };
  const first = { sleepAfter: "5m", keepAlive: false };
  expect(await told(first)).toEqual([first]);
  expect(await told(first)).toEqual([first]);
  expect(await told({ ...first, keepAlive: true })).toEqual([first, { keepAlive: true }]);
  expect(await told({})).toEqual([first, { keepAlive: true }]);
});

it("refuses options that cannot be", async () => {
  await expect(exec("true", { options: { sleepAfter: "soon" } })).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
  const containerTimeouts = { instanceGetTimeoutMS: 1 };
  await expect(exec("true", { options: { containerTimeouts } })).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
});

it("has the methods and variables of a class that extends it", async () => {
  expect(await platform.call("shout", { args: ["loud"] })).toBe("LOUD");
  expect((await exec("echo $OF_THE_CLASS")).stdout).toBe("yes");
});

it("does not let variables take its server away", async () => {
  const moved = { code: "VALIDATION_FAILED", message: expect.stringContaining("SANDWIRE_LISTEN") };
  const id = "unmoved";
  for (const value of ['"127.0.0.1:1"', "null"]) {
    const args = [`{"A":"b","SANDWIRE_LISTEN":${value}}`];
    await expect(platform.call("setEnvVars", { id, args })).rejects.toMatchObject(moved);
  }
  expect((await exec("echo $A.", { id })).stdout).toBe(".");
  await platform.call("destroy", { id });
  expect(await platform.call("moveServer", { id })).toMatchObject({ message: moved.message });
});

it("has a host's sandbox of its own when it is called as another one's would be", async () => {
  const id = `o-${"0".repeat(48)}`;
  expect((await exec("echo here", { id })).stdout).toBe("here");
  expect((await platform.info(id)).state).toBe("absent");
});
