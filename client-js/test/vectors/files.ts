/** The committed vectors, as a stranger reads them: from JSON alone. */

import { readdirSync, readFileSync } from "node:fs";

/** Where they are. */
const ROOT = new URL("../../../protocol/vectors/", import.meta.url);

/** A JSON object. */
export type Json = { readonly [name: string]: unknown };

/** Paths of all files below the folder, relative to it, in order. */
export function vectorFiles(): string[] {
  const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" });
  return files.filter(file => file.endsWith(".json")).sort();
}

/** The files of one folder, or one file, each with its content. */
export function readVectors(path: string): [name: string, content: Json][] {
  const files = vectorFiles().filter(file => file === path || file.startsWith(`${path}/`));
  if (files.length === 0) throw new Error(`no vectors in ${path}`);
  return files.map(file => {
    read.add(file);
    return [file, JSON.parse(readFileSync(new URL(file, ROOT), "utf8")) as Json];
  });
}

/** The files that were read so far. */
export const read = new Set<string>();

/** A list of objects in an object. */
export function list(json: Json, name: string): Json[] {
  const value = json[name];
  if (!Array.isArray(value)) throw new Error(`no list ${name}`);
  return value as Json[];
}

/** A text in an object. */
export function text(json: Json, name: string): string {
  const value = json[name];
  if (typeof value !== "string") throw new Error(`no text ${name} in ${JSON.stringify(json)}`);
  return value;
}

/** The bytes of `hex`, with what `then` says behind them. */
export function bytesOf(json: Json): Uint8Array {
  const head = unhex(text(json, "hex"));
  const then = json["then"] as [string, number] | undefined;
  return then ? Buffer.concat([head, repeat(...then)]) : head;
}

/** A value as it is on the wire. The README of the vectors says what objects with a `$` mean. */
export function wireValue(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(wireValue);
  if (typeof json !== "object" || json === null) return json;
  const fields = json as Record<string, unknown>;
  if ("$bin" in fields) return new Uint8Array(unhex(fields["$bin"] as string));
  if ("$repeat" in fields) return new Uint8Array(repeat(...(fields["$repeat"] as [string, number])));
  if ("$int" in fields) return BigInt(fields["$int"] as string);
  if ("$map" in fields) {
    return new Map((fields["$map"] as [unknown, unknown][]).map(([key, value]) => [wireValue(key), wireValue(value)]));
  }
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, wireValue(value)]));
}

/** Bytes in a form that a failing test can show. */
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const unhex = (digits: string): Buffer => Buffer.from(digits, "hex");

const repeat = (byte: string, times: number): Buffer => Buffer.alloc(times, byte, "hex");
