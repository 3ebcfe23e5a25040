/** Preview addresses: from a request's host name to the port that it means, and what the program there is told. */

import { CONTROL_PORT } from "./host.ts";
import { withRoute } from "./route.ts";

/** What a preview's host name says. */
export interface PreviewName {
  readonly port: number;
  readonly id: string;
  readonly token: string;
}

/** Headers of a client that only we may set; a program that believes them must not be lied to. */
const OURS = /^(x-sandwire-|x-sandbox-|x-forwarded-|forwarded$|x-real-ip$|x-original-url$|cf-container-)/i;

/** What a host name means: `<port>-<id>-<token>.<host>`; nothing when it is no preview. */
export function parsePreview(hostname: string): PreviewName | undefined {
  const [, port, id, token] = /^(\d{4,5})-([a-z0-9](?:[a-z0-9_-]*[a-z0-9_])?)-([a-z0-9_]{1,16})\./.exec(hostname) ?? [];
  if (port === undefined || id === undefined || token === undefined) return undefined;
  return { port: Number(port), id, token };
}

/** The request as it goes to the object: without what a client cannot know, with what we know of the client. */
export function previewRequest(request: Request, { port, token }: PreviewName): Request {
  const url = new URL(request.url);
  const headers = new Headers(request.headers);
  for (const name of [...headers.keys()].filter(name => OURS.test(name))) headers.delete(name);
  const proto = url.protocol.slice(0, -1);
  // Workers that are run without Cloudflare do not know who asks.
  const client = request.headers.get("CF-Connecting-IP") ?? "unknown";
  const by = client.includes(":") ? `"[${client}]"` : client;
  headers.set("X-Forwarded-For", client);
  headers.set("X-Forwarded-Host", url.host);
  headers.set("X-Forwarded-Proto", proto);
  headers.set("Forwarded", `for=${by};host="${url.host}";proto=${proto}`);
  headers.set("X-Original-URL", request.url);
  // Compression of WebSocket messages is between two ends of one connection; here are two connections.
  headers.delete("Sec-WebSocket-Extensions");
  headers.delete("Host");
  const local = new URL(request.url);
  local.protocol = "http:";
  local.host = `localhost:${port}`;
  // Who compares it with the host still finds them equal.
  if (headers.get("Origin")?.toLowerCase() === `${proto}://${url.host}`.toLowerCase()) {
    headers.set("Origin", local.origin);
  }
  const forwarded = new Request(local, new Request(request, { headers, redirect: "manual" }));
  return withRoute(forwarded, { to: "preview", port, token });
}

/** Whether a preview may mean this port at all. */
export const isPreviewPort = (port: number): boolean => port >= 1024 && port <= 65535 && port !== CONTROL_PORT;

/** There is no such address: the same answer for a wrong token, a port that is not exposed, and no such sandbox. */
export function invalidToken(): Response {
  const error = "There is no preview at this address: its port is not exposed, or its token is not this one";
  return Response.json({ error, code: "INVALID_TOKEN" }, { status: 404 });
}

/** The address was right in an earlier run of the container. */
export function stale(): Response {
  const error = "The sandbox was restarted or sleeps: start the program again and call exposePort";
  return Response.json({ error, code: "STALE_PREVIEW_URL" }, { status: 410 });
}

/** Nothing answers at the port. */
export function notAnswering(port: number): Response {
  const error = `Nothing answers at port ${port} of the sandbox: is the program running, and listening there?`;
  return Response.json({ error, code: "SERVICE_NOT_RESPONDING" }, { status: 502 });
}

/** Bytes of an answer that are over before anybody thinks of sleep. */
const SMALL = 1 << 20;

/** The answer, which calls back as it flows. */
export function watched(response: Response, touch: () => void): Response {
  const length = Number(response.headers.get("Content-Length") ?? Number.NaN);
  if (response.body === null || response.webSocket !== null || length <= SMALL) return response;
  const flow = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      touch();
      controller.enqueue(chunk);
    },
  });
  const body = response.body.pipeThrough(flow);
  // What is compressed on the way has another length.
  const known = Number.isFinite(length) && !response.headers.has("Content-Encoding");
  return new Response(known ? body.pipeThrough(new FixedLengthStream(length)) : body, response);
}
