/** Where each row of a log is, in rows of text: wrapped lines take more than one. */

import type { LogEntry } from "./log-window.ts";

/** Columns that a tab takes at most. */
const TAB = 8;

/** Places of the rows of a log. */
export class LogLayout {
  readonly count: number;
  /** For each entry the rows above it, then all rows; absent when every entry takes one. */
  readonly #above: Uint32Array | undefined;

  /** Lines wrap after so many columns; without a number they do not. */
  constructor(entries: readonly LogEntry[], columns: number | undefined) {
    this.count = entries.length;
    if (columns === undefined || columns <= 0) return;
    const above = new Uint32Array(entries.length + 1);
    entries.forEach((entry, i) => {
      above[i + 1] = (above[i] as number) + rowsOf(entry, columns);
    });
    this.#above = above;
  }

  /** Rows in all. */
  get rows(): number {
    return this.#above?.[this.count] ?? this.count;
  }

  /** Rows above an entry. */
  top(index: number): number {
    return this.#above?.[index] ?? Math.min(index, this.count);
  }

  /** Index of the entry at this row. */
  at(row: number): number {
    const above = this.#above;
    if (above === undefined) return Math.max(0, Math.min(this.count - 1, Math.floor(row)));
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((above[middle] as number) <= row) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }
}

/** From the bytes alone, without decoding: exact for plain text, a little much for colours and letters of several bytes. */
function rowsOf(entry: LogEntry, columns: number): number {
  if (entry.type === "note") return 1;
  let width = entry.size - (entry.open ? 0 : 1);
  for (const part of entry.parts) {
    for (let at = part.bytes.indexOf(9); at >= 0; at = part.bytes.indexOf(9, at + 1)) width += TAB - 1;
  }
  return Math.max(1, Math.ceil(width / columns));
}
