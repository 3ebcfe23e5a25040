/** What commands, background processes and terminals share: what to run, how it may run, how it ended. */

import { fromWire, type Path, pick } from "./call.ts";

/**
 * A line for the shell (`bash -c`), or a program with its arguments, which no shell touches. An argument may be bytes.
 *
 * @example
 * ```ts
 * await sandbox.exec("echo $HOME | tr a-z A-Z"); // a shell's line
 * await sandbox.exec(["printf", "%s\n", "$HOME; not a shell's business"]);
 * ```
 */
export type Command = string | readonly Path[];

/** A signal by its name (`"SIGINT"`, `"INT"`) or its number. */
export type Signal = string | number;

/** Variables over the sandbox's; `null` removes one, `undefined` leaves it as it is. */
export type Env = Readonly<Record<string, string | null | undefined>>;

/** How a command runs. */
export interface LaunchOptions {
  /** Working directory. A relative one is taken from the server's workspace. Default: that. */
  readonly cwd?: Path | undefined;
  /** Environment variables over the server's own; `null` removes one. */
  readonly env?: Env | undefined;
  /** Start from an empty environment instead of the server's. Default: false. */
  readonly clearEnv?: boolean | undefined;
  /** The shell for a line. Default: `/bin/bash` when it is there, else `/bin/sh`. */
  readonly shell?: Path | undefined;
  /**
   * A session, by its id. `exec` runs the command in its shell: `env` and `cwd` then hold for this command only. Processes
   * and terminals begin with its directory, exported variables and user. Default: none, or that of the `Session` object.
   */
  readonly session?: string | undefined;
  /** Run as this user: a name or a number, with `:group` when it is not the user's own. The server must be root. */
  readonly user?: string | undefined;
  /** Bounds of what it may use. */
  readonly limits?: Limits | undefined;
}

/** Bounds of a command and everything that it starts. One that the machine cannot hold is refused (`NOT_SUPPORTED`). */
export interface Limits {
  /** Memory of the whole tree, in bytes. */
  readonly memoryBytes?: number | undefined;
  /** CPU of the whole tree, in thousandths of a core. */
  readonly cpuMillis?: number | undefined;
  /** CPU time of each process, in seconds. */
  readonly cpuSeconds?: number | undefined;
  /** Processes and threads in the tree. */
  readonly pids?: number | undefined;
  /** Open files of each process. */
  readonly openFiles?: number | undefined;
  /** Largest file that a process may write, in bytes. */
  readonly fileBytes?: number | undefined;
  /** Output that is delivered, in bytes. What comes after it is thrown away and counted; the command goes on. */
  readonly outputBytes?: number | undefined;
}

/** How a command ended. `exitCode` or `signal` is there, never both, and neither is ever made up. */
export interface Exit {
  /** Whether it ended by itself with code 0. */
  readonly success: boolean;
  /** Its exit code; `null` when a signal ended it. */
  readonly exitCode: number | null;
  /** The signal that ended it, as `SIGKILL`; `null` when it ended by itself. */
  readonly signal: string | null;
  /** Whether the server ended it because its time was over. */
  readonly timedOut: boolean;
  /** Whether the kernel killed something of it for want of memory. */
  readonly oomKilled: boolean;
  /** Whether it left a core dump. */
  readonly coreDumped: boolean;
  /** Whether the shell of its session ended with it, and the session's state was lost. */
  readonly shellEnded: boolean;
  /** From start to end, in milliseconds, as the server measured it. */
  readonly duration: number;
  /** What it used. */
  readonly usage: Usage;
  /** Bytes of output beyond `limits.outputBytes`, which were not delivered. */
  readonly outputDropped: number;
}

/** Resources that a command and its children used, as the kernel counted them. */
export interface Usage {
  /** CPU time in user mode, in milliseconds. */
  readonly user: number;
  /** CPU time in the kernel, in milliseconds. */
  readonly system: number;
  /** Largest resident set of one process, in bytes, when it is known. */
  readonly maxRss?: number;
}

/** Which of the two outputs. */
export type OutputStream = "stdout" | "stderr";

/** Whom a signal is for: the process group, its first process, or all that descends from it. */
export type SignalTarget = "group" | "leader" | "tree";

/** `command.Exit` on the wire: what has its default is absent. */
export interface WireExit {
  readonly code?: number;
  readonly signal?: string;
  readonly timed_out?: boolean;
}

/** Reads how a command ended. */
export const exitOf = ({ code, signal, ...more }: WireExit): Exit => ({
  success: code === 0 && !more.timed_out,
  exitCode: code ?? null,
  signal: signal ?? null,
  timedOut: false,
  oomKilled: false,
  coreDumped: false,
  shellEnded: false,
  outputDropped: 0,
  ...fromWire<Pick<Exit, "duration" | "usage">>(more),
});

/** `command.Launch` on the wire. */
export const launch = (command: Command | undefined, options: LaunchOptions): object => ({
  ...pick(options, "shell", "cwd", "clear_env", "user"),
  [typeof command === "string" ? "command" : "argv"]: command,
  env: Object.fromEntries(Object.entries(options.env ?? {}).filter(([, value]) => value !== undefined)),
  limits:
    options.limits &&
    pick(
      options.limits,
      "memory_bytes",
      "cpu_millis",
      "cpu_seconds",
      "pids",
      "open_files",
      "file_bytes",
      "output_bytes",
    ),
});

/** Stream 1 or 2. */
export const nameOf = (stream: number): OutputStream => (stream === 1 ? "stdout" : "stderr");
