/** `session.*`: shells that live from one command to the next. */

import type { CallOptions, Path } from "./call.ts";
import type { Env, Exit } from "./command.ts";
import { SessionSurface } from "./later.ts";

/** How to make a session. */
export interface CreateSessionOptions {
  /** Its id: 1 to 128 characters of `A-Z a-z 0-9 . _ -`. Default: one is generated. */
  readonly id?: string | undefined;
  /** The shell. Default: `/bin/bash` when it is there, else `/bin/sh`. */
  readonly shell?: Path | undefined;
  /** Its first working directory. Default: the server's workspace. */
  readonly cwd?: Path | undefined;
  /** Variables over the server's environment; `null` removes one. */
  readonly env?: Env | undefined;
  /** Start from an empty environment. Default: false. */
  readonly clearEnv?: boolean | undefined;
  /** Run as this user. The server must be root. */
  readonly user?: string | undefined;
  /** Milliseconds that a command has which says no `timeout`. Default: none. */
  readonly timeout?: number | undefined;
  /** Take one of that id that is there already, as it is. Default: false, that is a `SessionAlreadyExistsError`. */
  readonly reuse?: boolean | undefined;
  /** When its shell has ended, give the next command a fresh one instead of failing once. Default: false. */
  readonly renew?: boolean | undefined;
  /** Gives up. */
  readonly signal?: CallOptions["signal"];
}

/** How to end a session. */
export interface DeleteSessionOptions extends CallOptions {
  /** Milliseconds between TERM and KILL. Default: 2000. */
  readonly grace?: number | undefined;
}

/** A session, as it was when the server was asked. */
export interface SessionInfo {
  /** Its id. */
  readonly id: string;
  /** It waits for a command; one runs in it; it has no shell now. */
  readonly state: "idle" | "busy" | "ended";
  /** The shell's program. */
  readonly shell: string;
  /** Process id of the shell; absent when there is none now. */
  readonly pid?: number;
  /** The shell's working directory now. */
  readonly cwd?: string;
  /** When it was made. */
  readonly createdAt: Date;
  /** When a command last began or ended in it. */
  readonly usedAt: Date;
  /** Commands that have ended in it. */
  readonly commands: number;
  /** Commands that wait for their turn. */
  readonly queued: number;
  /** How often a shell of it ended, and its state was lost. */
  readonly lost: number;
  /** How its shell ended, when nobody was told that yet. */
  readonly exit?: Exit;
}

/**
 * A session: what it runs, runs in its shell, one after the other; directory, variables, functions and options last. Its
 * processes and terminals begin with its directory and exported variables. Files are those of the sandbox: a relative path is
 * taken from the workspace.
 */
export class Session extends SessionSurface {
  /** Its id. */
  get id(): string {
    return this.session as string;
  }
}
