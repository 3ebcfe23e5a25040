/** What the families rest on: something that opens channels, and the variables that later commands get. */

import type { Opener } from "../channel.ts";
import type { Env } from "./command.ts";

/** Bytes of output that a result keeps, unless told otherwise. */
export const DEFAULT_MAX_OUTPUT: number = 64 << 20;

/** What opens channels, and knows which start of the server it talks to. */
export interface Endpoint extends Opener {
  /** Changes whenever the server starts; absent before it greeted. */
  readonly bootId?: string | undefined;
}

/**
 * The surface of a sandbox is one class in layers, a family of calls each: {@link Base}, `Commands`, `Terminals`, `Processes`,
 * `Files`, `Trees`, `TerminalControl`, `Ports`. A `Sandbox` is all of them, with the connection; a `Session` too, with a shell
 * that lives on. Only the first is there from the beginning: the others are loaded when they are used first.
 */
export class Base {
  /** Opens channels. */
  protected readonly endpoint: Endpoint;
  /** Set by {@link setEnvVars}. */
  protected env: Env;

  /** The session that commands run in, unless they say another. */
  protected readonly session: string | undefined;

  /** Not for users: a `Sandbox` comes from `connect`, a `Session` from `createSession`. */
  constructor(endpoint: Endpoint, session?: string, env: Env = {}) {
    this.endpoint = endpoint;
    this.session = session;
    this.env = env;
  }

  /**
   * Environment variables for every later command, process and terminal of this object; `null` removes one that the server
   * has, `undefined` forgets what was set. What a command says itself wins. Nothing is sent: another client does not see it.
   *
   * @example
   * ```ts
   * sandbox.setEnvVars({ NODE_ENV: "test", LANG: null });
   * const { stdout } = await sandbox.exec("echo $NODE_ENV");
   * console.log(stdout); // "test\n"
   * ```
   */
  setEnvVars(env: Env): void {
    this.env = { ...this.env, ...env };
  }
}
