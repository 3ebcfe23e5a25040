/** A small API over HTTP, for programs that speak nothing else. */

import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { getSandbox } from "sandwire/cloudflare";
import type { App } from "./env.ts";

type Request = Context<App, "/:id/*">;

const sandbox = (context: Request) =>
  getSandbox(context.env.Sandbox, context.req.param("id"), { normalizeId: true, sleepAfter: "10m" });

/** A file's path is what follows `/files`, and begins at the root. */
const path = (context: Request) => {
  try {
    return decodeURIComponent(new URL(context.req.url).pathname.replace(/^.*?\/files/, ""));
  } catch {
    throw invalid("the path is not UTF-8 in percent-encoding");
  }
};

/** What a program has to correct. */
function invalid(message: string): HTTPException {
  return new HTTPException(400, { res: Response.json({ code: "VALIDATION_FAILED", message }, { status: 400 }) });
}

/**
 * What a sandbox holds is nobody's word: a browser is to keep it, not to show it here, where its scripts would have the
 * rights of whoever is signed in.
 */
const STRANGE = {
  "content-disposition": "attachment",
  "content-security-policy": "sandbox; default-src 'none'",
  "x-content-type-options": "nosniff",
};

interface Command {
  readonly command: string;
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Milliseconds. */
  readonly timeout?: number;
}

async function command(context: Request): Promise<Command> {
  const body = await context.req.json<Partial<Command> | null>().catch(() => null);
  if (typeof body?.command !== "string") throw invalid('the body is JSON: {"command": "…"}');
  return { ...body, command: body.command };
}

/** Mounted at `/api/sandboxes/:id`. */
export const api = new Hono<App>()
  // A result at the end; with `Accept: text/event-stream`, events as they happen.
  .post("/exec", async context => {
    const { command: text, ...options } = await command(context);
    if (!context.req.header("accept")?.includes("text/event-stream")) {
      return context.json(await sandbox(context).exec(text, options));
    }
    const events = await sandbox(context).execStream(text, options);
    return new Response(events, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
  })
  .get("/processes", async context => context.json(await sandbox(context).listProcesses()))
  .post("/processes", async context => {
    const { command: text, ...options } = await command(context);
    const { id, pid } = await sandbox(context).startProcess(text, options);
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
    return new Response(file.content, { headers: { ...STRANGE, "content-type": file.mimeType } });
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
