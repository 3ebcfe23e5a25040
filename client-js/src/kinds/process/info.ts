/** What is known of a background process. */

import { type Exit, exitOf, type WireExit } from "../command.ts";

/** Where a process is in its life: `completed` ended with code 0, `killed` by a signal or its time, `failed` otherwise. */
export type ProcessStatus = "running" | "restarting" | "completed" | "failed" | "killed";

/** A background process, as it was when the server was asked. */
export interface ProcessInfo {
  /** Its id. */
  readonly id: string;
  /** Process id of the present or last run. */
  readonly pid: number;
  /** What runs, for people: the shell's line, or the arguments. */
  readonly command: string;
  /** Its working directory at the start. */
  readonly cwd?: string;
  /** Where it is in its life. */
  readonly status: ProcessStatus;
  /** Start of the present or last run. */
  readonly startedAt: Date;
  /** End of the last run, when it does not run. */
  readonly endedAt?: Date;
  /** How the last run ended. */
  readonly exit?: Exit;
  /** How often it was started again. */
  readonly restarts: number;
  /** Offset of the oldest byte that its log still has. */
  readonly logStart: number;
  /** Offset behind the newest byte. */
  readonly logEnd: number;
}

/** `process.Info` on the wire. */
export interface WireInfo {
  readonly id: string;
  readonly pid: number;
  readonly command: string;
  readonly cwd?: string;
  readonly state: "running" | "restarting" | "exited";
  readonly started_ms: number;
  readonly ended_ms?: number;
  readonly exit?: WireExit;
  readonly restarts: number;
  readonly log_start: number;
  readonly log_end: number;
}

/** Reads it. */
export function infoOf(wire: WireInfo): ProcessInfo {
  const { state, started_ms, ended_ms, log_start, log_end, exit: wireExit, ...same } = wire;
  const exit = wireExit && exitOf(wireExit);
  return {
    ...same,
    status: state === "exited" ? ended(exit) : state,
    startedAt: new Date(started_ms),
    ...(ended_ms !== undefined && { endedAt: new Date(ended_ms) }),
    ...(exit && { exit }),
    logStart: log_start,
    logEnd: log_end,
  };
}

const ended = (exit: Exit | undefined): ProcessStatus =>
  exit?.success ? "completed" : exit?.signal || exit?.timedOut ? "killed" : "failed";
