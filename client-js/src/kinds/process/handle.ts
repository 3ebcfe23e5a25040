/** {@link Process}: a background process to wait for, to read, to write and to end. */

import type { ByteSink } from "../../web.ts";
import type { Endpoint } from "../base.ts";
import { begin, type CallOptions, fromWire, unary } from "../call.ts";
import type { Exit, Signal, SignalTarget } from "../command.ts";
import { iterable, sink } from "../sequence.ts";
import type { AsyncSequence, Encoding } from "../stream.ts";
import { infoOf, type ProcessInfo, type ProcessStatus, type WireInfo } from "./info.ts";
import {
  collectLog,
  followLog,
  type GetLogsOptions,
  type LogEvent,
  type ProcessLogs,
  type StreamLogsOptions,
} from "./log.ts";
import {
  type LogMatch,
  type PortReady,
  type WaitForLogOptions,
  type WaitForPortOptions,
  waitForLog,
  waitForPort,
} from "./wait.ts";

/** How to end a process. */
export interface KillOptions extends CallOptions {
  /** Without a signal: milliseconds between TERM and KILL; 0 is KILL at once. Default: what the start said, else 5000. */
  readonly grace?: number | undefined;
  /** With a signal: whom it is for. Default: the process group. */
  readonly target?: SignalTarget | undefined;
}

/** What a process and everything that descends from it use. */
export interface ProcessStats {
  /** Processes in the tree. */
  readonly processes: number;
  /** Threads in the tree. */
  readonly threads: number;
  /** Resident memory, in bytes. */
  readonly memoryBytes: number;
  /** CPU time of the processes that are alive now, in milliseconds. Two readings give a rate. */
  readonly cpu: number;
}

/**
 * A background process. It belongs to the sandbox: it goes on when this client leaves, and any client can find it by its id.
 *
 * @example
 * ```ts
 * const server = await sandbox.startProcess("python3 -m http.server 8123 --bind 127.0.0.1", { id: "files" });
 * await server.waitForPort(8123, { path: "/", timeout: 30_000 });
 * const { memoryBytes } = await server.stats();
 * console.log(server.pid, server.status, memoryBytes > 0);
 * await server.kill();
 * const { signal } = await server.wait();
 * console.log(signal); // "SIGTERM"
 * ```
 */
export class Process {
  /** What was last known of it: at the start, and after each call that the server answered with it. */
  info: ProcessInfo;
  readonly #endpoint: Endpoint;
  #stdin: ByteSink | undefined;

  /** Not for users: comes from `startProcess`, `getProcess` and `listProcesses`. */
  constructor(endpoint: Endpoint, info: ProcessInfo) {
    this.#endpoint = endpoint;
    this.info = info;
  }

  /** Its id. */
  get id(): string {
    return this.info.id;
  }

  /** Process id of the last run that is known. */
  get pid(): number {
    return this.info.pid;
  }

  /** What runs, for people. */
  get command(): string {
    return this.info.command;
  }

  /** What was last known; {@link getStatus} asks. */
  get status(): ProcessStatus {
    return this.info.status;
  }

  /** How it ended, when that is known already. */
  get exit(): Exit | undefined {
    return this.info.exit;
  }

  /** Asks the server where it is in its life. */
  async getStatus(options?: CallOptions): Promise<ProcessStatus> {
    this.info = infoOf(await unary(this.#endpoint, "process.get", { id: this.id }, options));
    return this.status;
  }

  /** Waits for its end. When `timeout` is over it rejects with a `TimeoutError`, and the process goes on. */
  async wait(options?: CallOptions): Promise<Exit> {
    const wire = await unary<WireInfo>(
      this.#endpoint,
      "process.wait",
      { id: this.id },
      options,
      "PROCESS_READY_TIMEOUT",
    );
    this.info = infoOf(wire);
    // What has ended has an exit.
    return this.info.exit as Exit;
  }

  /** {@link wait}, with the time in milliseconds alone. */
  waitForExit(timeout?: number): Promise<Exit> {
    return this.wait({ timeout });
  }

  /**
   * Waits until a line of its log contains a text, or matches a RegExp, also one that was written before. Rejects with a
   * `ProcessExitedBeforeReadyError` when it ends before.
   *
   * @example
   * ```ts
   * const process = await sandbox.startProcess("echo listening on port 4711; sleep 60");
   * const { match } = await process.waitForLog(/port (\d+)/, { timeout: 10_000 });
   * console.log(match[1]); // "4711"
   * ```
   */
  waitForLog(pattern: string | RegExp, options: WaitForLogOptions = {}): Promise<LogMatch> {
    return waitForLog(this.#endpoint, this.id, pattern, options);
  }

  /** Waits until a port answers. Rejects with a `ProcessExitedBeforeReadyError` when the process ends before. */
  waitForPort(port: number, options: WaitForPortOptions = {}): Promise<PortReady> {
    return waitForPort(this.#endpoint, this.id, port, options);
  }

  /**
   * Without a signal: ends it and its whole tree (TERM, `grace`, KILL), and waits for that. With one: sends it, and does
   * not wait. A process that has ended is no error without a signal.
   */
  async kill(signal?: Signal, options?: KillOptions): Promise<void> {
    this.info = (await kill(this.#endpoint, this.id, signal, options)) ?? this.info;
  }

  /** Its output so far, collected. */
  logs<E extends Encoding = "utf8">(options: GetLogsOptions<E> = {}): Promise<ProcessLogs<E>> {
    return collectLog(this.#endpoint, this.id, options);
  }

  /**
   * Follows its output, from any place, to its end. Who stops pulling does not stop the process: what its log cannot keep
   * meanwhile is told as a gap.
   *
   * @example
   * ```ts
   * const process = await sandbox.startProcess("seq 3");
   * for await (const event of process.streamLogs({ from: { lines: 2 } })) {
   *   if (event.type === "stdout") console.log(event.data);
   *   if (event.type === "end") console.log(event.exit?.exitCode); // 0
   * }
   * ```
   */
  streamLogs<E extends Encoding = "utf8">(options: StreamLogsOptions<E> = {}): AsyncSequence<LogEvent<E>> {
    return streamLogs(this.#endpoint, this.id, options);
  }

  /**
   * Its standard input, when it was started with `stdin: true`. Closing it is the end of the input.
   *
   * @example
   * ```ts
   * const sort = await sandbox.startProcess("sort", { stdin: true });
   * const writer = sort.stdin.getWriter();
   * await writer.write("b\na\n");
   * await writer.close();
   * await sort.wait();
   * console.log((await sort.logs()).stdout); // "a\nb\n"
   * ```
   */
  get stdin(): ByteSink {
    if (!this.#stdin) {
      const params = { id: this.id, from: "end", stdin: true };
      const call = begin<never, unknown, WireInfo>(this.#endpoint, "process.attach", params);
      this.#stdin = sink(call, async () => {
        // The first item says that it is attached; without one the result says why not.
        if (!(await call.next())) await call.result();
        // Output comes on this channel, too, and must be taken so that its end can be.
        call.drain().catch(() => {});
      });
    }
    return this.#stdin;
  }

  /** CPU and memory of it and of everything that descends from it. */
  async stats(options?: CallOptions): Promise<ProcessStats> {
    return fromWire(await unary(this.#endpoint, "process.stats", { id: this.id }, options));
  }

  /** Forgets it and its log, when it has ended; with `force` ends it first. */
  async remove({ force, ...options }: CallOptions & { readonly force?: boolean | undefined } = {}): Promise<void> {
    await unary(this.#endpoint, "process.remove", { id: this.id, force }, options);
  }
}

/** Without a signal ends the tree and says how; with one sends it. */
export async function kill(
  endpoint: Endpoint,
  id: string,
  signal?: Signal,
  { grace, target, ...options }: KillOptions = {},
): Promise<ProcessInfo | undefined> {
  if (signal === undefined) return infoOf(await unary(endpoint, "process.kill", { id, grace_ms: grace }, options));
  await unary(endpoint, "process.signal", { id, signal: `${signal}`, target }, options);
  return undefined;
}

/** Follows a log; leaving it stops at once. */
export function streamLogs<E extends Encoding>(
  endpoint: Endpoint,
  id: string,
  options: StreamLogsOptions<E>,
): AsyncSequence<LogEvent<E>> {
  const stop: { cancel?: () => void } = {};
  return iterable(followLog(endpoint, id, options, stop), () => stop.cancel?.());
}
