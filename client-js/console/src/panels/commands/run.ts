/** A command that was run here: its output as far as it is kept, and how it ended. */

import type { Exit } from "../../../../src/kinds/command.ts";
import type { Commands } from "../../../../src/kinds/exec.ts";
import { type LogBounds, LogWindow } from "../../ui/log/log-window.ts";
import { nextFrame } from "../../ui/next-frame.ts";

/** What a person said about a command. */
export interface RunOptions {
  readonly command: string;
  /** The session in whose shell it runs; empty for a shell of its own. */
  readonly session: string;
  /** Empty for the workspace, or where the session is. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** What it reads from standard input; empty for nothing. */
  readonly stdin: string;
  /** Seconds that it has; nothing for as long as it takes. */
  readonly timeout: number | undefined;
}

/** Where a run is. `failed`: it could not be run, or nobody knows how it ended: then nothing is made up. */
export type RunState = "starting" | "running" | "ended" | "cancelled" | "failed";

/** Output that is kept of one run. */
const BOUNDS: LogBounds = { bytes: 1024 * 1024, entries: 10_000 };
/** Bytes taken between two pictures: what is faster cannot be read. The command's pipe waits meanwhile. */
const BURST = 512 * 1024;

/** A run. */
export class CommandRun {
  readonly id: number;
  readonly options: RunOptions;
  readonly output = new LogWindow(BOUNDS);
  readonly startedAt: number = Date.now();
  state: RunState = "starting";
  pid: number | undefined;
  exit: Exit | undefined;
  /** Why it could not be run, or why nobody knows how it ended. */
  error: unknown;

  readonly #stop = new AbortController();
  readonly #onChange: () => void;

  constructor(id: number, options: RunOptions, onChange: () => void) {
    this.id = id;
    this.options = options;
    this.#onChange = onChange;
  }

  /** Whether it has not ended. */
  get alive(): boolean {
    return this.state === "starting" || this.state === "running";
  }

  /** Runs it to its end. */
  async start(client: Pick<Commands, "execStream">): Promise<void> {
    const { command, session, cwd, env, stdin, timeout } = this.options;
    let burst = 0;
    try {
      const events = client.execStream(command, {
        encoding: "bytes",
        env,
        signal: this.#stop.signal,
        ...(session === "" ? {} : { session }),
        ...(cwd === "" ? {} : { cwd }),
        ...(stdin === "" ? {} : { stdin }),
        ...(timeout === undefined ? {} : { timeout: timeout * 1000 }),
      });
      for await (const event of events) {
        if (event.type === "start") {
          this.state = "running";
          this.pid = event.pid;
        } else if (event.type === "exit") {
          this.exit = event;
          this.state = "ended";
        } else {
          this.output.append(this.output.end, event.type === "stdout" ? 1 : 2, event.data);
          burst += event.data.length;
        }
        this.#onChange();
        if (burst >= BURST) {
          burst = 0;
          await nextFrame();
        }
      }
    } catch (error) {
      this.error = error;
      this.state = this.#stop.signal.aborted ? "cancelled" : "failed";
    }
    this.#onChange();
  }

  /** Ends it with all that it started. */
  cancel(): void {
    this.#stop.abort();
  }
}
