/** A small API over HTTP, for programs that speak nothing else. */

import { type Context, Hono } from "hono";
import { getSandbox } from "sandwire/cloudflare";
import type { App } from "./env.ts";

type Request = Context<App, "/:id/*">;

const sandbox = (context: Request) =>
  getSandbox(context.env.Sandbox, context.req.param("id"), { normalizeId: true, sleepAfter: "10m" });

/** A file's path is what follows `/files`, and begins at the root. */
const path = (context: Request) => decodeURIComponent(new URL(context.req.url).pathname.replace(/^.*?\/files/, ""));

interface Command {
  readonly command: string;
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Milliseconds. */
  readonly timeout?: number;
}

/** Mounted at `/api/sandboxes/:id`. */
export const api = new Hono<App>()
  // A result at the end; with `Accept: text/event-stream`, events as they happen.
  .post("/exec", async context => {
    const { command, ...options } = await context.req.json<Command>();
    if (!context.req.header("accept")?.includes("text/event-stream")) {
      return context.json(await sandbox(context).exec(command, options));
    }
    const events = await sandbox(context).execStream(command, options);
    return new Response(events, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
  })
  .get("/processes", async context => context.json(await sandbox(context).listProcesses()))
  .post("/processes", async context => {
    const { command, ...options } = await context.req.json<Command>();
    const { id, pid } = await sandbox(context).startProcess(command, options);
    return context.json({ id, pid }, 201);
  })
  .get("/processes/:process/logs", async context =>
    context.json(await sandbox(context).getProcessLogs(context.req.param("process"))),
  )
  .delete("/processes/:process", async context => {
    await sandbox(context).killProcess(context.req.param("process"));
    return context.body(null, 204);
  })
  .get("/files/*", async context => {
    const file = await sandbox(context).readFile(path(context), { encoding: "none" });
    return new Response(file.content, { headers: { "content-type": file.mimeType } });
  })
  .put("/files/*", async context => {
    const body = context.req.raw.body ?? new Blob([]).stream();
    await sandbox(context).writeFile(path(context), body);
    return context.body(null, 204);
  })
  .delete("/files/*", async context => {
    await sandbox(context).deleteFile(path(context));
    return context.body(null, 204);
  })
  // What listens on a port, for a browser: `https://<port>-<sandbox>-<token>.<host>`.
  .post("/ports/:port", async context => {
    // An address has no names below it; every browser knows those below `localhost`.
    const hostname = new URL(context.req.url).host.replace(/^127\.0\.0\.1/, "localhost");
    return context.json(await sandbox(context).exposePort(Number(context.req.param("port")), { hostname }), 201);
  })
  .delete("/ports/:port", async context => {
    await sandbox(context).unexposePort(Number(context.req.param("port")));
    return context.body(null, 204);
  })
  .delete("/", async context => {
    await sandbox(context).destroy();
    return context.body(null, 204);
  });
