/** `exec` and `execStream` against the real server. */

import { describe, expect, it } from "vitest";
import { exec, execStream } from "../../../src/cloudflare/command.ts";
import {
  CommandError,
  InvalidProcessCwdError,
  OperationInterruptedError,
  SessionTerminatedError,
  ValidationFailedError,
} from "../../../src/cloudflare/errors.ts";
import { parseSSEStream } from "../../../src/cloudflare/events.ts";
import { MAX_OUTPUT } from "../../../src/cloudflare/output.ts";
import type { ExecEvent, ExecResult } from "../../../src/cloudflare/types.ts";
import { connect } from "../../../src/index.ts";
import { Server } from "../../harness/server.ts";
import { until } from "../../harness/until.ts";
import { events, failure, family, thisObject } from "./context.ts";

const test = family();

/** How many processes have this in their command line. */
async function running(word: string): Promise<number> {
  const { stdout } = await test.client.exec([
    "sh",
    "-c",
    `cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c '[s]leep ${word}'`,
  ]);
  return Number(stdout);
}

describe("exec", () => {
  it("says what the stock package says", async () => {
    const result = await exec(test.context, "echo out; echo err >&2");
    expect(result).toEqual({
      success: true,
      exitCode: 0,
      stdout: "out",
      stderr: "err",
      command: "echo out; echo err >&2",
      duration: expect.any(Number),
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      sessionId: "sandbox-test",
    });
    const { sessionId, ...without } = await exec(test.sessionless, "exit 7");
    expect([sessionId, without.success, without.exitCode]).toEqual([undefined, false, 7]);
  });

  it("keeps directory and variables in a session; those of a call hold for it alone", async () => {
    await exec(test.context, "mkdir -p deep && cd deep && export KEPT=1 && greet() { echo hello; }");
    expect((await exec(test.context, "basename $PWD; echo $KEPT; greet")).stdout).toBe("deep\n1\nhello");
    const own = await exec(test.context, "pwd; echo $KEPT $OWN", {
      cwd: "/tmp",
      env: { OWN: "yes", KEPT: "2", LEFT: undefined },
    });
    expect(own.stdout).toBe("/tmp\n2 yes");
    expect((await exec(test.context, "basename $PWD; echo $KEPT $OWN")).stdout).toBe("deep\n1");
    expect((await exec(test.context, "exit 3")).exitCode).toBe(3);
    expect((await exec(test.context, "echo $KEPT; cd ..")).stdout).toBe("1");
  });

  it("starts each command anew without a session, with the variables that were set", async () => {
    await test.client.setEnvVars({ WHO: "all", HOME: null });
    await exec(test.sessionless, "cd /; export LOST=1");
    const { stdout } = await exec(test.sessionless, "pwd; echo $WHO $LOST $([ -v HOME ] || echo none) $OWN", {
      env: { OWN: "x" },
    });
    expect(stdout).toBe(`${test.server.workspace}\nall none x`);
    const relative = await exec(test.sessionless, "mkdir -p sub && cd sub && pwd");
    expect((await exec(test.sessionless, "pwd", { cwd: "sub" })).stdout).toBe(relative.stdout);
    const made = await exec({ ...test.context, session: "made" }, "echo $WHO $([ -v HOME ] || echo none)");
    expect(made.stdout).toBe("all none");
    await test.client.setEnvVars({ WHO: null, HOME: test.server.workspace });
  });

  it("takes one newline off the end, and nothing else", async () => {
    expect((await exec(test.context, "printf 'a\\n\\n'")).stdout).toBe("a\n");
    expect((await exec(test.context, "printf 'prompt> '")).stdout).toBe("prompt> ");
    expect((await exec(test.context, "printf 'a\\r\\n'")).stdout).toBe("a\r");
  });

  it("keeps bytes", async () => {
    expect((await exec(test.context, "printf 'a\\0b\\1\\2'")).stdout).toBe("a\0b\x01\x02");
    const { stdout } = await exec(test.context, "printf '\\377\\376\\0\\n'", { encoding: "base64" });
    expect([...Buffer.from(stdout, "base64")]).toEqual([255, 254, 0, 10]);
    expect((await exec(test.context, "printf '\\377\\n'", { encoding: "hex" })).stdout).toBe("ff0a");
    expect((await exec(test.context, "printf '\\377\\n'", { encoding: "latin1" })).stdout).toBe("ÿ");
    expect((await exec(test.context, "printf '\\357\\273\\277é'", { encoding: "utf-8" })).stdout).toBe("\ufeffé");
  });

  it("says a signal as shells do, and its name", async () => {
    expect(await exec(test.sessionless, "kill -9 $$")).toMatchObject({
      exitCode: 137,
      signal: "SIGKILL",
      success: false,
    });
    expect(await exec(test.sessionless, "kill -TERM $$")).toMatchObject({ exitCode: 143, signal: "SIGTERM" });
    expect(await exec(test.context, "sh -c 'kill -9 $$'")).toMatchObject({ exitCode: 137, success: false });
  });

  it.each(["context", "sessionless"] as const)("ends a command whose time is over, and says so: %s", async where => {
    const word = where === "context" ? "61101" : "61102";
    const error = await failure(
      exec(test[where], `echo part; echo oh >&2; sleep ${word} & sleep ${word}`, { timeout: 300 }),
    );
    expect(error).toBeInstanceOf(CommandError);
    expect(error.code).toBe("COMMAND_EXECUTION_ERROR");
    expect(error.httpStatus).toBe(500);
    expect(error.message).toMatch(/timed out after 300ms \(timeout\)/);
    expect(error.context).toMatchObject({
      stdout: "part\n",
      // In a session its shell says, too, what became of it.
      stderr: expect.stringMatching(/^oh\n/),
      timeout: 300,
      timedOut: true,
    });
    await until("the tree is gone", async () => (await running(word)) === 0);
    expect((await exec(test[where], "echo on")).stdout).toBe("on");
  });

  it("ends a command by its signal, and one that is aborted before never starts", async () => {
    const controller = new AbortController();
    const work = failure(exec(test.context, "sleep 61103", { signal: controller.signal }));
    await until("it runs", async () => (await running("61103")) > 0);
    controller.abort();
    const error = await work;
    expect([error.name, error.code, error.message]).toEqual(["AbortError", "CANCELLED", "Operation was aborted"]);
    await until("it is gone", async () => (await running("61103")) === 0);
    await failure(exec(test.context, "touch never", { signal: controller.signal }));
    expect(await test.client.exists("never")).toBe(false);
    expect((await exec(test.context, "echo on")).stdout).toBe("on");
  });

  it("tells output as it comes, and the result", async () => {
    const heard: string[] = [];
    let completed: ExecResult | undefined;
    const result = await exec(test.context, "printf 'a\\303'; sleep 0.05; printf '\\251'; sleep 0.05; echo e >&2", {
      stream: true,
      onOutput: (stream, data) => heard.push(`${stream}:${data}`),
      onComplete: told => {
        completed = told;
      },
    });
    expect(heard.join("|").replace("a|stdout:", "a")).toBe("stdout:aé|stderr:e\n");
    expect(completed).toEqual(result);
    const errors: Error[] = [];
    const error = await failure(exec(test.context, "sleep 9", { timeout: 50, onError: told => errors.push(told) }));
    expect(errors).toEqual([error]);
  });

  it("says it when the shell of the session ends, and goes on with a fresh one", async () => {
    const context = { ...test.context, session: "mortal" };
    await exec(context, "export GONE=1");
    const error = await failure(exec(context, "exec sh -c 'exit 5'"));
    expect(error).toBeInstanceOf(SessionTerminatedError);
    expect(error).toMatchObject({ code: "SESSION_TERMINATED", httpStatus: 410, sessionId: "mortal", exitCode: 5 });
    expect((await exec(context, "echo [$GONE]")).stdout).toBe("[]");
    const killed = await failure(exec(context, "kill -9 $$"));
    expect(killed).toMatchObject({ code: "SESSION_TERMINATED", exitCode: null });
    expect((await exec(context, "echo on")).stdout).toBe("on");
  });

  it("keeps a bounded part of much output, and says so", async () => {
    const big = await exec(test.sessionless, `head -c ${MAX_OUTPUT + 5} /dev/zero | tr '\\0' x; echo end >&2`);
    expect(big.truncated).toBe(true);
    expect(big.stdout.length + big.stderr.length).toBeGreaterThan(MAX_OUTPUT - 5);
    expect(big.stdout.length + big.stderr.length).toBeLessThanOrEqual(MAX_OUTPUT);
    expect(big.exitCode).toBe(0);
    expect((await exec(test.sessionless, "head -c 1000000 /dev/zero")).truncated).toBeUndefined();
  });

  it("refuses what cannot be, and says which argument", async () => {
    for (const [command, options, field] of [
      ["", {}, "command"],
      ["a\0b", {}, "command"],
      ["true", { timeout: -1 }, "timeout"],
      ["true", { encoding: "klingon" }, "encoding"],
    ] as const) {
      const error = await failure(exec(test.context, command, options));
      expect(error).toBeInstanceOf(ValidationFailedError);
      expect(error.context).toEqual({ validationErrors: [{ field, message: expect.any(String) }] });
    }
    for (const context of [test.context, test.sessionless]) {
      const error = await failure(exec(context, "true", { cwd: "/no/such" }));
      expect(error).toBeInstanceOf(InvalidProcessCwdError);
      expect(error.context).toMatchObject({ cwd: "/no/such" });
    }
  });

  it("never makes up an end that nobody saw", async () => {
    const server = await Server.start();
    const client = await connect(server.url);
    try {
      const context = {
        client: async () => client,
        cwd: server.workspace,
        object: thisObject(),
        id: "lost",
        session: "s",
      };
      const buffered = failure(exec(context, "touch begun; sleep 600"));
      await until("it runs", () => client.exists("begun"));
      const stream = await execStream(context, "sleep 600", { sessionId: "other" });
      const told = events<ExecEvent>(stream);
      await server.kill();
      await server.comeBack();
      const error = await buffered;
      expect(error).toBeInstanceOf(OperationInterruptedError);
      expect(error.context).toMatchObject({
        reason: "runtime_replaced",
        operation: "command.execute",
        retryable: false,
      });
      expect((await told).at(-1)).toMatchObject({ type: "error", code: "OPERATION_INTERRUPTED" });
      expect((await exec(context, "echo anew")).stdout).toBe("anew");
    } finally {
      await client.close();
      await server.stop();
    }
  });
});

describe("execStream", () => {
  it("tells start, output in order, and the end", async () => {
    const told = await events<ExecEvent>(
      await execStream(test.context, "echo a; sleep 0.05; echo b >&2; sleep 0.05; printf c; exit 4"),
    );
    expect(told.map(({ type, data, exitCode }) => [type, data, exitCode])).toEqual([
      ["start", undefined, undefined],
      ["stdout", "a\n", undefined],
      ["stderr", "b\n", undefined],
      ["stdout", "c", undefined],
      ["complete", undefined, 4],
    ]);
    expect(told[0]).toMatchObject({
      pid: expect.any(Number),
      command: expect.stringMatching(/^echo a/),
      sessionId: "sandbox-test",
    });
    expect(told.every(({ timestamp }) => !Number.isNaN(Date.parse(timestamp)))).toBe(true);
  });

  it("begins with the session's state, and runs beside its shell", async () => {
    await exec(test.context, "mkdir -p beside && cd beside && export SEEN='two\nlines'");
    const stream = await execStream(test.context, 'basename $PWD; echo "$SEEN $OWN"; cd /; sleep 61104', {
      env: { OWN: "o" },
    });
    expect((await exec(test.context, "basename $PWD")).stdout).toBe("beside");
    let heard = "";
    for await (const event of parseSSEStream<ExecEvent>(stream)) {
      heard += event.data ?? "";
      if (heard.includes("lines o\n")) break;
    }
    expect(heard).toBe("beside\ntwo\nlines o\n");
    await until("leaving the loop ended it", async () => (await running("61104")) === 0);
    const inShell = await events<ExecEvent>(await execStream(test.context, "cd /tmp", { foreground: true }));
    expect(inShell.at(-1)).toMatchObject({ type: "complete", exitCode: 0 });
    expect((await exec(test.context, `pwd; cd ${test.server.workspace}`)).stdout).toBe("/tmp");
  });

  it("delivers a partial line at once", async () => {
    const stream = await execStream(test.sessionless, "printf 'password: '; sleep 61105");
    const heard = parseSSEStream<ExecEvent>(stream);
    expect((await heard.next()).value).toMatchObject({ type: "start" });
    expect((await heard.next()).value).toMatchObject({ type: "stdout", data: "password: " });
    await heard.return();
    await until("cancelling ended it", async () => (await running("61105")) === 0);
  });

  it("streams 100 MiB to a slow reader, whole, and keeps the command waiting", async () => {
    const size = 100 << 20;
    const stream = await execStream(test.sessionless, `head -c ${size} /dev/zero | tr '\\0' x; touch written`);
    const heard = parseSSEStream<ExecEvent>(stream);
    let length = 0;
    for (let at = 0; at < 4; at += 1) length += ((await heard.next()).value as ExecEvent).data?.length ?? 0;
    // Nobody reads: the command waits, and what is on the way is bounded.
    let seen = -1;
    await until("nothing more comes", async () => {
      const before = seen;
      seen = test.client.stats.bytesDown;
      // The ping's own answer comes always, and behind what the server had to say.
      await test.client.ping();
      return seen > 0 && seen - before < 1000;
    });
    expect(seen).toBeLessThan(30 << 20);
    expect(await test.client.exists("written")).toBe(false);
    let exitCode: number | undefined;
    for await (const event of heard) {
      if (event.data && /[^x]/.test(event.data)) throw new Error("something else was told");
      length += event.data?.length ?? 0;
      exitCode = event.exitCode ?? exitCode;
    }
    expect([length, exitCode]).toEqual([size, 0]);
  });

  it("lets events wait as bufferSize says", async () => {
    const stream = await execStream(test.sessionless, "seq 3; touch through", { bufferSize: 1 << 20 });
    await until("it ran to its end, though nobody read", () => test.client.exists("through"));
    const told = await events<ExecEvent>(stream);
    expect(told.map(({ data }) => data ?? "").join("")).toBe("1\n2\n3\n");
  });

  it("tells a time that was over as an error, with what was written before", async () => {
    const told = await events<ExecEvent>(await execStream(test.context, "echo part; sleep 61106", { timeout: 300 }));
    expect(told.map(({ type }) => type)).toEqual(["start", "stdout", "error"]);
    expect(told.at(-1)).toMatchObject({
      code: "COMMAND_EXECUTION_ERROR",
      error: expect.stringMatching(/timed out after 300ms/),
      data: expect.stringMatching(/timeout/),
    });
    await until("it is gone", async () => (await running("61106")) === 0);
  });

  it("ends with the signal; and is refused when it was aborted before", async () => {
    const controller = new AbortController();
    const stream = await execStream(test.context, "echo a; sleep 61107", { signal: controller.signal });
    await until("it runs", async () => (await running("61107")) > 0);
    controller.abort();
    const told = await events<ExecEvent>(stream);
    expect(told.at(-1)).toMatchObject({ type: "error", code: "CANCELLED" });
    await until("it is gone", async () => (await running("61107")) === 0);
    expect((await failure(execStream(test.context, "true", { signal: controller.signal }))).name).toBe("AbortError");
  });

  it("refuses what cannot be run before there is a stream", async () => {
    expect(await failure(execStream(test.context, "true", { cwd: "/no/such" }))).toBeInstanceOf(InvalidProcessCwdError);
    expect(await failure(execStream(test.context, " "))).toBeInstanceOf(ValidationFailedError);
  });

  it("keeps bytes in base64, and characters that are cut", async () => {
    const told = await events<ExecEvent>(
      await execStream(test.context, "printf '\\377\\0\\n'", { encoding: "base64" }),
    );
    const bytes = told.flatMap(({ data }) => [...Buffer.from(data ?? "", "base64")]);
    expect(bytes).toEqual([255, 0, 10]);
    const text = await events<ExecEvent>(
      await execStream(test.context, "printf '\\303'; sleep 0.1; printf '\\251 \\377'"),
    );
    expect(text.map(({ data }) => data ?? "").join("")).toBe("é \ufffd");
  });
});
