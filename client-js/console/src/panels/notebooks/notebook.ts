/** A notebook that is open: its cells, its file, its kernel. */

import { batch, type Signal, signal } from "@preact/signals";
import type { KernelSpec } from "../../../../src/kinds/code/context.ts";
import type { Client } from "../../app/client.ts";
import type { Conflict } from "../files/file-conflict.tsx";
import { toWire } from "../files/paths.ts";
import { Cell } from "./cell.ts";
import { type CellType, emptyCell, type JsonObject, parseNotebook, serializeNotebook } from "./ipynb.ts";
import { Kernel } from "./kernel.ts";
import { takeLeft } from "./left.ts";
import { Room } from "./outputs.ts";

/** A file beyond this is not opened, in bytes: all of it would be in the page. */
const MOST_FILE = 64 * 1024 * 1024;
/** What the outputs of one notebook may take, in bytes. */
const MOST_OUTPUT = 128 * 1024 * 1024;

/** Said of a cell that ran when the page was left. */
const LEFT =
  "The page was left while this ran, so that it was interrupted, and what it said is not known here. The kernel keeps its variables.";

/** A notebook. */
export class Notebook {
  readonly path: string;
  readonly kernel: Kernel;
  readonly state: Signal<"loading" | "ready" | "failed"> = signal("loading");
  readonly error: Signal<unknown> = signal(undefined);
  readonly cells: Signal<readonly Cell[]> = signal([]);
  /** The cell that keys and buttons act on, by its id. */
  readonly selected: Signal<string | undefined> = signal(undefined);
  readonly dirty: Signal<boolean> = signal(false);
  readonly saving: Signal<boolean> = signal(false);
  /** The file is another now, or gone, and there are changes here: a person must say which one holds. */
  readonly conflict: Signal<Conflict | undefined> = signal(undefined);
  /** Whether it was just made: then its first cell gets the keys as soon as it is seen. */
  fresh = false;
  readonly #client: Client;
  #opened = false;
  #raw: JsonObject = {};
  #etag = "";
  #room = new Room(MOST_OUTPUT);
  /** Counts changes, so that one during a save is not lost. */
  #changes = 0;
  #removed: { readonly cell: Cell; readonly at: number } | undefined;

  constructor(client: Client, path: string) {
    this.#client = client;
    this.path = path;
    this.kernel = new Kernel(
      client,
      path,
      () => this.cells.peek(),
      () => this.changed(),
    );
    this.kernel.wanted = () => {
      const { name, language } = this.wantedKernel;
      // Of a language more is known than of a name that nobody has.
      return { ...(language !== undefined ? { language } : name !== undefined && { spec: name }) };
    };
  }

  /** The name of the kernel that its file names, and the language. */
  get wantedKernel(): { readonly name: string | undefined; readonly language: string | undefined } {
    const { metadata } = this.#raw as { metadata?: JsonObject };
    const { kernelspec, language_info: info } = (metadata ?? {}) as Record<string, JsonObject | undefined>;
    const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
    return { name: text(kernelspec?.["name"]), language: text(kernelspec?.["language"]) ?? text(info?.["name"]) };
  }

  /** Whether there is something here, or comes, that the file has not. */
  get #unsaved(): boolean {
    return this.dirty.peek() || this.kernel.working;
  }

  /** Reads the file when that was not begun yet. */
  open(): void {
    if (this.#opened) return;
    this.#opened = true;
    void this.load();
  }

  /** Reads the file; changes here are lost. */
  async load(): Promise<void> {
    await this.#read(() => true);
  }

  /** Reads the file. `mayReplace` is asked when that is done: there may be changes here by then. */
  async #read(mayReplace: () => boolean): Promise<void> {
    try {
      const stream = await this.#client.readFile(toWire(this.path), { encoding: "stream" });
      if (stream.info.size > MOST_FILE) {
        await stream.cancel();
        throw new Error(`The file has ${stream.info.size} bytes; notebooks of up to ${MOST_FILE} are opened here.`);
      }
      const text = await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).text();
      const { etag = "" } = await stream.result;
      const { raw, cells } = parseNotebook(text);
      if (!mayReplace()) {
        this.conflict.value = "changed";
        return;
      }
      this.#raw = raw;
      this.#etag = etag;
      this.#room = new Room(MOST_OUTPUT);
      // It belongs to what was there before.
      this.#removed = undefined;
      batch(() => {
        const made = cells.length === 0 ? [emptyCell("code")] : cells;
        this.cells.value = made.map(cell => new Cell(cell, this.#room));
        this.selected.value = this.cells.peek()[0]?.id;
        this.dirty.value = false;
        this.conflict.value = undefined;
        this.error.value = undefined;
        this.state.value = "ready";
      });
      const left = takeLeft(this.path);
      for (const cell of this.cells.peek()) {
        if (left.includes(cell.id)) cell.problem.value = new Error(LEFT);
      }
    } catch (error) {
      if (!mayReplace()) {
        this.conflict.value = "changed";
        return;
      }
      batch(() => {
        this.error.value = error;
        this.state.value = "failed";
      });
    }
  }

  /** The file may be another now: without changes here it is read again, else a person is asked. */
  async check(): Promise<void> {
    if (this.saving.peek() || this.state.peek() !== "ready") return;
    const etag = this.#etag;
    const now = await this.#client.stat(toWire(this.path)).catch((error: unknown) => error as { code?: unknown });
    if (this.saving.peek() || this.#etag !== etag) return;
    if ("code" in now) {
      if (now.code === "FILE_NOT_FOUND") this.conflict.value = "gone";
    } else if (!("etag" in now) || now.etag === etag) this.conflict.value = undefined;
    else if (this.#unsaved) this.conflict.value = "changed";
    else await this.#read(() => !this.#unsaved);
  }

  /**
   * Writes it to its file: atomically, and only when that is still what was read; else there is a conflict. With `force`
   * whatever is there is replaced. Whether it was written.
   */
  async save(force = false): Promise<boolean> {
    if (this.saving.peek() || this.state.peek() !== "ready") return false;
    const changes = this.#changes;
    const spec = this.kernel.spec.peek();
    this.saving.value = true;
    try {
      const text = serializeNotebook(
        this.#raw,
        this.cells.peek().map(cell => cell.data()),
        spec && { display_name: spec.displayName, language: spec.language, name: spec.name },
      );
      const { etag } = await this.#client.writeFile(toWire(this.path), text, force ? {} : { ifMatch: this.#etag });
      this.#etag = etag;
      batch(() => {
        this.conflict.value = undefined;
        this.dirty.value = this.#changes !== changes;
      });
      return true;
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code === "PRECONDITION_FAILED") this.conflict.value = "changed";
      else if (code === "FILE_NOT_FOUND" && !force) this.conflict.value = "gone";
      else throw error;
      return false;
    } finally {
      this.saving.value = false;
    }
  }

  /** Something in it is other than in its file. */
  changed(): void {
    this.#changes += 1;
    this.dirty.value = true;
  }

  /** Chooses the kernel that the file names, or one of its language; without either the first one of Python, or of all. */
  chooseKernel(specs: readonly KernelSpec[]): void {
    const { name, language } = this.wantedKernel;
    if (this.kernel.spec.peek() !== undefined && specs.some(spec => spec.name === this.kernel.spec.peek()?.name)) {
      // The context said which one it is, but not how people call it.
      this.kernel.spec.value = specs.find(spec => spec.name === this.kernel.spec.peek()?.name);
      return;
    }
    const same = (wanted: string) => (spec: KernelSpec) => spec.language.toLowerCase() === wanted.toLowerCase();
    const found =
      specs.find(spec => spec.name === name) ??
      (language === undefined ? undefined : specs.find(same(language))) ??
      (name === undefined ? (specs.find(same("python")) ?? specs[0]) : undefined);
    if (found !== undefined) this.kernel.spec.value = found;
  }

  /** The cell that is selected. */
  get current(): Cell | undefined {
    return this.cells.peek().find(cell => cell.id === this.selected.peek());
  }

  /** Where a cell stands, -1 for nowhere. */
  indexOf(id: string | undefined): number {
    return this.cells.peek().findIndex(cell => cell.id === id);
  }

  /** Selects the cell that is so many further on, as far as there is one. */
  step(by: number): void {
    const cells = this.cells.peek();
    const at = Math.min(Math.max(this.indexOf(this.selected.peek()) + by, 0), cells.length - 1);
    this.selected.value = cells[at]?.id;
  }

  /** Puts a new cell at a place, and selects it. */
  insert(at: number, type: CellType): Cell {
    const cell = new Cell(emptyCell(type), this.#room);
    cell.editing.value = type === "markdown";
    this.#place(cell, at);
    return cell;
  }

  /** Takes a cell away; the last one is followed by an empty one. */
  remove(cell: Cell): void {
    const at = this.indexOf(cell.id);
    if (at < 0 || cell.state.peek() !== "idle") return;
    this.#removed = { cell, at };
    cell.release();
    const rest = this.cells.peek().filter(other => other !== cell);
    this.cells.value = rest.length === 0 ? [new Cell(emptyCell("code"), this.#room)] : rest;
    this.selected.value = this.cells.peek()[Math.min(at, this.cells.peek().length - 1)]?.id;
    this.changed();
  }

  /** Puts the cell back that was taken away last. */
  restore(): void {
    const removed = this.#removed;
    this.#removed = undefined;
    if (removed === undefined) return;
    removed.cell.hold();
    this.#place(removed.cell, removed.at);
  }

  /** Moves a cell up or down. */
  move(cell: Cell, by: 1 | -1): void {
    const cells = [...this.cells.peek()];
    const at = cells.indexOf(cell);
    const to = at + by;
    if (at < 0 || to < 0 || to >= cells.length) return;
    cells.splice(at, 1);
    cells.splice(to, 0, cell);
    this.cells.value = cells;
    this.changed();
  }

  /** Makes another kind of cell of it. What it said as code is forgotten when it is code no more. */
  convert(cell: Cell, type: CellType): void {
    if (cell.type.peek() === type || cell.state.peek() !== "idle") return;
    if (type !== "code") cell.clear();
    cell.type.value = type;
    cell.editing.value = type === "markdown";
    this.changed();
  }

  #place(cell: Cell, at: number): void {
    const cells = [...this.cells.peek()];
    cells.splice(at, 0, cell);
    this.cells.value = cells;
    this.selected.value = cell.id;
    this.changed();
  }
}
