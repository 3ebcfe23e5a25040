/** The examples from the documentation that people have, as one Worker: each under its name. */

import { Sandbox as Base, proxyToSandbox, SandboxError } from "sandwire/cloudflare";
import { code } from "./code.ts";
import { commands } from "./commands.ts";
import type { Env, Examples } from "./env.ts";
import { failures } from "./failures.ts";
import { files } from "./files.ts";
import { ports } from "./ports.ts";
import { processes } from "./processes.ts";
import { repositories } from "./repositories.ts";
import { sessions } from "./sessions.ts";
import { storage } from "./storage.ts";
import { streams } from "./streams.ts";

/** As the examples have it, with the variables of the test. */
export class Sandbox extends Base<Env> {
  override envVars: Record<string, string> = { ...this.env.VARIABLES };
}

const examples: Examples = {
  ...code,
  ...commands,
  ...failures,
  ...files,
  ...ports,
  ...processes,
  ...repositories,
  ...sessions,
  ...storage,
  ...streams,
};

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    // CRITICAL: proxyToSandbox MUST be called first for preview URLs
    const proxyResponse = await proxyToSandbox(request, env);
    if (proxyResponse) return proxyResponse;

    const { pathname, searchParams } = new URL(request.url);
    const example = examples[pathname.slice(1)];
    if (!example) return new Response("there is no such example", { status: 404 });
    try {
      const shown = await example({ env, request, args: searchParams.getAll("arg") });
      return shown instanceof Response ? shown : Response.json(shown ?? null);
    } catch (error) {
      const { name, message } = error as Error;
      const known = error instanceof SandboxError ? error.toJSON() : {};
      return Response.json({ ...known, name, message }, { status: 500 });
    }
  },
} satisfies ExportedHandler<Env>;
