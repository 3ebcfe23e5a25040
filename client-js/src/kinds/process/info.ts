/** What is known of a background process. */

import { fromWire } from "../call.ts";
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
  /** Whether it keeps the sandbox awake until it has ended. */
  readonly keepAlive: boolean;
  /** Offset of the oldest byte that its log still has. */
  readonly logStart: number;
  /** Offset behind the newest byte. */
  readonly logEnd: number;
}

/** `process.Info` on the wire. */
export interface WireInfo {
  readonly state: "running" | "restarting" | "exited";
  readonly exit?: WireExit;
}

/** Reads it. */
export function infoOf({ state, exit: ended, ...more }: WireInfo): ProcessInfo {
  const exit = ended && exitOf(ended);
  const status =
    state !== "exited" ? state : exit?.success ? "completed" : exit?.signal || exit?.timedOut ? "killed" : "failed";
  return {
    keepAlive: false,
    ...fromWire<Omit<ProcessInfo, "status" | "exit" | "keepAlive">>(more),
    status,
    ...(exit && { exit }),
  };
}
