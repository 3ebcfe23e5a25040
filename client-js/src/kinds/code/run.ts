/** One cell that runs: its output, its results, what it asks for, how it ended. */

import { SandwireError } from "../../error.ts";
import type { Endpoint } from "../base.ts";
import { begin, type Call, type CallOptions, fromWire, pick } from "../call.ts";
import { type Env, type Exit, exitOf, type WireExit } from "../command.ts";
import { iterable } from "../sequence.ts";
import { type AsyncSequence, decoding, gather } from "../stream.ts";
import { type ContextChoice, idOf } from "./context.ts";
import { CodeResult, type ResultAbout } from "./result.ts";

/** Bytes that results may have, unless told otherwise. */
export const DEFAULT_MAX_RESULT: number = 64 << 20;

/** What a result costs beside its content, for the bound. */
const RESULT_COST = 256;

/** How to run code. */
export interface RunCodeStreamOptions {
  /** Where. Default: the default context of the language, which is made when code first runs in it. */
  readonly context?: ContextChoice | undefined;
  /** The language, without a context. Default: `python`. */
  readonly language?: string | undefined;
  /**
   * Milliseconds that the code has, from its turn on. Then it is interrupted, and the end says `timedOut`; the context keeps
   * what it had, unless its kernel does not heed that within 5 s: then it is killed, and the end says `kernelDied`, too.
   * Default: that of the context.
   */
  readonly timeout?: number | undefined;
  /** Variables for this code alone; `null` removes one. Python, JavaScript and TypeScript only: else `NotSupportedError`. */
  readonly env?: Env | undefined;
  /** When the context's kernel has died, run in a fresh one, instead of failing once with a `KernelDiedError`. */
  readonly renew?: boolean | undefined;
  /** Interrupts the code; what waits rejects with an `AbortError`. */
  readonly signal?: CallOptions["signal"];
  /**
   * Called when the code asks for a line of input, as `input()` of Python does: what it returns is the answer. Default: the
   * code is told that there is no input.
   */
  readonly onInput?:
    | ((prompt: string, request: { readonly password: boolean }) => string | Promise<string>)
    | undefined;
  /** Bytes that a result may have; with `runCode` all of them together. More ends the code. Default: 64 MiB. */
  readonly maxResult?: number | undefined;
}

/** What code raised. */
export interface CodeError {
  /** Its name, as `ZeroDivisionError`. */
  readonly name: string;
  /** Its message. */
  readonly message: string;
  /** Where, as the kernel shows it; with colours for a terminal. */
  readonly traceback: readonly string[];
}

/** How code ended. */
export interface CodeEnd {
  /** It ran to its end; it raised something, an interrupt included; the kernel did not run it, or not to its end. */
  readonly status: "ok" | "error" | "aborted";
  /** The number of the cell. */
  readonly executionCount?: number;
  /** From start to end, in milliseconds, as the server measured it. */
  readonly duration: number;
  /** Whether it was interrupted because its time was over. */
  readonly timedOut: boolean;
  /** Whether its kernel was killed because it did not heed the interrupt: the context lost what it had. */
  readonly kernelDied: boolean;
  /** How the kernel ended then. */
  readonly exit?: Exit;
}

/** What `runCodeStream` tells, in order. */
export type CodeEvent =
  /** It runs. */
  | { readonly type: "start"; readonly executionCount: number }
  /** Output. */
  | { readonly type: "stdout" | "stderr"; readonly text: string }
  /** A value, or something that it shows. */
  | { readonly type: "result"; readonly result: CodeResult }
  /** What it showed so far is to be cleared; with `wait` when the next thing comes. */
  | { readonly type: "clear"; readonly wait: boolean }
  /** It asks for a line of input; `onInput` gives it. */
  | { readonly type: "input"; readonly prompt: string; readonly password: boolean }
  /** What it raised. */
  | ({ readonly type: "error" } & CodeError)
  /** How it ended: the only proof of it, and always the last. */
  | ({ readonly type: "end" } & CodeEnd);

type Up = { readonly input: { readonly value: string } };

interface WireResult {
  readonly display?: boolean;
  readonly update?: boolean;
  readonly display_id?: string;
  readonly execution_count?: number;
  readonly parts: readonly { readonly mime: string; readonly size: number }[];
  /** JSON as text. */
  readonly metadata?: string;
}

type Down = {
  readonly started?: { readonly execution_count: number };
  readonly result?: WireResult;
  readonly clear?: { readonly wait?: boolean };
  readonly input_request?: { readonly prompt: string; readonly password?: boolean };
  readonly error?: { readonly name: string; readonly value: string; readonly traceback: readonly string[] };
};

interface WireEnd {
  readonly status: CodeEnd["status"];
  readonly execution_count?: number;
  readonly duration_ms: number;
  readonly timed_out?: boolean;
  readonly kernel_died?: boolean;
  readonly exit?: WireExit;
}

type RunCall = Call<Up, Down, WireEnd>;

/** Runs code, and tells what it does. */
export function run(endpoint: Endpoint, code: string, options: RunCodeStreamOptions): AsyncSequence<CodeEvent> {
  const { context, signal, onInput } = options;
  const params = {
    id: context === undefined ? undefined : idOf(context),
    code,
    stdin: onInput !== undefined || undefined,
    ...pick(options, "language", "timeout_ms", "env", "renew"),
  };
  const call: RunCall = begin(endpoint, "kernel.run", params, { signal });
  return iterable(events(call, options), call.cancel);
}

async function* events(call: RunCall, options: RunCodeStreamOptions): AsyncGenerator<CodeEvent, void> {
  const decode = decoding("utf8");
  const results = new Results(options.maxResult ?? DEFAULT_MAX_RESULT);
  try {
    for (let item = await call.next(); item; item = await call.next()) {
      if (item.type === "data" && item.stream === 0) results.add(item.data);
      else if (item.type === "data") {
        const text = decode(item.stream, item.data);
        if (text) yield { type: outputOf(item.stream), text };
      } else if (item.type === "event") {
        const { event } = item;
        if (event.result) results.begin(event.result);
        else {
          const told = eventOf(event);
          if (told) yield told;
          if (told?.type === "input") answer(call, told, options.onInput);
        }
      }
      const result = results.take();
      if (result) yield { type: "result", result };
    }
    const end = await call.result();
    results.end();
    for (const stream of [1, 2]) {
      const text = decode(stream);
      if (text) yield { type: outputOf(stream), text };
    }
    yield { type: "end", ...endOf(end) };
  } catch (error) {
    call.cancel(error);
    throw error;
  }
}

/** Results whose content comes after them: at most one at a time, within a bound. */
class Results {
  readonly #most: number;
  #about: WireResult | undefined;
  #content = gather();
  #missing = 0;

  constructor(most: number) {
    this.#most = most;
  }

  begin(result: WireResult): void {
    if (this.#about) throw broken("a result began before the one before it was whole");
    this.#missing = result.parts.reduce((sum, { size }) => sum + size, 0);
    // As the server says it: before any of it is kept.
    if (!(this.#missing <= this.#most)) throw tooLarge(this.#missing, this.#most);
    this.#about = result;
    this.#content = gather(this.#missing);
  }

  add(data: Uint8Array): void {
    this.#missing -= data.length;
    if (!this.#about || this.#missing < 0) throw broken("more content came than a result has");
    this.#content.add(data);
  }

  /** The result that is whole. */
  take(): CodeResult | undefined {
    if (!this.#about || this.#missing > 0) return undefined;
    const { parts, display = false, update = false, display_id, execution_count, metadata } = this.#about;
    const bytes = this.#content.bytes();
    this.#about = undefined;
    this.#content = gather();
    const about: ResultAbout = {
      display,
      update,
      ...(display_id !== undefined && { displayId: display_id }),
      ...(execution_count !== undefined && { executionCount: execution_count }),
      ...(metadata !== undefined && { metadata: JSON.parse(metadata) as unknown }),
    };
    let at = 0;
    const pieces = parts.map(({ mime, size }) => {
      at += size;
      return { mime, bytes: bytes.subarray(at - size, at) };
    });
    return new CodeResult(pieces, about);
  }

  end(): void {
    if (this.#about) throw broken("the code ended before its result was whole");
  }
}

/** Bytes that a result costs who keeps it. */
export const costOf = (result: CodeResult): number =>
  result.parts.reduce((sum, { bytes }) => sum + bytes.length, RESULT_COST);

/** More than is allowed. */
export const tooLarge = (bytes: number, limit: number): SandwireError =>
  new SandwireError(
    "LIMIT_EXCEEDED",
    `the code's results have ${bytes} bytes: show less, write it to a file, or allow a larger \`maxResult\``,
    { bytes, limit },
  );

const broken = (what: string): SandwireError =>
  new SandwireError("INTERNAL_ERROR", `the server broke its word: ${what}`);

const outputOf = (stream: number): "stdout" | "stderr" => (stream === 2 ? "stderr" : "stdout");

function eventOf({ started, clear, input_request: request, error }: Down): CodeEvent | undefined {
  if (started) return { type: "start", executionCount: started.execution_count };
  if (clear) return { type: "clear", wait: !!clear.wait };
  if (request) return { type: "input", prompt: request.prompt, password: !!request.password };
  if (error) return { type: "error", name: error.name, message: error.value, traceback: error.traceback ?? [] };
  return undefined;
}

/** Answers while events go on: the code may be interrupted meanwhile. */
function answer(
  call: RunCall,
  { prompt, password }: { readonly prompt: string; readonly password: boolean },
  onInput: RunCodeStreamOptions["onInput"],
): void {
  const value = new Promise<string>(resolve => resolve(onInput?.(prompt, { password }) ?? ""));
  // When it has ended meanwhile, that is told by its end.
  value.then(
    it => call.event({ input: { value: it } }).catch(() => {}),
    error => call.cancel(error),
  );
}

const endOf = ({ exit, ...end }: WireEnd): CodeEnd => ({
  timedOut: false,
  kernelDied: false,
  ...fromWire<Pick<CodeEnd, "status" | "duration">>(end),
  ...(exit && { exit: exitOf(exit) }),
});
