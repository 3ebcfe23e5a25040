/** The callbacks of a process, called from the stream of its log. */

import { createError } from "../errors.ts";
import { parseSSEStream } from "../events.ts";
import type { ErrorCode, LogEvent, Process, ProcessOptions } from "../types.ts";

/** Whether somebody wants to be told of the process. */
export const isFollowed = ({ onOutput, onExit, onStart, onError }: ProcessOptions): boolean =>
  !!(onOutput || onExit || onStart || onError);

/**
 * Calls the callbacks of `startProcess` from the stream of its log, to its end: `onStart` at once, `onOutput` in order,
 * `onExit` once; `onError` when it cannot be followed any more, or a callback throws. Never rejects.
 *
 * @param open - Opens the log: `streamProcessLogs`.
 */
export async function followProcess(
  process: Process,
  open: () => Promise<ReadableStream<Uint8Array>>,
  { onOutput, onExit, onStart, onError }: ProcessOptions,
): Promise<void> {
  try {
    onStart?.(process);
    if (!onOutput && !onExit) return;
    for await (const event of parseSSEStream<LogEvent & { readonly code?: ErrorCode }>(await open())) {
      if (event.type === "stdout" || event.type === "stderr") {
        onOutput?.(event.type, event.data);
      } else if (event.type === "exit") {
        onExit?.(event.exitCode ?? null);
        return;
      } else if (event.type === "error") {
        throw createError(event.code ?? "PROCESS_ERROR", event.data, { processId: process.id, stderr: event.data });
      }
    }
    throw createError("OPERATION_INTERRUPTED", `the log of process ${process.id} was cut before its end`, {
      reason: "transport_disposed",
      operation: "process.logs",
      phase: "running",
      admitted: true,
      retryable: false,
    });
  } catch (error) {
    onError?.(error instanceof Error ? error : new Error(String(error)));
  }
}
