/** `exec` and `execStream` against the real server. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  AbortError,
  CommandNotFoundError,
  InvalidProcessCwdError,
  SandwireError,
  TimeoutError,
  ValidationFailedError,
} from "../../src/index.ts";
import { until } from "../harness/until.ts";
import { all, failure, next, served } from "./served.ts";

const test = served();

/** Whether a process is there, and is no zombie. */
const alive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};

describe("exec", () => {
  it("resolves with the output of each stream and the exit code, whatever it is", async () => {
    const result = await test.sandbox.exec("echo out; echo err >&2; exit 3");
    expect(result).toMatchObject({
      success: false,
      exitCode: 3,
      signal: null,
      timedOut: false,
      oomKilled: false,
      coreDumped: false,
      stdout: "out\n",
      stderr: "err\n",
      truncated: false,
      outputDropped: 0,
    });
    expect(result.duration).toBeGreaterThan(0);
    expect(result.usage.user + result.usage.system).toBeGreaterThan(0);
    expect(await test.sandbox.exec("true")).toMatchObject({ success: true, exitCode: 0 });
  });

  it("tells a signal as a signal, never as a code", async () => {
    expect(await test.sandbox.exec("kill -9 $$")).toMatchObject({ success: false, exitCode: null, signal: "SIGKILL" });
  });

  it("runs a program with its arguments without a shell", async () => {
    const { stdout } = await test.sandbox.exec(["printf", "%s|", "$HOME", "a b", new Uint8Array([0xe9])], {
      encoding: "bytes",
    });
    expect([...stdout]).toEqual([...Buffer.from("$HOME|a b|"), 0xe9, 0x7c]);
  });

  it("passes cwd, environment and shell", async () => {
    const { stdout } = await test.sandbox.exec('pwd; echo "$A $B $(printenv HOME || echo none) $0"', {
      cwd: "/",
      env: { A: "1", B: "zwei ü", HOME: null, C: undefined },
      shell: "/bin/sh",
    });
    expect(stdout).toBe("/\n1 zwei ü none /bin/sh\n");
    const clean = await test.sandbox.exec("/usr/bin/env", { clearEnv: true, env: { ONLY: "this" }, shell: "/bin/sh" });
    expect(clean.stdout).toContain("ONLY=this");
    expect(clean.stdout).not.toContain("HOME=");
  });

  it("reads standard input from everything that has bytes, to its end", async () => {
    async function* parts() {
      yield "one ";
      yield Buffer.from("two ");
      yield new TextEncoder().encode("three").buffer as ArrayBuffer;
    }
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(Buffer.from("stream"));
        controller.close();
      },
    });
    const sources = ["text ü", Buffer.from("bytes"), new Blob(["blob"]), stream, parts(), ""];
    const outputs = [];
    for (const stdin of sources) outputs.push((await test.sandbox.exec("cat", { stdin })).stdout);
    expect(outputs).toEqual(["text ü", "bytes", "blob", "stream", "one two three", ""]);
    expect((await test.sandbox.exec("cat")).stdout).toBe("");
  });

  it("takes no more of the input than its reader does, and is content with one that does not read it", async () => {
    const { sandbox } = test;
    let given = 0;
    let left = false;
    async function* endless() {
      try {
        for (;;) {
          given += 1;
          yield new Uint8Array(64 << 10);
        }
      } finally {
        left = true;
      }
    }
    const file = `${test.server.workspace}/go-on`;
    const command = sandbox.exec(`until [ -e ${file} ]; do sleep 0.05; done; echo done`, { stdin: endless() });
    let before = -1;
    await until("the input to stop", async () => {
      const still = given === before && given > 0;
      before = given;
      for (let round = 0; round < 5; round += 1) await sandbox.ping();
      return still;
    });
    // A pipe, the windows and the queues.
    expect(given).toBeLessThan(64);
    await sandbox.writeFile(file, "");
    expect(await command).toMatchObject({ stdout: "done\n", exitCode: 0 });
    await until("the iterable to be left", () => left);
  });

  it("ends the command when the input itself fails", async () => {
    async function* broken() {
      yield "a";
      throw new RangeError("the input broke");
    }
    const error = await failure(test.sandbox.exec("cat; sleep 60", { stdin: broken() }));
    expect(error).toBeInstanceOf(RangeError);
  });

  it("calls onOutput with whole characters, also those that come in two pieces", async () => {
    const seen = { stdout: [] as string[], stderr: [] as string[] };
    let goOn = () => {};
    async function* answer() {
      await new Promise<void>(resolve => {
        goOn = resolve;
      });
      yield "go on\n";
    }
    const command = "printf 'gr\\303'; read line; printf '\\274n'; printf 'err' >&2; printf '\\342\\202'";
    const { stdout } = await test.sandbox.exec(command, {
      stdin: answer(),
      onOutput: (stream, data) => {
        seen[stream].push(data);
        goOn();
      },
    });
    expect(seen.stdout[0]).toBe("gr");
    expect(seen.stdout.join("")).toBe("grün\ufffd");
    expect(seen.stderr).toEqual(["err"]);
    expect(stdout).toBe("grün\ufffd");
  });

  it("keeps bytes as they are", async () => {
    const { stdout } = await test.sandbox.exec("printf '\\000\\377\\303\\n'", { encoding: "bytes" });
    expect([...stdout]).toEqual([0, 0xff, 0xc3, 0x0a]);
    expect((await test.sandbox.exec("printf '\\357\\273\\277x'")).stdout).toBe("\ufeffx");
  });

  it("lets the command wait while onOutput works, and ends it when that throws", async () => {
    let calls = 0;
    const error = await failure(
      test.sandbox.exec("echo $$; exec yes", {
        onOutput: async () => {
          calls += 1;
          await Promise.resolve();
          if (calls === 3) throw new TypeError("enough");
        },
      }),
    );
    expect(error).toBeInstanceOf(TypeError);
    expect(calls).toBe(3);
  });

  it("keeps output up to a bound, and tells of more", async () => {
    const result = await test.sandbox.exec("head -c 100000 /dev/zero | tr '\\0' x", { maxOutput: 1000 });
    expect(result).toMatchObject({ exitCode: 0, truncated: true });
    expect(result.stdout).toHaveLength(1000);
    const limited = await test.sandbox.exec("seq 100", { limits: { outputBytes: 10 } });
    expect(limited).toMatchObject({ truncated: true, stdout: "1\n2\n3\n4\n5\n", outputDropped: 282 });
  });

  it("merges the streams in the order of the writes", async () => {
    const { stdout, stderr } = await test.sandbox.exec("echo a; echo b >&2; echo c", { mergeStderr: true });
    expect([stdout, stderr]).toEqual(["a\nb\nc\n", ""]);
  });

  it("ends a command whose time is over, with all that it started, and says so", async () => {
    const result = await test.sandbox.exec("sleep 600 & echo $!; wait", { timeout: 200 });
    expect(result).toMatchObject({ success: false, timedOut: true, signal: "SIGTERM" });
    expect(alive(Number(result.stdout))).toBe(false);
    const stubborn = await test.sandbox.exec("trap '' TERM; while :; do sleep 1; done", { timeout: 100, grace: 50 });
    expect(stubborn).toMatchObject({ timedOut: true, signal: "SIGKILL" });
  });

  it("ends the command when the signal is aborted, with the reason as the cause", async () => {
    const controller = new AbortController();
    let started = 0;
    const work = test.sandbox.exec("echo $$; sleep 600", {
      signal: controller.signal,
      onOutput: (_, data) => {
        started = Number(data);
        controller.abort(new Error("the user went"));
      },
    });
    const error = await failure(work);
    expect(error).toBeInstanceOf(AbortError);
    expect(error).toMatchObject({ name: "AbortError", code: "CANCELLED", cause: new Error("the user went") });
    await until("the command's end", () => !alive(started));
    expect(await failure(test.sandbox.exec("true", { signal: controller.signal }))).toBeInstanceOf(AbortError);
    const late = await failure(test.sandbox.exec("sleep 600", { signal: AbortSignal.timeout(50) }));
    expect(late).toBeInstanceOf(TimeoutError);
    expect(late).toMatchObject({ name: "TimeoutError", code: "TIMEOUT" });
  });

  it("rejects when the command could not be run, by the class of the code", async () => {
    const missing = await failure(test.sandbox.exec(["no-such-program"]));
    expect(missing).toBeInstanceOf(CommandNotFoundError);
    expect(missing).toBeInstanceOf(SandwireError);
    expect(missing).not.toBeInstanceOf(InvalidProcessCwdError);
    expect(missing.message).toContain("no-such-program");
    expect(await failure(test.sandbox.exec("true", { cwd: "/nowhere" }))).toBeInstanceOf(InvalidProcessCwdError);
    expect(await failure(test.sandbox.exec([]))).toBeInstanceOf(ValidationFailedError);
  });

  it("runs many at once", async () => {
    const results = await Promise.all(Array.from({ length: 50 }, (_, index) => test.sandbox.exec(`echo ${index}`)));
    expect(results.map(({ stdout }) => Number(stdout))).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });
});

describe("execStream", () => {
  it("tells the start, the output and the exit, in order", async () => {
    const events = await all(test.sandbox.execStream("echo out; exit 4"));
    expect(events.map(({ type }) => type)).toEqual(["start", "stdout", "exit"]);
    expect(events[1]).toEqual({ type: "stdout", data: "out\n" });
    expect(events[2]).toMatchObject({ type: "exit", exitCode: 4, success: false, signal: null });
  });

  it("gives the rest of a character that never came whole before the exit", async () => {
    const events = await all(test.sandbox.execStream("printf 'a\\303'"));
    expect(events.map(event => ("data" in event ? event.data : event.type))).toEqual(["start", "a", "\ufffd", "exit"]);
  });

  it("stops the command's pipe when nobody pulls", async () => {
    const yes = test.sandbox.execStream("exec yes", { encoding: "bytes" });
    const start = await next(yes);
    if (start.type !== "start") throw new Error("no start");
    await next(yes);
    // What the process wrote in all, as the kernel counts it.
    const written = () => Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${start.pid}/io`, "utf8"))?.[1]);
    const blocked = () => readFileSync(`/proc/${start.pid}/wchan`, "utf8").includes("pipe");
    let before = -1;
    await until("the pipe to be full", async () => {
      const now = written();
      const still = now === before && blocked();
      before = now;
      return still;
    });
    // The client's window, the server's, and a pipe: not the gigabytes that it writes in the time of this test.
    expect(written()).toBeLessThan(8 << 20);
    await yes.return();
    await until("the command's end", () => !alive(start.pid));
  });

  it("ends the command when the loop is left", async () => {
    let pid = 0;
    for await (const event of test.sandbox.execStream("sleep 600")) {
      if (event.type === "start") pid = event.pid;
      break;
    }
    expect(pid).toBeGreaterThan(0);
    await until("the command's end", () => !alive(pid));
  });

  it("ends the command when it is disposed of before anybody pulled", async () => {
    const file = `${test.server.workspace}/pid`;
    let pid = 0;
    {
      await using stream = test.sandbox.execStream(`echo $$ > ${file}; sleep 600`);
      expect(stream.stdin.locked).toBe(false);
      const read = async () => (await test.sandbox.exists(file)) && Number(await test.sandbox.readFile(file));
      pid = await until("the command's id", read);
    }
    await until("the command's end", () => !alive(pid));
  });

  it("takes keys while it runs, and signals", async () => {
    const stream = test.sandbox.execStream(
      "trap 'echo got it; exit 7' USR1; echo ready; while read line; do echo $line; done",
      {
        stdin: true,
      },
    );
    const writer = stream.stdin.getWriter();
    const seen: string[] = [];
    for await (const event of stream) {
      if (event.type === "stdout") seen.push(event.data);
      if (event.type === "stdout" && event.data === "ready\n") await writer.write("hello\n");
      if (event.type === "stdout" && event.data === "hello\n") await stream.kill("SIGUSR1");
      if (event.type === "exit") expect(event.exitCode).toBe(7);
    }
    expect(seen).toEqual(["ready\n", "hello\n", "got it\n"]);
  });

  it("throws an AbortError into the loop", async () => {
    const controller = new AbortController();
    const stream = test.sandbox.execStream("sleep 600", { signal: controller.signal });
    await next(stream);
    const waiting = failure(stream.next());
    controller.abort();
    expect(await waiting).toBeInstanceOf(AbortError);
  });

  it("throws what went wrong into the loop, when the command could not be run", async () => {
    expect(await failure(all(test.sandbox.execStream(["no-such-program"])))).toBeInstanceOf(CommandNotFoundError);
  });
});
