/** What the families rest on: something that opens channels, and the variables that later commands get. */

import type { Opener } from "../channel.ts";
import { type CallOptions, unary } from "./call.ts";
import type { Env } from "./command.ts";

/** What opens channels, and knows which start of the server it talks to. */
export interface Endpoint extends Opener {
  /** Changes whenever the server starts; absent before it greeted. */
  readonly bootId?: string | undefined;
}

/**
 * The surface of a sandbox is one class in layers, a family of calls each: {@endpoint Base}, `Commands`, `Processes`, `Files`,
 * `Trees`, `Terminals`, `Ports`. A `Sandbox` is all of them, with the connection.
 */
export class Base {
  /** Opens channels. */
  protected readonly endpoint: Endpoint;
  /** Set by {@endpoint setEnvVars}. */
  protected env: Env = {};

  /** Not for users: a `Sandbox` comes from `connect`. */
  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
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

  /** A call that has a result and nothing else. */
  protected call<Result>(kind: string, params: object, options?: CallOptions, late?: string): Promise<Result> {
    return unary(this.endpoint, kind, params, options, late);
  }
}
