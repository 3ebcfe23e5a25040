/** The console for one sandbox: the files that the server has in it too, under the same policy. */

import type { App } from "./env.ts";

/** What a page needs of the machine: the clipboard, and the whole screen. */
const HEADERS = {
  "cross-origin-opener-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "permissions-policy": "clipboard-read=(self), clipboard-write=(self), fullscreen=(self)",
};

/** Answers what is below `/sandboxes/<id>/`. */
export async function page(request: Request, env: App["Bindings"]): Promise<Response> {
  const url = new URL(request.url);
  const file = url.pathname.replace(/^\/sandboxes\/[^/]+/, "");
  const answer = await env.ASSETS.fetch(new URL(file, url), { headers: request.headers });
  if (!answer.headers.get("content-type")?.startsWith("text/html")) return answer;
  const nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))));
  const made = new HTMLRewriter()
    .on('meta[name="csp-nonce"]', { element: meta => void meta.setAttribute("content", nonce) })
    .transform(new Response(answer.body, answer));
  // Each page has a number of its own.
  made.headers.delete("etag");
  made.headers.set("cache-control", "no-store");
  made.headers.set("content-security-policy", policy(url.host, nonce));
  for (const [name, value] of Object.entries(HEADERS)) made.headers.set(name, value);
  return made;
}

function policy(host: string, nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    `connect-src 'self' ws://${host} wss://${host}`,
    "img-src 'self' data: blob:",
    "font-src 'self'",
    `frame-src http://*.${host} https://*.${host}`,
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}
