/** Background processes against the real server. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exec } from "../../../src/cloudflare/command.ts";
import {
  InvalidPortError,
  InvalidProcessCwdError,
  ProcessError,
  ProcessExitedBeforeReadyError,
  ProcessNotFoundError,
  ProcessReadyTimeoutError,
  ValidationFailedError,
} from "../../../src/cloudflare/errors.ts";
import { parseSSEStream } from "../../../src/cloudflare/events.ts";
import { MAX_OUTPUT } from "../../../src/cloudflare/output.ts";
import * as process from "../../../src/cloudflare/process.ts";
import { isProcess, type LogEvent, type Process } from "../../../src/cloudflare/types.ts";
import { until } from "../../harness/until.ts";
import { events, failure, failures, family } from "./context.ts";

const test = family();
const start = (command: string, options = {}) => process.startProcess(test.context, command, options);

/** A port that nobody has now. */
async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  if (typeof address !== "object" || !address) throw new Error("no port");
  return address.port;
}

describe("startProcess", () => {
  it("gives a process in the shape of the stock package", async () => {
    const started = await start("sleep 60");
    expect(isProcess(started)).toBe(true);
    expect(started).toMatchObject({ command: "sleep 60", status: "running", sessionId: "sandbox-test" });
    expect(started.id).toMatch(/^proc_\d+_[0-9a-f]{6}$/);
    expect(started.pid).toEqual(expect.any(Number));
    expect(started.startTime).toBeInstanceOf(Date);
    expect("endTime" in started || "exitCode" in started).toBe(false);
    await started.kill();
    expect(await started.getStatus()).toBe("killed");
  });

  it("takes directory and variables from the session, and those of the call over them", async () => {
    await exec(test.context, "mkdir -p place && cd place && export FROM=session BOTH=session");
    const own = await start("pwd; echo $FROM $BOTH $GONE", { env: { BOTH: "call", GONE: undefined } });
    await own.waitForExit();
    expect((await own.getLogs()).stdout).toBe(`${test.server.workspace}/place\nsession call\n`);
    const other = await start("pwd", { cwd: "/tmp" });
    await other.waitForExit();
    expect((await other.getLogs()).stdout).toBe("/tmp\n");
    await test.client.setEnvVars({ SET: "set" });
    const bare = await process.startProcess(test.sessionless, "pwd; echo $SET$FROM");
    await bare.waitForExit();
    expect((await bare.getLogs()).stdout).toBe(`${test.server.workspace}\nset\n`);
    expect("sessionId" in bare).toBe(false);
    await test.client.setEnvVars({ SET: null });
    const named = await process.startProcess(test.sessionless, "pwd", { sessionId: "sandbox-test" });
    await named.waitForExit();
    expect((await named.getLogs()).stdout).toBe(`${test.server.workspace}/place\n`);
    expect(named.sessionId).toBe("sandbox-test");
    await exec(test.context, "cd ..");
  });

  it("takes an id once, and a time", async () => {
    await start("true", { processId: "mine" });
    const again = await failure(start("true", { processId: "mine" }));
    expect(again).toBeInstanceOf(ProcessError);
    expect(again).toMatchObject({ code: "PROCESS_ERROR", processId: "mine", operation: "process.start" });
    expect(await failure(start("true", { processId: "no/id" }))).toBeInstanceOf(ValidationFailedError);
    const late = await start("echo a; sleep 60", { timeout: 200 });
    await late.waitForExit();
    expect(await late.getStatus()).toBe("killed");
    expect((await late.getLogs()).stdout).toBe("a\n");
    const cwd = await failure(start("true", { cwd: "/no/such" }));
    expect(cwd).toBeInstanceOf(InvalidProcessCwdError);
    expect(cwd.context).toMatchObject({ cwd: "/no/such" });
    expect(await failure(start(" "))).toBeInstanceOf(ValidationFailedError);
  });

  it("forgets one at its end when it is asked to", async () => {
    const brief = await start("true", { autoCleanup: true });
    await until("it is forgotten", async () => (await process.getProcess(test.context, brief.id)) === null);
    expect(await brief.getStatus()).toBe("error");
    const kept = await start("true", { autoCleanup: false });
    await kept.waitForExit();
    expect(await kept.getStatus()).toBe("completed");
  });

  it("keeps the sandbox awake when it is told to", async () => {
    const awake = await start("sleep 60", { keepAlive: true });
    const usual = await start("sleep 60");
    expect((await test.client.getProcess(awake.id))?.info.keepAlive).toBe(true);
    expect((await test.client.getProcess(usual.id))?.info.keepAlive).toBe(false);
    await Promise.all([awake.kill(), usual.kill()]);
  });

  it("calls back: start, output in order, the end", async () => {
    const heard: string[] = [];
    let started: Process | undefined;
    const code = await new Promise<number | null>((resolve, reject) => {
      start("printf a; sleep 0.05; echo b >&2; sleep 0.05; exit 3", {
        autoCleanup: true,
        onStart: (it: Process) => {
          started = it;
        },
        onOutput: (stream: string, data: string) => heard.push(`${stream}:${data}`),
        onExit: resolve,
        onError: reject,
      }).catch(reject);
    });
    expect(code).toBe(3);
    expect(heard).toEqual(["stdout:a", "stderr:b\n"]);
    expect(isProcess(started)).toBe(true);
    const errors: Error[] = [];
    const error = await failure(start("true", { cwd: "/no/such", onError: (told: Error) => errors.push(told) }));
    expect(errors).toEqual([error]);
    const thrown = await new Promise<Error>(resolve => {
      const onOutput = () => {
        throw new Error("my own");
      };
      void start("echo a", { onOutput, onError: resolve });
    });
    expect(thrown.message).toBe("my own");
  });
});

describe("the ends of processes", () => {
  it("are told as they were", async () => {
    for (const [command, status, exitCode] of [
      ["true", "completed", 0],
      ["exit 4", "failed", 4],
      ["kill -9 $$", "killed", 137],
      ["kill -TERM $$", "killed", 143],
      ["exit 137", "killed", 137],
    ] as const) {
      const started = await start(command);
      expect(await started.waitForExit()).toEqual({ exitCode });
      const ended = await process.getProcess(test.context, started.id);
      expect(ended).toMatchObject({ status, exitCode, endTime: expect.any(Date) });
    }
  });

  it("come by the signal that is sent, to the whole tree", async () => {
    const trap = "trap 'echo got-usr1' USR1; trap 'echo got-int; exit 9' INT; echo ready; while :; do sleep 0.01; done";
    const started = await start(trap);
    await started.waitForLog("ready");
    await process.killProcess(test.context, started.id, "SIGUSR1");
    await started.waitForLog("got-usr1");
    expect(await started.getStatus()).toBe("running");
    await started.kill("SIGINT");
    expect(await started.waitForExit()).toEqual({ exitCode: 9 });
    const deaf = await start("trap '' TERM; sleep 61201 & echo up; wait; sleep 61201");
    await deaf.waitForLog("up");
    await deaf.kill("SIGKILL");
    expect(await deaf.waitForExit()).toEqual({ exitCode: 137 });
    await until("its children are gone, too", async () => {
      const { stdout } = await test.client.exec("pgrep -fc '[s]leep 61201' || true");
      return stdout === "0\n";
    });
    await started.kill();
    await started.kill("SIGTERM");
    expect(await failure(started.kill("SIGUSR1"))).toBeInstanceOf(ProcessError);
    expect(await failure(started.kill("SIGNONE"))).toBeInstanceOf(ValidationFailedError);
  });

  it("of all of them are counted, and forgotten for good", async () => {
    await process.killAllProcesses(test.context);
    const three = await Promise.all([start("sleep 60"), start("sleep 60"), start("sleep 60")]);
    expect(await process.killAllProcesses(test.context)).toBe(3);
    expect(await process.killAllProcesses(test.context)).toBe(0);
    const running = await start("sleep 60");
    const listed = await process.listProcesses(test.context);
    expect(listed.map(({ id }) => id)).toEqual(expect.arrayContaining([...three, running].map(({ id }) => id)));
    expect(await process.cleanupCompletedProcesses(test.context)).toBe(listed.length - 1);
    expect((await process.listProcesses(test.context)).map(({ id }) => id)).toEqual([running.id]);
    expect(await process.cleanupCompletedProcesses(test.context)).toBe(0);
    await running.kill();
  });

  it("of one that is not known are an error, or null", async () => {
    expect(await process.getProcess(test.context, "none")).toBeNull();
    const errors = await failures([
      process.killProcess(test.context, "none"),
      process.killProcess(test.context, "none", "SIGKILL"),
      process.getProcessLogs(test.context, "none"),
      process.streamProcessLogs(test.context, "none"),
      process.waitForExit(test.context, "none"),
      process.waitForLog(test.context, "none", "x"),
      process.waitForPort(test.context, "none", 80),
    ]);
    for (const error of errors) {
      expect(error).toBeInstanceOf(ProcessNotFoundError);
      expect(error.context).toEqual({ processId: "none" });
    }
  });
});

describe("logs", () => {
  it("are collected as they were written, bounded, the newest", async () => {
    const both = await start("printf 'no newline'; echo err >&2; exit 1");
    await both.waitForExit();
    expect(await process.getProcessLogs(test.context, both.id)).toEqual({
      stdout: "no newline",
      stderr: "err\n",
      processId: both.id,
    });
    const much = await start(`head -c ${MAX_OUTPUT + 1000} /dev/zero | tr '\\0' x; echo the end`);
    await much.waitForExit();
    const logs = await process.getProcessLogs(test.context, much.id);
    expect(logs.truncated).toBe(true);
    expect(logs.stdout.length).toBeLessThanOrEqual(MAX_OUTPUT);
    expect(logs.stdout.endsWith("xthe end\n")).toBe(true);
  });

  it("are streamed from the first byte to the end, once", async () => {
    const started = await start("echo a; sleep 0.05; echo b >&2; sleep 0.05; printf c; exit 2");
    const told = await events<LogEvent>(await process.streamProcessLogs(test.context, started.id));
    expect(told.map(({ type, data, exitCode }) => [type, data, exitCode])).toEqual([
      ["stdout", "a\n", undefined],
      ["stderr", "b\n", undefined],
      ["stdout", "c", undefined],
      ["exit", "", 2],
    ]);
    expect(
      told.every(({ processId, timestamp }) => processId === started.id && !Number.isNaN(Date.parse(timestamp))),
    ).toBe(true);
    const bytes = await start("printf '\\377\\0'");
    const coded = await events<LogEvent>(
      await process.streamProcessLogs(test.context, bytes.id, { encoding: "base64" }),
    );
    expect(coded.flatMap(({ data }) => [...Buffer.from(data, "base64")])).toEqual([255, 0]);
  });

  it("leave the process alone when nobody reads them any more", async () => {
    const started = await start("printf 'prompt> '; sleep 60");
    const log = parseSSEStream<LogEvent>(await process.streamProcessLogs(test.context, started.id));
    expect((await log.next()).value).toMatchObject({ type: "stdout", data: "prompt> " });
    await log.return();
    const controller = new AbortController();
    const { signal } = controller;
    const told = events<LogEvent>(await process.streamProcessLogs(test.context, started.id, { signal }));
    controller.abort();
    expect((await told).at(-1)).toMatchObject({ type: "error", code: "CANCELLED" });
    expect(await started.getStatus()).toBe("running");
    expect((await failure(process.streamProcessLogs(test.context, started.id, { signal }))).name).toBe("AbortError");
    await started.kill();
  });

  it("of which a part is gone say so", async () => {
    const started = await start("head -c 60000000 /dev/zero | tr '\\0' x");
    await started.waitForExit();
    const told = await events<{ type: string; bytes?: number; data?: string }>(
      await process.streamProcessLogs(test.context, started.id),
    );
    const kept = told.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
    const gone = told.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
    expect(kept + gone).toBe(60_000_000);
    expect(told.at(-1)).toMatchObject({ type: "exit", exitCode: 0 });
  });
});

describe("waiting", () => {
  it("for a line: a text, a RegExp, one that was there, one without its newline", async () => {
    const started = await start("echo first; echo 'port 4711 open' >&2; printf 'done> '; sleep 60");
    expect(await started.waitForLog("port")).toEqual({ line: "port 4711 open" });
    const { line, match } = await started.waitForLog(/port (\d+)/g);
    expect([line, match?.[1]]).toEqual(["port 4711 open", "4711"]);
    expect(await started.waitForLog("done>")).toEqual({ line: "done> " });
    expect((await started.waitForLog("first\n")).line).toBe("first\n");
    expect((await started.waitForLog(/fi(.*)t\n/s)).match?.[1]).toBe("rs");
    await started.kill();
  });

  it("for a line ends with the time, and with the process", async () => {
    const started = await start("echo other; sleep 60");
    for (const pattern of ["ready", /ready/, "never\nthere"]) {
      const error = await failure(started.waitForLog(pattern, 100));
      expect(error).toBeInstanceOf(ProcessReadyTimeoutError);
      expect(error).toMatchObject({ code: "PROCESS_READY_TIMEOUT", httpStatus: 408 });
      expect(error.context).toEqual({
        processId: started.id,
        command: "echo other; sleep 60",
        condition: typeof pattern === "string" ? `"${pattern}"` : "/ready/",
        timeout: 100,
      });
    }
    expect(await started.getStatus()).toBe("running");
    await started.kill();
    const failed = await start("echo oh >&2; exit 6");
    for (const pattern of ["ready", /ready/, "never\nthere"]) {
      const error = await failure(failed.waitForLog(pattern));
      expect(error).toBeInstanceOf(ProcessExitedBeforeReadyError);
      expect(error).toMatchObject({
        code: "PROCESS_EXITED_BEFORE_READY",
        exitCode: 6,
        processId: failed.id,
        command: failed.command,
      });
    }
  });

  it("for a port, by TCP and by HTTP", async () => {
    writeFileSync(join(test.server.workspace, "index.html"), "hello");
    const port = await freePort();
    const served = await process.startProcess(test.sessionless, `exec python3 -m http.server ${port} --bind 127.0.0.1`);
    await served.waitForPort(port, { mode: "tcp", timeout: 30_000, interval: 10 });
    await served.waitForPort(port, { timeout: 30_000 });
    await served.waitForPort(port, { path: "/index.html", status: 200 });
    await served.waitForPort(port, { path: "/none", status: { min: 404, max: 404 } });
    const wrong = await failure(served.waitForPort(port, { path: "/none", timeout: 100 }));
    expect(wrong).toBeInstanceOf(ProcessReadyTimeoutError);
    expect(wrong.context).toMatchObject({ condition: `port ${port} (HTTP /none)`, timeout: 100 });
    expect(await failure(served.waitForPort(0))).toBeInstanceOf(InvalidPortError);
    await served.kill();
    const gone = await failure(served.waitForPort(port, { mode: "tcp" }));
    expect(gone).toBeInstanceOf(ProcessExitedBeforeReadyError);
    expect(gone.context).toMatchObject({ exitCode: 143, condition: `port ${port} (TCP)` });
  });

  it("for the end, with a time", async () => {
    const started = await start("sleep 60");
    const error = await failure(started.waitForExit(50));
    expect(error).toBeInstanceOf(ProcessReadyTimeoutError);
    expect(error.context).toMatchObject({ condition: "process exit", timeout: 50, command: "sleep 60" });
    const ended = started.waitForExit();
    await started.kill("SIGKILL");
    expect(await ended).toEqual({ exitCode: 137 });
  });
});
