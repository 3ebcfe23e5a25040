/** What code does, as the stock package's server-sent events say it, and what is made of these. */

import type { CodeEnd, CodeError, CodeEvent as CoreEvent } from "../../kinds/code/run.ts";
import { createError, isErrorCode, type SandboxError, sandboxError } from "../errors.ts";
import { parseSSEStream } from "../events.ts";
import { MAX_OUTPUT } from "../output.ts";
import type { ExecutionCallbacks, ExecutionError, ExecutionResult } from "../types.ts";
import { formsOf, type ResultForms, resultOf } from "./result.ts";

/** Bytes that one result may have: as base64 and as JSON it is in the object's memory a few times. */
export const MAX_RESULT: number = 8 << 20;

/** Characters that all results of one execution may have. */
const MAX_RESULTS = 32 << 20;

/** Pieces of each output that are kept apart. */
const MAX_PIECES = 10_000;

/** An event of `runCodeStream`. The last is `execution_complete`, or an `error` with a `code`: the code did not run to its end. */
export type CodeEvent =
  | { readonly type: "stdout" | "stderr"; readonly text: string; readonly timestamp: number }
  | ({ readonly type: "result"; readonly metadata: object; readonly timestamp: number } & ResultForms)
  | {
      readonly type: "error";
      readonly ename: string;
      readonly evalue: string;
      readonly traceback: readonly string[];
      readonly lineNumber?: number;
      readonly timestamp: number;
      /** Ours: for a program what the text is for people. */
      readonly code?: string;
      readonly context?: object;
    }
  | { readonly type: "execution_complete"; readonly execution_count?: number; readonly timestamp: number };

/** What runs: for messages. */
export interface Told {
  /** The context, when one was named. */
  readonly contextId: string | undefined;
  /** Milliseconds that it has. */
  readonly timeout: number | undefined;
  /** Whether it is Python. */
  readonly python?: boolean;
  /** Called when its kernel died with it: who is told of that need not be told again. */
  died(): void;
}

/** Whether it says that the kernel died. */
export const isDeath = (error: unknown): boolean => (error as { code?: unknown }).code === "KERNEL_DIED";

/** The events of the stock package. `first` came before the others. */
export async function* tell(
  events: AsyncIterable<CoreEvent>,
  first: CoreEvent | undefined,
  told: Told,
): AsyncGenerator<CodeEvent, void> {
  let raised: CodeError | undefined;
  const now = () => ({ timestamp: Date.now() });
  try {
    for await (const event of startingWith(first, events)) {
      if (event.type === "stdout" || event.type === "stderr") yield { type: event.type, text: event.text, ...now() };
      else if (event.type === "result") {
        const { metadata } = event.result;
        const about = (typeof metadata === "object" && metadata) || {};
        yield { type: "result", ...formsOf(event.result, told.python), metadata: about, ...now() };
      } else if (event.type === "error") raised = event;
      else if (event.type === "end") {
        if (event.kernelDied) told.died();
        const error = failureOf(event, raised, told);
        if (error) {
          const { name, message, traceback, lineNumber } = error;
          const where = lineNumber === undefined ? {} : { lineNumber };
          yield { type: "error", ename: name, evalue: message, traceback, ...where, ...now() };
        }
        const { executionCount: count } = event;
        yield { type: "execution_complete", ...(count !== undefined && { execution_count: count }), ...now() };
        return;
      }
    }
    throw cut();
  } catch (error) {
    if (isDeath(error)) told.died();
    const { contextId } = told;
    const { name, code, message, context } = sandboxError(error, { operation: "code.execute", contextId });
    yield { type: "error", ename: name, evalue: message, traceback: [], code, context, ...now() };
  }
}

/**
 * What code did, from the events of `runCodeStream`; the callbacks are called as they come, and waited for.
 *
 * @throws the error for which there is no end; what a callback throws, and then the code is interrupted.
 */
export async function collect(
  code: string,
  stream: ReadableStream<Uint8Array>,
  { onStdout, onStderr, onResult, onError }: ExecutionCallbacks,
): Promise<ExecutionResult> {
  const logs: ExecutionResult["logs"] = { stdout: [], stderr: [] };
  const results: ResultForms[] = [];
  let error: ExecutionError | undefined;
  let room = MAX_OUTPUT;
  let truncated = false;
  let roomForResults = MAX_RESULTS;
  for await (const event of parseSSEStream<CodeEvent>(stream)) {
    if (event.type === "stdout" || event.type === "stderr") {
      const { text, timestamp } = event;
      const kept = text.slice(0, room);
      truncated ||= kept.length < text.length;
      room -= kept.length;
      keep(logs[event.type], kept);
      await (event.type === "stdout" ? onStdout : onStderr)?.({ text, timestamp });
    } else if (event.type === "result") {
      const { type, metadata, timestamp, ...forms } = event;
      roomForResults -= JSON.stringify(forms).length;
      if (roomForResults < 0) throw tooMuch();
      results.push(forms);
      await onResult?.(resultOf(forms));
    } else if (event.type === "error") {
      const { ename: name, evalue: message, traceback, lineNumber } = event;
      if (event.code !== undefined) throw errorOf(event.code, message, event.context);
      error = { name, message, traceback: [...traceback], ...(lineNumber !== undefined && { lineNumber }) };
      await onError?.(error);
    } else if (event.type === "execution_complete") {
      const { execution_count: count } = event;
      return {
        code,
        logs,
        ...(error && { error }),
        ...(count !== undefined && { executionCount: count }),
        results,
        ...(truncated && { truncated: true as const }),
      };
    }
  }
  throw cut();
}

/** Keeps a piece of output by itself, as long as there are not too many. */
function keep(pieces: string[], text: string): void {
  if (text === "") return;
  if (pieces.length < MAX_PIECES) pieces.push(text);
  else pieces[MAX_PIECES - 1] += text;
}

async function* startingWith<T>(first: T | undefined, others: AsyncIterable<T>): AsyncGenerator<T, void> {
  if (first !== undefined) yield first;
  yield* others;
}

/** What code raised, in the words of the stock package; of code whose time was over not the interrupt, but that. */
function failureOf(end: CodeEnd, raised: CodeError | undefined, { timeout }: Told): ExecutionError | undefined {
  const traceback = (raised?.traceback ?? []).flatMap(text => plain(text).split("\n"));
  const line = lineOf(traceback);
  const where = line === undefined ? {} : { lineNumber: line };
  if (end.timedOut) {
    const lost = end.kernelDied ? ", and its kernel was killed, because it did not heed that" : "";
    const message = `Execution timed out${timeout === undefined ? "" : ` after ${timeout}ms`}: it was interrupted${lost}`;
    return { name: "TimeoutError", message, traceback, ...where };
  }
  if (raised) return { name: raised.name, message: raised.message, traceback, ...where };
  if (end.status === "ok") return undefined;
  return { name: "ExecutionAborted", message: "The kernel did not run it to its end", traceback };
}

/** Text without colours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const plain = (text: string): string => text.replace(/\u001b\[[0-9;]*m/g, "");

/** The line of the code that a traceback names last, from 1. */
function lineOf(traceback: readonly string[]): number | undefined {
  const found = traceback.flatMap(line => {
    const [, python, script] = /Cell In\[\d+\], line (\d+)|<anonymous>:(\d+)/.exec(line) ?? [];
    return python ?? script ?? [];
  });
  const last = found.at(-1);
  return last === undefined ? undefined : Number(last);
}

const errorOf = (code: string, message: string, context: object = {}): SandboxError =>
  createError(isErrorCode(code) ? code : "CODE_EXECUTION_ERROR", message, context);

const tooMuch = (): SandboxError =>
  createError("LIMIT_EXCEEDED", "the code's results are too large to keep: show less, or write them to files", {
    limit: MAX_RESULTS,
  });

const cut = (): SandboxError =>
  createError("OPERATION_INTERRUPTED", "the connection ended before the code said how it ended", {
    reason: "transport_disposed",
    operation: "code.execute",
    phase: "running",
    admitted: "unknown",
    retryable: false,
  });
