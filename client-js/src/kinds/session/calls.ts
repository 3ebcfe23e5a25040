/** `session.*`: what a session is asked. */

import { type CallOptions, fromWire } from "../call.ts";
import { exitOf, type WireExit } from "../command.ts";
import { Ports } from "../port.ts";
import type { DeleteSessionOptions, SessionInfo } from "../session.ts";

/** `session.Info` on the wire. */
export interface WireSession {
  readonly exit?: WireExit;
}

/** What a session can do beside what a sandbox can. */
export class SessionCalls extends Ports {
  /** Asks the server how it is. */
  async info(options?: CallOptions): Promise<SessionInfo> {
    return sessionOf(await this.call("session.get", { id: this.session }, options));
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
