/**
 * An example of an application on Workers: the console of any sandbox in the browser, a small API over HTTP for programs, and
 * preview URLs. `wrangler dev` runs it against a host engine (see `wrangler.jsonc`), `wrangler deploy` on Cloudflare Containers.
 */

import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { getSandbox, isSandboxError, proxyToSandbox } from "sandwire/cloudflare";
import { guard, session } from "./access.ts";
import { api } from "./api.ts";
import { page } from "./console.ts";
import type { App } from "./env.ts";
import { home } from "./home.ts";

export { Sandbox } from "sandwire/cloudflare";

const app = new Hono<App>();

app.get("/healthz", context => context.text("ok\n"));
app.get("/", context => home(context.req.raw));

// The page itself is nothing secret; what it connects to is.
app.get("/sandboxes/:id", context => context.redirect(`${new URL(context.req.url).pathname}/`, 302));
app.route("/sandboxes/:id/v1/session", session);
app.get("/sandboxes/:id/v1/connect", guard, context =>
  getSandbox(context.env.Sandbox, context.req.param("id"), { normalizeId: true }).connect(context.req.raw, {
    // Who looks at the console is let in to all but what only a Worker can do: expose ports.
    scopes: ["exec", "process", "pty", "file-read", "file-write", "tcp", "port-read", "info"],
  }),
);
app.get("/sandboxes/:id/*", context => page(context.req.raw, context.env));

app.use("/api/*", guard);
app.route("/api/sandboxes/:id", api);

app.notFound(context => context.json({ code: "NOT_FOUND", message: "there is nothing here; see the page at /" }, 404));
app.onError((error, context) => {
  if (error instanceof HTTPException) return error.getResponse();
  if (!isSandboxError(error)) {
    const message = "a defect of this application: see its log";
    return context.json({ code: "INTERNAL_ERROR", message }, 500);
  }
  return context.json({ code: error.code, message: error.message, context: error.context }, error.httpStatus as 500);
});

export default {
  async fetch(request, env, context) {
    // Preview hosts come first: to them this application does not exist.
    return (await proxyToSandbox(request, env)) ?? app.fetch(request, env, context);
  },
} satisfies ExportedHandler<App["Bindings"]>;
