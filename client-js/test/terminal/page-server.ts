/**
 * A web server for tests of the browser's part: serves a built page under the policy that the real server sends, and passes
 * everything else, WebSockets included, to a real server.
 */

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { extname, join, normalize } from "node:path";

/** A page that is served. */
export interface PageServer extends AsyncDisposable {
  /** `http://127.0.0.1:…` */
  readonly url: string;
  /** Cuts every connection of the page to the server, as a network does; new ones may be made. */
  cut(): void;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
};

/** Serves the files of `directory`; `/v1/…` goes to `target`, as `http://127.0.0.1:7070`. */
export async function servePage(directory: string, target: string, port = 0): Promise<PageServer> {
  const upstream = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://page").pathname;
    if (path.startsWith("/v1/")) forward(upstream, request, response);
    else void answer(directory, path, response);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const behind = connect(Number(upstream.port), upstream.hostname, () => {
      const headers = rewrite(request.rawHeaders, upstream);
      behind.write(`${request.method} ${request.url} HTTP/1.1\r\n${headers}\r\n\r\n`);
      behind.write(head);
      behind.pipe(socket);
      socket.pipe(behind);
    });
    for (const side of [socket, behind]) {
      sockets.add(side);
      side.on("error", () => {});
      side.on("close", () => {
        sockets.delete(side);
        socket.destroy();
        behind.destroy();
      });
    }
  });
  await new Promise<void>(resolve => server.listen(port, "127.0.0.1", resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    [Symbol.asyncDispose]: async () => {
      cut();
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

async function answer(directory: string, path: string, response: ServerResponse): Promise<void> {
  const file = join(directory, normalize(path === "/" ? "/index.html" : path));
  const content = await readFile(file).catch(() => undefined);
  if (content === undefined) {
    response.writeHead(404).end();
    return;
  }
  const nonce = randomBytes(16).toString("base64");
  const headers = { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" };
  if (!file.endsWith(".html")) response.writeHead(200, headers).end(content);
  else {
    response
      .writeHead(200, { ...headers, "Content-Security-Policy": policy(nonce) })
      .end(content.toString().replaceAll("__CSP_NONCE__", nonce));
  }
}

function policy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "connect-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    // More than the real server may ask for: no string becomes code or markup.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}

function forward(upstream: URL, request: IncomingMessage, response: ServerResponse): void {
  const headers = {
    ...request.headers,
    host: upstream.host,
    ...(request.headers.origin && { origin: upstream.origin }),
  };
  const behind = httpRequest(new URL(request.url ?? "/", upstream), { method: request.method, headers }, answered => {
    response.writeHead(answered.statusCode ?? 502, answered.headers);
    answered.pipe(response);
  });
  behind.on("error", () => response.destroy());
  request.pipe(behind);
}

/** The headers of an upgrade, with the host and the origin that the server expects. */
function rewrite(raw: readonly string[], upstream: URL): string {
  const lines: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? "";
    const value = { host: upstream.host, origin: upstream.origin }[name.toLowerCase()] ?? raw[at + 1];
    lines.push(`${name}: ${value}`);
  }
  return lines.join("\r\n");
}
