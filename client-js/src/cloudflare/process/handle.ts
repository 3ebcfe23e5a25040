/** {@link processOf}: a process as an object, made of plain data and of calls, on either side of the RPC. */

import type { ProcessInfo } from "../../kinds/process/info.ts";
import { exitCodeOf } from "../exit.ts";
import type { Process, ProcessStatus, WaitForExitResult, WaitForLogResult, WaitForPortOptions } from "../types.ts";

/** What a process is, as plain data. */
export interface ProcessData {
  /** Its id. */
  readonly id: string;
  /** Its process id. */
  readonly pid?: number;
  /** The command. */
  readonly command: string;
  /** Where it is in its life. */
  readonly status: ProcessStatus;
  /** When it was started. */
  readonly startTime: Date;
  /** When it ended. */
  readonly endTime?: Date;
  /** How it ended. */
  readonly exitCode?: number;
  /** The session that it was started from. */
  readonly sessionId?: string;
}

/** What its methods call: the functions of this family, or the same by RPC. */
export interface ProcessCalls {
  /** Ends it, or sends a signal. */
  killProcess(id: string, signal?: string): Promise<void>;
  /** Asks where it is in its life. */
  getProcess(id: string): Promise<Pick<ProcessData, "status"> | null>;
  /** Its output so far. */
  getProcessLogs(id: string): Promise<{ stdout: string; stderr: string }>;
  /** Waits for a line. */
  waitForLog(id: string, pattern: string | RegExp, timeout?: number): Promise<WaitForLogResult>;
  /** Waits for a port. */
  waitForPort(id: string, port: number, options?: WaitForPortOptions): Promise<void>;
  /** Waits for its end. */
  waitForExit(id: string, timeout?: number): Promise<WaitForExitResult>;
}

/** The object. Its methods are closures, so that it can cross RPC. */
export function processOf(data: ProcessData, calls: ProcessCalls): Process {
  const { id } = data;
  return {
    ...data,
    kill: signal => calls.killProcess(id, signal),
    getStatus: async () => (await calls.getProcess(id))?.status ?? "error",
    async getLogs() {
      const { stdout, stderr } = await calls.getProcessLogs(id);
      return { stdout, stderr };
    },
    waitForLog: (pattern, timeout) => calls.waitForLog(id, pattern, timeout),
    waitForPort: (port, options) => calls.waitForPort(id, port, options),
    waitForExit: timeout => calls.waitForExit(id, timeout),
  };
}

/** What the sandbox says of a process, as plain data. */
export function dataOf(info: ProcessInfo, sessionId: string | undefined): ProcessData {
  const { id, pid, command, startedAt, endedAt, exit } = info;
  const exitCode = exit && exitCodeOf(exit);
  return {
    id,
    pid,
    command,
    status: statusOf(info, exitCode),
    startTime: startedAt,
    ...(endedAt && { endTime: endedAt }),
    ...(exitCode !== undefined && { exitCode }),
    ...(sessionId !== undefined && { sessionId }),
  };
}

/** A shell says 137 and 143 of what it ran and a signal ended. */
function statusOf({ status }: ProcessInfo, exitCode: number | undefined): ProcessStatus {
  if (status === "restarting") return "starting";
  return status === "failed" && (exitCode === 137 || exitCode === 143) ? "killed" : status;
}
