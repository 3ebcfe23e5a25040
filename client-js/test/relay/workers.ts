/** workerd itself, with the Worker of the tests in it: nothing between it and the clients, and its objects hibernate. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Program } from "../harness/program.ts";
import { until } from "../harness/until.ts";
import { runtime } from "../runtimes/build.ts";

/** How a server is started behind a relay: with as many lanes as clients, and 512 KiB to retain for each of them. */
export const BEHIND_A_RELAY = "--max-lanes 256 --max-lanes-per-connection 256 --retained-bytes 160MiB".split(" ");

/** What is counted of all objects. */
export interface Counted {
  /** Objects that were made. */
  readonly made: number;
  /** Subrequests. */
  readonly dials: number;
  /** WebSockets that were accepted. */
  readonly accepted: number;
}

/** What an object says of itself. Its `made` is which one it is. */
export interface ObjectStats extends Counted {
  readonly connected: boolean;
  readonly clients: number;
  /** Channels that clients opened. */
  readonly opened: number;
}

/** A second Worker: the first part of the path names an object of the first one. */
const SECOND = `export default {
  fetch: (request, { RELAY }) => RELAY.getByName(new URL(request.url).pathname.split("/")[1]).fetch(request),
};`;

/** A running runtime. */
export class Workers {
  readonly #program: Program;
  readonly #folder: string;
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** The same of a second Worker, which calls the objects of the first. */
  readonly second: string;

  private constructor(program: Program, folder: string, second: number) {
    this.#program = program;
    this.#folder = folder;
    this.address = `127.0.0.1:${program.address}`;
    this.second = `127.0.0.1:${second}`;
  }

  /** Starts one on a free port of loopback. The bindings are variables of the Worker. */
  static async start(bindings: Readonly<Record<string, string>>): Promise<Workers> {
    const folder = mkdtempSync(join(tmpdir(), "sandwire-workers-"));
    writeFileSync(join(folder, "main.js"), await bundle());
    writeFileSync(join(folder, "second.js"), SECOND);
    const config = join(folder, "config.capnp");
    writeFileSync(config, configOf(bindings));
    const program = await Program.start(runtime("@cloudflare/workerd-linux-64/bin/workerd"), {
      args: ["serve", config, "--control-fd=1"],
      listening: /"socket":"http","port":(\d+)/,
    });
    const second = await until("the second socket", () => /"socket":"second","port":(\d+)/.exec(program.log)?.[1]);
    return new Workers(program, folder, Number(second));
  }

  /** Where clients of an object connect. */
  url(object: string, grant?: object): string {
    const query = grant === undefined ? "" : `?grant=${encodeURIComponent(JSON.stringify(grant))}`;
    return `ws://${this.address}/${object}/connect${query}`;
  }

  /** Asks an object to do something. */
  ask(object: string, what: string, body?: string): Promise<Response> {
    return fetch(`http://${this.address}/${object}/${what}`, { method: "POST", ...(body !== undefined && { body }) });
  }

  /** What an object says of itself. */
  async stats(object: string): Promise<ObjectStats> {
    return (await (await this.ask(object, "stats")).json()) as ObjectStats;
  }

  /** What is counted of all objects, without waking any. */
  async counted(): Promise<Counted> {
    return (await (await fetch(`http://${this.address}/`)).json()) as Counted;
  }

  /** Resident memory of workerd, in bytes. */
  get rss(): number {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.#program.pid}/status`, "utf8"))?.[1];
    return Number(kib) * 1024;
  }

  /** What workerd said, the last of it. */
  get log(): string {
    return this.#program.log;
  }

  /** Ends it: it would wait for its sockets. */
  async stop(): Promise<void> {
    await this.#program.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("worker/main.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["cloudflare:workers"],
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

function configOf(bindings: Readonly<Record<string, string>>): string {
  const texts = Object.entries(bindings).map(([name, text]) => `(name = "${name}", text = "${text}"),`);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "main.mjs", esModule = embed "main.js")],
      compatibilityDate = "2026-07-01",
      durableObjectNamespaces = [(className = "Relaying", uniqueKey = "relaying", enableSql = true)],
      durableObjectStorage = (inMemory = void),
      bindings = [${texts.join("")} (name = "RELAY", durableObjectNamespace = "Relaying")],
    )),
    (name = "second", worker = (
      modules = [(name = "second.mjs", esModule = embed "second.js")],
      compatibilityDate = "2026-07-01",
      bindings = [(name = "RELAY", durableObjectNamespace = (className = "Relaying", serviceName = "main"))],
    )),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:0", http = (), service = "main"),
    (name = "second", address = "127.0.0.1:0", http = (), service = "second"),
  ],
);
`;
}
