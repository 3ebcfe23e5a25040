/** The session of a call: made when it is missing, asked for its directory, and what it exports. */

import type { Sandbox } from "../client.ts";
import type { Context } from "./context.ts";
import { createError } from "./errors.ts";

/** What a call may say itself. */
interface Named {
  readonly sessionId?: string | undefined;
}

/** The session in which a call runs: what it says itself, else the context's; `undefined` is none. */
export const sessionOf = (context: Context, options?: Named): string | undefined =>
  options?.sessionId ?? context.session;

/**
 * Runs `work` in a session, which is made with the context's directory when the sandbox does not know it: it
 * is new, or was started anew. Nothing runs twice: what is refused for want of the session was not begun.
 */
export async function inSession<T>(
  context: Context,
  client: Sandbox,
  session: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (session === undefined) return work();
  try {
    return await work();
  } catch (error) {
    if ((error as { code?: unknown }).code !== "SESSION_NOT_FOUND") throw error;
    await client.createSession({ id: session, cwd: context.cwd, reuse: true });
    return work();
  }
}

/** The directory against which relative paths count: that of the session's shell now, else the context's. */
export async function directoryOf(context: Context, client: Sandbox, session: string | undefined): Promise<string> {
  if (session === undefined) return context.cwd;
  try {
    return (await client.getSession(session).info()).cwd ?? context.cwd;
  } catch (error) {
    if ((error as { code?: unknown }).code === "SESSION_NOT_FOUND") return context.cwd;
    throw error;
  }
}

/** The absolute path, without `.` in it; `..` stays, because of symbolic links. One that is absolute costs nothing. */
export async function absolute(
  context: Context,
  client: Sandbox,
  session: string | undefined,
  path: string,
): Promise<string> {
  const full = path.startsWith("/") ? path : `${await directoryOf(context, client, session)}/${path}`;
  return full.replace(/(?<=\/)(\.?(\/|$))+/g, "").replace(/(?<=.)\/$/, path.endsWith("/") ? "/" : "");
}

/** Directory and exported variables of a session, as they are when its commands before this have ended. */
export async function stateOf(
  context: Context,
  client: Sandbox,
  session: string,
): Promise<{ cwd: string; env: Record<string, string> }> {
  const { success, stdout } = await inSession(context, client, session, () =>
    client.exec("{ command env -0 || /usr/bin/env -0; } 2>/dev/null && pwd", { session }),
  );
  const fields = stdout.split("\0");
  const last = fields.pop() ?? "";
  if (!success)
    throw createError("COMMAND_EXECUTION_ERROR", "the session does not say its variables", { command: "env" });
  const env: Record<string, string> = {};
  for (const field of fields) {
    const at = field.indexOf("=");
    if (at > 0) env[field.slice(0, at)] = field.slice(at + 1);
  }
  return { cwd: last.replace(/\n$/, ""), env };
}
