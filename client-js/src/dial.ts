/** From a URL to a socket whose upgrade is done, in every runtime. */

import { ConnectionError, messageOf, RefusedError, SandwireError } from "./error.ts";
import {
  type AbortSignalLike,
  after,
  canSetHeaders,
  runtime,
  type WebSocketConstructor,
  type WebSocketLike,
} from "./platform.ts";
import type { Transport } from "./transport.ts";
import { opened } from "./websocket.ts";

/** The subprotocol of this protocol; see PROTOCOL.md, R-HTTP-3. */
export const PROTOCOL = "sandwire.v1";

/** A text, or what gives a fresh one for each connection. */
export type Secret = string | (() => string | Promise<string>);

/** Gives what the next connection is made of: a WebSocket, or a URL to dial. */
export type Next = () => WebSocketLike | string | Promise<WebSocketLike | string>;

/** How to prove that we may. */
export interface Credentials {
  /**
   * The server's token: sent as `Authorization: Bearer`, in browsers as a subprotocol, never in the URL. Default: none. A
   * browser sends its cookies by itself.
   */
  readonly token?: Secret | undefined;
  /** A ticket, from `POST /v1/tickets`. One that can be used once must be a function that gets a new one. Default: none. */
  readonly ticket?: Secret | undefined;
  /** The runtime's own is used by default, and `ws` in Node 20, which has none. */
  readonly WebSocket?: WebSocketConstructor | undefined;
}

/**
 * The URL with what a person may leave out: `host:port` and `http://…` are `ws://…`, and the path is `/v1/connect` unless
 * there is one.
 *
 * @throws {@link SandwireError} `VALIDATION_FAILED` when it is no URL of ours.
 */
export function completeUrl(url: string): string {
  const given = url.trim();
  const [, scheme = "ws", rest = ""] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(given) ?? [];
  const [, host = "", path = "", query = ""] = /^([^/?#]*)\/?([^?#]*)(\?[^#]*)?/s.exec(rest) ?? [];
  const ws = { ws: "ws", wss: "wss", http: "ws", https: "wss" }[scheme.toLowerCase()];
  const [, port = ""] = host.slice(Math.max(host.lastIndexOf("@"), host.lastIndexOf("]")) + 1).split(":");
  if (!ws || !host || /\s/.test(rest) || (port && !(/^\d+$/.test(port) && +port >= 1 && +port <= 65535))) {
    const shown = withoutSecrets(given);
    const message = `${shown} is not a usable URL: it takes ws, wss, http or https, a host, and a port to 65535`;
    throw new SandwireError("VALIDATION_FAILED", message, { url: shown });
  }
  return `${ws}://${host}/${path || "v1/connect"}${query}`;
}

/**
 * Makes a connection: waits for a WebSocket that is given, or dials a URL and does the upgrade.
 *
 * @param next - gives the one or the other.
 * @param timeout - milliseconds for all of it.
 * @param outer - gives it up, too; a connection that comes later is dropped.
 * @throws {@link RefusedError} when the server's answer says that trying again cannot help, else {@link ConnectionError}.
 */
export async function dial(
  next: Next,
  credentials: Credentials,
  timeout: number,
  outer: AbortSignalLike,
): Promise<Transport> {
  const controller = new runtime.AbortController();
  const { signal } = controller;
  const stop = after(timeout, () => controller.abort(new ConnectionError(`no answer within ${timeout / 1000} s`)));
  const abort = () => controller.abort(outer.reason);
  if (outer.aborted) abort();
  else outer.addEventListener("abort", abort);
  let shown = "";
  const connect = async () => {
    const target = await next();
    if (typeof target !== "string") return opened(target, signal);
    const url = completeUrl(target);
    shown = ` to ${withoutSecrets(url)}`;
    return upgrade(url, credentials, signal);
  };
  try {
    return await new Promise<Transport>((resolve, reject) => {
      const giveUp = () => reject(signal.reason);
      if (signal.aborted) return giveUp();
      signal.addEventListener("abort", giveUp);
      connect().then(transport => (signal.aborted ? transport.drop() : resolve(transport)), reject);
    });
  } catch (error) {
    if (error instanceof RefusedError || (error instanceof SandwireError && error.code === "VALIDATION_FAILED"))
      throw error;
    const context = error instanceof SandwireError ? error.context : {};
    throw new ConnectionError(`no connection${shown}: ${messageOf(error)}`, context, undefined, { cause: error });
  } finally {
    stop();
    outer.removeEventListener("abort", abort);
  }
}

async function upgrade(url: string, credentials: Credentials, signal: AbortSignalLike): Promise<Transport> {
  const token = await draw(credentials.token);
  const ticket = await draw(credentials.ticket);
  const target =
    ticket === undefined ? url : `${url}${url.includes("?") ? "&" : "?"}ticket=${encodeURIComponent(ticket)}`;
  const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const { WebSocket } = credentials;
  try {
    if (WebSocket !== undefined) return await opened(new WebSocket(target, protocols(token)), signal);
    if (runtime.WebSocketPair !== undefined) return await (await elsewhere()).byFetch(target, headers, signal);
    if (runtime.WebSocket === undefined) return await (await elsewhere()).byPackage(target, headers, signal);
    return await opened(construct(runtime.WebSocket, target, token, headers), signal);
  } catch (error) {
    if (error instanceof ConnectionError && !(error instanceof RefusedError)) {
      // Where the runtime does not say what the server answered, it is asked again in a way that shows it. A page whose
      // server is away may not get the module for that, either.
      const refused = await elsewhere().then(
        ({ probe }) => probe(target, headers, signal),
        () => undefined,
      );
      if (refused !== undefined) throw refused;
    }
    throw error;
  }
}

/** What a page needs only when something goes wrong, and others always: not in the way of a page's first load. */
const elsewhere = () => import("./upgrade.ts");

function construct(
  WebSocket: WebSocketConstructor,
  url: string,
  token: string | undefined,
  headers: Record<string, string>,
): WebSocketLike {
  if (token !== undefined && canSetHeaders()) {
    const WithOptions = WebSocket as unknown as new (url: string, options: object) => WebSocketLike;
    try {
      return new WithOptions(url, { headers, protocols: [PROTOCOL] });
    } catch {
      // A browser's WebSocket beside Node's other globals, as in Electron.
    }
  }
  return new WebSocket(url, protocols(token));
}

function protocols(token: string | undefined): string[] {
  if (token === undefined) return [PROTOCOL];
  const binary = String.fromCharCode(...new runtime.TextEncoder().encode(token));
  const encoded = runtime.btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return [PROTOCOL, `sandwire.token.${encoded}`];
}

async function draw(secret: Secret | undefined): Promise<string | undefined> {
  const text = typeof secret === "function" ? await secret() : secret;
  return text === "" ? undefined : text;
}

/** A URL as it may be shown: a ticket stands in the query, and a password before the host. */
function withoutSecrets(url: string): string {
  return url.replace(/[?#].*$/s, "").replace(/[^/]*@/, "");
}
