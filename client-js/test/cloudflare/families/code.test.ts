/** The code interpreter of the drop-in over real kernels: results, events and errors as the stock package has them. */

import { afterAll, describe, expect, it } from "vitest";
import { callsIn } from "../../../src/cloudflare/calls.ts";
import type { CodeEvent } from "../../../src/cloudflare/code/events.ts";
import { CodeExecutionError, ContextNotFoundError } from "../../../src/cloudflare/errors.ts";
import { CodeInterpreter } from "../../../src/cloudflare/interpreter.ts";
import type { ISandbox } from "../../../src/cloudflare/types.ts";
import { kernels } from "../../harness/kernels.ts";
import { events, failure, failures, family } from "./context.ts";

const installed = kernels();
afterAll(() => installed.remove());

describe.each([
  ["directly", undefined],
  ["over a connection that is cut", [1_000, 30_000] as const],
])("the code interpreter, %s", (_, cut) => {
  const test = family({ server: { env: installed.env }, ...(cut && { cut }) });
  const calls = () => callsIn(test.context);

  it("runs code in the default context, which remembers", async () => {
    const { runCode } = calls();
    const first = await runCode("x = 41\nprint('out')\nimport sys\nprint('err', file=sys.stderr)\nx + 1");
    expect(first).toEqual({
      code: expect.stringContaining("x = 41"),
      logs: { stdout: ["out\n"], stderr: ["err\n"] },
      executionCount: expect.any(Number),
      results: [{ text: "42" }],
    });
    expect((await runCode("x", { language: "python" })).results).toEqual([{ text: "41" }]);
    const failed = await runCode("print('before')\n\n1 / 0");
    expect(failed.logs.stdout.join("")).toBe("before\n");
    expect(failed.error).toMatchObject({ name: "ZeroDivisionError", message: "division by zero", lineNumber: 3 });
    expect(failed.error?.traceback.join("\n")).not.toContain("\u001b");
  });

  it("calls back, and gives results their formats", async () => {
    const heard: unknown[] = [];
    const code = [
      "import matplotlib.pyplot as plt",
      "print('drawing')",
      "plt.plot([1, 2]); plt.show()",
      "display({'application/vnd.plotly.v1+json': {'data': [{'type': 'bar'}], 'layout': {}}, 'text/plain': 'F'}, raw=True)",
      "display({'application/x-thing+json': [1]}, raw=True)",
      "1 / 0",
    ].join("\n");
    const run = await calls().runCode(code, {
      onStdout: ({ text, timestamp }) => void heard.push([text, typeof timestamp]),
      onResult: result => void heard.push(result.formats()),
      onError: ({ name }) => void heard.push(name),
    });
    expect(heard).toEqual([["drawing\n", "number"], ["text", "png"], ["text", "chart"], [], "ZeroDivisionError"]);
    expect(run.results[0]?.png).toMatch(/^iVBORw0KGgo/);
    expect(run.results[1]?.chart).toMatchObject({ type: "bar", library: "plotly" });
    expect(run.results[2]?.data).toEqual({ "application/x-thing+json": [1] });
  });

  it("streams the stock package's events", async () => {
    const stream = await calls().runCodeStream("print('a')\nprint('b')\n{'k': 1}");
    const told = await events<CodeEvent>(stream);
    expect(told.map(({ type }) => type).join(" ")).toMatch(/^(stdout )+result execution_complete$/);
    expect(told.at(-2)).toMatchObject({ type: "result", text: "{'k': 1}", metadata: {} });
    expect(told.at(-1)).toMatchObject({ type: "execution_complete", execution_count: expect.any(Number) });
    const failed = await events<CodeEvent>(await calls().runCodeStream("raise ValueError('no')"));
    expect(failed[0]).toMatchObject({ type: "error", ename: "ValueError", evalue: "no", traceback: expect.any(Array) });
  });

  it("interrupts code whose time is over, says so, and goes on", async () => {
    const { runCode } = calls();
    await runCode("kept = 1");
    const late = await runCode("import time\ntime.sleep(1000)", { timeout: 300 });
    expect(late.error).toMatchObject({ name: "TimeoutError", message: expect.stringContaining("300ms") });
    const controller = new AbortController();
    const work = runCode("print('on')\ntime.sleep(1000)", {
      signal: controller.signal,
      onStdout: () => controller.abort(),
    });
    expect((await failure(work)).name).toBe("AbortError");
    expect((await runCode("kept")).results).toEqual([{ text: "1" }]);
    expect(await failure(runCode("1", { timeout: 0 }))).toMatchObject({ code: "VALIDATION_FAILED" });
  });

  it("has contexts with their own directory and variables; all sessions have the same", async () => {
    const { createCodeContext, listCodeContexts, deleteCodeContext } = calls();
    const context = await createCodeContext({ cwd: "/usr", envVars: { FROM: "it", NOT: undefined } });
    expect(context).toMatchObject({ language: "python", cwd: "/usr", createdAt: expect.any(Date) });
    expect(Object.keys(context).sort()).toEqual(["createdAt", "cwd", "id", "language", "lastUsed"]);
    const other = callsIn({ ...test.context, session: "another" });
    const where = "import os\n(os.getcwd(), os.environ['FROM'], os.environ.get('NOT'))";
    expect((await other.runCode(where, { context })).results).toEqual([{ text: "('/usr', 'it', None)" }]);
    const cell = await other.runCode("os.environ['FROM']", { context, envVars: { FROM: "cell" } });
    expect(cell.results).toEqual([{ text: "'cell'" }]);
    expect((await other.listCodeContexts()).map(({ id }) => id)).toEqual(
      (await listCodeContexts()).map(({ id }) => id),
    );
    await deleteCodeContext(context.id);
    for (const error of await failures([other.runCode("1", { context }), deleteCodeContext(context.id)])) {
      expect(error).toBeInstanceOf(ContextNotFoundError);
      expect(error.context).toEqual({ contextId: context.id });
    }
  });

  it("runs TypeScript and JavaScript", async () => {
    const { runCode } = calls();
    const run = await runCode("const n: number = 41; console.log('ts'); n + 1", { language: "typescript" });
    expect(run).toMatchObject({ logs: { stdout: ["ts\n"] }, results: [{ text: expect.stringContaining("42") }] });
    const failed = await runCode("const m = 1;\nthrow new TypeError('oh')", { language: "javascript" });
    expect(failed.error).toMatchObject({ name: "TypeError" });
  });

  it("says that the kernel died, and goes on with a fresh one", async () => {
    const { runCode, createCodeContext } = calls();
    const context = await createCodeContext();
    const died = await failure(runCode("import os\nos.kill(os.getpid(), 9)", { context }));
    expect(died).toBeInstanceOf(CodeExecutionError);
    expect(died).toMatchObject({
      code: "CODE_EXECUTION_ERROR",
      context: { contextId: context.id, ename: "KernelDied" },
    });
    expect((await runCode("1 + 1", { context })).results).toEqual([{ text: "2" }]);
  });

  it("tells once that a kernel was killed because its time was over, and goes on with a fresh one", async () => {
    const { runCode, createCodeContext } = calls();
    const context = await createCodeContext();
    const code = "import time\nwhile True:\n  try: time.sleep(1000)\n  except KeyboardInterrupt: pass";
    const late = await runCode(code, { context, timeout: 300 });
    expect(late.error).toMatchObject({
      name: "TimeoutError",
      message: expect.stringContaining("its kernel was killed"),
    });
    expect((await runCode("1 + 1", { context })).results).toEqual([{ text: "2" }]);
  });

  it("is a CodeInterpreter, too", async () => {
    const interpreter = new CodeInterpreter(() => calls() as unknown as ISandbox);
    const context = await interpreter.createCodeContext();
    const run = await interpreter.runCode("2 * 21", { context });
    expect([run.results[0]?.text, run.results[0]?.formats(), run.context]).toEqual(["42", ["text"], context]);
    expect(JSON.parse(JSON.stringify(run))).toMatchObject({ code: "2 * 21", results: [{ text: "42" }] });
    expect((await interpreter.runCode("1")).context).toMatchObject({ id: "python", language: "python" });
    const once = { ...calls(), listCodeContexts: () => Promise.reject(new Error("it cannot be asked")) };
    const alone = await new CodeInterpreter(once as unknown as ISandbox).runCode("6 * 7");
    expect([alone.results[0]?.text, alone.context.id]).toEqual(["42", "python"]);
    await interpreter.deleteCodeContext(context.id);
    expect((await interpreter.listCodeContexts()).map(({ id }) => id)).not.toContain(context.id);
  });
});

describe("without kernels", () => {
  const test = family({
    server: { env: { PATH: "/usr/bin:/bin", JUPYTER_PATH: "/nonexistent", HOME: "/nonexistent" } },
  });

  it.each([
    ["python", "PYTHON_NOT_AVAILABLE", /ipykernel/],
    ["javascript", "JAVASCRIPT_NOT_AVAILABLE", /deno/i],
  ] as const)("says which package brings %s", async (language, code, name) => {
    const { createCodeContext, runCode } = callsIn(test.context);
    for (const error of await failures([createCodeContext({ language }), runCode("1", { language })])) {
      expect(error).toMatchObject({ code, httpStatus: 501 });
      expect(error.message).toMatch(name);
    }
  });
});
