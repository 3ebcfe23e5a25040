/** {@link jsonOfPython}: lists and dictionaries of Python as JSON, from the text by which Python shows them. */

/** Characters that are looked at: longer text has no JSON. */
const MAX_TEXT = 4 << 20;

/** Levels of lists in lists. */
const MAX_DEPTH = 100;

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "\\": "\\", "'": "'", '"': '"' };

/**
 * The value of a text that is a list or a dictionary of Python, made of these, of tuples, text, numbers, `True`, `False` and
 * `None`: as `json.dumps` gives it. Nothing for any other text, and for what JSON cannot say exactly.
 */
export function jsonOfPython(text: string): unknown {
  if (!/^[[{]/.test(text) || text.length > MAX_TEXT) return undefined;
  const reader = new Reader(text);
  try {
    const value = reader.value(0);
    return reader.isAtEnd() ? value : undefined;
  } catch (error) {
    if (error instanceof NoLiteral) return undefined;
    throw error;
  }
}

/** It is something else. */
class NoLiteral extends Error {}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  isAtEnd(): boolean {
    return this.#take(/\s*$/y) !== undefined;
  }

  value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw new NoLiteral();
    if (this.#is("[")) return this.#items("]", depth);
    if (this.#is("{")) return this.#dictionary(depth);
    if (this.#is("(")) return this.#tuple(depth);
    return this.#scalar();
  }

  #items(close: string, depth: number): unknown[] {
    const items: unknown[] = [];
    while (!this.#is(close)) {
      items.push(this.value(depth + 1));
      if (!this.#is(",")) return this.#is(close) ? items : fail();
    }
    return items;
  }

  /** One in parentheses has a comma, or it is no tuple. */
  #tuple(depth: number): unknown[] {
    const from = this.#at;
    const items = this.#items(")", depth);
    if (items.length === 1 && !/,\s*\)$/.test(this.#text.slice(from, this.#at))) return fail();
    return items;
  }

  #dictionary(depth: number): object {
    const entries: [string, unknown][] = [];
    while (!this.#is("}")) {
      const key = this.#scalar();
      if (!this.#is(":")) return fail();
      entries.push([String(key), this.value(depth + 1)]);
      if (!this.#is(",")) return this.#is("}") ? Object.fromEntries(entries) : fail();
    }
    return Object.fromEntries(entries);
  }

  #scalar(): string | number | boolean | null {
    const word = this.#take(/\s*(?:True|False|None)\b/y)?.trim();
    if (word !== undefined) return word === "None" ? null : word === "True";
    const number = this.#take(/\s*-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])/y);
    if (number !== undefined) {
      const value = Number(number);
      // What has more digits than a number here would be another one.
      const exact = /[.e]/.test(number) ? Number.isFinite(value) : Number.isSafeInteger(value);
      return exact ? value : fail();
    }
    const quoted = this.#take(/\s*(?:'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*")/y)?.trimStart();
    return quoted === undefined ? fail() : unescaped(quoted.slice(1, -1));
  }

  #is(sign: string): boolean {
    const from = this.#at;
    this.#take(/\s*/y);
    if (this.#text[this.#at] === sign) {
      this.#at += 1;
      return true;
    }
    this.#at = from;
    return false;
  }

  /** What is next, when it matches. */
  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}

const unescaped = (text: string): string =>
  text.replace(
    /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U(00(?:0[0-9a-f]|10)[0-9a-f]{4})|([\s\S]))/g,
    (_, ...[x, u, long, sign]: string[]) => {
      const code = x ?? u ?? long;
      return code === undefined ? (ESCAPES[sign ?? ""] ?? fail()) : String.fromCodePoint(Number.parseInt(code, 16));
    },
  );

function fail(): never {
  throw new NoLiteral();
}
