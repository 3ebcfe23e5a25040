/** A command that is followed from the Worker: its callbacks are called here, and its result is made of what was heard. */

import type { Caller } from "./caller.ts";
import { createError, isErrorCode } from "./errors.ts";
import { parseSSEStream } from "./events.ts";
import { MAX_ERROR_OUTPUT, MAX_OUTPUT } from "./output.ts";
import type { ExecEvent, ExecOptions, ExecResult } from "./types.ts";

type Output = NonNullable<ExecOptions["onOutput"]>;

/** Output that is kept, up to a bound. */
class Kept {
  readonly #pieces: string[] = [];
  #length = 0;
  truncated = false;

  add(text: string): void {
    const part = text.slice(0, Math.max(0, MAX_OUTPUT - this.#length));
    this.truncated ||= part.length < text.length;
    this.#length += part.length;
    if (part !== "") this.#pieces.push(part);
  }

  toString(): string {
    return this.#pieces.join("");
  }
}

/**
 * Runs a command in the session's own shell, calls `onOutput` as output comes, and resolves with its end.
 *
 * @throws what `exec` throws; `OperationInterruptedError` when the stream ends and does not say how the command did.
 */
export async function followExec(
  caller: Caller,
  command: string,
  options: ExecOptions,
  onOutput: Output | undefined,
): Promise<ExecResult> {
  const began = Date.now();
  const args = [command, { ...options, foreground: true }];
  const stream = (await caller.abortable("execStream", args, 1)) as ReadableStream<Uint8Array>;
  const kept = { stdout: new Kept(), stderr: new Kept() };
  for await (const event of parseSSEStream<ExecEvent & { readonly signal?: string }>(stream)) {
    const { type, data = "", exitCode, sessionId, signal } = event;
    if (type === "stdout" || type === "stderr") {
      kept[type].add(data);
      onOutput?.(type, data);
    } else if (type === "complete" && exitCode !== undefined) {
      const truncated = kept.stdout.truncated || kept.stderr.truncated;
      return {
        success: exitCode === 0,
        exitCode,
        stdout: trimmed(kept.stdout, options.encoding),
        stderr: trimmed(kept.stderr, options.encoding),
        command,
        duration: Date.now() - began,
        timestamp: new Date(began).toISOString(),
        ...(sessionId !== undefined && { sessionId }),
        ...(signal !== undefined && { signal }),
        ...(truncated && { truncated: true as const }),
      };
    } else if (type === "error") {
      const part = (output: Kept) => output.toString().slice(0, MAX_ERROR_OUTPUT);
      throw errorOf(event, { command, stdout: part(kept.stdout), stderr: part(kept.stderr) });
    }
  }
  const message = `the connection ended before ${JSON.stringify(command)} said how it did`;
  const context = { reason: "transport_disposed", operation: "command.execute", phase: "running" };
  throw createError("OPERATION_INTERRUPTED", message, { ...context, admitted: "unknown", retryable: false });
}

/** The error that an event tells. */
function errorOf(event: ExecEvent, said: object): Error {
  const { error = "the command failed", exitCode, sessionId } = event;
  const { code, context } = event as { readonly code?: unknown; readonly context?: object };
  return createError(isErrorCode(code) ? code : "COMMAND_EXECUTION_ERROR", error, {
    ...said,
    ...(sessionId !== undefined && { sessionId }),
    ...(exitCode !== undefined && { exitCode }),
    ...context,
  });
}

/** As `exec` gives it: without its last newline, where it is text. */
function trimmed(output: Kept, encoding = "utf8"): string {
  const text = output.toString();
  return /^(utf-?8|latin1|binary)$/i.test(encoding) && text.endsWith("\n") ? text.slice(0, -1) : text;
}
