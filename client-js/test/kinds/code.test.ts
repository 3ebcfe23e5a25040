/** Code in real kernels. */

import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  AbortError,
  type CodeEvent,
  connect,
  KernelDiedError,
  KernelExistsError,
  KernelNotFoundError,
  KernelSpecNotFoundError,
  LimitExceededError,
  type Sandbox,
} from "../../src/index.ts";
import { type Kernels, kernels } from "../harness/kernels.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { Server } from "../harness/server.ts";
import { all, failure } from "./served.ts";

let installed: Kernels;
let server: Server;
let sandbox: Sandbox;

beforeAll(async () => {
  installed = kernels();
  server = await Server.start({ env: installed.env });
  sandbox = await connect(server.url);
});
afterAll(async () => {
  await sandbox?.close();
  await server?.stop();
  installed.remove();
});

describe("runCode", () => {
  it("keeps what code leaves in the context, and tells output, values and errors apart", async () => {
    expect(await sandbox.runCode("import sys\nx = 20\nprint('é')\nprint('oh', file=sys.stderr)")).toMatchObject({
      success: true,
      status: "ok",
      stdout: "é\n",
      stderr: "oh\n",
      results: [],
      timedOut: false,
      kernelDied: false,
      truncated: false,
      executionCount: expect.any(Number),
    });
    const value = await sandbox.runCode("x + 22");
    expect(value.result?.text).toBe("42");
    expect(value.results).toEqual([value.result]);
    const failed = await sandbox.runCode("print('before')\n1 / 0");
    expect(failed).toMatchObject({ success: false, status: "error", stdout: "before\n" });
    expect(failed.error).toMatchObject({ name: "ZeroDivisionError", message: "division by zero" });
    expect(stripVTControlCharacters(failed.error?.traceback.join("\n") ?? "")).toContain("1 / 0");
    expect((await sandbox.runCode("x")).result?.text).toBe("20");
  });

  it("calls back as the code goes on, and waits for who is called", async () => {
    const heard: string[] = [];
    const run = await sandbox.runCode(
      "import time\nprint('one', flush=True)\ndisplay({'text/html': '<b>two</b>'}, raw=True)\n1/0",
      {
        onStdout: async text => {
          await new Promise(resolve => setImmediate(resolve));
          heard.push(text);
        },
        onResult: result => void heard.push(result.html ?? ""),
        onError: ({ name }) => void heard.push(name),
      },
    );
    // Output comes in pieces.
    expect(heard.join("|").replace("one|\n", "one\n")).toBe("one\n|<b>two</b>|ZeroDivisionError");
    expect(run.results[0]).toMatchObject({ display: true, update: false });
    const broken = sandbox.runCode("print('x')\nimport time\ntime.sleep(1000)", {
      onStdout: () => {
        throw new RangeError("enough");
      },
    });
    expect(await failure(broken)).toBeInstanceOf(RangeError);
    expect((await sandbox.runCode("1")).success).toBe(true);
  });

  it("shows what is shown in one place once", async () => {
    const code = "h = display('a', display_id=True)\nfor i in range(50): h.update(f'b{i}')\n'value'";
    const run = await sandbox.runCode(code);
    expect(run.results.map(({ text }) => text)).toEqual(["'b49'", "'value'"]);
  });

  it("interrupts code whose time is over, or whose signal is aborted, and keeps what the context has", async () => {
    await sandbox.runCode("kept = 7");
    const late = await sandbox.runCode("import time\ntime.sleep(1000)", { timeout: 500 });
    expect(late).toMatchObject({ timedOut: true, kernelDied: false, success: false, status: "error" });
    expect(late.error?.name).toBe("KeyboardInterrupt");
    const controller = new AbortController();
    const aborted = failure(
      sandbox.runCode("print('on')\ntime.sleep(1000)", {
        signal: controller.signal,
        onStdout: () => controller.abort(),
      }),
    );
    expect(await aborted).toBeInstanceOf(AbortError);
    expect((await sandbox.runCode("kept")).result?.text).toBe("7");
  });

  it("keeps output up to a bound, and refuses results beyond theirs", async () => {
    const loud = await sandbox.runCode("print('x' * 100_000)", { maxOutput: 1000 });
    expect([loud.stdout.length, loud.truncated]).toEqual([1000, true]);
    const page = "display({'text/html': 'x' * 2_000_000}, raw=True)";
    expect((await sandbox.runCode(page)).results[0]?.html?.length).toBe(2_000_000);
    expect(await failure(sandbox.runCode(page, { maxResult: 1 << 20 }))).toBeInstanceOf(LimitExceededError);
    const many = `for i in range(1000): ${page}`;
    expect(await failure(sandbox.runCode(many, { maxResult: 8 << 20 }))).toBeInstanceOf(LimitExceededError);
    expect((await sandbox.runCode("1")).success).toBe(true);
  });
});

describe("runCodeStream", () => {
  it("tells events in order, the end at last", async () => {
    const events = await all(
      sandbox.runCodeStream("print('a')\nfrom IPython.display import clear_output\nclear_output(wait=True)\n3"),
    );
    expect(events.map(({ type }) => type)).toEqual(["start", "stdout", "clear", "result", "end"]);
    expect(events.at(2)).toEqual({ type: "clear", wait: true });
    expect(events.at(-1)).toMatchObject({ type: "end", status: "ok", duration: expect.any(Number) });
  });

  it("gives code the input that it asks for", async () => {
    const asked: unknown[] = [];
    const code = "import getpass\nname = input('Name? ')\nprint(name, getpass.getpass('Secret? '))";
    const onInput = async (prompt: string, { password }: { password: boolean }) => {
      asked.push([prompt, password]);
      return password ? "hush" : "Ada";
    };
    const events = await all(sandbox.runCodeStream(code, { onInput }));
    expect(asked).toEqual([
      ["Name? ", false],
      ["Secret? ", true],
    ]);
    expect(events.filter(({ type }) => type === "input")).toHaveLength(2);
    expect(textOf(events)).toBe("Ada hush\n");
    const without = await sandbox.runCode("input('Name? ')");
    expect(without.error?.name).toBe("StdinNotImplementedError");
  });

  it("is interrupted where somebody waits for input, and by who leaves the loop", async () => {
    const { id: context } = await sandbox.createCodeContext();
    const events = await all(
      sandbox.runCodeStream("input()", {
        onInput: () => {
          void sandbox.interruptCodeContext(context);
          return new Promise<string>(() => {});
        },
        context,
      }),
    );
    expect(events.at(-2)).toMatchObject({ type: "error", name: "KeyboardInterrupt" });
    for await (const event of sandbox.runCodeStream("print('x')\nimport time\ntime.sleep(1000)", { context })) {
      if (event.type === "stdout") break;
    }
    expect((await sandbox.runCode("5", { context })).result?.text).toBe("5");
    await sandbox.deleteCodeContext(context);
  });

  it("stops the code's output when nobody pulls, and goes on when somebody does", async () => {
    const stream = sandbox.runCodeStream("for i in range(100_000): print('x' * 100)");
    let length = 0;
    let before = -1;
    await stream.next();
    await expect
      .poll(() => {
        const still = sandbox.stats.bytesDown === before;
        before = sandbox.stats.bytesDown;
        return still;
      })
      .toBe(true);
    for await (const event of stream) if (event.type === "stdout") length += event.text.length;
    expect(length).toBe(100_000 * 101);
  });
});

describe("contexts", () => {
  it("are made, listed, found and ended; each has its own directory, variables and memory", async () => {
    const one = await sandbox.createCodeContext({ id: "one", cwd: "/usr", env: { FROM: "one" } });
    expect(one).toMatchObject({ id: "one", language: "python", cwd: "/usr", createdAt: expect.any(Date) });
    const two = await sandbox.createCodeContext();
    const where = "import os\n(os.getcwd(), os.environ.get('FROM'))";
    expect((await sandbox.runCode(where, { context: one })).result?.text).toBe("('/usr', 'one')");
    expect((await sandbox.runCode(where, { context: two })).result?.text).toBe(`('${server.workspace}', None)`);
    expect((await sandbox.runCode("os.environ['FROM']", { context: one, env: { FROM: "cell" } })).result?.text).toBe(
      "'cell'",
    );
    expect((await sandbox.runCode("os.environ['FROM']", { context: one })).result?.text).toBe("'one'");
    expect(await failure(sandbox.createCodeContext({ id: "one" }))).toBeInstanceOf(KernelExistsError);
    expect((await sandbox.createCodeContext({ id: "one", reuse: true })).pid).toBe(one.pid);
    expect((await sandbox.listCodeContexts()).map(({ id }) => id)).toEqual(expect.arrayContaining(["one", two.id]));
    expect(await sandbox.getCodeContext("one")).toMatchObject({ state: "idle", queued: 0 });
    await Promise.all([sandbox.deleteCodeContext(one), sandbox.deleteCodeContext(two.id)]);
    expect(await sandbox.getCodeContext("one")).toBeNull();
    expect(await failure(sandbox.runCode("1", { context: one }))).toBeInstanceOf(KernelNotFoundError);
  });

  it("run beside each other, and one after the other in themselves", async () => {
    const [one, two] = await Promise.all([sandbox.createCodeContext(), sandbox.createCodeContext()]);
    const meet = (own: string, other: string) =>
      `import os, time\nopen('${own}', 'w').close()\nwhile not os.path.exists('${other}'): time.sleep(0.01)`;
    const met = await Promise.all([
      sandbox.runCode(meet("met-a", "met-b"), { context: one }),
      sandbox.runCode(meet("met-b", "met-a"), { context: two }),
    ]);
    expect(met.map(({ success }) => success)).toEqual([true, true]);
    await sandbox.runCode("order = []", { context: one });
    const numbers = Array.from({ length: 20 }, (_, index) => index);
    await Promise.all(numbers.map(index => sandbox.runCode(`order.append(${index})`, { context: one })));
    expect((await sandbox.runCode("order", { context: one })).result?.text).toBe(`[${numbers.join(", ")}]`);
    await Promise.all([sandbox.deleteCodeContext(one), sandbox.deleteCodeContext(two)]);
  });

  it("whose kernel dies say so once, and have a fresh one then, or when they are restarted", async () => {
    const context = await sandbox.createCodeContext();
    const died = await failure(sandbox.runCode("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", { context }));
    expect(died).toBeInstanceOf(KernelDiedError);
    expect(died).toMatchObject({ context: { signal: "SIGKILL" } });
    expect(await failure(sandbox.runCode("1", { context }))).toBeInstanceOf(KernelDiedError);
    expect((await sandbox.runCode("1", { context })).success).toBe(true);
    await failure(sandbox.runCode("import os\nos._exit(3)", { context }));
    expect((await sandbox.runCode("1", { context, renew: true })).success).toBe(true);
    await sandbox.runCode("kept = 1", { context });
    expect(await sandbox.restartCodeContext(context)).toMatchObject({ id: context.id });
    expect((await sandbox.runCode("kept", { context })).error?.name).toBe("NameError");
    await sandbox.deleteCodeContext(context);
  });

  it("run JavaScript and TypeScript, with values that last and are awaited", async () => {
    expect((await sandbox.listKernelSpecs()).map(({ name }) => name)).toEqual(
      expect.arrayContaining(["python3", "deno"]),
    );
    const context = await sandbox.createCodeContext({ language: "typescript" });
    const run = (code: string) => sandbox.runCode(code, { context });
    await run("const n: number = await Promise.resolve(41);");
    expect((await run("console.log('out'); n + 1")).stdout).toBe("out\n");
    expect((await run("n + 1")).result?.text).toContain("42");
    const html = await run("Deno.jupyter.html`<i>x</i>`");
    expect(html.results[0]?.html).toBe("<i>x</i>");
    expect((await run("throw new TypeError('oh')")).error).toMatchObject({ name: "TypeError" });
    expect((await sandbox.runCode("const a = 1; a + 1", { language: "javascript" })).result?.text).toContain("2");
    await sandbox.deleteCodeContext(context);
  });

  it("of a language that no kernel speaks say which package brings one", async () => {
    const error = await failure(sandbox.createCodeContext({ language: "r" }));
    expect(error).toBeInstanceOf(KernelSpecNotFoundError);
    expect(error.message).toMatch(/install|package|IRkernel/i);
  });
});

it("loses nothing over a connection that is cut, and doubles nothing", async () => {
  const proxy = await CuttingProxy.start(server.address);
  const cut = await connect(proxy.url);
  const context = await cut.createCodeContext();
  await cut.runCode("n = 0", { context });
  const rounds = 20;
  for (let round = 1; round <= rounds; round += 1) {
    // In its output, or in its result.
    await proxy.cutAfter("down", 1 + round * 4_000);
    const code = `n += 1\nimport os\nb = os.urandom(30_000)\nprint(b.hex())\ndisplay({'image/png': b}, raw=True)\nn`;
    const run = await cut.runCode(code, { context });
    expect(run.result?.text).toBe(`${round}`);
    expect(Buffer.from(run.results[0]?.png ?? []).toString("hex")).toBe(run.stdout.trim());
  }
  expect((await proxy.counters()).cuts).toBeGreaterThan(10);
  await proxy.keepWhole();
  await cut.deleteCodeContext(context);
  await cut.close();
  await proxy.stop();
});

const textOf = (events: readonly CodeEvent[]): string =>
  events.map(event => (event.type === "stdout" ? event.text : "")).join("");
