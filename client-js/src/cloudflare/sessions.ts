/** Sessions by name: made, and ended with what runs in them. */

import type { Sandbox } from "../client.ts";
import { aliasesOf } from "./aliases.ts";
import { callsIn } from "./calls.ts";
import { given } from "./command.ts";
import type { Context } from "./context.ts";
import { attempt } from "./errors.ts";
import { inSession } from "./session.ts";
import { terminal } from "./terminal.ts";
import type { ExecutionSession, SessionDeleteResult, SessionOptions } from "./types.ts";
import { changesOf } from "./variables.ts";

/**
 * Makes a session. Returns its id.
 *
 * @throws `SessionAlreadyExistsError`, and `InvalidProcessCwdError` when its directory is not there.
 */
export async function createSession(client: Sandbox, options: SessionOptions): Promise<string> {
  const { id = idOf(options.name) ?? crypto.randomUUID(), cwd, env = {}, commandTimeoutMs: timeout } = options;
  await attempt({ sessionId: id, cwd }, () => client.createSession({ id, cwd, env: given(env), timeout }));
  return id;
}

/** A name is for people, and may be one that no id can be. */
const idOf = (name: string | undefined): string | undefined =>
  name !== undefined && /^[A-Za-z0-9._-]{1,128}$/.test(name) ? name : undefined;

/** A session, as the object has it: its context says the same id. */
export function executionSession(context: Context, id: string): ExecutionSession {
  const calls = callsIn(context);
  return {
    id,
    ...calls,
    ...aliasesOf(calls),
    terminal: (request, options = {}) => terminal(context, request, options),
    setEnvVars: async envVars => {
      const changes = changesOf(envVars);
      const client = await context.client();
      const set = () => client.getSession(id).setEnvVars(changes);
      await attempt({ sessionId: id }, () => inSession(context, client, id, set));
    },
  };
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
