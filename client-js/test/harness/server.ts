/** The real server as a process, with a workspace of its own. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary, Program } from "./program.ts";

/** How to start it. */
export interface ServerOptions {
  /** More arguments. */
  readonly args?: readonly string[];
  /** More environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The token that it asks for. Default: none. */
  readonly token?: string;
}

/** A running server. Stop it at the end of the test. */
export class Server {
  /** Directory from which its relative paths are taken. */
  readonly workspace: string;
  readonly #options: ServerOptions;
  #program: Program;

  private constructor(program: Program, workspace: string, options: ServerOptions) {
    this.#program = program;
    this.workspace = workspace;
    this.#options = options;
  }

  /** Starts one on a free port of loopback, and waits until it listens. */
  static async start(options: ServerOptions = {}): Promise<Server> {
    const workspace = mkdtempSync(join(tmpdir(), "sandwire-js-"));
    return new Server(await launch("127.0.0.1:0", workspace, options), workspace, options);
  }

  /** `127.0.0.1:PORT`. */
  get address(): string {
    return this.#program.address;
  }

  /** Where clients connect. */
  get url(): string {
    return `ws://${this.address}/v1/connect`;
  }

  /** Where browsers look. */
  get origin(): string {
    return `http://${this.address}`;
  }

  /** Its process id. */
  get pid(): number {
    return this.#program.pid;
  }

  /** What it said, the last of it. */
  get log(): string {
    return this.#program.log;
  }

  /** Its resident memory, in bytes. */
  get rss(): number {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"))?.[1];
    return Number(kib) * 1024;
  }

  /** Sends it a signal: `SIGSTOP` and `SIGCONT` to hold it, `SIGTERM` to let it drain. */
  signal(signal: NodeJS.Signals): void {
    this.#program.signal(signal);
  }

  /** Waits until it has ended by itself. */
  ended(): Promise<void> {
    return this.#program.ended();
  }

  /** Kills it and all that it started. The port is free then; {@link start} it again with {@link comeBack}. */
  kill(): Promise<void> {
    return this.#program.kill();
  }

  /** After {@link kill}: starts anew, on the same port and workspace; with other options, when there are some. */
  async comeBack(options: ServerOptions = {}): Promise<void> {
    this.#program = await launch(this.address, this.workspace, { ...this.#options, ...options });
  }

  /** Kills it, and removes its workspace. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.workspace, { recursive: true, force: true });
  }
}

function launch(listen: string, workspace: string, { args = [], env = {}, token }: ServerOptions): Promise<Program> {
  return Program.start(binary("sandwire-server"), {
    args: ["--listen", listen, "--workspace", workspace, ...args],
    env: { ...env, ...(token !== undefined && { SANDWIRE_TOKEN: token }) },
    cwd: workspace,
  });
}
