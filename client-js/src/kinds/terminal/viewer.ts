/** {@link Terminal}: a viewer of a terminal. */

import { AbortError, SandwireError } from "../../error.ts";
import type { AbortSignalLike } from "../../platform.ts";
import type { Chunk } from "../../web.ts";
import type { Endpoint } from "../base.ts";
import { begin, type Call, isResumable, pick, unary } from "../call.ts";
import { type Exit, exitOf, type Signal, type WireExit } from "../command.ts";
import { iterable } from "../sequence.ts";
import type { AsyncSequence } from "../stream.ts";

/** What a terminal tells a viewer, in order. */
export type TerminalEvent =
  /**
   * The viewer is attached; the screen as it is now follows as output. The first of all, and once more after a lane that was
   * lost for good: clear the screen then.
   */
  | ({ readonly type: "attached" } & Attached)
  /** Bytes for the screen. The next ones are asked for when you pull again: pull when these are drawn. */
  | { readonly type: "output"; readonly data: Uint8Array }
  /** The screen is painted; what follows is live. */
  | { readonly type: "live" }
  /** The terminal has another size now. */
  | { readonly type: "resized"; readonly cols: number; readonly rows: number }
  /** Its first program has ended; always the last. */
  | ({ readonly type: "exit" } & Exit);

/** What is known of a terminal when a viewer is attached. */
export interface Attached {
  /** Its id. */
  readonly id: string;
  /** Process id of its first program. */
  readonly pid: number;
  /** Columns. */
  readonly cols: number;
  /** Rows. */
  readonly rows: number;
  /** Whether this viewer opened it. */
  readonly created: boolean;
}

type Up = { readonly resize: { cols: number; rows: number } } | { readonly signal: { signal: string } };
type Down = {
  readonly attached?: Attached;
  readonly live?: object;
  readonly resized?: { readonly cols: number; readonly rows: number };
};
type Ended = { readonly exit: WireExit };
type Viewer = Call<Up, Down, Ended>;

/** What a viewer says of itself whenever it attaches. */
interface Viewing {
  readonly cols?: number | undefined;
  readonly rows?: number | undefined;
  readonly readOnly?: boolean | undefined;
  readonly signal?: AbortSignalLike | undefined;
}

/**
 * A viewer of a terminal: iterate over its events, once; write keys; say its size. What is not pulled waits in the sandbox: a
 * viewer that draws slowly slows the terminal down, not this program. Leaving the loop detaches; the terminal goes on.
 *
 * @example
 * With xterm.js, each piece is taken when the one before is drawn:
 * ```ts
 * const screen = { write: (data: Uint8Array, drawn: () => void) => drawn() }; // an xterm.js Terminal
 * const terminal = await sandbox.createTerminal({ command: "seq 100" });
 * for await (const event of terminal) {
 *   if (event.type === "output") await new Promise<void>(drawn => screen.write(event.data, drawn));
 * }
 * const { exitCode } = await terminal.exited;
 * console.log(exitCode); // 0
 * ```
 */
export class Terminal implements AsyncIterable<TerminalEvent> {
  /** Its id. */
  readonly id: string;
  /** What was known when this viewer attached first. */
  readonly attached: Attached;
  /**
   * How its first program ended. It settles when the events were read to that: nobody who does not look can know. Rejects
   * when this viewer detached before, or the terminal is lost.
   */
  readonly exited: Promise<Exit>;
  readonly #endpoint: Endpoint;
  readonly #events: AsyncSequence<TerminalEvent>;
  #call: Viewer;
  #viewing: Viewing;
  #settle!: { resolve(exit: Exit): void; reject(error: unknown): void };

  private constructor(endpoint: Endpoint, call: Viewer, attached: Attached, viewing: Viewing) {
    this.#endpoint = endpoint;
    this.#call = call;
    this.#viewing = viewing;
    this.attached = attached;
    this.id = attached.id;
    this.exited = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Nobody has to listen.
    this.exited.catch(() => {});
    this.#events = iterable(this.#follow(), () => this.detach());
  }

  /** Not for users: `createTerminal` and `attachTerminal` do this. */
  static async open(
    endpoint: Endpoint,
    kind: "pty.open" | "pty.attach",
    params: object,
    options: Viewing,
  ): Promise<Terminal> {
    const call: Viewer = begin(endpoint, kind, params, { signal: options.signal });
    return new Terminal(endpoint, call, await attachedOf(call), options);
  }

  /** Types: text, or bytes. Waits for room when the terminal does not read. */
  write(data: Chunk): Promise<void> {
    return this.#call.write(data);
  }

  /** Says the viewer's size; the terminal takes it. A size with a 0 in it is ignored. */
  resize(cols: number, rows: number): Promise<void> {
    this.#viewing = { ...this.#viewing, cols, rows };
    return this.#call.event({ resize: { cols, rows } });
  }

  /** Sends a signal to the program in the foreground. */
  signal(signal: Signal): Promise<void> {
    return this.#call.event({ signal: { signal: `${signal}` } });
  }

  /** Stops looking. The terminal goes on. */
  detach(): void {
    const error = new AbortError(`the viewer of terminal ${this.id} was detached`);
    this.#call.cancel(error);
    this.#settle.reject(error);
  }

  /** Ends the terminal: HUP, `grace` milliseconds (default: 2000), KILL. */
  async close(options: { readonly grace?: number | undefined } = {}): Promise<void> {
    await unary(this.#endpoint, "pty.close", { id: this.id, grace_ms: options.grace });
  }

  /** Its events, once. */
  [Symbol.asyncIterator](): AsyncSequence<TerminalEvent> {
    return this.#events;
  }

  /** Detaches. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.detach();
  }

  async *#follow(): AsyncGenerator<TerminalEvent, void> {
    const boot = this.#endpoint.bootId;
    let attached = this.attached;
    for (;;) {
      try {
        yield { type: "attached", ...attached };
        yield* shown(this.#call);
        const exit = exitOf((await this.#call.result()).exit);
        this.#settle.resolve(exit);
        yield { type: "exit", ...exit };
        return;
      } catch (lost) {
        try {
          if (!isResumable(lost)) throw lost;
          // The lane is gone, the terminal may not be: another start of the server knows nothing of it.
          const params = { id: this.id, ...pick(this.#viewing, "cols", "rows", "read_only") };
          this.#call = begin(this.#endpoint, "pty.attach", params, { signal: this.#viewing.signal });
          attached = await attachedOf(this.#call);
          if (this.#endpoint.bootId !== boot) throw lost;
        } catch (error) {
          this.#call.cancel();
          const reason = (error as SandwireError).code === "TERMINAL_NOT_FOUND" ? lost : error;
          this.#settle.reject(reason);
          throw reason;
        }
      }
    }
  }
}

async function* shown(call: Viewer): AsyncGenerator<TerminalEvent, void> {
  for (let item = await call.next(); item; item = await call.next()) {
    if (item.type === "data") yield { type: "output", data: item.data };
    if (item.type !== "event") continue;
    const { live, resized } = item.event;
    if (live) yield { type: "live" };
    if (resized) yield { type: "resized", ...resized };
  }
}

/** Waits for the first thing that a terminal says to a viewer. */
async function attachedOf(call: Viewer): Promise<Attached> {
  for (let item = await call.next(); item; item = await call.next()) {
    if (item.type === "event" && item.event.attached) return item.event.attached;
  }
  await call.result();
  throw new SandwireError("TERMINAL_NOT_FOUND", "the terminal ended before it could be shown");
}
