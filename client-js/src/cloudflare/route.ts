/**
 * What the Worker tells the object beside a request. It goes in the request's `cf`, which a client cannot set, in no header:
 * a Worker that passes a client's request on as it is opens no door by that.
 */

import type { Grant } from "../relay/grant.ts";

/** What is asked for with a request. */
export type Route =
  /** A client's WebSocket becomes a lane, with these rights. */
  | { readonly to: "connect"; readonly grant: Grant }
  /** A preview: forwarded when the token is right. */
  | { readonly to: "preview"; readonly port: number; readonly token: string }
  /** A request of the Worker to a port. */
  | { readonly to: "port"; readonly port: number }
  /** A terminal's WebSocket. */
  | { readonly to: "terminal"; readonly session: string; readonly options: Readonly<Record<string, unknown>> };

/** The request with its route. */
export function withRoute(request: Request, route: Route | undefined): Request {
  return new Request(request, { cf: { ...request.cf, sandwire: route } as unknown as CfProperties });
}

/** The route of a request that came from {@link withRoute}. */
export function routeOf(request: Request): Route | undefined {
  return (request.cf as { readonly sandwire?: Route } | undefined)?.sandwire;
}
