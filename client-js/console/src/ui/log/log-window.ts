/**
 * The part of a log that is held in memory: lines assembled from chunks, never more than a bound. It grows at either
 * end; what is beyond the bound goes from the other. Nothing is lost by that: every byte has an offset, and what went
 * is read again when a person scrolls there.
 */

import { type AnsiStyle, afterReturn, PLAIN, parseAnsi } from "./ansi.ts";

/** Standard output is stream 1, standard error 2. */
export type LogStream = 1 | 2;

/** Bytes of one line that arrived together. */
interface Part {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** A line of one stream. */
export interface LogLine {
  readonly type: "line";
  /** Larger than that of every entry before it. */
  readonly key: number;
  readonly stream: LogStream;
  /** When its first byte was read by the server, in milliseconds since 1970. */
  readonly time: number | undefined;
  /** The look that the lines before left behind. */
  readonly sgr: AnsiStyle;
  /** Its bytes with the newline, in the order of their offsets. */
  parts: Part[];
  /** Sum of the lengths of `parts`. */
  size: number;
  /** No newline has come yet. */
  open: boolean;
  /** Its beginning lies before the window. */
  headless: boolean;
}

/** What is no output: bytes that are gone, a new run, or whatever the log's owner says. */
export interface LogNote {
  readonly type: "note";
  readonly key: number;
  readonly offset: number;
  readonly tone: "plain" | "warning";
  readonly text: string;
}

/** One row of a log. */
export type LogEntry = LogLine | LogNote;

/** Bounds of a window. */
export interface LogBounds {
  /** Bytes of output held. */
  readonly bytes: number;
  /** Lines and notes held. */
  readonly entries: number;
}

/** What a view of a process's log holds: about what a person scrolls through before they search instead. */
export const LOG_BOUNDS: LogBounds = { bytes: 4 * 1024 * 1024, entries: 40_000 };

/** A line beyond this is cut, so that one row can never be the whole log. In bytes. */
export const MAX_LINE = 16 * 1024;

const NEWLINE = 10;
const ESCAPE = 27;

/** A bounded window over a log. */
export class LogWindow {
  /** In the order of their first byte. */
  entries: LogEntry[] = [];
  /** Offset of the first byte held. */
  start = 0;
  /** Offset after the last byte held. */
  end = 0;
  /** Changes with every change. */
  version = 0;

  readonly #bounds: LogBounds;
  #bytes = 0;
  #nextKey = 1;
  readonly #open = new Map<LogStream, LogLine>();
  readonly #sgr = new Map<LogStream, AnsiStyle>();
  /** Streams of which the next line is known to begin where it begins. */
  readonly #seen = new Set<LogStream>();

  constructor(bounds: LogBounds = LOG_BOUNDS) {
    this.#bounds = bounds;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** So full that with much more something would have to go. */
  get full(): boolean {
    return this.#bytes >= this.#bounds.bytes * 0.8 || this.entries.length >= this.#bounds.entries * 0.8;
  }

  /** Empties it; the next byte has this offset. */
  reset(offset: number): void {
    this.entries = [];
    this.start = offset;
    this.end = offset;
    this.#bytes = 0;
    this.#open.clear();
    this.#sgr.clear();
    this.#seen.clear();
    this.version += 1;
  }

  /** Adds output at the end. Bytes that are held already are skipped. */
  append(offset: number, stream: LogStream, bytes: Uint8Array, time?: number): void {
    const known = Math.max(0, this.end - offset);
    let rest = bytes.subarray(known);
    let at = offset + known;
    if (rest.length === 0) return;
    while (rest.length > 0) {
      const line = this.#open.get(stream) ?? this.#begin(stream, time);
      const room = MAX_LINE - line.size;
      const newline = rest.indexOf(NEWLINE);
      const length = Math.min(newline < 0 ? rest.length : newline + 1, room);
      line.parts.push({ offset: at, bytes: rest.subarray(0, length) });
      line.size += length;
      if (newline >= 0 && newline + 1 === length) this.#close(line);
      else if (line.size >= MAX_LINE) this.#close(line, true);
      rest = rest.subarray(length);
      at += length;
      this.#bytes += length;
    }
    this.end = at;
    this.#trimFront();
    this.version += 1;
  }

  /** Adds a note at the end. After a gap the next byte is `next`. */
  note(text: string, tone: LogNote["tone"] = "plain", next = this.end): void {
    // Whatever was open will not go on where it stopped.
    if (next !== this.end) for (const line of [...this.#open.values()]) this.#close(line);
    this.entries.push({ type: "note", key: this.#nextKey++, offset: this.end, tone, text });
    this.end = next;
    this.#trimFront();
    this.version += 1;
  }

  /** Puts what comes right before this window in front of it. What is beyond the bound goes from the end. */
  prepend(older: LogWindow): void {
    for (const stream of [1, 2] as const) {
      const head = older.#open.get(stream);
      const tail = this.entries.find((entry): entry is LogLine => entry.type === "line" && entry.stream === stream);
      if (tail?.headless !== true || older.end !== this.start) continue;
      if (head === undefined) tail.headless = !older.#seen.has(stream);
      else if (head.size + tail.size <= MAX_LINE) this.#join(stream, head, tail);
    }
    const first = this.entries[0]?.key ?? this.#nextKey;
    const count = older.entries.length;
    const moved = older.entries.map((entry, i) => rekey(entry, first - count + i));
    for (const [stream, line] of this.#open) {
      const at = older.entries.indexOf(line);
      if (at >= 0) this.#open.set(stream, moved[at] as LogLine);
    }
    this.entries = [...moved, ...this.entries];
    this.start = older.start;
    this.#bytes += older.#bytes;
    this.#trimBack();
    this.version += 1;
  }

  /** Index of the entry with this key, or of the first after it. */
  indexOf(key: number): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.entries[middle] as LogEntry).key < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #begin(stream: LogStream, time: number | undefined): LogLine {
    const line: LogLine = {
      type: "line",
      key: this.#nextKey++,
      stream,
      time,
      sgr: this.#sgr.get(stream) ?? PLAIN,
      parts: [],
      size: 0,
      open: true,
      // The first line of a window that does not begin at the log's beginning may be the rest of a longer one.
      headless: this.start > 0 && !this.#seen.has(stream),
    };
    this.#seen.add(stream);
    this.entries.push(line);
    this.#open.set(stream, line);
    return line;
  }

  #close(line: LogLine, cut = false): void {
    line.open = false;
    if (cut) this.#seen.delete(line.stream);
    this.#open.delete(line.stream);
    if (line.parts.some(part => part.bytes.includes(ESCAPE))) {
      this.#sgr.set(line.stream, parseAnsi(rawText(line), line.sgr).end);
    }
  }

  #join(stream: LogStream, head: LogLine, tail: LogLine): void {
    head.parts.push(...tail.parts);
    head.size += tail.size;
    head.open = tail.open;
    this.entries.splice(this.entries.indexOf(tail), 1);
    if (this.#open.get(stream) === tail) this.#open.set(stream, head);
  }

  /** Drops whole entries from the front until it is a tenth below the bound: so the work is done once for many lines. */
  #trimFront(): void {
    if (this.#bytes <= this.#bounds.bytes && this.entries.length <= this.#bounds.entries) return;
    let count = 0;
    let bytes = this.#bytes;
    const mostBytes = this.#bounds.bytes * 0.9;
    const mostEntries = this.#bounds.entries * 0.9;
    while (count < this.entries.length && (bytes > mostBytes || this.entries.length - count > mostEntries)) {
      bytes -= sizeOf(this.entries[count] as LogEntry);
      count += 1;
    }
    const dropped = this.entries.splice(0, count);
    // Not that of the first entry: a line that went on beyond an earlier beginning stands before those that began since.
    this.start = this.entries.reduce((first, entry) => Math.min(first, offsetOf(entry, this.end)), this.end);
    // A line that goes on beyond the new beginning, because the other stream spoke between, keeps that part.
    const kept: LogEntry[] = [];
    for (const entry of dropped) {
      if (entry.type === "note") continue;
      entry.parts = entry.parts.filter(part => part.offset >= this.start);
      entry.size = entry.parts.reduce((sum, part) => sum + part.bytes.length, 0);
      entry.headless = true;
      if (entry.size > 0) kept.push(entry);
      else if (this.#open.get(entry.stream) === entry) this.#open.delete(entry.stream);
    }
    this.entries.unshift(...kept);
    this.#bytes = this.entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
  }

  /** The same from the end. A line that is cut through is open again: what follows is read later and goes on there. */
  #trimBack(): void {
    if (this.#bytes <= this.#bounds.bytes && this.entries.length <= this.#bounds.entries) return;
    let bytes = this.#bytes;
    const mostBytes = this.#bounds.bytes * 0.9;
    const mostEntries = this.#bounds.entries * 0.9;
    while (this.entries.length > 0 && (bytes > mostBytes || this.entries.length > mostEntries)) {
      const entry = this.entries.pop() as LogEntry;
      bytes -= sizeOf(entry);
      this.end = Math.min(this.end, offsetOf(entry, this.end));
      if (entry.type === "line") {
        this.#sgr.set(entry.stream, entry.sgr);
        if (this.#open.get(entry.stream) === entry) this.#open.delete(entry.stream);
      }
    }
    for (const entry of this.entries) {
      if (entry.type === "note" || !entry.parts.some(part => part.offset >= this.end)) continue;
      entry.parts = entry.parts.filter(part => part.offset < this.end);
      entry.size = entry.parts.reduce((sum, part) => sum + part.bytes.length, 0);
      entry.open = true;
      this.#open.set(entry.stream, entry);
    }
    this.#bytes = this.entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
  }
}

/** The line as a person sees it, escape sequences still in it. Invalid UTF-8 is replaced. */
export function lineText(line: LogLine): string {
  const text = rawText(line);
  return afterReturn(text.endsWith("\n") ? text.slice(0, -1) : text);
}

const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

function rawText(line: LogLine): string {
  const only = line.parts[0];
  if (line.parts.length === 1 && only !== undefined) return DECODER.decode(only.bytes);
  const bytes = new Uint8Array(line.size);
  let at = 0;
  for (const part of line.parts) {
    bytes.set(part.bytes, at);
    at += part.bytes.length;
  }
  return DECODER.decode(bytes);
}

function sizeOf(entry: LogEntry): number {
  return entry.type === "line" ? entry.size : 0;
}

function offsetOf(entry: LogEntry, fallback: number): number {
  return entry.type === "line" ? (entry.parts[0]?.offset ?? fallback) : entry.offset;
}

function rekey(entry: LogEntry, key: number): LogEntry {
  return { ...entry, key };
}
