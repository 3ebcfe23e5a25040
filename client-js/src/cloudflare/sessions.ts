/** Sessions by name: made, and ended with what runs in them. */

import type { Sandbox } from "../client.ts";
import { given } from "./command.ts";
import { attempt } from "./errors.ts";
import type { SessionDeleteResult, SessionOptions } from "./types.ts";

/**
 * Makes a session. Returns its id.
 *
 * @throws `SessionAlreadyExistsError`, and `InvalidProcessCwdError` when its directory is not there.
 */
export async function createSession(client: Sandbox, options: SessionOptions): Promise<string> {
  const { id = options.name ?? crypto.randomUUID(), cwd, env = {}, commandTimeoutMs: timeout } = options;
  await attempt({ sessionId: id, cwd }, () => client.createSession({ id, cwd, env: given(env), timeout }));
  return id;
}

/**
 * Ends a session and what runs in it.
 *
 * @throws `SessionDestroyedError` when it is not there.
 */
export async function deleteSession(client: Sandbox, sessionId: string): Promise<SessionDeleteResult> {
  await attempt({ sessionId }, () => client.deleteSession(sessionId));
  return { success: true, sessionId, timestamp: new Date().toISOString() };
}
