/** `process.*`: background processes. They belong to the sandbox and outlive every connection. */

import { type CallOptions, pick } from "./call.ts";
import type { Command, LaunchOptions, Signal } from "./command.ts";
import { type KillOptions, kill, Process, streamLogs } from "./process/handle.ts";
import { infoOf, type WireInfo } from "./process/info.ts";
import {
  collectLog,
  type GetLogsOptions,
  type LogEvent,
  type ProcessLogs,
  type StreamLogsOptions,
} from "./process/log.ts";
import type { AsyncSequence, Encoding } from "./stream.ts";
import { Terminals } from "./terminal.ts";

/** How to start a background process. */
export interface StartProcessOptions extends LaunchOptions {
  /** Its id: 1 to 128 characters of `A-Z a-z 0-9 . _ -`. Default: one is generated. */
  readonly id?: string | undefined;
  /** Whether it has a standard input that can be written. Default: false, it is empty. */
  readonly stdin?: boolean | undefined;
  /** Milliseconds after which each run is ended. Default: none. */
  readonly timeout?: number | undefined;
  /** Milliseconds between TERM and KILL whenever the server ends it. Default: 5000. */
  readonly grace?: number | undefined;
  /** Whether to start it again after its end. Default: never. */
  readonly restart?: RestartPolicy | Restart | undefined;
  /** Forget it and its log as soon as it has ended and nobody reads. Default: false. */
  readonly autoRemove?: boolean | undefined;
  /** It keeps the sandbox awake until it has ended, restarts included. Default: false. */
  readonly keepAlive?: boolean | undefined;
  /** Largest log in bytes. Default and upper bound: the server's setting. */
  readonly logBytes?: number | undefined;
  /** Gives up the start. It does not end a process that was started. */
  readonly signal?: CallOptions["signal"];
}

/** When to start a process again: after a failure, or after every end that was not asked for. */
export type RestartPolicy = "on-failure" | "always";

/** When and how to start a process again. */
export interface Restart {
  /** When. */
  readonly policy: RestartPolicy;
  /** At most so many restarts. Default: no bound. */
  readonly max?: number | undefined;
  /** Milliseconds before the first one; doubled for each further one. Default: 500. */
  readonly backoff?: number | undefined;
}

/** Background processes. */
export class Processes extends Terminals {
  /**
   * Starts a background process. It outlives this client; its output goes to a log that never makes it wait.
   *
   * Errors: `CommandNotFoundError`, `ProcessExistsError`, `InvalidProcessCwdError` …
   *
   * @example
   * ```ts
   * const worker = await sandbox.startProcess("while sleep 1; do date; done", {
   *   id: "worker",
   *   restart: { policy: "on-failure", max: 3 },
   * });
   * console.log(worker.id, worker.status); // "worker" "running"
   * await worker.kill();
   * ```
   */
  async startProcess(command: Command, options: StartProcessOptions = {}): Promise<Process> {
    const { restart, signal } = options;
    const info = await this.call<WireInfo>(
      "process.start",
      {
        ...pick(options, "id", "stdin", "timeout_ms", "grace_ms", "auto_remove", "keep_alive", "log_bytes"),
        ...this.launch(command, options),
        restart:
          typeof restart === "string" ? { policy: restart } : restart && pick(restart, "policy", "max", "backoff_ms"),
      },
      { signal },
    );
    return new Process(this.endpoint, infoOf(info));
  }

  /** All processes that are known, oldest first; with `running` only those that have not ended. */
  async listProcesses(options: CallOptions & { readonly running?: boolean | undefined } = {}): Promise<Process[]> {
    const found: Process[] = [];
    for (let cursor: number | undefined; ; ) {
      const page = await this.call<{ processes: WireInfo[]; cursor?: number }>(
        "process.list",
        { running: options.running, cursor },
        options,
      );
      found.push(...page.processes.map(info => new Process(this.endpoint, infoOf(info))));
      cursor = page.cursor;
      if (cursor === undefined) return found;
    }
  }

  /** One process; `null` when the server knows none of that id. */
  getProcess(id: string, options?: CallOptions): Promise<Process | null> {
    return this.call<WireInfo>("process.get", { id }, options).then(
      info => new Process(this.endpoint, infoOf(info)),
      error => gone(error, null),
    );
  }

  /** `kill` of the process with that id: without a signal it ends it and its tree, and waits for that. */
  async killProcess(id: string, signal?: Signal, options?: KillOptions): Promise<void> {
    await kill(this.endpoint, id, signal, options);
  }

  /** Ends every process that runs, all at once. Returns how many there were. */
  async killAllProcesses(options: KillOptions = {}): Promise<number> {
    return this.#each(await this.listProcesses({ ...options, running: true }), process =>
      process.kill(undefined, options),
    );
  }

  /** Forgets every process that has ended, and its log. Returns how many there were. */
  async cleanupCompletedProcesses(options: CallOptions = {}): Promise<number> {
    const ended = (await this.listProcesses(options)).filter(({ status }) => !status.startsWith("r"));
    return this.#each(ended, process => process.remove(options));
  }

  /** The output of a process so far, collected. */
  getProcessLogs<E extends Encoding = "utf8">(id: string, options: GetLogsOptions<E> = {}): Promise<ProcessLogs<E>> {
    return collectLog(this.endpoint, id, options);
  }

  /**
   * Follows the output of a process, from any place, to its end; goes on by itself after a lost connection. See
   * {@link Process.streamLogs}.
   *
   * @example
   * ```ts
   * await sandbox.startProcess("seq 1000", { id: "counter" });
   * let lines = 0;
   * for await (const event of sandbox.streamProcessLogs("counter")) {
   *   if (event.type === "stdout") lines += event.data.split("\n").length - 1;
   * }
   * console.log(lines); // 1000
   * ```
   */
  streamProcessLogs<E extends Encoding = "utf8">(
    id: string,
    options: StreamLogsOptions<E> = {},
  ): AsyncSequence<LogEvent<E>> {
    return streamLogs(this.endpoint, id, options);
  }

  async #each(processes: Process[], work: (process: Process) => Promise<void>): Promise<number> {
    const done = await Promise.all(
      processes.map(process =>
        work(process).then(
          () => true,
          error => gone(error, false),
        ),
      ),
    );
    return done.filter(Boolean).length;
  }
}

/** The value when the error says that there is no such process; else it goes on. */
function gone<T>(error: unknown, value: T): T {
  if ((error as { code?: unknown }).code === "PROCESS_NOT_FOUND") return value;
  throw error;
}
