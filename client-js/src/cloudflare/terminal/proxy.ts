/** {@link proxyTerminal}: a terminal by the stub of its sandbox. */

import { invalid } from "../errors.ts";
import { withRoute } from "../route.ts";
import type { PtyOptions } from "../types.ts";

/**
 * Answers a WebSocket upgrade with the terminal of a session, as `terminal` of a session does, where a Worker has the stub of
 * the sandbox's object and no more.
 *
 * @returns `101`; `426` when the request is no upgrade.
 * @throws ValidationFailedError when no session is named.
 */
export async function proxyTerminal(
  stub: { fetch: (request: Request) => Promise<Response> },
  sessionId: string,
  request: Request,
  options: PtyOptions = {},
): Promise<Response> {
  if (typeof sessionId !== "string" || sessionId === "")
    throw invalid("sessionId", "a terminal needs a session: name one");
  return stub.fetch(withRoute(request, { to: "terminal", session: sessionId, options: { ...options } }));
}
