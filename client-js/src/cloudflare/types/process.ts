/** Types of background processes, in the shape of the stock package. */

import type { BaseExecOptions } from "./command.ts";

/** A line of a log that was waited for. */
export interface WaitForLogResult {
  /** The line, without its newline. */
  line: string;
  /** The match, of a RegExp. */
  match?: RegExpMatchArray;
}

/** The end of a process that was waited for. */
export interface WaitForExitResult {
  /** Its exit code; 128 and the signal's number when a signal ended it. */
  exitCode: number;
}

/** What counts as an answer of a port. */
export interface WaitForPortOptions {
  /** `http`: an answer with an expected status. `tcp`: a connection is enough. Default: `http`. */
  mode?: "http" | "tcp";
  /** Path of the request. Default: `/`. */
  path?: string;
  /** The status that is expected, or its bounds. Default: 200 to 399. */
  status?: number | { min: number; max: number };
  /** Milliseconds to wait. Default: no bound. */
  timeout?: number;
  /** Kept for the stock package's sake: the sandbox tries by itself, soon at first and then less often. */
  interval?: number;
}

/** How to start a background process. */
export interface ProcessOptions extends BaseExecOptions {
  /** Start with the directory and the variables of this session. Default: as `getSandbox` was told. */
  sessionId?: string;
  /** Its id: 1 to 128 characters of `A-Z a-z 0-9 . _ -`. Default: one is made. */
  processId?: string;
  /**
   * `true`: forget it, and its log, as soon as it has ended and nobody reads. `false`, and by default: keep it as the
   * sandbox's settings say, bounded in number and time.
   */
  autoCleanup?: boolean;
  /** Keep the sandbox awake while it runs. Ours. Default: false, the sandbox sleeps when nothing else keeps it awake. */
  keepAlive?: boolean;
  /** Called at its end, with its exit code; `null` when nobody knows it. */
  onExit?: (code: number | null) => void;
  /** Called with output as it comes. */
  onOutput?: (stream: "stdout" | "stderr", data: string) => void;
  /** Called when it was started. */
  onStart?: (process: Process) => void;
  /** Called when it cannot be started, or followed any more. */
  onError?: (error: Error) => void;
}

/** Where a process is in its life: `completed` ended with code 0, `killed` by a signal or its time, `failed` otherwise. */
export type ProcessStatus = "starting" | "running" | "completed" | "failed" | "killed" | "error";

/** A background process. It belongs to the sandbox: it goes on without this object. */
export interface Process {
  /** Its id. */
  readonly id: string;
  /** Its process id. */
  readonly pid?: number;
  /** What runs. */
  readonly command: string;
  /** Where it was in its life when the sandbox was asked; `getStatus` asks again. */
  readonly status: ProcessStatus;
  /** When it was started. */
  readonly startTime: Date;
  /** When it ended. */
  readonly endTime?: Date;
  /** How it ended; 128 and the signal's number when a signal ended it. */
  readonly exitCode?: number;
  /** The session that it was started from. */
  readonly sessionId?: string;
  /**
   * Without a signal: ends it with its whole tree (TERM, five seconds, KILL), and waits for that. With one: sends it to the
   * whole tree, and does not wait.
   */
  kill(signal?: string): Promise<void>;
  /** Asks where it is in its life. `error` when it is not known any more. */
  getStatus(): Promise<ProcessStatus>;
  /** Its output so far: at most 10 MiB. */
  getLogs(): Promise<{ stdout: string; stderr: string }>;
  /**
   * Waits until a line of its output contains the text, or matches; also one that was written before.
   *
   * @throws ProcessReadyTimeoutError when it does not come in time; ProcessExitedBeforeReadyError when the process ends.
   */
  waitForLog(pattern: string | RegExp, timeout?: number): Promise<WaitForLogResult>;
  /** Waits until a port answers. Throws as `waitForLog`. */
  waitForPort(port: number, options?: WaitForPortOptions): Promise<void>;
  /** Waits for its end. @throws ProcessReadyTimeoutError when it does not come in time. */
  waitForExit(timeout?: number): Promise<WaitForExitResult>;
}

/** What `streamProcessLogs` tells. The last is `exit`, or `error`. */
export interface LogEvent {
  /** Output, the end, or why there is nothing more. */
  type: "stdout" | "stderr" | "exit" | "error";
  /** When: ISO 8601. Of output, when the sandbox read it. */
  timestamp: string;
  /** Output, or the message of an error. */
  data: string;
  /** The process. */
  processId: string;
  /** The session that it was started from. */
  sessionId?: string;
  /** How it ended, of `exit`. */
  exitCode?: number;
}

/** What is known of a process, as plain data. */
interface ProcessRecord {
  /** Its id. */
  id: string;
  /** Its process id. */
  pid?: number;
  /** The command. */
  command: string;
  /** Where it is in its life. */
  status: ProcessStatus;
  /** When it was started. */
  startTime: string;
  /** When it ended. */
  endTime?: string;
  /** How it ended. */
  exitCode?: number;
}

/** A process that was started, as plain data. */
export interface ProcessStartResult {
  /** Whether it was done. */
  success: boolean;
  /** The process. */
  processId: string;
  /** Its process id. */
  pid?: number;
  /** The command. */
  command: string;
  /** When: ISO 8601. */
  timestamp: string;
}

/** Processes, as plain data. */
export interface ProcessListResult {
  /** Whether it was done. */
  success: boolean;
  /** The processes. */
  processes: ProcessRecord[];
  /** When: ISO 8601. */
  timestamp: string;
}

/** A process, as plain data. */
export interface ProcessInfoResult {
  /** Whether it was done. */
  success: boolean;
  /** The process. */
  process: ProcessRecord;
  /** When: ISO 8601. */
  timestamp: string;
}

/** A process that was sent a signal, as plain data. */
export interface ProcessKillResult {
  /** Whether it was done. */
  success: boolean;
  /** The process. */
  processId: string;
  /** The signal. */
  signal?: string;
  /** When: ISO 8601. */
  timestamp: string;
}

/** Output of a process, as plain data. */
export interface ProcessLogsResult {
  /** Whether it was done. */
  success: boolean;
  /** The process. */
  processId: string;
  /** What it wrote to standard output. */
  stdout: string;
  /** What it wrote to standard error. */
  stderr: string;
  /** When: ISO 8601. */
  timestamp: string;
}

/** Processes that were forgotten, as plain data. */
export interface ProcessCleanupResult {
  /** Whether it was done. */
  success: boolean;
  /** What was said. */
  message?: string;
  /** How many were ended. */
  killedCount?: number;
  /** How many were forgotten. */
  cleanedCount: number;
  /** When: ISO 8601. */
  timestamp: string;
}
