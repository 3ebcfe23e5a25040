/** `session.*`: what a session is asked. */

import { type CallOptions, fromWire } from "../call.ts";
import { exitOf, type WireExit } from "../command.ts";
import { exportsOf, type Variables } from "../env.ts";
import { ValidationFailedError } from "../errors.ts";
import { Git } from "../git.ts";
import type { DeleteSessionOptions, SessionInfo } from "../session.ts";

/** `session.Info` on the wire. */
export interface WireSession {
  readonly exit?: WireExit;
}

/** What a session can do beside what a sandbox can. */
export class SessionCalls extends Git {
  /** Asks the server how it is. */
  async info(options?: CallOptions): Promise<SessionInfo> {
    return sessionOf(await this.call("session.get", { id: this.session }, options));
  }

  /**
   * Exports variables in its shell, for all that it runs from then on: they go over the sandbox's. `null` and `undefined` take
   * one away. What a command says itself wins. Waits for its turn, as a command does; an ended shell is replaced by a fresh one.
   *
   * Errors: `ValidationFailedError` when no shell takes a name, or the shell refuses one (it is read-only).
   */
  async setEnvVars(env: Variables, options?: CallOptions): Promise<void> {
    const script = exportsOf(env);
    if (script === "") return;
    const { success, stderr } = await this.exec(script, {
      signal: options?.signal,
      timeout: options?.timeout,
      renew: true,
    });
    if (!success) throw new ValidationFailedError(`the session's shell refused a variable: ${stderr.trim()}`);
  }

  /**
   * Ends it: its shell, the command that runs, and what its commands left behind. Those that wait fail with a
   * `SessionNotFoundError`; processes of `startProcess` go on.
   */
  async delete(options: DeleteSessionOptions = {}): Promise<void> {
    await this.call("session.delete", { id: this.session, grace_ms: options.grace }, options);
  }
}

/** Reads what a session is. */
export const sessionOf = ({ exit, ...info }: WireSession): SessionInfo => ({
  ...fromWire<Omit<SessionInfo, "exit">>(info),
  ...(exit && { exit: exitOf(exit) }),
});
