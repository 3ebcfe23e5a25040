/** `session.*`: what a session is asked. */

import { TimeoutError } from "../../error.ts";
import { after, runtime } from "../../platform.ts";
import { type CallOptions, fromWire, LONGEST } from "../call.ts";
import { exitOf, type WireExit } from "../command.ts";
import { exportsOf, type Variables } from "../env.ts";
import { SessionTerminatedError, ValidationFailedError } from "../errors.ts";
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
   * Errors: `ValidationFailedError` when no shell takes a name, or the shell refuses one (it is read-only); `TimeoutError`
   * when its turn does not come in time, and then none is set.
   */
  async setEnvVars(env: Variables, options: CallOptions = {}): Promise<void> {
    const script = exportsOf(env);
    if (script === "") return;
    // The time of a call runs on this side, while it waits for its turn, too; that of a command only while it runs.
    const { success, stderr, timedOut, shellEnded } = await deadline(options, signal =>
      this.exec(script, { signal, renew: true }),
    );
    if (timedOut) throw new TimeoutError("the session's shell did not take the variables in the time of its commands");
    if (shellEnded) throw new SessionTerminatedError("the session's shell ended while it took the variables");
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

/** Works until the signal, or the time, of a call whose own `timeout` means another one. */
async function deadline<T>(
  { signal, timeout }: CallOptions,
  work: (signal: CallOptions["signal"]) => Promise<T>,
): Promise<T> {
  if (timeout === undefined) return work(signal);
  const over = new runtime.AbortController();
  const late = new TimeoutError(`the session was not free for ${timeout} ms`, { timeout });
  const giveUp = () => over.abort(signal?.reason);
  const stop = after(Math.min(timeout, LONGEST), () => over.abort(late));
  signal?.addEventListener("abort", giveUp);
  if (signal?.aborted) giveUp();
  try {
    return await work(over.signal);
  } catch (error) {
    throw over.signal.reason === late ? late : error;
  } finally {
    stop();
    signal?.removeEventListener("abort", giveUp);
  }
}

/** Reads what a session is. */
export const sessionOf = ({ exit, ...info }: WireSession): SessionInfo => ({
  ...fromWire<Omit<SessionInfo, "exit">>(info),
  ...(exit && { exit: exitOf(exit) }),
});
