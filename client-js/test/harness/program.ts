/** A program of the project's own as a process: started, heard, ended with all that it started. */

import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Characters of a program's output that are kept for the message of a failed test. */
const LOG = 64 << 10;

/** A variable that marks what a program started, also what lost its parent. */
const MARK = "TEST_SERVER_MARK";

/** Milliseconds for a program to say where it listens. */
const DEADLINE = 30_000;

const PACKAGE = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Where the built programs are: `SANDWIRE_BIN_DIR`, else the workspace's debug build. */
export function binary(name: string): string {
  const { SANDWIRE_BIN_DIR = join(PACKAGE, "../target/debug") } = process.env;
  const path = resolve(PACKAGE, SANDWIRE_BIN_DIR, name);
  if (!existsSync(path)) {
    throw new Error(
      `${path} is not there: build it with \`cargo build --bins\`, or set SANDWIRE_BIN_DIR to where it is`,
    );
  }
  return path;
}

/** Nothing outlives the test run, however it ends. */
const running = new Set<ChildProcess>();
/** The home of what is started: what this user's own shells do when they begin is no part of a test. */
const home = mkdtempSync(join(tmpdir(), "sandwire-home-"));
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
  rmSync(home, { recursive: true, force: true });
});

/** How to start one. */
export interface ProgramOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** How it says where it listens. Default: `listening on ADDRESS`. */
  readonly listening?: RegExp;
}

/** A program that says `listening on …`. */
export class Program {
  /** What it listens on: what stands behind `listening on`. */
  readonly address: string;
  readonly #child: ChildProcess;
  readonly #mark: string;
  readonly #output: { text: string };
  readonly #ended: Promise<void>;

  private constructor(
    child: ChildProcess,
    address: string,
    mark: string,
    output: { text: string },
    ended: Promise<void>,
  ) {
    this.#child = child;
    this.address = address;
    this.#mark = mark;
    this.#output = output;
    this.#ended = ended;
  }

  /** Starts a program with a home of the tests', and waits until it listens. `SANDWIRE_…` of the run is not passed on. */
  static async start(path: string, options: ProgramOptions = {}): Promise<Program> {
    const { args = [], env = {}, cwd, listening = /^listening on (?:http:\/\/)?(\S+)\n/m } = options;
    const mark = randomUUID();
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("SANDWIRE_"));
    const child = spawn(path, args, {
      ...(cwd !== undefined && { cwd }),
      env: { ...Object.fromEntries(inherited), HOME: home, [MARK]: mark, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const output = { text: "" };
    const ended = new Promise<void>(done => {
      child.once("exit", () => done());
      child.once("error", () => done());
    });
    const address = await new Promise<string>((found, fail) => {
      const timer = setTimeout(
        () => fail(new Error(`${path} does not say where it listens:\n${output.text}`)),
        DEADLINE,
      );
      const hear = (text: string) => {
        output.text = (output.text + text).slice(-LOG);
        const said = listening.exec(output.text);
        if (said?.[1] === undefined) return;
        clearTimeout(timer);
        found(said[1]);
      };
      child.stdout.setEncoding("utf8").on("data", hear);
      child.stderr.setEncoding("utf8").on("data", hear);
      child.once("error", fail);
      child.once("exit", code => fail(new Error(`${path} ended with ${code}:\n${output.text}`)));
    });
    running.add(child);
    child.once("exit", () => running.delete(child));
    return new Program(child, address, mark, output, ended);
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it said, the last of it. */
  get log(): string {
    return this.#output.text;
  }

  /** Says a line to it. */
  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Calls back with each line that it says on standard output from here on. */
  onLine(callback: (line: string) => void): void {
    let rest = "";
    this.#child.stdout?.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) callback(line);
    });
  }

  /** Sends it a signal. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits until it has ended by itself. */
  ended(): Promise<void> {
    return this.#ended;
  }

  /** Ends it and all that it started. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
    for (const pid of started(this.#mark)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
  }
}

/** Processes that carry a mark in their environment. */
function started(mark: string): number[] {
  return readdirSync("/proc")
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").includes(`${MARK}=${mark}`);
      } catch {
        return false;
      }
    })
    .map(Number);
}
