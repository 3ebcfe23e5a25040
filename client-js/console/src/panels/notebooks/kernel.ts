/** The kernel of a notebook: chosen, started, asked how it is, and given one cell after the other. */

import { type Signal, signal } from "@preact/signals";
import type { CodeContext, KernelSpec } from "../../../../src/kinds/code/context.ts";
import type { CodeEvent } from "../../../../src/kinds/code/run.ts";
import { isAsleep } from "../../app/asleep.ts";
import type { Client } from "../../app/client.ts";
import { nextFrame } from "../../ui/next-frame.ts";
import type { Cell } from "./cell.ts";
import { displayOf } from "./outputs.ts";

/** What a notebook needs of the client. */
export type KernelClient = Pick<
  Client,
  | "createCodeContext"
  | "deleteCodeContext"
  | "getCodeContext"
  | "interruptCodeContext"
  | "restartCodeContext"
  | "runCodeStream"
>;

/** How the kernel is. `none`: it is started with the first cell. */
export type KernelState = "none" | "starting" | "idle" | "busy" | "dead";

/** Bytes of one result; more would fill the page. */
const MOST_RESULT = 32 * 1024 * 1024;
/** Characters taken between two pictures: what is faster cannot be read, and the code's pipe waits meanwhile. */
const BURST = 256 * 1024;
/** Milliseconds that it has to say how it is. */
const ANSWER = 5000;

/** The kernel of one notebook. */
export class Kernel {
  /** Its context, the same for everybody who opens this notebook. */
  readonly id: string;
  readonly spec: Signal<KernelSpec | undefined> = signal(undefined);
  readonly state: Signal<KernelState> = signal("none");
  /** How it ended, when it is dead. */
  readonly death: Signal<CodeContext["exit"]> = signal(undefined);
  /** What the notebook's file names, when that is not installed. */
  wanted: () => { readonly spec?: string; readonly language?: string } = () => ({});
  readonly #client: KernelClient;
  readonly #cwd: string;
  /** All cells of the notebook: what is shown under a name may stand in any of them. */
  readonly #cells: () => readonly Cell[];
  readonly #onChange: () => void;
  #queue: Cell[] = [];
  #pumping = false;
  /** Ends what runs when the notebook is closed. */
  #stop = new AbortController();

  constructor(client: KernelClient, path: string, cells: () => readonly Cell[], onChange: () => void) {
    this.#client = client;
    this.id = contextId(path);
    this.#cwd = path.slice(0, path.lastIndexOf("/")) || "/";
    this.#cells = cells;
    this.#onChange = onChange;
  }

  /** Whether cells run or wait. */
  get working(): boolean {
    return this.#pumping;
  }

  /** Asks how it is. Not while a cell of ours runs: its own events say more. */
  async look(signal: AbortSignal): Promise<void> {
    if (this.#pumping || this.state.peek() === "starting") return;
    const context = await this.#client.getCodeContext(this.id, { signal });
    if (this.#pumping) return;
    this.#is(context);
  }

  /** Runs cells, one after the other; when one fails, those after it are not run. */
  run(cells: readonly Cell[]): void {
    for (const cell of cells) {
      if (cell.state.peek() !== "idle" || cell.type.peek() !== "code") continue;
      cell.state.value = "queued";
      this.#queue.push(cell);
    }
    if (!this.#pumping) void this.#pump();
  }

  /** A cell that waits does not run. */
  unqueue(cell: Cell): void {
    this.#queue = this.#queue.filter(other => other !== cell);
    if (cell.state.peek() === "queued") cell.state.value = "idle";
  }

  /** Interrupts what runs; what waits does not run. */
  async interrupt(): Promise<void> {
    this.#drop();
    if (this.state.peek() !== "none") await this.#client.interruptCodeContext(this.id);
  }

  /** Starts it anew: it has forgotten everything. */
  async restart(): Promise<void> {
    this.#drop();
    const before = this.state.peek();
    this.state.value = "starting";
    try {
      if (before === "none") await this.#start();
      else this.#is(await this.#client.restartCodeContext(this.id));
    } catch (error) {
      this.state.value = before;
      throw error;
    }
    for (const cell of this.#cells()) cell.executionCount.value = null;
  }

  /** Takes another kernel; the one that was there is ended. */
  async choose(spec: KernelSpec): Promise<void> {
    const before = this.state.peek();
    if (before !== "none") await this.#client.deleteCodeContext(this.id);
    this.state.value = "none";
    this.spec.value = spec;
    this.#onChange();
  }

  /** Ends it, and forgets all that it knows. */
  async shutDown(): Promise<void> {
    this.#drop();
    await this.#client.deleteCodeContext(this.id);
    this.state.value = "none";
  }

  /** The notebook is closed: what runs is interrupted. */
  close(): void {
    this.#drop();
    this.#stop.abort();
  }

  #drop(): void {
    for (const cell of this.#queue) cell.state.value = "idle";
    this.#queue = [];
  }

  async #start(): Promise<void> {
    const spec = this.spec.peek();
    this.state.value = "starting";
    try {
      const context = await this.#client.createCodeContext({
        id: this.id,
        cwd: this.#cwd,
        reuse: true,
        signal: this.#stop.signal,
        // What is not installed is asked for all the same: the server knows which package brings it.
        ...(spec ? { spec: spec.name } : this.wanted()),
      });
      this.#is(context);
    } catch (error) {
      this.state.value = "none";
      throw error;
    }
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    for (let cell = this.#queue.shift(); cell !== undefined; cell = this.#queue.shift()) {
      const well = await this.#runCell(cell);
      if (!well) this.#drop();
    }
    this.#pumping = false;
  }

  async #runCell(cell: Cell): Promise<boolean> {
    cell.clear();
    cell.state.value = "running";
    cell.startedAt.value = Date.now();
    this.#onChange();
    let well = false;
    try {
      if (this.state.peek() === "none") await this.#start();
      well = await this.#follow(cell);
    } catch (error) {
      if (!this.#stop.signal.aborted) cell.problem.value = error;
      await this.#afterError(error);
    } finally {
      cell.input.value = undefined;
      cell.startedAt.value = undefined;
      cell.state.value = "idle";
      this.#onChange();
    }
    return well;
  }

  async #follow(cell: Cell): Promise<boolean> {
    let burst = 0;
    const events = this.#client.runCodeStream(cell.source.peek(), {
      context: this.id,
      signal: this.#stop.signal,
      maxResult: MOST_RESULT,
      // Of its death the person was told already.
      renew: this.state.peek() === "dead",
      onInput: (prompt, { password }) =>
        new Promise<string>(resolve => {
          cell.input.value = {
            prompt,
            password,
            answer: value => {
              cell.input.value = undefined;
              // As a terminal shows it; a password is never shown.
              const line = `${prompt}${password ? "·····" : value}\n`;
              cell.change(outputs => outputs.take({ type: "stdout", text: line }));
              resolve(value);
            },
          };
        }),
    });
    for await (const event of events) {
      burst += this.#take(cell, event);
      if (event.type === "end") {
        cell.duration.value = event.duration;
        if (event.executionCount !== undefined) cell.executionCount.value = event.executionCount;
        this.state.value = event.kernelDied ? "dead" : "idle";
        if (event.kernelDied) this.death.value = event.exit;
        return event.status === "ok";
      }
      if (burst >= BURST) {
        burst = 0;
        await nextFrame();
      }
    }
    return false;
  }

  /** Takes what a cell said. About how much it was. */
  #take(cell: Cell, event: CodeEvent): number {
    if (event.type === "start") {
      this.state.value = "busy";
      cell.executionCount.value = event.executionCount;
    } else if (event.type === "result" && event.result.update) {
      const shown = displayOf(event.result);
      for (const other of this.#cells()) other.change(outputs => outputs.replace(shown));
    } else cell.change(outputs => outputs.take(event));
    if (event.type === "stdout" || event.type === "stderr") return event.text.length;
    return event.type === "result" ? event.result.parts.reduce((sum, part) => sum + part.bytes.length, 0) : 0;
  }

  /** Finds out how the kernel is after a cell that nobody knows the end of. */
  async #afterError(error: unknown): Promise<void> {
    // Somebody here restarts it: that says how it is then.
    if (this.state.peek() === "starting" || this.#stop.signal.aborted) return;
    if (isAsleep(error)) {
      // It ended with all that ran in the sandbox, and asking would wake that.
      this.state.value = "none";
      return;
    }
    if ((error as { code?: unknown }).code === "KERNEL_DIED") this.state.value = "dead";
    else if (this.state.peek() === "busy") this.state.value = "idle";
    const context = await this.#client
      // The cell counts as running until then: while the connection is lost that is not to be for ever.
      .getCodeContext(this.id, { timeout: ANSWER, signal: this.#stop.signal })
      .catch(() => undefined);
    if (context !== undefined && this.state.peek() !== "starting") this.#is(context);
  }

  #is(context: CodeContext | null): void {
    this.death.value = context?.exit;
    this.state.value = context === null ? "none" : context.state;
    const known = this.spec.peek();
    if (context !== null && known?.name !== context.spec) {
      this.spec.value = { name: context.spec, displayName: context.spec, language: context.language };
    }
  }
}

/**
 * A notebook's context by its path, so that it is found again when the page is loaded anew, and is the same for everybody: what
 * is legible of the path, and a hash of the whole (FNV-1a).
 */
export function contextId(path: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(path)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  const legible = path.replace(/^\//, "").replace(/[^A-Za-z0-9._-]+/g, "_");
  return `notebook-${legible.slice(-100)}-${hash.toString(16).padStart(8, "0")}`;
}
