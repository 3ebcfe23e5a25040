/** The upgrade where it is no matter of `new WebSocket`, and what a server answers that wants none. */

import { PROTOCOL } from "./dial.ts";
import { ConnectionError, messageOf, RefusedError } from "./error.ts";
import { type AbortSignalLike, type ResponseLike, runtime, type WebSocketLike } from "./platform.ts";
import type { Transport } from "./transport.ts";
import { opened } from "./websocket.ts";

/** Longest part of a refusal's body that is repeated, in characters. */
const MAX_BODY = 400;

/** Bytes that a frame of the other side may have, for `ws`. */
const MAX_MESSAGE = 1 << 20;

/** workerd: the upgrade is an answer to `fetch`, which shows a refusal too. */
export async function byFetch(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignalLike,
): Promise<Transport> {
  const asked = { ...headers, Upgrade: "websocket", "Sec-WebSocket-Protocol": PROTOCOL };
  const response = await request(url, asked, signal);
  const socket = response.webSocket;
  if (!socket) throw refusal(response.status, await response.text());
  socket.accept();
  return opened(socket, signal);
}

/** What the package `ws` has beyond the standard. */
interface PackageSocket extends WebSocketLike {
  on(event: "unexpected-response", listener: (request: unknown, response: PackageResponse) => void): void;
  terminate(): void;
}

interface PackageResponse {
  readonly statusCode: number;
  setEncoding(encoding: string): void;
  on(event: "data" | "end", listener: (text: string) => void): void;
}

/** Node 20: by the package `ws`, which shows the server's answer. */
export async function byPackage(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignalLike,
): Promise<Transport> {
  const PackageWebSocket = load("ws");
  const socket = new PackageWebSocket(url, [PROTOCOL], {
    headers,
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: false,
  });
  const refused = new Promise<never>((_, reject) => {
    socket.on("unexpected-response", (_request, response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", text => {
        body = (body + text).slice(0, MAX_BODY);
      });
      response.on("end", () => {
        reject(refusal(response.statusCode, body));
        socket.terminate();
      });
    });
  });
  return Promise.race([opened(socket, signal), refused]);
}

type PackageConstructor = new (url: string, protocols: string[], options: object) => PackageSocket;

/**
 * Node's own `require`, and no import: a bundler takes nothing into a page that has a WebSocket of its own, and warns of
 * nothing.
 */
function load(name: string): PackageConstructor {
  try {
    const { createRequire } = runtime.process?.getBuiltinModule?.("node:module") ?? {};
    const loaded = createRequire?.((import.meta as unknown as { url: string }).url)(name);
    return (loaded as { WebSocket: PackageConstructor }).WebSocket;
  } catch (cause) {
    const message = `this runtime has no WebSocket: install the package \`${name}\` (Node 20.16), or use Node 22 or newer`;
    throw new RefusedError(message, {}, "NOT_SUPPORTED", { cause });
  }
}

/** The error of a server that refuses these credentials, if it says so. */
export async function probe(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignalLike,
): Promise<RefusedError | undefined> {
  try {
    const response = await request(url, headers, signal);
    // A server that would let us in wants an upgrade.
    if (response.status === 426) return undefined;
    const error = refusal(response.status, (await response.text()).slice(0, MAX_BODY));
    return error instanceof RefusedError ? error : undefined;
  } catch {
    return undefined;
  }
}

async function request(url: string, headers: Record<string, string>, signal: AbortSignalLike): Promise<ResponseLike> {
  if (runtime.fetch === undefined) throw new ConnectionError("this runtime has no fetch");
  try {
    return await runtime.fetch(url.replace(/^ws/, "http"), { headers, signal, redirect: "manual" });
  } catch (cause) {
    throw new ConnectionError(messageOf(cause), {}, undefined, { cause });
  }
}

/** What the server's answer means. */
function refusal(status: number, body: string): ConnectionError {
  let code = "CONNECTION_REFUSED";
  let said = body.trim();
  try {
    const answer = JSON.parse(body) as { readonly code?: unknown; readonly message?: unknown } | null;
    if (typeof answer?.code === "string") code = answer.code;
    if (typeof answer?.message === "string") said = answer.message;
  } catch {
    // Not of our server: what it says is all there is.
  }
  const message = `the server refused the connection with status ${status}: ${said}`;
  const final = status >= 400 && status < 500 && status !== 408 && status !== 429;
  return final ? new RefusedError(message, { status }, code) : new ConnectionError(message, { status }, code);
}
