/** Miniflare with the Workers of the tests in it, and behind them a real host engine with real servers. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare, type WorkerOptions } from "miniflare";
import { binary, Program } from "../harness/program.ts";

/** How to call the Worker. */
export interface CallOptions {
  /** The sandbox. Default: `test`. */
  readonly id?: string;
  /** Options of `getSandbox`. */
  readonly options?: object;
  /** What the scenario takes. */
  readonly args?: readonly string[];
  /** Ask the second Worker, which has the same sandboxes. */
  readonly second?: boolean;
}

/** An answer over HTTP, whole. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** What there is beside the sandboxes. */
export interface PlatformOptions {
  /** R2 buckets, by their bindings. */
  readonly buckets?: readonly string[];
  /** Variables of the Workers. */
  readonly variables?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  /** Programs that the sandboxes find before all others, by name. */
  readonly programs?: Readonly<Record<string, string>>;
  /** More environment of the sandboxes. `programs` come before its `PATH`. */
  readonly env?: Readonly<Record<string, string>>;
  /** The Worker's module, from the package's directory. Default: what goes beyond the stock package. */
  readonly worker?: string;
  /** What keeps sandboxes apart. Default: nothing, so that a test reaches into their directories. */
  readonly isolation?: "none" | "bubblewrap";
  /** Whether the permissions of files hold in the sandboxes, also when the tests run as root. */
  readonly unprivileged?: boolean;
  /** Directories beside the system's that isolated sandboxes may read. */
  readonly readOnly?: readonly string[];
  /** More that the first Worker is bound to. */
  readonly bindings?: Pick<WorkerOptions, "kvNamespaces" | "queueProducers">;
}

/** What the host engine says of a sandbox. */
export interface Info {
  readonly state: "running" | "asleep" | "absent";
}

const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));

/** A running platform. Stop it at the end of the tests. */
export class Platform {
  /** The host engine's origin. */
  readonly host: string;
  /** Where the host keeps the sandboxes' files, and the tests theirs. */
  readonly folder: string;
  readonly #miniflare: Miniflare;
  readonly #program: Program;
  readonly #url: URL;
  readonly #second: URL;

  private constructor(miniflare: Miniflare, program: Program, folder: string, [url, second]: [URL, URL]) {
    this.#miniflare = miniflare;
    this.#program = program;
    this.folder = folder;
    this.host = `http://${program.address}`;
    this.#url = url;
    this.#second = second;
  }

  /** Starts a host engine, and the Workers with it. */
  static async start(options: PlatformOptions = {}): Promise<Platform> {
    const { buckets = [], variables = {}, programs = {}, readOnly = [], isolation = "none", bindings = {} } = options;
    const { env = {} } = options;
    const folder = mkdtempSync(join(tmpdir(), "sandwire-platform-"));
    const bin = join(folder, "bin");
    mkdirSync(bin);
    for (const [name, source] of Object.entries(programs)) writeFileSync(join(bin, name), source, { mode: 0o755 });
    const server = binary("sandwire-server");
    const drop = options.unprivileged === true && process.getuid?.() === 0;
    const program = await Program.start(drop ? "setpriv" : server, {
      args: [
        ...(drop ? ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", server] : []),
        ...["host", "--listen", "127.0.0.1:0", "--root", join(folder, "sandboxes"), "--isolation", isolation],
        ...(readOnly.length > 0 ? ["--read-only", readOnly.join(",")] : []),
      ],
      env: { ...env, PATH: `${bin}:${env["PATH"] ?? process.env["PATH"] ?? ""}` },
    });
    const contents = await bundle(options.worker ?? "test/cloudflare/worker/edge.ts");
    const common = {
      compatibilityDate: "2026-07-01",
      bindings: { SANDWIRE_HOST: `http://${program.address}`, ...variables },
    };
    const modules = [{ type: "ESModule" as const, path: "main.mjs", contents }];
    const miniflare = new Miniflare({
      cf: false,
      workers: [
        {
          ...common,
          ...bindings,
          name: "first",
          modules,
          durableObjects: { Sandbox: { className: "Sandbox", useSQLite: true } },
          r2Buckets: [...buckets],
          unsafeDirectSockets: [{ port: 0 }],
        },
        {
          ...common,
          name: "second",
          modules,
          durableObjects: { Sandbox: { className: "Sandbox", scriptName: "first", useSQLite: true } },
          unsafeDirectSockets: [{ port: 0 }],
        },
      ],
    });
    await miniflare.ready;
    const urls = await Promise.all([miniflare.unsafeGetDirectURL("first"), miniflare.unsafeGetDirectURL("second")]);
    return new Platform(miniflare, program, folder, urls as [URL, URL]);
  }

  /** A bucket, as the Workers' bindings lead to it. */
  bucket(binding: string): ReturnType<Miniflare["getR2Bucket"]> {
    return this.#miniflare.getR2Bucket(binding, "first");
  }

  /** `localhost:PORT`, where the first Worker is. */
  get hostname(): string {
    return `localhost:${this.#url.port}`;
  }

  /** Runs a scenario of the Worker. Rejects with what it failed with: `code`, `name` and `context` are the error's. */
  async call<T>(scenario: string, options: CallOptions = {}): Promise<T> {
    const response = await fetch(this.url(scenario, options));
    const value: unknown = await response.json();
    if (response.ok) return value as T;
    throw Object.assign(new Error((value as Error).message), value);
  }

  /** Where a scenario is. */
  url(scenario: string, { id = "test", options, args = [], second = false }: CallOptions = {}): URL {
    const url = new URL(`/${scenario}`, second ? this.#second : this.#url);
    url.searchParams.set("id", id);
    if (options) url.searchParams.set("options", JSON.stringify(options));
    for (const arg of args) url.searchParams.append("arg", arg);
    return url;
  }

  /** A request to a preview address, whose host name nobody has to resolve. */
  get(address: string, headers: Readonly<Record<string, string>> = {}, body?: string): Promise<Answer> {
    const { host, pathname, search } = new URL(address);
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          host: "127.0.0.1",
          port: this.#url.port,
          path: pathname + search,
          method: body === undefined ? "GET" : "POST",
          headers: { Host: host, ...headers },
        },
        response => {
          let text = "";
          response.setEncoding("utf8").on("data", data => {
            text += data;
          });
          response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  }

  /** The port at which the first Worker is, on 127.0.0.1. */
  get port(): number {
    return Number(this.#url.port);
  }

  /** What the host says of a sandbox; this starts and wakes nothing. */
  async info(id = "test"): Promise<Info> {
    return (await (await fetch(`${this.host}/sandboxes/${id}`)).json()) as Info;
  }

  /** Kills a sandbox, as the machine might. */
  async kill(id = "test"): Promise<void> {
    const body = JSON.stringify({ signal: "SIGKILL" });
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(`${this.host}/sandboxes/${id}/stop`, { method: "POST", headers, body });
    if (!response.ok) throw new Error(`the host refused: ${await response.text()}`);
  }

  /** Ends the host engine and all sandboxes. */
  endHost(): Promise<void> {
    return this.#program.kill();
  }

  /** What the host said, the last of it. */
  get log(): string {
    return this.#program.log;
  }

  /** Ends all of it. */
  async stop(): Promise<void> {
    await this.#miniflare.dispose();
    await this.#program.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The tests' Workers, with the stock package's name, and our own, leading to the sources. */
async function bundle(worker: string): Promise<string> {
  const ours = join(PACKAGE, "src/cloudflare.ts");
  const { outputFiles } = await build({
    absWorkingDir: PACKAGE,
    entryPoints: [worker],
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["cloudflare:*"],
    alias: { "@cloudflare/sandbox": ours, "sandwire/cloudflare": ours },
    write: false,
    logLevel: "error",
  });
  return outputFiles[0]?.text ?? "";
}
