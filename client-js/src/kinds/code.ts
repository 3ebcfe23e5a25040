/** `kernel.*`: code in kernels that remember. */

import { bytesOf } from "../bytes.ts";
import { DEFAULT_MAX_OUTPUT } from "./base.ts";
import { type CallOptions, fromWire, pick } from "./call.ts";
import {
  type CodeContext,
  type ContextChoice,
  type CreateCodeContextOptions,
  contextOf,
  type DeleteCodeContextOptions,
  idOf,
  type KernelSpec,
  type WireContext,
} from "./code/context.ts";
import type { CodeResult } from "./code/result.ts";
import {
  type CodeEnd,
  type CodeError,
  type CodeEvent,
  costOf,
  DEFAULT_MAX_RESULT,
  type RunCodeStreamOptions,
  run,
  tooLarge,
} from "./code/run.ts";
import { Git } from "./git.ts";
import { type AsyncSequence, dataOf, gather } from "./stream.ts";

/** How to run code to its end. While a promise that a callback returns is not settled, the code's output waits. */
export interface RunCodeOptions extends RunCodeStreamOptions {
  /** Called with standard output as it comes. When it throws, the code is interrupted and `runCode` rejects with that. */
  readonly onStdout?: ((text: string) => unknown) | undefined;
  /** The same, with standard error. */
  readonly onStderr?: ((text: string) => unknown) | undefined;
  /** The same, with each result. */
  readonly onResult?: ((result: CodeResult) => unknown) | undefined;
  /** The same, with what the code raised. */
  readonly onError?: ((error: CodeError) => unknown) | undefined;
  /** Bytes of output, both streams together, that the execution keeps; `truncated` tells of more. Default: 64 MiB. */
  readonly maxOutput?: number | undefined;
}

/** What code did. */
export interface CodeExecution extends CodeEnd {
  /** Whether it ran to its end. */
  readonly success: boolean;
  /** What it wrote to standard output. */
  readonly stdout: string;
  /** What it wrote to standard error. */
  readonly stderr: string;
  /** Whether there was more output than `maxOutput`. */
  readonly truncated: boolean;
  /** The value of its last expression, when it has one. */
  readonly result?: CodeResult;
  /** What it showed, and that value; of what it showed in one place, the last. */
  readonly results: readonly CodeResult[];
  /** What it raised. */
  readonly error?: CodeError;
}

/** Code in kernels. */
export class Code extends Git {
  /**
   * Makes a context: a kernel of its own, which keeps variables, functions and imports from one `runCode` to the next. It
   * belongs to the sandbox, and outlives this client.
   *
   * Errors: `KernelSpecNotFoundError`, whose message says which package brings the kernel; `KernelStartFailedError`;
   * `KernelExistsError`; `InvalidProcessCwdError`.
   *
   * @example
   * ```ts
   * const context = await sandbox.createCodeContext({ language: "python", cwd: "/tmp" });
   * await sandbox.runCode("import os; here = os.getcwd()", { context });
   * const { result } = await sandbox.runCode("here", { context });
   * console.log(result?.text); // "'/tmp'"
   * await sandbox.deleteCodeContext(context);
   * ```
   */
  async createCodeContext(options: CreateCodeContextOptions = {}): Promise<CodeContext> {
    const names = ["id", "spec", "language", "cwd", "env", "clear_env", "timeout_ms", "reuse"] as const;
    return contextOf(await this.call("kernel.create", pick(options, ...names), { signal: options.signal }));
  }

  /** The contexts, oldest first. */
  async listCodeContexts(options?: CallOptions): Promise<CodeContext[]> {
    return (await this.call<{ kernels: WireContext[] }>("kernel.list", {}, options)).kernels.map(contextOf);
  }

  /** One context; `null` when the server knows none of that id. */
  async getCodeContext(context: ContextChoice, options?: CallOptions): Promise<CodeContext | null> {
    try {
      return contextOf(await this.call("kernel.get", { id: idOf(context) }, options));
    } catch (error) {
      if ((error as { code?: unknown }).code === "KERNEL_NOT_FOUND") return null;
      throw error;
    }
  }

  /** Ends a context, its kernel, and what runs in it. */
  async deleteCodeContext(context: ContextChoice, options: DeleteCodeContextOptions = {}): Promise<void> {
    await this.call("kernel.delete", { id: idOf(context), grace_ms: options.grace }, options);
  }

  /**
   * Ends the kernel of a context, and starts it anew: it has forgotten everything. What runs in it, and what waits, fails with
   * a `KernelDiedError`.
   */
  async restartCodeContext(context: ContextChoice, options?: CallOptions): Promise<CodeContext> {
    return contextOf(await this.call("kernel.restart", { id: idOf(context) }, options));
  }

  /** Interrupts the code that runs in a context: Python raises `KeyboardInterrupt`. Nothing when none runs. */
  async interruptCodeContext(context: ContextChoice, options?: CallOptions): Promise<void> {
    await this.call("kernel.interrupt", { id: idOf(context) }, options);
  }

  /** The kernels that are installed. */
  async listKernelSpecs(options?: CallOptions): Promise<KernelSpec[]> {
    return fromWire((await this.call<{ specs: object[] }>("kernel.specs", {}, options)).specs);
  }

  /**
   * Runs code to its end. Resolves however it ended: what it raised stands in `error`. In one context code runs one after the
   * other, in several at once.
   *
   * Errors: `KernelNotFoundError`; `KernelSpecNotFoundError`, whose message says which package brings the kernel;
   * `KernelDiedError` when the kernel ended, how stands in its `context`: the next call fails so once, too, unless it says
   * `renew`, and then there is a fresh one; `LimitExceededError` when the results are larger than `maxResult`, and the code is
   * interrupted; `InterruptedError` when nobody knows how it ended.
   *
   * @example
   * ```ts
   * const { result, stdout } = await sandbox.runCode("print('hello')\n6 * 7");
   * console.log(stdout); // "hello\n"
   * console.log(result?.text, result?.formats()); // "42" ["text"]
   *
   * const failed = await sandbox.runCode("1 / 0");
   * console.log(failed.success, failed.error?.name); // false "ZeroDivisionError"
   * ```
   */
  async runCode(code: string, options: RunCodeOptions = {}): Promise<CodeExecution> {
    const { onStdout, onStderr, onResult, onError, maxOutput = DEFAULT_MAX_OUTPUT } = options;
    const { maxResult = DEFAULT_MAX_RESULT } = options;
    const said = { stdout: gather(), stderr: gather() };
    const shown = new Shown();
    let room = maxOutput;
    let truncated = false;
    let error: CodeError | undefined;
    let end: CodeEnd | undefined;
    for await (const event of run(this.endpoint, code, options)) {
      if (event.type === "stdout" || event.type === "stderr") {
        const bytes = bytesOf(event.text);
        const kept = bytes.subarray(0, room);
        truncated ||= kept.length < bytes.length;
        room -= kept.length;
        said[event.type].add(kept);
        await (event.type === "stdout" ? onStdout : onStderr)?.(event.text);
      } else if (event.type === "result") {
        shown.add(event.result);
        if (shown.cost > maxResult) throw tooLarge(shown.cost, maxResult);
        await onResult?.(event.result);
      } else if (event.type === "error") {
        const { type, ...raised } = event;
        error = raised;
        await onError?.(raised);
      } else if (event.type === "end") {
        const { type, ...how } = event;
        end = how;
      }
    }
    if (!end) throw new TypeError("the code did not say how it ended");
    const { results } = shown;
    const result = results.filter(({ display }) => !display).at(-1);
    return {
      ...end,
      success: end.status === "ok",
      stdout: dataOf(said.stdout.bytes(), "utf8"),
      stderr: dataOf(said.stderr.bytes(), "utf8"),
      truncated,
      ...(result && { result }),
      results,
      ...(error && { error }),
    };
  }

  /**
   * Runs code and tells what it does, as it does it. Who stops pulling stops its output; who leaves the loop before the `end`
   * event interrupts it. Errors as with `runCode`.
   *
   * @example
   * ```ts
   * const code = "for i in range(3): print(i)\nname = input('Name? ')\nname.upper()";
   * for await (const event of sandbox.runCodeStream(code, { onInput: () => "Ada" })) {
   *   if (event.type === "result") console.log(event.result.text); // "'ADA'"
   * }
   * ```
   */
  runCodeStream(code: string, options: RunCodeStreamOptions = {}): AsyncSequence<CodeEvent> {
    return run(this.endpoint, code, options);
  }
}

/** Results as they are shown: one that updates takes the place of what was shown under its name. */
class Shown {
  readonly results: CodeResult[] = [];
  /** Bytes that it costs to keep them. */
  cost = 0;
  readonly #places = new Map<string, number[]>();

  add(result: CodeResult): void {
    const { displayId = "" } = result;
    const places = this.#places.get(displayId) ?? [];
    if (!result.update) {
      places.push(this.results.length);
      if (displayId) this.#places.set(displayId, places);
      this.results.push(result);
      this.cost += costOf(result);
    } else {
      for (const place of places) {
        this.cost += costOf(result) - costOf(this.results[place] as CodeResult);
        this.results[place] = result;
      }
    }
  }
}
