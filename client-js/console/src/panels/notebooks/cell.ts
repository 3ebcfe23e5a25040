/** A cell that is shown: what stands in it, what it said, what it does now. */

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { CellData, CellType, Output } from "./ipynb.ts";
import { Outputs, type Room } from "./outputs.ts";

/** What a cell does. `queued`: it waits for those before it. */
export type CellState = "idle" | "queued" | "running";

/** A line that the code asks for. */
export interface InputRequest {
  readonly prompt: string;
  readonly password: boolean;
  answer(value: string): void;
}

/** A cell. */
export class Cell {
  readonly id: string;
  readonly type: Signal<CellType>;
  readonly source: Signal<string>;
  readonly state: Signal<CellState> = signal("idle");
  readonly executionCount: Signal<number | null>;
  readonly input: Signal<InputRequest | undefined> = signal(undefined);
  /** Why nobody knows how it ended, or why it could not run. What the code itself raised is an output. */
  readonly problem: Signal<unknown> = signal(undefined);
  /** Milliseconds that the last run took, by the server's clock. */
  readonly duration: Signal<number | undefined> = signal(undefined);
  /** When the run began that goes on. */
  readonly startedAt: Signal<number | undefined> = signal(undefined);
  /** Whether a text cell is being written rather than read. */
  readonly editing: Signal<boolean> = signal(false);
  readonly outputs: ReadonlySignal<readonly Output[]>;
  readonly #data: CellData;
  readonly #outputs: Outputs;
  readonly #changes: Signal<number> = signal(0);

  constructor(data: CellData, room: Room) {
    this.id = data.id;
    this.#data = data;
    this.type = signal(data.type);
    this.source = signal(data.source);
    this.executionCount = signal(data.executionCount);
    this.#outputs = new Outputs(room, data.outputs);
    this.outputs = computed(() => {
      this.#changes.value;
      return this.#outputs.all;
    });
  }

  /** Pictures that belong to its text, by their names. */
  get attachments(): CellData["raw"] {
    const { attachments } = this.#data.raw;
    return typeof attachments === "object" && attachments !== null && !Array.isArray(attachments)
      ? (attachments as CellData["raw"])
      : {};
  }

  /** Changes what it said. `change` tells whether it did. */
  change(change: (outputs: Outputs) => boolean): boolean {
    const changed = change(this.#outputs);
    if (changed) this.#changes.value += 1;
    return changed;
  }

  /** It was taken away: what it said counts no more. */
  release(): void {
    this.#outputs.release();
  }

  /** It is back. */
  hold(): void {
    this.#outputs.hold();
  }

  /** Forgets what it said, and how it ran. */
  clear(): void {
    this.change(outputs => {
      outputs.clear();
      return true;
    });
    this.executionCount.value = null;
    this.problem.value = undefined;
    this.duration.value = undefined;
  }

  /** As it is written to a file. */
  data(): CellData {
    return {
      id: this.id,
      type: this.type.peek(),
      source: this.source.peek(),
      outputs: this.#outputs.all,
      executionCount: this.executionCount.peek(),
      raw: this.#data.raw,
    };
  }
}
