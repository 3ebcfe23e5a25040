/** workerd with a Worker of the tests in it, by Miniflare. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Log, LogLevel, Miniflare } from "miniflare";

/** How to start it. */
export interface WorkersOptions {
  /** Variables of the Worker. */
  readonly bindings: Readonly<Record<string, string>>;
  /** Whether objects stay in memory for as long as the runtime runs. Default: false. */
  readonly stay?: boolean;
}

/** What an object says of itself. */
export interface ObjectStats {
  readonly connected: boolean;
  readonly clients: number;
  /** Which object in this runtime it is. */
  readonly made: number;
  /** Subrequests of all objects. */
  readonly dials: number;
  /** Channels that clients opened. */
  readonly opened: number;
}

/** A running runtime. */
export class Workers {
  readonly #miniflare: Miniflare;
  readonly #pid: number;
  /** `127.0.0.1:PORT`. */
  readonly address: string;

  private constructor(miniflare: Miniflare, address: string, pid: number) {
    this.#miniflare = miniflare;
    this.address = address;
    this.#pid = pid;
  }

  /** Starts one on a free port of loopback. */
  static async start({ bindings, stay = false }: WorkersOptions): Promise<Workers> {
    const before = new Set(runtimes());
    const miniflare = new Miniflare({
      modules: [{ type: "ESModule", path: "main.mjs", contents: await bundle() }],
      compatibilityDate: "2026-07-01",
      durableObjects: { RELAY: { className: "Relaying", useSQLite: true, unsafePreventEviction: stay } },
      bindings,
      cf: false,
      log: new Log(LogLevel.NONE),
    });
    const url = await miniflare.ready;
    const pid = runtimes().find(each => !before.has(each));
    if (pid === undefined) throw new Error("workerd does not run");
    return new Workers(miniflare, url.host, pid);
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

  /** Resident memory of workerd, in bytes. */
  get rss(): number {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.#pid}/status`, "utf8"))?.[1];
    return Number(kib) * 1024;
  }

  /** Ends it. */
  stop(): Promise<void> {
    return this.#miniflare.dispose();
  }
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("worker/main.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["cloudflare:workers"],
    conditions: ["workerd"],
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

/** Process ids of the workerds that this process has started. */
function runtimes(): number[] {
  return readdirSync("/proc").flatMap(name => {
    try {
      const [, command = "", parent] = /^\d+ \((.*)\) . (\d+)/s.exec(readFileSync(`/proc/${name}/stat`, "utf8")) ?? [];
      return command.startsWith("workerd") && Number(parent) === process.pid ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}
