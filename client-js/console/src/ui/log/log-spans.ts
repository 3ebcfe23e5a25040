/** The pieces of a line as they are drawn: colours and search matches laid over each other. */

import { type AnsiSpan, type AnsiStyle, hasControls, parseAnsi } from "./ansi.ts";

/** A piece of a line. */
export interface LogSpan extends AnsiSpan {
  /** Whether it is part of a match, and of the one that is looked at. */
  readonly match?: "other" | "current";
}

/** A place in a line's visible text. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Cuts a line where its look changes and where a match begins or ends. */
export function lineSpans(text: string, style: AnsiStyle, matches: readonly Range[], current?: Range): LogSpan[] {
  const spans = hasControls(text) ? parseAnsi(text, style).spans : text === "" ? [] : [{ text, style }];
  if (matches.length === 0) return spans;
  const cut: LogSpan[] = [];
  let at = 0;
  let next = 0;
  for (const span of spans) {
    let rest = span.text;
    while (rest.length > 0) {
      while (next < matches.length && (matches[next] as Range).to <= at) next += 1;
      const match = matches[next];
      const inside = match !== undefined && match.from <= at;
      const until = match === undefined ? Number.POSITIVE_INFINITY : inside ? match.to : match.from;
      const length = Math.min(rest.length, until - at);
      const piece = { text: rest.slice(0, length), style: span.style };
      cut.push(inside ? { ...piece, match: isSame(match, current) ? "current" : "other" } : piece);
      rest = rest.slice(length);
      at += length;
    }
  }
  return cut;
}

function isSame(a: Range, b: Range | undefined): boolean {
  return b !== undefined && a.from === b.from && a.to === b.to;
}
