/** The parts of a client for commands and processes. */

import { exec, execStream } from "../command.ts";
import { createError } from "../errors.ts";
import { waitForPort } from "../process/wait.ts";
import {
  getProcess,
  getProcessLogs,
  killAllProcesses,
  killProcess,
  listProcesses,
  startProcess,
  streamProcessLogs,
} from "../process.ts";
import { eventStream } from "../stream.ts";
import type {
  CommandExecuteResponse,
  Process,
  ProcessCleanupResult,
  ProcessInfoResult,
  ProcessKillResult,
  ProcessListResult,
  ProcessLogsResult,
  ProcessStartResult,
} from "../types.ts";
import { ClientPart, now } from "./connection.ts";

/** How a command of a client runs. */
export interface ClientCommandOptions {
  /** Milliseconds that it has. */
  timeoutMs?: number;
  /** Variables. */
  env?: Record<string, string | undefined>;
  /** Its directory. */
  cwd?: string;
  /** Kept for the stock package's sake. */
  origin?: "user" | "internal";
}

/** Commands. */
export class CommandClient extends ClientPart {
  /** Runs one to its end, in a session. */
  async execute(
    command: string,
    sessionId: string,
    options: ClientCommandOptions = {},
  ): Promise<CommandExecuteResponse> {
    const { onCommandComplete, onError } = this.connection.options;
    try {
      const { success, stdout, stderr, exitCode } = await exec(
        this.connection.context(sessionId),
        command,
        how(options),
      );
      onCommandComplete?.(success, exitCode, stdout, stderr, command);
      return { success, stdout, stderr, exitCode, command, timestamp: now() };
    } catch (error) {
      onError?.(error instanceof Error ? error.message : String(error), command);
      throw error;
    }
  }

  /** Runs one, and tells what it does as server-sent events. */
  executeStream(
    command: string,
    sessionId: string,
    options: ClientCommandOptions = {},
  ): Promise<ReadableStream<Uint8Array>> {
    return execStream(this.connection.context(sessionId), command, how(options));
  }
}

/** Background processes. */
export class ProcessClient extends ClientPart {
  /** Starts one. */
  async startProcess(
    command: string,
    sessionId: string,
    options: ClientCommandOptions & { processId?: string; encoding?: string; autoCleanup?: boolean } = {},
  ): Promise<ProcessStartResult> {
    const { processId, encoding, autoCleanup } = options;
    const more = { processId, encoding, autoCleanup } as object;
    const process = await startProcess(this.connection.context(sessionId), command, { ...more, ...how(options) });
    const pid = process.pid === undefined ? {} : { pid: process.pid };
    return { success: true, processId: process.id, ...pid, command, timestamp: now() };
  }

  /** All that are known. */
  async listProcesses(): Promise<ProcessListResult> {
    const processes = await listProcesses(this.connection.context());
    return { success: true, processes: processes.map(dataOf), timestamp: now() };
  }

  /** One of them. @throws ProcessNotFoundError. */
  async getProcess(processId: string): Promise<ProcessInfoResult> {
    const process = await getProcess(this.connection.context(), processId);
    if (process) return { success: true, process: dataOf(process), timestamp: now() };
    throw createError("PROCESS_NOT_FOUND", `no process ${processId} is known`, { processId });
  }

  /** Ends one, with its whole tree. */
  async killProcess(processId: string): Promise<ProcessKillResult> {
    await killProcess(this.connection.context(), processId);
    return { success: true, processId, timestamp: now() };
  }

  /** Ends all. */
  async killAllProcesses(): Promise<ProcessCleanupResult> {
    const killedCount = await killAllProcesses(this.connection.context());
    return { success: true, killedCount, cleanedCount: killedCount, timestamp: now() };
  }

  /** What one has written. */
  async getProcessLogs(processId: string): Promise<ProcessLogsResult> {
    const { stdout, stderr } = await getProcessLogs(this.connection.context(), processId);
    return { success: true, processId, stdout, stderr, timestamp: now() };
  }

  /** Follows what one writes, as server-sent events. */
  streamProcessLogs(processId: string): Promise<ReadableStream<Uint8Array>> {
    return streamProcessLogs(this.connection.context(), processId);
  }
}

/** What is waited for at a port. */
export interface PortWatch {
  /** The port. */
  port: number;
  /** Whether a connection is enough, or an answer is wanted. */
  mode: "http" | "tcp";
  /** Path of the request. Default: `/`. */
  path?: string;
  /** Least status that counts. Default: 200. */
  statusMin?: number;
  /** Greatest status that counts. Default: 399. */
  statusMax?: number;
  /** The process behind it: when it ends before, that is told. */
  processId?: string;
  /** Kept for the stock package's sake. */
  interval?: number;
}

/** Ports. */
export class PortClient extends ClientPart {
  /** Waits until a port answers, as server-sent events: `watching`, then `ready`, `process_exited` or `error`. */
  async watchPort(watch: PortWatch): Promise<ReadableStream<Uint8Array>> {
    const context = this.connection.context();
    const client = await context.client();
    const { port, mode, path = "/", statusMin: min = 200, statusMax: max = 399, processId } = watch;
    const over = new AbortController();
    const http = mode === "http" ? { path, status: { min, max } } : {};
    const answered =
      processId === undefined
        ? client.waitForPort(port, { mode, signal: over.signal, ...http })
        : waitForPort(context, processId, port, { mode, signal: over.signal, ...http });
    const told = answered.then(
      () => ({ type: "ready", port }),
      (error: Error & { code?: string; context?: { exitCode?: number } }) =>
        error.code === "PROCESS_EXITED_BEFORE_READY"
          ? { type: "process_exited", port, exitCode: error.context?.exitCode }
          : { type: "error", port, error: error.message },
    );
    const events = [Promise.resolve({ type: "watching", port }), told];
    return eventStream({ next: async () => events.shift(), cancel: async () => over.abort() });
  }
}

const how = ({ timeoutMs: timeout, env, cwd }: ClientCommandOptions) => ({
  ...(timeout !== undefined && { timeout }),
  ...(env !== undefined && { env }),
  ...(cwd !== undefined && { cwd }),
});

const dataOf = ({ id, pid, command, status, startTime, endTime, exitCode }: Process) => ({
  id,
  ...(pid !== undefined && { pid }),
  command,
  status,
  startTime: startTime.toISOString(),
  ...(endTime !== undefined && { endTime: endTime.toISOString() }),
  ...(exitCode !== undefined && { exitCode }),
});
