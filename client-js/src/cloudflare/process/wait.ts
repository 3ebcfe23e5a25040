/** Waiting for what a process says, for its port, and for its end. The process goes on, whatever becomes of the waiting. */

import type { Sandbox } from "../../client.ts";
import type { Process as CoreProcess } from "../../kinds/process/handle.ts";
import type { Context } from "../context.ts";
import { type Attempt, attempt, createError, sandboxError } from "../errors.ts";
import { exitCodeOf } from "../exit.ts";
import { Pieces } from "../output.ts";
import type { WaitForExitResult, WaitForLogResult, WaitForPortOptions } from "../types.ts";

/** Characters of a log that a pattern of several lines is looked for in. */
const WINDOW = 64 << 10;

/**
 * Waits until a line contains the text, or matches; also one that was written before, and one whose newline has not come.
 * A pattern with a newline in it is looked for in the last 64 KiB of text.
 *
 * @throws ProcessReadyTimeoutError, ProcessExitedBeforeReadyError, ProcessNotFoundError.
 */
export function waitForLog(
  context: Context,
  id: string,
  pattern: string | RegExp,
  timeout?: number,
): Promise<WaitForLogResult> {
  const condition = typeof pattern === "string" ? `"${pattern}"` : `${pattern}`;
  return waiting(context, id, { condition, timeout }, async process => {
    if (spansLines(pattern)) return spanning(process, pattern, condition, timeout);
    const { line, match } = await process.waitForLog(pattern, { timeout });
    return typeof pattern === "string" ? { line } : { line, match: match as RegExpMatchArray };
  });
}

/**
 * Waits until a port answers, tried from inside the sandbox.
 *
 * @throws ProcessReadyTimeoutError, ProcessExitedBeforeReadyError, ProcessNotFoundError, InvalidPortError.
 */
export function waitForPort(
  context: Context,
  id: string,
  port: number,
  options: WaitForPortOptions & { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const { mode = "http", path = "/", status, timeout, signal } = options;
  const condition = mode === "http" ? `port ${port} (HTTP ${path})` : `port ${port} (TCP)`;
  return waiting(context, id, { condition, timeout, port }, async process => {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw createError("INVALID_PORT", `${port} is no port`, { port, reason: "it is not from 1 to 65535" });
    }
    const how = mode === "tcp" ? { mode } : { mode, path, status };
    await process.waitForPort(port, { ...how, timeout, signal });
  });
}

/**
 * Waits for the end of a process.
 *
 * @throws ProcessReadyTimeoutError when it does not come in time, ProcessNotFoundError, OperationInterruptedError when nobody
 * knows how it ended: no exit code is made up.
 */
export function waitForExit(context: Context, id: string, timeout?: number): Promise<WaitForExitResult> {
  return waiting(context, id, { condition: "process exit", timeout }, async process => {
    const exit = await process.wait({ timeout });
    const exitCode = exitCodeOf(exit);
    if (exitCode !== undefined) return { exitCode };
    throw createError("OPERATION_INTERRUPTED", `nobody knows how process ${id} ended`, {
      reason: "runtime_replaced",
      operation: "process.get",
      phase: "running",
      admitted: true,
      retryable: false,
    });
  });
}

/** Waits, and says of a failure which command it was. */
function waiting<T>(
  context: Context,
  id: string,
  what: Attempt,
  work: (process: CoreProcess, client: Sandbox) => Promise<T>,
): Promise<T> {
  const about = { operation: "process.logs", processId: id, ...what } as const;
  return attempt(about, async () => {
    const client = await context.client();
    const process = await client.getProcess(id);
    if (!process) throw createError("PROCESS_NOT_FOUND", `no process ${id} is known`, { processId: id }, about);
    try {
      return await work(process, client);
    } catch (error) {
      throw sandboxError(error, { ...about, command: process.command });
    }
  });
}

const spansLines = (pattern: string | RegExp): boolean =>
  typeof pattern === "string" ? pattern.includes("\n") : pattern.dotAll || /\\n|\n/.test(pattern.source);

async function spanning(
  process: CoreProcess,
  pattern: string | RegExp,
  condition: string,
  timeout: number | undefined,
): Promise<WaitForLogResult> {
  const regexp =
    typeof pattern === "string" ? undefined : new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
  const pieces = { stdout: new Pieces("utf8"), stderr: new Pieces("utf8") };
  const text = { stdout: "", stderr: "" };
  const gone = new AbortController();
  const timer = timeout === undefined ? null : setTimeout(() => gone.abort(), timeout);
  try {
    for await (const event of process.streamLogs<"bytes">({ encoding: "bytes", signal: gone.signal })) {
      if (event.type === "stdout" || event.type === "stderr") {
        const all = text[event.type] + pieces[event.type].next(event.data);
        if (typeof pattern === "string" && all.includes(pattern)) return { line: pattern };
        const match = regexp?.exec(all) ?? null;
        if (match) return { line: match[0], match };
        text[event.type] = all.slice(-WINDOW);
      } else if (event.type === "end") {
        const exitCode = event.exit && exitCodeOf(event.exit);
        const context = { processId: process.id, command: process.command, condition };
        const how = exitCode === undefined ? "" : ` with code ${exitCode}`;
        throw createError(
          "PROCESS_EXITED_BEFORE_READY",
          `process ${process.id} ended${how} before its log had ${condition}`,
          { ...context, ...(exitCode !== undefined && { exitCode }) },
        );
      }
    }
    throw createError("INTERNAL_ERROR", `the log of ${process.id} did not say that it ends`, {});
  } catch (error) {
    if (!gone.signal.aborted) throw error;
    const message = `${condition} did not come within ${timeout} ms (timeout)`;
    const context = { processId: process.id, command: process.command, condition, timeout };
    throw createError("PROCESS_READY_TIMEOUT", message, context);
  } finally {
    clearTimeout(timer);
  }
}
