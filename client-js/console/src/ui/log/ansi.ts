/**
 * The colours that programs print, read from their escape sequences (ECMA-48 SGR). What is no colour or attribute is
 * left out: nothing that a program prints becomes markup, moves a cursor or opens a link.
 */

/** How a piece of text looks. Absent means the default. Compared by identity where nothing changed. */
export interface AnsiStyle {
  /** Text colour: 0 to 255 of the xterm palette, or `#rrggbb`. */
  readonly fg?: number | string;
  /** Background colour, as `fg`. */
  readonly bg?: number | string;
  readonly bold?: true;
  readonly dim?: true;
  readonly italic?: true;
  readonly underline?: true;
  /** Foreground and background change places. */
  readonly inverse?: true;
  /** Not to be seen (SGR 8). */
  readonly hidden?: true;
  readonly strike?: true;
}

/** Text of one look. */
export interface AnsiSpan {
  readonly text: string;
  readonly style: AnsiStyle;
}

/** No colour, no attribute. */
export const PLAIN: AnsiStyle = Object.freeze({});

// One escape sequence: CSI with its parameters and final byte; OSC, DCS, SOS, PM and APC to their terminator (or to the
// end of the text, as a terminal would swallow it); a two-character escape; and control characters other than tab.
const SEQUENCE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  /(?:\x1b\[|\x9b)([0-?]*)[ -/]*([@-~])|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)|\x1b[ -/]*[0-~]?|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f\x80-\x9f]/g;

/** Whether a text needs {@link parseAnsi} at all. */
export function hasControls(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  return /[\x00-\x08\x0a-\x1f\x7f-\x9f]/.test(text);
}

/** Cuts a text into pieces of one look each, and says which look holds after it. */
export function parseAnsi(text: string, start: AnsiStyle = PLAIN): { spans: AnsiSpan[]; end: AnsiStyle } {
  const spans: AnsiSpan[] = [];
  let style = start;
  let from = 0;
  const push = (to: number) => {
    if (to > from) spans.push({ text: text.slice(from, to), style });
  };
  SEQUENCE.lastIndex = 0;
  for (let found = SEQUENCE.exec(text); found !== null; found = SEQUENCE.exec(text)) {
    push(found.index);
    from = SEQUENCE.lastIndex;
    if (found[2] === "m") style = applySgr(style, found[1] ?? "");
  }
  push(text.length);
  return { spans, end: style };
}

/** The text as a person reads it: without any escape sequence. */
export function stripAnsi(text: string): string {
  return hasControls(text) ? text.replace(SEQUENCE, "") : text;
}

/**
 * What a terminal would show of a line with carriage returns in it, as progress bars print them: the text after the
 * last one that is followed by something.
 */
export function afterReturn(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 13) end -= 1;
  const last = text.lastIndexOf("\r", end - 1);
  return last < 0 || end === 0 ? text.slice(0, end) : text.slice(last + 1, end);
}

/** `#rrggbb` of an entry of the xterm palette from 16 on: a colour cube, then greys. The first 16 belong to the theme. */
export function paletteColour(index: number): string {
  if (index >= 232) return hex(Array(3).fill(8 + (index - 232) * 10));
  const cube = index - 16;
  const level = (n: number) => (n === 0 ? 0 : 55 + n * 40);
  return hex([level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)]);
}

function hex(parts: number[]): string {
  return `#${parts.map(part => Math.min(255, Math.max(0, part)).toString(16).padStart(2, "0")).join("")}`;
}

type Flag = Exclude<keyof AnsiStyle, "fg" | "bg">;
type Mutable = { -readonly [Key in keyof AnsiStyle]: AnsiStyle[Key] };

const ON: Readonly<Record<number, Flag>> = {
  1: "bold",
  2: "dim",
  3: "italic",
  4: "underline",
  7: "inverse",
  8: "hidden",
  9: "strike",
  21: "underline",
};

const OFF: Readonly<Record<number, readonly (keyof AnsiStyle)[]>> = {
  22: ["bold", "dim"],
  23: ["italic"],
  24: ["underline"],
  27: ["inverse"],
  28: ["hidden"],
  29: ["strike"],
  39: ["fg"],
  49: ["bg"],
};

function applySgr(style: AnsiStyle, parameters: string): AnsiStyle {
  const next: Mutable = { ...style };
  // `38:2::r:g:b` with colons is the standard's own form, in which the colour space (empty) takes a place.
  const codes = parameters.replace(/([34]8):2:[0-9]*:([0-9]+:[0-9]+:[0-9]+)/g, "$1:2:$2").split(/[;:]/);
  for (let i = 0; i < codes.length; i += 1) {
    const code = Number(codes[i] || 0);
    const on = ON[code];
    if (code === 0) for (const key of Object.keys(next) as (keyof AnsiStyle)[]) delete next[key];
    else if (on !== undefined) next[on] = true;
    else if (OFF[code] !== undefined) for (const key of OFF[code]) delete next[key];
    else if (code >= 30 && code <= 37) next.fg = code - 30;
    else if (code >= 40 && code <= 47) next.bg = code - 40;
    else if (code >= 90 && code <= 97) next.fg = code - 82;
    else if (code >= 100 && code <= 107) next.bg = code - 92;
    else if (code === 38 || code === 48) {
      const colour = extendedColour(codes, i);
      if (colour.value !== undefined) next[code === 38 ? "fg" : "bg"] = colour.value;
      i += colour.used;
    }
  }
  return Object.keys(next).length === 0 ? PLAIN : next;
}

/** `5;n` or `2;r;g;b` after a 38 or 48. What is cut off or out of range is taken for no colour. */
function extendedColour(codes: readonly string[], at: number): { value?: number | string; used: number } {
  const number = (i: number) => Number(codes[at + i] || 0);
  if (number(1) === 5) {
    const index = number(2);
    return index <= 255 ? { value: index, used: 2 } : { used: 2 };
  }
  if (number(1) === 2) return { value: hex([number(2), number(3), number(4)]), used: 4 };
  return { used: 1 };
}
