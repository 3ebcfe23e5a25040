/** Requests to programs in the sandbox: carried by the runtime itself, and ended when their address is taken away. */

import type { Engine } from "./host.ts";
import { invalidToken, notAnswering, stale, watched } from "./preview.ts";

/** What goes with a request to a port. */
export interface Passage {
  /** Called when something flows: that is work; an open WebSocket is none. */
  touch(): void;
  /** Ends what is open: the WebSocket, the answer that still flows, the request that waits. Default: nothing does. */
  readonly revoked?: AbortSignal;
}

/** To a port of a container, and back. */
export async function forward(
  engine: Engine | undefined,
  request: Request,
  port: number,
  { touch, revoked }: Passage,
): Promise<Response> {
  touch();
  try {
    const local = new Request(request.url.replace(/^https:/, "http:"), request);
    const response = await engine?.getTcpPort(port).fetch(local, revoked ? { signal: revoked } : {});
    return response === undefined ? stale() : watched(response, touch);
  } catch {
    if (revoked?.aborted) return invalidToken();
    return engine?.running ? notAnswering(port) : stale();
  }
}
