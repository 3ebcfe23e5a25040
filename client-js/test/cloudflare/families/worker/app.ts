/** A Durable Object that has the families over a client of its own, and a Worker that calls it by RPC. */

import { DurableObject } from "cloudflare:workers";
import { execStream } from "../../../../src/cloudflare/command.ts";
import type { Context } from "../../../../src/cloudflare/context.ts";
import { errorFrom, responseOf } from "../../../../src/cloudflare/errors.ts";
import { readFile, readFileStream } from "../../../../src/cloudflare/file.ts";
import { ThisObject } from "../../../../src/cloudflare/object.ts";
import { startProcess, streamProcessLogs } from "../../../../src/cloudflare/process.ts";
import { routeOf } from "../../../../src/cloudflare/route.ts";
import { proxyTerminal } from "../../../../src/cloudflare/surface.ts";
import { terminal } from "../../../../src/cloudflare/terminal.ts";
import type { ErrorResponse } from "../../../../src/cloudflare/types.ts";
import { watch } from "../../../../src/cloudflare/watch.ts";
import { connect, type Sandbox } from "../../../../src/index.ts";

interface Env {
  readonly Families: DurableObjectNamespace<Families>;
  readonly SERVER: string;
  readonly WORKSPACE: string;
}

/** The object. */
export class Families extends DurableObject<Env> {
  #client: Promise<Sandbox> | undefined;
  readonly #object = new ThisObject("test", this.env, this.ctx.storage.kv, () => true);

  /** The named call, in a session of that name. */
  call(session: string, what: string, argument: string): Promise<ReadableStream<Uint8Array>> {
    const context = this.#context(session);
    const calls: Record<string, () => Promise<ReadableStream<Uint8Array>>> = {
      exec: () => execStream(context, argument),
      read: async () => (await readFile(context, argument, { encoding: "none" })).content,
      file: () => readFileStream(context, argument),
      watch: () => watch(context, argument),
      logs: async () => streamProcessLogs(context, (await startProcess(context, argument)).id),
    };
    const call = calls[what];
    if (!call) throw new Error(`there is no call ${what}`);
    return call();
  }

  /** What the call fails with, as data. */
  async failure(session: string, what: string, argument: string): Promise<ErrorResponse | null> {
    try {
      await (await this.call(session, what, argument)).cancel();
      return null;
    } catch (error) {
      return responseOf(error, what);
    }
  }

  /** Bytes that came from the server. */
  async bytesDown(): Promise<number> {
    return (await this.#connected()).stats.bytesDown;
  }

  /** A terminal, as the route says it. */
  override async fetch(request: Request): Promise<Response> {
    const route = routeOf(request);
    if (route?.to !== "terminal") return new Response("nothing is here", { status: 404 });
    return terminal(this.#context(route.session ?? "none"), request, route.options);
  }

  #context(session: string): Context {
    const { WORKSPACE: cwd } = this.env;
    return { client: () => this.#connected(), cwd, id: "families", session, object: this.#object };
  }

  #connected(): Promise<Sandbox> {
    this.#client ??= connect(this.env.SERVER);
    return this.#client;
  }
}

/** `/terminal/…` leads to the object; `/call/…`, `/failure/…`, `/bytes` call it by RPC. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const stub = env.Families.get(env.Families.idFromName("one"));
    const [session = "", what = "", argument = ""] = searchParams.getAll("arg");
    switch (pathname.split("/")[1]) {
      case "call":
        return new Response(await stub.call(session, what, argument));
      case "failure": {
        // The types of RPC do not see that it is plain data.
        const said = (await stub.failure(session, what, argument)) as unknown as ErrorResponse | null;
        const error = said && errorFrom(said);
        return Response.json(error && { ...said, name: error.name, is: error.constructor.name });
      }
      case "bytes":
        return Response.json(await stub.bytesDown());
      default:
        return proxyTerminal(stub, pathname.slice(1).replaceAll("/", "-"), request, { cols: 90, rows: 20 });
    }
  },
} satisfies ExportedHandler<Env>;
