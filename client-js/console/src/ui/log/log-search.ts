/** Finding text in a log window, kept up to date as lines come and go without looking at any line twice. */

import { stripAnsi } from "./ansi.ts";
import { type LogEntry, type LogWindow, lineText } from "./log-window.ts";

/** What is looked for. */
export interface LogQuery {
  readonly text: string;
  readonly regexp: boolean;
  readonly matchCase: boolean;
}

/** One place where it was found. */
export interface LogMatch {
  /** Key of the line. */
  readonly key: number;
  /** First and behind the last character, in the line as a person sees it. */
  readonly from: number;
  readonly to: number;
}

/** More matches than this are not counted: nobody goes through them one by one. */
export const MOST_MATCHES = 20_000;

/** A pattern for a query; throws a `SyntaxError` for a bad regular expression. Nothing for an empty one. */
export function compileQuery(query: LogQuery): RegExp | undefined {
  if (query.text === "") return undefined;
  const source = query.regexp ? query.text : query.text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(source, query.matchCase ? "gu" : "giu");
}

/** Where a pattern is found in one line. Empty matches do not count. */
export function matchesIn(pattern: RegExp, text: string): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  for (const match of text.matchAll(pattern)) {
    if (match[0].length > 0) found.push({ from: match.index, to: match.index + match[0].length });
  }
  return found;
}

/** The matches of one query in a window. */
export class LogSearch {
  /** In the order of the lines. */
  matches: LogMatch[] = [];
  /** There are more than {@link MOST_MATCHES}. */
  more = false;

  readonly #pattern: RegExp;
  /** Keys of the first and last line that were looked at. */
  #first = 0;
  #last = -1;
  /** Lines that had no end yet when they were looked at. */
  #unfinished = new Set<number>();

  constructor(pattern: RegExp) {
    this.#pattern = pattern;
  }

  /** Looks at what is new in the window, and forgets what went from it. */
  update(window: LogWindow): void {
    const { entries } = window;
    const first = entries[0]?.key ?? 0;
    const last = entries.at(-1)?.key ?? -1;
    const again = this.#unfinished;
    this.#unfinished = new Set();
    const old = this.matches.filter(match => match.key >= first && match.key <= last && !again.has(match.key));
    const before: LogMatch[] = [];
    const after: LogMatch[] = [];
    for (const entry of entries) {
      if (entry.key < this.#first) before.push(...this.#look(entry));
      else break;
    }
    const middle: LogMatch[] = [];
    for (const key of again) {
      const entry = entries[window.indexOf(key)];
      if (entry?.key === key && key >= this.#first && key <= this.#last) middle.push(...this.#look(entry));
    }
    for (let i = window.indexOf(Math.max(this.#last + 1, this.#first)); i < entries.length; i += 1) {
      after.push(...this.#look(entries[i] as LogEntry));
    }
    const inside = middle.length === 0 ? old : [...old, ...middle].sort((a, b) => a.key - b.key || a.from - b.from);
    const all = [...before, ...inside, ...after];
    this.more = all.length > MOST_MATCHES;
    this.matches = this.more ? all.slice(-MOST_MATCHES) : all;
    this.#first = first;
    this.#last = last;
  }

  /** The matches in one line. */
  of(key: number): readonly LogMatch[] {
    const found: LogMatch[] = [];
    for (let i = this.from(key); this.matches[i]?.key === key; i += 1) found.push(this.matches[i] as LogMatch);
    return found;
  }

  /** Index of the first match at or after this line; as many as there are when there is none. */
  from(key: number): number {
    let low = 0;
    let high = this.matches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.matches[middle] as LogMatch).key < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #look(entry: LogEntry): LogMatch[] {
    if (entry.type === "note") return [];
    if (entry.open) this.#unfinished.add(entry.key);
    return matchesIn(this.#pattern, stripAnsi(lineText(entry))).map(range => ({ key: entry.key, ...range }));
  }
}
