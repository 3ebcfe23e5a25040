/** `exec`: commands to their end. */

import type { ByteSink, Content } from "../web.ts";
import { Base, DEFAULT_MAX_OUTPUT } from "./base.ts";
import { begin, type Call, type CallOptions, pick, unary } from "./call.ts";
import {
  type Command,
  type Exit,
  exitOf,
  type LaunchOptions,
  launch,
  nameOf,
  type OutputStream,
  type Signal,
  type SignalTarget,
  type WireExit,
} from "./command.ts";
import { iterable, sink } from "./sequence.ts";
import { type AsyncSequence, type Data, dataOf, decoding, type Encoding, feed, gather } from "./stream.ts";

/** How `exec` and `execStream` run a command. `timeout` is the command's own time here: see there. */
export interface CommandOptions<E extends Encoding = "utf8"> extends LaunchOptions {
  /**
   * Milliseconds that the command has. Then the server ends its whole tree (TERM, `grace`, KILL), also while the connection
   * is lost, and the result says `timedOut`. Default: none.
   */
  readonly timeout?: number | undefined;
  /** Milliseconds between TERM and KILL. Default: 2000. */
  readonly grace?: number | undefined;
  /** Ends the command, with its whole tree, when it is aborted; what waits for it rejects with an `AbortError`. */
  readonly signal?: CallOptions["signal"];
  /** Whether standard error goes where standard output goes, in the exact order of the writes. Default: false. */
  readonly mergeStderr?: boolean | undefined;
  /** Text or bytes. Default: `"utf8"`. */
  readonly encoding?: E | undefined;
  /** When its session's shell has ended, run in a fresh one, instead of failing once with a `SessionTerminatedError`. */
  readonly renew?: boolean | undefined;
}

/** How `exec` runs a command. */
export interface ExecOptions<E extends Encoding = "utf8"> extends CommandOptions<E> {
  /** What it reads from standard input, to its end. Default: nothing. */
  readonly stdin?: Content | undefined;
  /**
   * Called with the output as it comes. While a promise that it returns is not settled, the command's pipe waits. When it
   * throws, the command is ended and `exec` rejects with that.
   */
  readonly onOutput?: ((stream: OutputStream, data: Data<E>) => unknown) | undefined;
  /** Bytes of output, both streams together, that the result keeps; `truncated` tells of more. Default: 64 MiB. */
  readonly maxOutput?: number | undefined;
}

/** How `execStream` runs a command. */
export interface ExecStreamOptions<E extends Encoding = "utf8"> extends CommandOptions<E> {
  /** `true`: what is written to `stdin` of the stream. Or content, to its end. Default: nothing. */
  readonly stdin?: true | Content | undefined;
}

/** How a command ended, and what it said. */
export interface ExecResult<E extends Encoding = "utf8"> extends Exit {
  /** What it wrote to standard output. */
  readonly stdout: Data<E>;
  /** What it wrote to standard error; empty with `mergeStderr`. */
  readonly stderr: Data<E>;
  /** Whether there was more output than `maxOutput` or `limits.outputBytes`. */
  readonly truncated: boolean;
}

/** What `execStream` tells, in order. */
export type ExecEvent<E extends Encoding = "utf8"> =
  /** It runs. Always the first. */
  | { readonly type: "start"; readonly pid: number }
  /** Output. */
  | { readonly type: OutputStream; readonly data: Data<E> }
  /** How it ended: the only proof of it, and always the last. */
  | ({ readonly type: "exit" } & Exit);

/** A command that runs: its events, once, and its standard input. */
export interface ExecStream<E extends Encoding = "utf8"> extends AsyncSequence<ExecEvent<E>> {
  /** Standard input, with `stdin: true`; else what is written to it is refused. Closing it is the end of the input. */
  readonly stdin: ByteSink;
  /** Sends a signal. Default: `SIGTERM` to the process group. */
  kill(signal?: Signal, options?: { readonly target?: SignalTarget }): Promise<void>;
}

type Down = { readonly started?: { readonly pid: number } };
type Up = { readonly signal: { readonly signal: string; readonly target?: SignalTarget | undefined } };

/** Commands. */
export class Commands extends Base {
  /**
   * Runs a command to its end. Resolves however it ended: a failing exit code, a signal and a time that was over stand in
   * the result. `exec` rejects when the command could not be run (`CommandNotFoundError`, …), when it was aborted, and when
   * its fate is not known (`InterruptedError`): an exit code is never made up.
   *
   * @example
   * ```ts
   * const { success, stdout } = await sandbox.exec("sort -r", { stdin: "1\n2\n" });
   * console.log(success, stdout); // true "2\n1\n"
   *
   * const failed = await sandbox.exec(["sh", "-c", "echo oh >&2; exit 3"]);
   * console.log(failed.exitCode, failed.stderr); // 3 "oh\n"
   *
   * const slow = await sandbox.exec("echo a; sleep 60; echo b", {
   *   timeout: 100,
   *   onOutput: (stream, data) => console.log(stream, data),
   * });
   * console.log(slow.timedOut, slow.stdout); // true "a\n"
   * ```
   */
  async exec<E extends Encoding = "utf8">(command: Command, options: ExecOptions<E> = {}): Promise<ExecResult<E>> {
    const { stdin, onOutput, maxOutput = DEFAULT_MAX_OUTPUT, encoding } = options;
    const call = this.#begin(command, options, stdin !== undefined);
    if (stdin !== undefined) feed(call, stdin);
    const kept = { stdout: gather(), stderr: gather() };
    const decode = decoding(encoding);
    const show = async (stream: number, data?: Uint8Array) => {
      const shown = onOutput && decode(stream, data);
      if (shown?.length) await onOutput?.(nameOf(stream), shown);
    };
    let room = maxOutput;
    let truncated = false;
    try {
      for (let item = await call.next(); item; item = await call.next()) {
        if (item.type !== "data") continue;
        const keep = item.data.subarray(0, room);
        truncated ||= keep.length < item.data.length;
        room -= keep.length;
        kept[nameOf(item.stream)].add(keep);
        await show(item.stream, item.data);
      }
      const exit = exitOf(await call.result());
      await show(1);
      await show(2);
      return {
        ...exit,
        stdout: dataOf(kept.stdout.bytes(), encoding),
        stderr: dataOf(kept.stderr.bytes(), encoding),
        truncated: truncated || exit.outputDropped > 0,
      };
    } catch (error) {
      call.cancel(error);
      throw error;
    }
  }

  /**
   * Runs a command and tells what happens, as it happens. Who stops pulling stops the command's pipe; who leaves the loop
   * before the `exit` event ends the command with its whole tree. Errors as with `exec`.
   *
   * @example
   * ```ts
   * for await (const event of sandbox.execStream("make -j2 2>&1 || seq 3")) {
   *   if (event.type === "stdout") console.log(event.data);
   *   if (event.type === "exit") console.log("ended", event.exitCode);
   * }
   * ```
   *
   * @example
   * Talk to a command:
   * ```ts
   * const cat = sandbox.execStream("cat", { stdin: true });
   * const writer = cat.stdin.getWriter();
   * for await (const event of cat) {
   *   if (event.type === "start") await writer.write("hello");
   *   if (event.type === "stdout") await writer.close();
   * }
   * ```
   */
  execStream<E extends Encoding = "utf8">(command: Command, options: ExecStreamOptions<E> = {}): ExecStream<E> {
    const { stdin, encoding } = options;
    const call = this.#begin(command, options, stdin !== undefined, true);
    if (stdin !== undefined && stdin !== true) feed(call, stdin);
    let input: ByteSink | undefined;
    return Object.defineProperty(
      {
        ...iterable(events<E>(call, encoding), call.cancel),
        kill: (signal: Signal = "SIGTERM", { target }: { readonly target?: SignalTarget } = {}) =>
          call.event({ signal: { signal: `${signal}`, target } }),
      },
      "stdin",
      { get: () => (input ??= sink(call)) },
    ) as ExecStream<E>;
  }

  /** What `exec`, `process.start` and `pty.open` say of what to run. */
  protected launch(command: Command | undefined, options: LaunchOptions): object {
    return { run: launch(command, options), session: options.session ?? this.session };
  }

  /** A call that has a result and nothing else. */
  protected call<Result>(kind: string, params: object, options?: CallOptions, late?: string): Promise<Result> {
    return unary(this.endpoint, kind, params, options, late);
  }

  #begin(command: Command, options: CommandOptions<Encoding>, stdin: boolean, reportStart?: true) {
    return begin<Up, Down, WireExit>(
      this.endpoint,
      "exec",
      {
        ...this.launch(command, options),
        stdin: stdin || undefined,
        ...pick(options, "merge_stderr", "timeout_ms", "grace_ms", "renew"),
        report_start: reportStart,
      },
      { signal: options.signal },
    );
  }
}

async function* events<E extends Encoding>(
  call: Call<Up, Down, WireExit>,
  encoding: E | undefined,
): AsyncGenerator<ExecEvent<E>, void> {
  const decode = decoding(encoding);
  for (let item = await call.next(); item; item = await call.next()) {
    if (item.type === "data") {
      const data = decode(item.stream, item.data);
      if (data.length) yield { type: nameOf(item.stream), data };
    } else if (item.type === "event" && item.event.started) {
      yield { type: "start", pid: item.event.started.pid };
    }
  }
  const exit = exitOf(await call.result());
  for (const stream of [1, 2]) {
    const data = decode(stream);
    if (data.length) yield { type: nameOf(stream), data };
  }
  yield { type: "exit", ...exit };
}
