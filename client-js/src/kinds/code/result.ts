/** {@link CodeResult}: what code shows, in every form that it has. */

import { utf8 } from "../../bytes.ts";
import { type Chart, chartOf, isChart } from "./chart.ts";

/** A form of a result. */
export type ResultFormat =
  | "text"
  | "html"
  | "markdown"
  | "png"
  | "jpeg"
  | "svg"
  | "latex"
  | "json"
  | "javascript"
  | "chart"
  | "data";

/** A result in one form. */
export interface ResultPart {
  /** Its MIME type. */
  readonly mime: string;
  /** Its content; of an image the image itself. */
  readonly bytes: Uint8Array;
}

/** What is known of a result beside its content. */
export interface ResultAbout {
  /** Whether the code showed it, while it went on; else it is the value of the last expression. */
  readonly display: boolean;
  /** Whether it takes the place of what was shown under the same `displayId`. */
  readonly update: boolean;
  /** Under which name the code shows it, when it may show something else there later. */
  readonly displayId?: string;
  /** Which number the cell has whose value it is. */
  readonly executionCount?: number;
  /** What the kernel says of it, by MIME type: the size of a picture. */
  readonly metadata?: unknown;
}

const MIMES: Readonly<Record<Exclude<ResultFormat, "chart" | "data">, string>> = {
  text: "text/plain",
  html: "text/html",
  markdown: "text/markdown",
  png: "image/png",
  jpeg: "image/jpeg",
  svg: "image/svg+xml",
  latex: "text/latex",
  json: "application/json",
  javascript: "application/javascript",
};

/** A value that code has, or something that it shows, in every form that the kernel gave it. */
export class CodeResult implements ResultAbout {
  /** Its forms as they came, each under its MIME type. */
  readonly parts: readonly ResultPart[];
  readonly display: boolean;
  readonly update: boolean;
  readonly displayId?: string;
  readonly executionCount?: number;
  readonly metadata?: unknown;

  /** Not for users: `runCode` and `runCodeStream` make them. */
  constructor(parts: readonly ResultPart[], about: ResultAbout) {
    this.parts = parts;
    this.display = about.display;
    this.update = about.update;
    if (about.displayId !== undefined) this.displayId = about.displayId;
    if (about.executionCount !== undefined) this.executionCount = about.executionCount;
    if (about.metadata !== undefined) this.metadata = about.metadata;
  }

  /** As plain text. */
  get text(): string | undefined {
    return this.#textOf("text");
  }

  /** As HTML. */
  get html(): string | undefined {
    return this.#textOf("html");
  }

  /** As Markdown. */
  get markdown(): string | undefined {
    return this.#textOf("markdown");
  }

  /** As a PNG image: its bytes. */
  get png(): Uint8Array | undefined {
    return this.raw(MIMES.png);
  }

  /** As a JPEG image: its bytes. */
  get jpeg(): Uint8Array | undefined {
    return this.raw(MIMES.jpeg);
  }

  /** As an SVG image: its source. */
  get svg(): string | undefined {
    return this.#textOf("svg");
  }

  /** As LaTeX. */
  get latex(): string | undefined {
    return this.#textOf("latex");
  }

  /** As JSON, parsed. */
  get json(): unknown {
    return this.#valueOf(MIMES.json);
  }

  /** As JavaScript that would show it. Nobody runs it here. */
  get javascript(): string | undefined {
    return this.#textOf("javascript");
  }

  /** As a chart's data, of Plotly, Vega or Vega-Lite (Altair). */
  get chart(): Chart | undefined {
    const mime = this.parts.find(part => isChart(part.mime))?.mime;
    return mime === undefined ? undefined : chartOf(mime, this.#valueOf(mime));
  }

  /** All its forms by MIME type: JSON parsed, text as text, everything else as bytes. */
  get data(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(this.parts.map(({ mime }) => [mime, this.#valueOf(mime)]));
  }

  /** Which of the forms above it has; `data` when there is one that none of the others shows. */
  formats(): ResultFormat[] {
    const named = Object.entries(MIMES).filter(([, mime]) => this.raw(mime));
    const shown = (mime: string) => isChart(mime) || named.some(([, each]) => each === mime);
    return [
      ...named.map(([name]) => name as ResultFormat),
      ...(this.parts.some(({ mime }) => isChart(mime)) ? ["chart" as const] : []),
      ...(this.parts.every(({ mime }) => shown(mime)) ? [] : ["data" as const]),
    ];
  }

  /** The bytes of the form with this MIME type. */
  raw(mime: string): Uint8Array | undefined {
    return this.parts.find(part => part.mime === mime)?.bytes;
  }

  /** Its text, and the names of its forms. */
  toJSON(): object {
    return { formats: this.formats(), text: this.text };
  }

  #textOf(name: keyof typeof MIMES): string | undefined {
    const bytes = this.raw(MIMES[name]);
    return bytes && utf8().decode(bytes);
  }

  #valueOf(mime: string): unknown {
    const bytes = this.raw(mime);
    if (!bytes || !/^text\/|[/+](json|xml|javascript)$/.test(mime)) return bytes;
    const text = utf8().decode(bytes);
    if (!mime.endsWith("json")) return text;
    try {
      return JSON.parse(text);
    } catch {
      // What a kernel calls JSON need not be any.
      return text;
    }
  }
}
