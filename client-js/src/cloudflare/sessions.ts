/** Sessions by name: made with the sandbox's variables, told of new ones, ended with what runs in them. */

import type { Sandbox } from "../client.ts";
import { SandwireError } from "../error.ts";
import { attempt, sandboxError } from "./errors.ts";
import type { SessionDeleteResult, SessionOptions } from "./types.ts";

/** Variables as they are kept: `null` takes one away. */
export type Variables = Readonly<Record<string, string | null>>;

/**
 * Makes a session. Returns its id.
 *
 * @throws `SessionAlreadyExistsError`, and `InvalidProcessCwdError` when its directory is not there.
 */
export async function createSession(client: Sandbox, options: SessionOptions, variables: Variables): Promise<string> {
  const { id = options.name ?? crypto.randomUUID(), cwd, env = {}, commandTimeoutMs: timeout } = options;
  const own = Object.entries(env).filter((one): one is [string, string] => typeof one[1] === "string");
  const all = { ...variables, ...Object.fromEntries(own) };
  await attempt({ sessionId: id, cwd }, () => client.createSession({ id, cwd, env: all, timeout }));
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

/** Sets variables in the shell of a session that is there; one that is not gets them when it is made. */
export async function exportTo(client: Sandbox, sessionId: string, variables: Variables): Promise<void> {
  const lines = Object.entries(variables).map(([name, value]) =>
    value === null ? `unset ${name}` : `export ${name}=${quoted(value)}`,
  );
  if (lines.length === 0) return;
  try {
    await client.exec(lines.join("\n"), { session: sessionId, renew: true });
  } catch (error) {
    if (!(error instanceof SandwireError) || error.code !== "SESSION_NOT_FOUND")
      throw sandboxError(error, { sessionId });
  }
}

/** A word of a shell that means just this text. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
