/** Background processes. */

import type { Sandbox } from "../client.ts";
import type { LogEvent as CoreEvent } from "../kinds/process/log.ts";
import { given } from "./command.ts";
import type { Context } from "./context.ts";
import { aborted, attempt, createError, invalid, sandboxError } from "./errors.ts";
import { exitCodeOf } from "./exit.ts";
import { encodingOf, MAX_OUTPUT, Pieces, type TextEncoding, textOf } from "./output.ts";
import { followProcess, isFollowed } from "./process/follow.ts";
import { dataOf, type ProcessCalls, type ProcessData, processOf } from "./process/handle.ts";
import { waitForExit, waitForLog, waitForPort } from "./process/wait.ts";
import { absolute, inSession, sessionOf } from "./session.ts";
import { eventStream } from "./stream.ts";
import type { LogEvent, Process, ProcessOptions } from "./types.ts";

export { waitForExit, waitForLog, waitForPort };

/** Signals that ask a process to end: one that has ended is what they want. */
const ENDING = /^(SIG)?(TERM|KILL|INT|QUIT|HUP|ABRT)$|^(1|2|3|6|9|15)$/i;

/** What is told of a process that is followed. Times are those at which the sandbox read it. */
export type ProcessLogEvent =
  | (LogEvent & { readonly signal?: string; readonly code?: string })
  /** Output that was thrown away, because nobody read it in time. Ours. */
  | { readonly type: "gap"; readonly processId: string; readonly timestamp: string; readonly bytes: number };

/**
 * Starts a background process: it outlives the call, the object and every connection. Its output goes to a log that never
 * makes it wait. With callbacks they are called in this isolate, from the log.
 *
 * @throws ProcessError when there is one of that id already, or it cannot be started; InvalidProcessCwdError.
 */
export async function startProcess(
  context: Context,
  command: string,
  options: ProcessOptions = {},
  sessionId?: string,
): Promise<Process> {
  const process = await started(context, command, options, sessionId).catch(error => {
    options.onError?.(error);
    throw error;
  });
  if (isFollowed(options)) {
    const { encoding } = options;
    const { id } = process;
    const open = () => streamProcessLogs(context, id, { ...(encoding !== undefined && { encoding }) });
    // It never rejects.
    followProcess(process, open, options).then(async () => {
      if (options.autoCleanup) await forgetProcess(context, id).catch(() => {});
    });
  }
  return process;
}

async function started(
  context: Context,
  command: string,
  options: ProcessOptions,
  sessionId: string | undefined,
): Promise<Process> {
  const { processId = newId(), cwd, env, timeout, encoding, autoCleanup, keepAlive } = options;
  const session = sessionId ?? sessionOf(context, options);
  return attempt({ operation: "process.start", command, cwd, processId, sessionId: session }, async () => {
    if (typeof command !== "string" || command.trim() === "") throw invalid("command", "the command is empty");
    encodingOf(encoding);
    const client = await context.client();
    const place =
      session === undefined
        ? { cwd: cwd === undefined ? context.cwd : await absolute(context, client, session, cwd) }
        : { session, cwd };
    const process = await inSession(context, client, session, () =>
      client.startProcess(command, {
        id: processId,
        ...place,
        env: given(env),
        timeout,
        keepAlive,
        // Who is told of its output must find its log.
        autoRemove: autoCleanup === true && !isFollowed(options),
      }),
    );
    return processOf(dataOf(process.info, session), callsIn(context));
  });
}

/** All processes that are known: those that run, and those that ended and are still kept; oldest first. */
export function listProcesses(context: Context, sessionId = context.session): Promise<Process[]> {
  return attempt({ operation: "process.list" }, async () => {
    const processes = await (await context.client()).listProcesses();
    return processes.map(({ info }) => processOf(dataOf(info, sessionId), callsIn(context)));
  });
}

/** One process; `null` when none of that id is known. */
export async function getProcess(context: Context, id: string, sessionId = context.session): Promise<Process | null> {
  const data = await find(context, id, sessionId);
  return data && processOf(data, callsIn(context));
}

/**
 * Without a signal: ends it with its whole tree (TERM, five seconds, KILL), and waits for that. With one: sends that signal
 * to the whole tree, and does not wait. Of one that has ended, a signal that asks to end is no error.
 *
 * @throws ProcessNotFoundError; ProcessError when a process that has ended is sent another signal.
 */
export function killProcess(context: Context, id: string, signal?: string): Promise<void> {
  return attempt({ operation: "process.kill", processId: id }, async () => {
    const client = await context.client();
    try {
      await client.killProcess(id, signal, signal === undefined ? {} : { target: "tree" });
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code !== "PROCESS_EXITED" || signal === undefined || !ENDING.test(signal)) throw error;
    }
  });
}

/** Ends every process that runs, all at once. Returns how many there were. */
export function killAllProcesses(context: Context): Promise<number> {
  return attempt({ operation: "process.kill" }, async () => (await context.client()).killAllProcesses());
}

/** Forgets every process that has ended, and its log. Returns how many there were. */
export function cleanupCompletedProcesses(context: Context): Promise<number> {
  return attempt({ operation: "process.list" }, async () => (await context.client()).cleanupCompletedProcesses());
}

/** Forgets a process that has ended, and its log. @throws ProcessNotFoundError; ValidationFailedError while it runs. */
export function forgetProcess(context: Context, id: string): Promise<void> {
  return attempt({ operation: "process.get", processId: id }, async () => {
    const process = await (await context.client()).getProcess(id);
    await process?.remove();
  });
}

/**
 * The output of a process so far: the newest 10 MiB of what its log still has, both streams together. `truncated` tells
 * that there was more.
 */
export function getProcessLogs(
  context: Context,
  id: string,
): Promise<{ stdout: string; stderr: string; processId: string; truncated?: true }> {
  return attempt({ operation: "process.logs", processId: id }, async () => {
    const client = await context.client();
    const read = (from?: { offset: number }) =>
      client.getProcessLogs<"bytes">(id, { encoding: "bytes", maxOutput: MAX_OUTPUT, from });
    let logs = await read();
    const truncated = logs.truncated || logs.missing > 0;
    if (logs.truncated) logs = await read({ offset: logs.offset - MAX_OUTPUT });
    const { stdout, stderr } = logs;
    return {
      stdout: textOf(stdout, "utf8"),
      stderr: textOf(stderr, "utf8"),
      processId: id,
      ...(truncated && { truncated: true as const }),
    };
  });
}

/**
 * Follows the log of a process from its oldest byte to its end, as server-sent events, each a `LogEvent`. The last is
 * `exit`, or `error` with the reason for which there is none. Who cancels it, or does not read, does not stop the process.
 *
 * @throws ProcessNotFoundError.
 */
export function streamProcessLogs(
  context: Context,
  processId: string,
  options: { signal?: AbortSignal; encoding?: string } = {},
): Promise<ReadableStream<Uint8Array>> {
  return attempt({ operation: "process.logs", processId }, async () => {
    const { signal } = options;
    const encoding = encodingOf(options.encoding);
    if (signal?.aborted) throw aborted(signal.reason);
    const client = await context.client();
    if (!(await client.getProcess(processId))) throw unknown(processId);
    const log = client.streamProcessLogs<"bytes">(processId, { encoding: "bytes", signal });
    const events = told(log, processId, context.session, encoding);
    return eventStream({
      next: async () => (await events.next()).value ?? undefined,
      cancel: async () => void (await log.return()),
    });
  });
}

async function* told(
  log: AsyncIterable<CoreEvent<"bytes">>,
  processId: string,
  session: string | undefined,
  encoding: TextEncoding,
): AsyncGenerator<ProcessLogEvent, void> {
  const pieces = { stdout: new Pieces(encoding), stderr: new Pieces(encoding) };
  const about = { processId, ...(session !== undefined && { sessionId: session }) };
  const now = () => new Date().toISOString();
  try {
    for await (const event of log) {
      switch (event.type) {
        case "stdout":
        case "stderr": {
          const data = pieces[event.type].next(event.data);
          if (data !== "") yield { type: event.type, timestamp: event.time.toISOString(), data, ...about };
          break;
        }
        case "gap":
          yield { type: "gap", timestamp: now(), bytes: event.to - event.from, processId };
          break;
        case "end": {
          for (const name of ["stdout", "stderr"] as const) {
            const data = pieces[name].end();
            if (data !== "") yield { type: name, timestamp: now(), data, ...about };
          }
          const exitCode = event.exit && exitCodeOf(event.exit);
          if (exitCode === undefined) throw createError("PROCESS_ERROR", "nobody knows how it ended", { processId });
          const signal = event.exit?.signal ? { signal: event.exit.signal } : {};
          yield { type: "exit", timestamp: now(), data: "", ...about, exitCode, ...signal };
          return;
        }
        case "restarted":
      }
    }
    throw createError("PROCESS_ERROR", "its log did not say that it ends", { processId });
  } catch (error) {
    const { code, message } = sandboxError(error, { operation: "process.logs", processId });
    yield { type: "error", timestamp: now(), data: message, ...about, code };
  }
}

const callsIn = (context: Context): ProcessCalls => ({
  killProcess: (id, signal) => killProcess(context, id, signal),
  getProcess: id => find(context, id, undefined),
  getProcessLogs: id => getProcessLogs(context, id),
  waitForLog: (id, pattern, timeout) => waitForLog(context, id, pattern, timeout),
  waitForPort: (id, port, options) => waitForPort(context, id, port, options),
  waitForExit: (id, timeout) => waitForExit(context, id, timeout),
});

function find(context: Context, id: string, sessionId: string | undefined): Promise<ProcessData | null> {
  return attempt({ operation: "process.get", processId: id }, async () => {
    const client: Sandbox = await context.client();
    const process = await client.getProcess(id);
    return process && dataOf(process.info, sessionId);
  });
}

const unknown = (processId: string) =>
  createError("PROCESS_NOT_FOUND", `no process ${processId} is known`, { processId }, { operation: "process.logs" });

/** As the stock package makes them. */
const newId = (): string => `proc_${Date.now()}_${crypto.randomUUID().replaceAll("-", "").slice(0, 6)}`;
