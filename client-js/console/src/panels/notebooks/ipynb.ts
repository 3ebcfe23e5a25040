/**
 * Notebook files (nbformat 4): read into cells, and written again. What is not understood is kept as it was: of the notebook,
 * of each cell and of each output.
 */

import { base64Of, bytesOfBase64 } from "./base64.ts";

/** JSON as it was read. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
/** A JSON object. */
export type JsonObject = { readonly [name: string]: Json };

/** Content of one MIME type: text, bytes of a picture, or JSON. */
export type MimeContent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "bytes"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "json"; readonly value: Json };

/** Something that a cell said. */
export type Output =
  | { readonly type: "stream"; readonly name: "stdout" | "stderr"; readonly text: string; readonly dropped: number }
  | {
      readonly type: "display";
      readonly parts: ReadonlyMap<string, MimeContent>;
      readonly metadata: JsonObject;
      /** There when it is the value of the cell's last expression. */
      readonly executionCount?: number | null;
      /** Under which name it can be replaced. Not written to the file. */
      readonly displayId?: string;
    }
  | { readonly type: "error"; readonly name: string; readonly value: string; readonly traceback: readonly string[] }
  /** Something that was not kept, for it was too large. Not written to the file. */
  | { readonly type: "dropped"; readonly what: string }
  /** Something that is not understood. */
  | { readonly type: "unknown"; readonly raw: Json };

/** What a cell is. */
export type CellType = "code" | "markdown" | "raw";

/** A cell as it stands in a file. */
export interface CellData {
  readonly id: string;
  readonly type: CellType;
  readonly source: string;
  readonly outputs: readonly Output[];
  readonly executionCount: number | null;
  /** All that the file says of it. */
  readonly raw: JsonObject;
}

/** A notebook as it stands in a file. */
export interface NotebookData {
  readonly cells: readonly CellData[];
  /** All that the file says of it, with its cells. */
  readonly raw: JsonObject;
}

/** The notebook cannot be read: why, in words. */
export class NotNotebook extends Error {
  override readonly name = "NotNotebook";
}

/** Reads the text of a notebook file. An empty one is an empty notebook. */
export function parseNotebook(text: string): NotebookData {
  if (text.trim() === "") return { cells: [], raw: {} };
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new NotNotebook(`It is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (!isObject(raw)) throw new NotNotebook("It is no notebook: what it holds is no object.");
  const { nbformat, cells } = raw;
  if (nbformat !== 4) {
    throw new NotNotebook(
      `Its format is ${JSON.stringify(nbformat) ?? "not said"}, and only nbformat 4 is read here. \`jupyter nbconvert --to notebook\` makes one of older ones.`,
    );
  }
  if (!Array.isArray(cells)) throw new NotNotebook("It is no notebook: it has no list of cells.");
  const ids = new Set<string>();
  return { raw, cells: cells.filter(isObject).map(cell => parseCell(cell, ids)) };
}

/** The text of a notebook file, as Jupyter writes it: one space for each level, multi-line text as lists of lines. */
export function serializeNotebook(raw: JsonObject, cells: readonly CellData[], kernel: JsonObject | undefined): string {
  const { cells: _, metadata, nbformat, nbformat_minor: minor, ...rest } = raw;
  const about = isObject(metadata) ? metadata : {};
  const before = isObject(about["kernelspec"]) ? about["kernelspec"] : {};
  const written: JsonObject = {
    cells: cells.map(serializeCell),
    metadata: kernel === undefined ? about : { ...about, kernelspec: { ...before, ...kernel } },
    nbformat: nbformat ?? 4,
    // Of cells with ids: what is newer stays.
    nbformat_minor: typeof minor === "number" && minor > 5 ? minor : 5,
    ...rest,
  };
  return `${JSON.stringify(sorted(written), undefined, 1)}\n`;
}

/** A new cell. */
export function emptyCell(type: CellType, source = ""): CellData {
  return { id: newCellId(new Set()), type, source, outputs: [], executionCount: null, raw: {} };
}

/** The content of a part as it came over the wire. */
export function contentOf(mime: string, bytes: Uint8Array): MimeContent {
  if (!isText(mime)) return { type: "bytes", bytes: new Uint8Array(bytes) };
  const text = new TextDecoder().decode(bytes);
  if (!isJson(mime)) return { type: "text", text };
  try {
    const value = JSON.parse(text) as Json;
    // What is nested too deep could not be written again.
    JSON.stringify(value);
    return { type: "json", value };
  } catch {
    // What a kernel calls JSON need not be any.
    return { type: "text", text };
  }
}

/** About how much memory an output takes, in bytes. */
export function sizeOfOutput(output: Output): number {
  if (output.type === "stream") return output.text.length;
  if (output.type === "error") return output.traceback.reduce((sum, line) => sum + line.length, 256);
  if (output.type !== "display") return 256;
  let sum = 256;
  for (const content of output.parts.values()) {
    if (content.type === "bytes") sum += content.bytes.length;
    else sum += content.type === "text" ? content.text.length : JSON.stringify(content.value).length;
  }
  return sum;
}

function parseCell(raw: JsonObject, ids: Set<string>): CellData {
  const { id, cell_type: type, source, outputs, execution_count: count } = raw;
  const known = typeof id === "string" && id !== "" && !ids.has(id) ? id : newCellId(ids);
  ids.add(known);
  return {
    id: known,
    type: type === "code" || type === "markdown" ? type : "raw",
    source: textOf(source),
    outputs: Array.isArray(outputs) ? outputs.map(parseOutput) : [],
    executionCount: typeof count === "number" ? count : null,
    raw,
  };
}

function parseOutput(raw: Json): Output {
  if (!isObject(raw)) return { type: "unknown", raw };
  const { output_type: type, name, text, data, metadata, execution_count: count, ename, evalue, traceback } = raw;
  if (type === "stream" && (name === "stdout" || name === "stderr"))
    return { type: "stream", name, text: textOf(text), dropped: 0 };
  if (type === "error") {
    const lines = Array.isArray(traceback) ? traceback.map(String) : [];
    return { type: "error", name: String(ename ?? ""), value: String(evalue ?? ""), traceback: lines };
  }
  if ((type !== "display_data" && type !== "execute_result") || !isObject(data)) return { type: "unknown", raw };
  return {
    type: "display",
    parts: new Map(Object.entries(data).map(([mime, content]) => [mime, parseContent(mime, content)])),
    metadata: isObject(metadata) ? metadata : {},
    ...(type === "execute_result" && { executionCount: typeof count === "number" ? count : null }),
  };
}

function parseContent(mime: string, content: Json): MimeContent {
  if (isJson(mime)) return { type: "json", value: content };
  const text = textOf(content);
  if (isText(mime)) return { type: "text", text };
  const bytes = bytesOfBase64(text);
  return bytes === undefined ? { type: "text", text } : { type: "bytes", bytes };
}

function serializeCell(cell: CellData): JsonObject {
  const { id: _, cell_type: __, metadata, source: ___, outputs: ____, execution_count: _____, ...rest } = cell.raw;
  const code = cell.type === "code";
  return sorted({
    cell_type: cell.type,
    ...(code && { execution_count: cell.executionCount }),
    id: cell.id,
    metadata: metadata ?? {},
    ...(code && { outputs: cell.outputs.filter(output => output.type !== "dropped").map(serializeOutput) }),
    source: linesOf(cell.source),
    ...rest,
  });
}

function serializeOutput(output: Output): Json {
  if (output.type === "stream") return { name: output.name, output_type: "stream", text: linesOf(output.text) };
  if (output.type === "error") {
    return { ename: output.name, evalue: output.value, output_type: "error", traceback: output.traceback };
  }
  if (output.type !== "display") return output.type === "unknown" ? output.raw : null;
  const data = Object.fromEntries([...output.parts].map(([mime, content]) => [mime, serializeContent(content)]));
  const { metadata } = output;
  if (!("executionCount" in output)) return { data, metadata, output_type: "display_data" };
  return { data, execution_count: output.executionCount ?? null, metadata, output_type: "execute_result" };
}

function serializeContent(content: MimeContent): Json {
  if (content.type === "json") return content.value;
  return content.type === "text" ? linesOf(content.text) : base64Of(content.bytes);
}

/** Text that is a list of lines, or one string. */
function textOf(value: Json | undefined): string {
  if (Array.isArray(value)) return value.map(part => (typeof part === "string" ? part : "")).join("");
  return typeof value === "string" ? value : "";
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.split(/(?<=\n)/);
}

function sorted(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** As nbformat makes them: eight characters. */
function newCellId(taken: ReadonlySet<string>): string {
  for (;;) {
    const id = [...crypto.getRandomValues(new Uint8Array(4))].map(byte => byte.toString(16).padStart(2, "0")).join("");
    if (!taken.has(id)) return id;
  }
}

function isJson(mime: string): boolean {
  return /[/+]json$/.test(mime);
}

function isText(mime: string): boolean {
  return /^text\/|[/+](json|xml|javascript)$/.test(mime);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
