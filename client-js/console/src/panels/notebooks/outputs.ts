/** What a cell says while it runs: gathered within bounds, as a notebook shows it. */

import type { CodeEvent } from "../../../../src/kinds/code/run.ts";
import { contentOf, type Json, type JsonObject, type Output, sizeOfOutput } from "./ipynb.ts";

/** Characters of text that one cell keeps; of more the beginning goes. */
const MOST_TEXT = 2 * 1024 * 1024;
/** Things that one cell keeps. */
const MOST_OUTPUTS = 1000;

/** Memory that the outputs of a notebook share, in bytes. */
export class Room {
  readonly most: number;
  used = 0;

  constructor(most: number) {
    this.most = most;
  }
}

/** The outputs of a cell. */
export class Outputs {
  readonly #room: Room;
  #all: Output[] = [];
  #size = 0;
  #clearNext = false;
  #held = true;

  constructor(room: Room, outputs: readonly Output[] = []) {
    this.#room = room;
    this.#all = [...outputs];
    this.#count();
  }

  /** In the order in which they came. Not to be changed. */
  get all(): readonly Output[] {
    return this.#all;
  }

  /** Its cell was taken away: others may have its room. */
  release(): void {
    if (this.#held) this.#room.used -= this.#size;
    this.#held = false;
  }

  /** Its cell is back, and with it what it takes, also when there is no room for more then. */
  hold(): void {
    if (!this.#held) this.#room.used += this.#size;
    this.#held = true;
  }

  /** Forgets all. */
  clear(): void {
    this.#all = [];
    this.#clearNext = false;
    this.#count();
  }

  /** Takes what a cell said. Whether anything is other now. */
  take(event: CodeEvent): boolean {
    if (event.type === "clear") {
      if (event.wait) this.#clearNext = true;
      else this.clear();
      return !event.wait;
    }
    if (event.type === "stdout" || event.type === "stderr") this.#write(event.type, event.text);
    else if (event.type === "error") {
      const { name, message, traceback } = event;
      this.#add({ type: "error", name, value: message, traceback });
    } else if (event.type === "result") this.#add(displayOf(event.result));
    else return false;
    return true;
  }

  /** Puts something in the place of what was shown under its name. Whether there was anything. */
  replace(shown: Output): boolean {
    if (shown.type !== "display" || shown.displayId === undefined) return false;
    const { displayId, parts, metadata } = shown;
    let found = false;
    this.#all = this.#all.map(output => {
      if (output.type !== "display" || output.displayId !== displayId) return output;
      found = true;
      return {
        type: "display",
        parts,
        metadata,
        displayId,
        ...("executionCount" in output && { executionCount: output.executionCount ?? null }),
      };
    });
    if (found) this.#count();
    return found;
  }

  #write(name: "stdout" | "stderr", text: string): void {
    this.#clearIfAsked();
    const last = this.#all.at(-1);
    const before = last?.type === "stream" && last.name === name ? last : undefined;
    const whole = append(before?.text ?? "", text);
    const cut = whole.length > MOST_TEXT ? startOfLine(whole, whole.length - MOST_TEXT * 0.9) : 0;
    const dropped = (before?.dropped ?? 0) + cut;
    const stream: Output = { type: "stream", name, text: cut === 0 ? whole : whole.slice(cut), dropped };
    if (before === undefined) {
      this.#add(stream);
      return;
    }
    this.#all = [...this.#all.slice(0, -1), stream];
    this.#resize(stream.text.length - before.text.length);
  }

  #add(output: Output): void {
    this.#clearIfAsked();
    // Why the cell failed is never left out: behind the rest, and the word about what was.
    if (this.#all.length >= MOST_OUTPUTS + (output.type === "error" ? 2 : 0)) {
      this.#drop(`more than ${MOST_OUTPUTS} outputs`);
      return;
    }
    const size = sizeOfOutput(output);
    if (output.type === "display" && this.#room.used + size > this.#room.most) {
      this.#drop("outputs for which this page has no room");
      return;
    }
    this.#all = [...this.#all, output];
    this.#resize(size);
  }

  /** Says so once that something was not kept. */
  #drop(what: string): void {
    if (this.#all.at(-1)?.type !== "dropped") this.#all = [...this.#all, { type: "dropped", what }];
  }

  #clearIfAsked(): void {
    if (this.#clearNext) this.clear();
  }

  #count(): void {
    this.#resize(this.#all.reduce((sum, output) => sum + sizeOfOutput(output), 0) - this.#size);
  }

  #resize(by: number): void {
    this.#size += by;
    if (this.#held) this.#room.used += by;
  }
}

/** A result as an output. */
export function displayOf(result: Extract<CodeEvent, { type: "result" }>["result"]): Output {
  const { metadata, displayId } = result;
  return {
    type: "display",
    parts: new Map(result.parts.map(({ mime, bytes }) => [mime, contentOf(mime, bytes)])),
    metadata: isObject(metadata) ? metadata : {},
    ...(displayId !== undefined && { displayId }),
    ...(!result.display && { executionCount: result.executionCount ?? null }),
  };
}

/** Text with more behind it, as a terminal would have it: what a carriage return is followed by takes the line's place. */
function append(before: string, text: string): string {
  if (!text.includes("\r") && !before.endsWith("\r")) return before + text;
  const line = before.lastIndexOf("\n") + 1;
  const changed = (before.slice(line) + text).replace(/\r+\n/g, "\n").replace(/[^\n]*\r(?=[^\r\n])/g, "");
  return before.slice(0, line) + changed;
}

/** Where the next line begins, or the place itself where there is none near. */
function startOfLine(text: string, at: number): number {
  const next = text.indexOf("\n", at);
  return next < 0 || next - at > 4096 ? Math.floor(at) : next + 1;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && isJson(value);
}

/** What came as JSON is JSON. */
function isJson(value: unknown): value is Json {
  return value !== undefined;
}
