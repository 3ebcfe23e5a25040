/** Output of commands as text: in which encoding, whole or piece by piece, and how much of it is kept. */

import { invalid } from "./errors.ts";
import { base64Of } from "./stream.ts";

/**
 * Bytes of output, both streams together, that a buffered result keeps: as text they fit in one answer of a Durable Object,
 * whatever they are. The result says when there was more; the command goes on, and streams have no such bound.
 */
export const MAX_OUTPUT: number = 10 << 20;

/** Bytes of each output that an error keeps. */
export const MAX_ERROR_OUTPUT: number = 1 << 20;

/** How output is told. All but `utf8` keep every byte. */
export type TextEncoding = "utf8" | "base64" | "hex" | "latin1";

const NAMES: Readonly<Record<string, TextEncoding>> = {
  utf8: "utf8",
  "utf-8": "utf8",
  base64: "base64",
  hex: "hex",
  latin1: "latin1",
  binary: "latin1",
};

/** The encoding of this name. @throws ValidationFailedError when nobody knows it. */
export function encodingOf(name: string | undefined): TextEncoding {
  const encoding = NAMES[(name ?? "utf8").toLowerCase()];
  if (encoding) return encoding;
  throw invalid("encoding", `the encoding ${JSON.stringify(name)} is not known: use utf8, base64, hex or latin1`);
}

/** All of it as text. */
export function textOf(bytes: Uint8Array, encoding: TextEncoding): string {
  switch (encoding) {
    case "utf8":
      return decoder().decode(bytes);
    case "base64":
      return base64Of(bytes);
    case "hex":
      return Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");
    case "latin1":
      return latin1(bytes);
  }
}

/** The same, as `exec` says it: text without its last newline, as the stock package does. */
export function resultOf(bytes: Uint8Array, encoding: TextEncoding): string {
  const text = textOf(bytes, encoding);
  return (encoding === "utf8" || encoding === "latin1") && text.endsWith("\n") ? text.slice(0, -1) : text;
}

/** Pieces of one output as text: a character that is cut in two pieces is whole. Nothing is added, nothing taken away. */
export class Pieces {
  readonly #encoding: TextEncoding;
  readonly #decoder: TextDecoder | undefined;

  /** Nothing was read yet. */
  constructor(encoding: TextEncoding) {
    this.#encoding = encoding;
    this.#decoder = encoding === "utf8" ? decoder() : undefined;
  }

  /** The text of this piece; it may be empty when it is the half of a character. */
  next(bytes: Uint8Array): string {
    return this.#decoder?.decode(bytes, { stream: true }) ?? textOf(bytes, this.#encoding);
  }

  /** What is left at the end. */
  end(): string {
    return this.#decoder?.decode() ?? "";
  }
}

// A byte order mark is output like any other.
const decoder = () => new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}
