/** Code: contexts that keep what code leaves in them. All sessions of a sandbox have the same ones. */

import type { CodeContext as CoreContext } from "../kinds/code/context.ts";
import { collect, isDeath, MAX_RESULT, tell } from "./code/events.ts";
import { withRequire } from "./code/require.ts";
import { given } from "./command.ts";
import type { Context } from "./context.ts";
import { aborted, attempt, createError, invalid } from "./errors.ts";
import { absolute } from "./session.ts";
import { eventStream } from "./stream.ts";
import type { CodeContext, CreateContextOptions, ExecutionResult, RunCodeOptions } from "./types.ts";

/** Milliseconds that a context has to be made, and code to run, which say nothing else. */
const CREATE_TIMEOUT = 30_000;
const RUN_TIMEOUT = 60_000;

/**
 * Makes a context.
 *
 * @throws `InterpreterNotReadyError` when its kernel does not start in time; an error `PYTHON_NOT_AVAILABLE` or
 * `JAVASCRIPT_NOT_AVAILABLE`, which says what to install, when there is none.
 */
export async function createCodeContext(context: Context, options: CreateContextOptions = {}): Promise<CodeContext> {
  const { language = "python", cwd, envVars, timeout = CREATE_TIMEOUT } = options;
  checkTimeout(timeout);
  return attempt({ operation: "code.context.create", language, cwd }, async () => {
    const client = await context.client();
    const directory = cwd === undefined ? context.cwd : await absolute(context, client, undefined, cwd);
    const late = AbortSignal.timeout(Math.min(timeout, LONGEST));
    try {
      return contextOf(
        await client.createCodeContext({ language, cwd: directory, env: given(envVars), signal: late }),
        context,
      );
    } catch (error) {
      if (!late.aborted) throw error;
      const message = `the kernel for ${language} did not start within ${timeout} ms: try again`;
      throw createError("INTERPRETER_NOT_READY", message, { retryAfter: 1 }, { cause: error });
    }
  });
}

/** The contexts, oldest first. */
export async function listCodeContexts(context: Context): Promise<CodeContext[]> {
  return attempt({ operation: "code.execute" }, async () => {
    const client = await context.client();
    return (await client.listCodeContexts()).map(one => contextOf(one, context));
  });
}

/**
 * Ends a context, and what runs in it.
 *
 * @throws `ContextNotFoundError`.
 */
export async function deleteCodeContext(context: Context, contextId: string): Promise<void> {
  await attempt({ operation: "code.context.delete", contextId }, async () => {
    await (await context.client()).deleteCodeContext(contextId);
  });
}

/**
 * Runs code, and gives what it does as server-sent events, as it does it: `stdout`, `stderr`, `result`, `error`,
 * `execution_complete`. Resolves when it runs. Who does not read stops its output; who cancels the stream interrupts it.
 *
 * @throws `ContextNotFoundError`; `CodeExecutionError` when the kernel died before.
 */
export async function runCodeStream(
  context: Context,
  code: string,
  options: RunCodeOptions = {},
): Promise<ReadableStream<Uint8Array>> {
  const { context: named, language, envVars, timeout = RUN_TIMEOUT, signal } = options;
  const contextId = named?.id;
  const spoken = named?.language ?? language ?? "python";
  if (typeof code !== "string") throw invalid("code", "the code is no text");
  checkTimeout(timeout);
  const time = Number.isFinite(timeout) ? timeout : undefined;
  return attempt({ operation: "code.execute", contextId, language }, async () => {
    if (signal?.aborted) throw aborted(signal.reason);
    const client = await context.client();
    const events = client.runCodeStream(withRequire(code, spoken), {
      context: contextId,
      language,
      timeout: time,
      signal,
      env: given(envVars),
      maxResult: MAX_RESULT,
    });
    // What comes after it waits for its turn behind this, and finds a fresh kernel.
    const died = () => void client.runCode("", { context: contextId, language, renew: true }).catch(() => {});
    const first = await events.next().catch((error: unknown) => {
      // It may have died with the cell, before it said that it had begun with it.
      if (isDeath(error)) died();
      throw error;
    });
    const told = tell(events, first.value ?? undefined, {
      contextId,
      timeout: time,
      python: spoken === "python",
      died,
    });
    return eventStream({
      next: async () => (await told.next()).value ?? undefined,
      cancel: async () => void (await events.return()),
    });
  });
}

/**
 * Runs code to its end. What it raises stands in `error`; so does that its time was over.
 *
 * @throws what {@link runCodeStream} throws; `CodeExecutionError` when the kernel died with it; `OperationInterruptedError`
 * when nobody knows how it ended; an error named `AbortError` by the signal, which interrupts it.
 */
export async function runCode(context: Context, code: string, options: RunCodeOptions = {}): Promise<ExecutionResult> {
  return collect(code, await runCodeStream(context, code, options), options);
}

/** The longest time that timers can be set to. */
const LONGEST = 2 ** 31 - 1;

function checkTimeout(timeout: number): void {
  if (timeout > 0) return;
  throw invalid("timeout", `timeout is ${timeout}: give milliseconds above 0, or Infinity for none`);
}

const contextOf = ({ id, language, cwd, createdAt, usedAt }: CoreContext, context: Context): CodeContext => ({
  id,
  language,
  cwd: cwd ?? context.cwd,
  createdAt,
  lastUsed: usedAt,
});
