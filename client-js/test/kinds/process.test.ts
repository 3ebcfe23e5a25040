/** Background processes against the real server. */

import { describe, expect, it, onTestFinished } from "vitest";
import {
  AbortError,
  connect,
  ExistsError,
  InterruptedError,
  type LogEvent,
  NotFoundError,
  ProcessExistsError,
  ProcessExitedBeforeReadyError,
  ProcessNotFoundError,
  ProcessReadyTimeoutError,
  StdinNotOpenError,
  TimeoutError,
} from "../../src/index.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { Server } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { all, failure, next, served } from "./served.ts";

const test = served();

const text = (events: readonly LogEvent[], stream = "stdout"): string =>
  events.map(event => (event.type === stream && "data" in event ? event.data : "")).join("");

describe("a process", () => {
  it("is started, known by its id, waited for", async () => {
    const process = await test.sandbox.startProcess("read line; echo $line $A; exit 3", {
      id: "first",
      cwd: "/",
      env: { A: "b" },
      stdin: true,
    });
    expect(process).toMatchObject({ id: "first", status: "running", command: "read line; echo $line $A; exit 3" });
    expect(process.pid).toBeGreaterThan(0);
    expect(process.info.cwd).toBe("/");
    expect(Math.abs(process.info.startedAt.getTime() - Date.now())).toBeLessThan(60_000);
    expect(process.exit).toBeUndefined();
    const writer = process.stdin.getWriter();
    await writer.write("a\n");
    expect(await process.wait()).toMatchObject({ exitCode: 3, success: false, signal: null });
    expect(process).toMatchObject({ status: "failed", exit: { exitCode: 3 } });
    expect(process.info.endedAt).toBeInstanceOf(Date);
    expect(await process.getStatus()).toBe("failed");
    expect(await process.logs()).toMatchObject({
      stdout: "a b\n",
      stderr: "",
      ended: true,
      missing: 0,
      truncated: false,
    });

    const same = await test.sandbox.getProcess("first");
    expect(same?.info).toEqual(process.info);
    expect(await test.sandbox.getProcess("nobody")).toBeNull();
    const taken = await failure(test.sandbox.startProcess("true", { id: "first" }));
    expect(taken).toBeInstanceOf(ProcessExistsError);
    expect(taken).toBeInstanceOf(ExistsError);
    await process.remove();
    expect(await test.sandbox.getProcess("first")).toBeNull();
    expect(await failure(process.getStatus())).toBeInstanceOf(ProcessNotFoundError);
    expect(await failure(process.getStatus())).toBeInstanceOf(NotFoundError);
  });

  it("says how it ended in its status", async () => {
    const completed = await test.sandbox.startProcess("true");
    await completed.wait();
    const killed = await test.sandbox.startProcess("kill -9 $$");
    await killed.wait();
    const late = await test.sandbox.startProcess("sleep 600", { timeout: 50 });
    expect(await late.wait()).toMatchObject({ timedOut: true });
    expect([completed.status, killed.status, late.status]).toEqual(["completed", "killed", "killed"]);
  });

  it("is waited for no longer than asked, and goes on", async () => {
    const process = await test.sandbox.startProcess("sleep 600");
    const error = await failure(process.waitForExit(50));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toBeInstanceOf(ProcessReadyTimeoutError);
    const controller = new AbortController();
    const waiting = failure(process.wait({ signal: controller.signal }));
    controller.abort();
    expect(await waiting).toBeInstanceOf(AbortError);
    expect(await process.getStatus()).toBe("running");
    await process.kill(undefined, { grace: 0 });
    expect(process).toMatchObject({ status: "killed", exit: { signal: "SIGKILL" } });
  });

  it("gets signals, or is ended with its tree", async () => {
    const process = await test.sandbox.startProcess([
      "sh",
      "-c",
      "trap 'echo usr1' USR1; echo up; while :; do sleep 0.1; done",
    ]);
    await process.waitForLog("up");
    await process.kill("USR1", { target: "leader" });
    await process.waitForLog("usr1");
    await process.kill();
    expect(process.status).toBe("killed");
    await process.kill();
    expect(await failure(process.kill("SIGTERM"))).toMatchObject({ code: "PROCESS_EXITED" });
    expect(await failure(test.sandbox.killProcess("nobody"))).toBeInstanceOf(ProcessNotFoundError);
  });

  it("is started again as its policy says", async () => {
    const process = await test.sandbox.startProcess("echo run; exit 1", {
      restart: { policy: "on-failure", max: 2, backoff: 10 },
    });
    const events = await all(process.streamLogs());
    expect(text(events)).toBe("run\nrun\nrun\n");
    expect(events.filter(event => event.type === "restarted")).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ type: "end", ended: true, exit: { exitCode: 1 } });
    await process.getStatus();
    expect(process.info.restarts).toBe(2);
  });

  it("says what it uses", async () => {
    const process = await test.sandbox.startProcess("sleep 600 & echo started; wait");
    await process.waitForLog("started");
    const stats = await process.stats();
    expect(stats).toMatchObject({ processes: 2, threads: 2 });
    expect(stats.memoryBytes).toBeGreaterThan(100_000);
    expect(stats.cpu).toBeGreaterThanOrEqual(0);
    await process.kill();
  });

  it("refuses input when it was not started for it", async () => {
    const process = await test.sandbox.startProcess("sleep 600");
    expect(await failure(process.stdin.getWriter().write("a"))).toBeInstanceOf(StdinNotOpenError);
    await process.kill();
  });
});

describe("all processes", () => {
  it("are listed over all pages, ended, and forgotten", async () => {
    const server = await Server.start();
    onTestFinished(() => server.stop());
    await using sandbox = await connect(server.url);
    const ids = Array.from({ length: 30 }, (_, index) => `p${index}`);
    await Promise.all(ids.map(id => sandbox.startProcess("sleep 600", { id })));
    await (await sandbox.startProcess("true", { id: "over" })).wait();
    expect((await sandbox.listProcesses()).map(({ id }) => id).sort()).toEqual([...ids, "over"].sort());
    expect(await sandbox.listProcesses({ running: true })).toHaveLength(30);
    await sandbox.killProcess("p0", "KILL");
    await (await sandbox.getProcess("p0"))?.wait();
    expect(await sandbox.killAllProcesses({ grace: 0 })).toBe(29);
    expect(await sandbox.listProcesses({ running: true })).toEqual([]);
    expect(await sandbox.cleanupCompletedProcesses()).toBe(31);
    expect(await sandbox.listProcesses()).toEqual([]);
  });
});

describe("a log", () => {
  it("is read from every place", async () => {
    const command = "seq 1 5; until [ -e places ]; do sleep 0.01; done; echo oh >&2";
    const process = await test.sandbox.startProcess(command, { id: "places" });
    // Of what comes by two pipes at once, either may be the first.
    await process.waitForLog("5");
    await test.sandbox.writeFile("places", "");
    await process.wait();
    const log = async (options: object) => text(await all(test.sandbox.streamProcessLogs("places", options)));
    expect(await log({})).toBe("1\n2\n3\n4\n5\n");
    expect(await log({ from: { offset: 4 } })).toBe("3\n4\n5\n");
    expect(await log({ from: { lines: 2 } })).toBe("5\n");
    expect(await log({ from: "end" })).toBe("");
    expect(await log({ from: { since: new Date(Date.now() + 60_000) } })).toBe("");
    expect(text(await all(process.streamLogs({ stream: "stderr" })), "stderr")).toBe("oh\n");
    expect(await test.sandbox.getProcessLogs("places", { stream: "stderr" })).toMatchObject({
      stdout: "",
      stderr: "oh\n",
    });
    const bytes = await process.logs({ encoding: "bytes", maxOutput: 3 });
    expect([...bytes.stdout]).toEqual([..."1\n2"].map(each => each.charCodeAt(0)));
    expect(bytes.truncated).toBe(true);
    const events = await all(process.streamLogs());
    expect(events.at(-1)).toMatchObject({ type: "end", ended: true, offset: 13, exit: { exitCode: 0 } });
    for (const event of events)
      if ("time" in event) expect(Math.abs(event.time.getTime() - Date.now())).toBeLessThan(60_000);
  });

  it("ends at its newest byte when it is not followed", async () => {
    const process = await test.sandbox.startProcess("echo so far; sleep 600");
    await process.waitForLog("so far");
    const events = await all(process.streamLogs({ follow: false }));
    expect(events.at(-1)).toEqual({ type: "end", ended: false, offset: 7 });
    expect((await process.logs()).ended).toBe(false);
    await process.kill();
  });

  it("is followed as it grows, no faster than somebody pulls, and left when the loop is", async () => {
    const process = await test.sandbox.startProcess("while read line; do echo got $line; done", { stdin: true });
    const writer = process.stdin.getWriter();
    const seen: string[] = [];
    await writer.write("1\n");
    for await (const event of process.streamLogs()) {
      if (event.type !== "stdout") continue;
      seen.push(event.data);
      if (seen.length === 3) break;
      await writer.write(`${seen.length + 1}\n`);
    }
    expect(seen).toEqual(["got 1\n", "got 2\n", "got 3\n"]);
    const logs = process.streamLogs({ from: "end" });
    const waiting = failure(logs.next());
    await logs.return();
    expect(await waiting).toBeInstanceOf(AbortError);
    expect(await logs.next()).toEqual({ done: true, value: undefined });
    await writer.close();
    expect(await process.wait()).toMatchObject({ exitCode: 0 });
  });

  it("tells what it does not have any more", async () => {
    const process = await test.sandbox.startProcess("seq 1 100000", { logBytes: 65536 });
    await process.wait();
    const events = await all(process.streamLogs());
    const [gap] = events;
    expect(gap).toMatchObject({ type: "gap", from: 0 });
    const kept = text(events);
    if (gap?.type !== "gap") throw new Error("no gap");
    expect(gap.to + kept.length).toBe(588895);
    expect(kept.endsWith("99999\n100000\n")).toBe(true);
    expect(await process.logs()).toMatchObject({ stdout: kept, missing: gap.to });
  });

  it("is picked up at the next byte when the lane is lost for good", async () => {
    const server = await Server.start({ args: ["--lane-ttl", "0"] });
    onTestFinished(() => server.stop());
    const proxy = await CuttingProxy.start(server.address);
    onTestFinished(() => proxy.stop());
    await using sandbox = await connect(proxy.url);
    const process = await sandbox.startProcess("while read line; do echo $line ü; done", { id: "long", stdin: true });
    await using direct = await connect(server.url);
    const writer = (await direct.getProcess("long"))?.stdin.getWriter();
    const logs = process.streamLogs({ stream: "stdout" });
    for (let round = 1; round <= 4; round += 1) {
      const waiting = next(logs);
      if (round % 2 === 0) {
        const { connections } = sandbox.stats;
        await proxy.cut();
        await until("a new connection", () => sandbox.stats.connections > connections);
      }
      await writer?.write(`${round}\n`);
      expect(await waiting).toMatchObject({ type: "stdout", data: `${round} ü\n` });
    }
    // A command that was open is not made up.
    const command = failure(sandbox.exec("sleep 600"));
    await until("the command", async () => (await direct.exec("pgrep -f '[s]leep 600'")).success);
    await proxy.cut();
    expect(await command).toBeInstanceOf(InterruptedError);
    await writer?.close();
    expect(await next(logs)).toMatchObject({ type: "end", ended: true, exit: { exitCode: 0 } });
  });

  it("is not that of another process with the same id, after the server was started anew", async () => {
    const server = await Server.start();
    onTestFinished(() => server.stop());
    await using sandbox = await connect(server.url);
    const process = await sandbox.startProcess("echo first; sleep 600", { id: "same" });
    const logs = process.streamLogs();
    expect(await next(logs)).toMatchObject({ data: "first\n" });
    const waiting = failure(next(logs));
    await server.kill();
    await server.comeBack();
    expect(await waiting).toBeInstanceOf(InterruptedError);
    expect(await failure(process.getStatus())).toBeInstanceOf(ProcessNotFoundError);
  });
});

describe("waiting for a process", () => {
  it("finds a text, and a RegExp, also in a line that is not finished", async () => {
    const process = await test.sandbox.startProcess("echo 'a.b (1)'; echo err >&2; printf 'Port: 4711'; sleep 600");
    expect(await process.waitForLog("a.b (")).toMatchObject({ line: "a.b (1)", match: ["a.b ("], stream: "stdout" });
    const found = await process.waitForLog(/port: (?<port>\d{4})(x)?/i);
    expect(found).toMatchObject({ line: "Port: 4711", groups: { port: "4711" }, stream: "stdout" });
    expect([...found.match]).toEqual(["Port: 4711", "4711", undefined]);
    expect(await process.waitForLog(/./g, { stream: "stderr" })).toMatchObject({ line: "err", stream: "stderr" });
    expect(await process.waitForLog("err", { from: "start" })).toMatchObject({ stream: "stderr" });
    const late = await failure(process.waitForLog("never", { timeout: 50 }));
    expect(late).toBeInstanceOf(ProcessReadyTimeoutError);
    expect(await failure(process.waitForLog(/never/, { timeout: 50 }))).toBeInstanceOf(ProcessReadyTimeoutError);
    const controller = new AbortController();
    const waiting = failure(process.waitForLog(/never/, { signal: controller.signal }));
    controller.abort();
    expect(await waiting).toBeInstanceOf(AbortError);
    await process.kill();
    expect(test.sandbox.stats.channels).toBe(0);
  });

  it("fails when it ends before", async () => {
    const process = await test.sandbox.startProcess("echo nothing; exit 9");
    const error = await failure(process.waitForLog(/ready/));
    expect(error).toBeInstanceOf(ProcessExitedBeforeReadyError);
    expect(error.message).toContain("code 9");
    expect(await failure(process.waitForLog("ready"))).toBeInstanceOf(ProcessExitedBeforeReadyError);
    expect(await failure(process.waitForPort(1))).toBeInstanceOf(ProcessExitedBeforeReadyError);
  });

  it("finds a port, by a connection or by its answer", async () => {
    const server =
      "import http.server as h; s = h.HTTPServer(('127.0.0.1', 0), h.SimpleHTTPRequestHandler); print(s.server_port, flush=True); s.serve_forever()";
    const process = await test.sandbox.startProcess(["python3", "-c", server]);
    const { line } = await process.waitForLog(/^\d+$/);
    const port = Number(line);
    const ready = await process.waitForPort(port);
    expect(ready.status).toBeUndefined();
    expect(ready.waited).toBeGreaterThanOrEqual(0);
    expect(await process.waitForPort(port, { path: "/" })).toMatchObject({ status: 200 });
    expect(await process.waitForPort(port, { path: "/missing", status: 404 })).toMatchObject({ status: 404 });
    expect(await process.waitForPort(port, { mode: "http", status: { min: 200, max: 299 } })).toMatchObject({
      status: 200,
    });
    const late = await failure(process.waitForPort(port, { path: "/missing", timeout: 100 }));
    expect(late).toBeInstanceOf(ProcessReadyTimeoutError);
    await process.kill();
  });
});
