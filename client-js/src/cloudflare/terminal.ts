/** Terminals for browsers that speak the stock package's protocol, as its addon for xterm.js does. */

import type { Context } from "./context.ts";
import { serveTerminal } from "./terminal/serve.ts";
import type { PtyOptions } from "./types.ts";

/**
 * Answers a WebSocket upgrade with the terminal of the context's session, which is opened when it is not there, with the
 * session's directory and variables. Any number of browsers may look at it; it goes on without them.
 *
 * What fails after the upgrade is told on the WebSocket: `{"type":"error","message":…}`, and the close code 1011.
 *
 * @returns `101`; `426` when the request is no upgrade.
 */
export async function terminal(context: Context, request: Request, options: PtyOptions = {}): Promise<Response> {
  if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket") {
    return new Response("a terminal needs a WebSocket: ask with Upgrade: websocket", {
      status: 426,
      headers: { Upgrade: "websocket", Connection: "Upgrade" },
    });
  }
  const { 0: browser, 1: own } = new WebSocketPair();
  own.accept();
  // Newer runtimes have Blobs otherwise, which cannot be looked at at once.
  if ("binaryType" in own) own.binaryType = "arraybuffer";
  // It never rejects: what fails, it tells the browser.
  void serveTerminal(context, own, options);
  return new Response(null, { status: 101, webSocket: browser });
}
