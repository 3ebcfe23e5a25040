/**
 * MessagePack values: parameters, events, results, errors.
 *
 * Written here: `@msgpack/msgpack` 3.1 is three times as large (5.9 KB compressed, of 15 that the core may have), and does not
 * keep to PROTOCOL.md, section 3. It rounds integers of 64 bits, reads any depth, extensions, and text that is not UTF-8, and
 * refuses keys that are byte strings, as names of variables may be.
 */

import { ValueError } from "./error.ts";
import { MAX_DEPTH, MAX_PAYLOAD } from "./limits.ts";
import { readText, writeText } from "./utf8.ts";

/** A map with text keys. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * Writes a value: null, booleans, numbers, bigints, strings, `Uint8Array`, arrays, objects, and `Map` for keys that are no
 * strings. Integers have the shortest form; fields that are `undefined` are left out. Throws a {@link ValueError} for anything
 * else, and when it does not fit in a frame.
 */
export function encode(value: unknown): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.value(value, MAX_DEPTH);
  if (writer.at > MAX_PAYLOAD) {
    throw new ValueError(`the value has ${writer.at} bytes; a frame carries ${MAX_PAYLOAD}`);
  }
  return writer.out.slice(0, writer.at);
}

/**
 * Reads a value: as {@link encode} takes it, with integers and lengths of any form, and a `bigint` only where a number is not
 * exact. A map is an object, or a `Map` when one of its keys is no string. Byte strings are copies, so that they do not keep
 * the frame. Throws a {@link ValueError} for what is no value, is nested deeper than `MAX_DEPTH`, or has something behind it.
 */
export function decode(bytes: Uint8Array): unknown {
  const reader = new Reader(bytes, 0, true);
  const value = reader.value(MAX_DEPTH);
  if (reader.at !== bytes.length) throw unreadable("bytes after its end");
  return value;
}

/** Reads a map with text keys, as parameters, events, results and errors are. Throws a {@link ValueError} for anything else. */
export function decodeFields(bytes: Uint8Array): Fields {
  const value = decode(bytes);
  if (isFields(value)) return value;
  throw unreadable("not a map with text keys");
}

const unreadable = (what: string): ValueError => new ValueError(`the value cannot be read: ${what}`);

const isFields = (value: unknown): value is Fields => Object.prototype.toString.call(value) === "[object Object]";

/** Writes values one after the other to `out`, of which what is before `at` is written. */
export class Writer {
  out = new Uint8Array(256);
  at = 0;

  /** Writes a value in which lists and maps are nested at most `depth` deep. */
  value(value: unknown, depth: number): void {
    if (typeof value === "string") {
      this.#text(value);
    } else if (typeof value === "number" && !Number.isSafeInteger(value)) {
      this.#long(0xcb).setFloat64(0, value);
    } else if (typeof value === "number" || typeof value === "bigint") {
      this.#integer(value);
    } else if (typeof value === "boolean") {
      this.put(value ? 0xc3 : 0xc2);
    } else if (value === null) {
      this.put(0xc0);
    } else if (value instanceof Uint8Array) {
      this.binLength(value.length);
      this.#room(value.length);
      this.out.set(value, this.at);
      this.at += value.length;
    } else if (depth === 0) {
      throw new ValueError(`the value is nested deeper than ${MAX_DEPTH}`);
    } else if (Array.isArray(value)) {
      this.#length(value.length, 15, 0x90, 0, 0xdc);
      for (const entry of value) this.value(entry, depth - 1);
    } else if (value instanceof Map || isFields(value)) {
      const all: [unknown, unknown][] = value instanceof Map ? [...value] : Object.entries(value);
      const entries = all.filter(([, field]) => field !== undefined);
      this.#length(entries.length, 15, 0x80, 0, 0xde);
      for (const [key, field] of entries) {
        this.value(key, depth - 1);
        this.value(field, depth - 1);
      }
    } else {
      throw new ValueError(`a value of type ${typeof value} cannot be sent`);
    }
  }

  /** Writes the head of a byte string. */
  binLength(length: number): void {
    this.#length(length, -1, 0, 0xc4, 0xc5);
  }

  /** Writes a marker, and an integer of so many bytes. */
  put(marker: number, size = 0, value = 0): void {
    this.#room(5);
    this.out[this.at++] = marker;
    for (let shift = 8 * size - 8; shift >= 0; shift -= 8) this.out[this.at++] = value >>> shift;
  }

  #text(text: string): void {
    // The length in bytes comes first and is known last: the text is written behind the longest head that it may need.
    this.#room(5 + text.length * 3);
    const start = this.at + 5;
    const length = writeText(text, this.out, start);
    this.#length(length, 31, 0xa0, 0xd9, 0xda);
    this.out.copyWithin(this.at, start, start + length);
    this.at += length;
  }

  #integer(value: number | bigint): void {
    if (value < -(2 ** 63) || value >= 2 ** 64) throw new ValueError("an integer has at most 64 bits");
    const small = Number(value);
    if (value >= 0x1_0000_0000) this.#long(0xcf).setBigInt64(0, BigInt(value));
    else if (value < -0x8000_0000) this.#long(0xd3).setBigInt64(0, BigInt(value));
    else if (small >= 0x10000) this.put(0xce, 4, small);
    else if (small >= 0x100) this.put(0xcd, 2, small);
    else if (small >= 0x80) this.put(0xcc, 1, small);
    else if (small >= -0x20) this.put(small);
    else if (small >= -0x80) this.put(0xd0, 1, small);
    else if (small >= -0x8000) this.put(0xd1, 2, small);
    else this.put(0xd2, 4, small);
  }

  /** A length: in the marker `fix` when it is at most `most`, else in 1 byte if there is such a form, or 2 or 4. */
  #length(length: number, most: number, fix: number, short: number, long: number): void {
    if (length <= most) this.put(fix | length);
    else if (length < 0x100 && short) this.put(short, 1, length);
    else if (length < 0x10000) this.put(long, 2, length);
    else this.put(long + 1, 4, length);
  }

  /** A marker, and eight bytes that the caller fills. */
  #long(marker: number): DataView {
    this.#room(9);
    this.out[this.at] = marker;
    this.at += 9;
    return new DataView(this.out.buffer, this.at - 8);
  }

  /** Makes room for so many bytes more. */
  #room(bytes: number): void {
    const need = this.at + bytes;
    if (need <= this.out.length) return;
    const out = new Uint8Array(Math.max(need, this.out.length * 2));
    out.set(this.out);
    this.out = out;
  }
}

/** Reads values one after the other, from `at` on. */
export class Reader {
  at: number;
  readonly #bytes: Uint8Array;
  readonly #copy: boolean;

  /** `copy`: byte strings are copies, else they are slices of `bytes`. */
  constructor(bytes: Uint8Array, at: number, copy = false) {
    this.#bytes = bytes;
    this.at = at;
    this.#copy = copy;
  }

  /** Reads a value in which lists and maps are nested at most `depth` deep. Throws a {@link ValueError}. */
  value(depth: number): unknown {
    const marker = this.#uint(1);
    if (marker < 0x80) return marker;
    if (marker < 0x90) return this.#map(marker & 15, depth);
    if (marker < 0xa0) return this.#array(marker & 15, depth);
    if (marker < 0xc0) return this.#text(marker & 31);
    if (marker >= 0xe0) return marker - 0x100;
    switch (marker) {
      case 0xc0:
        return null;
      case 0xc2:
      case 0xc3:
        return marker === 0xc3;
      case 0xc4:
      case 0xc5:
      case 0xc6: {
        const length = this.#uint(1 << (marker - 0xc4));
        const { buffer, byteOffset } = this.#bytes;
        // Not `subarray`: of a Node Buffer that would be a Buffer.
        const slice = new Uint8Array(buffer, byteOffset + this.#take(length), length);
        return this.#copy ? slice.slice() : slice;
      }
      case 0xca:
        return this.#view(4).getFloat32(0);
      case 0xcb:
        return this.#view(8).getFloat64(0);
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#uint(1 << (marker - 0xcc));
      case 0xcf:
        return exact(this.#view(8).getBigUint64(0));
      case 0xd0:
        return this.#view(1).getInt8(0);
      case 0xd1:
        return this.#view(2).getInt16(0);
      case 0xd2:
        return this.#view(4).getInt32(0);
      case 0xd3:
        return exact(this.#view(8).getBigInt64(0));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#uint(1 << (marker - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#uint(2 << (marker - 0xdc)), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#uint(2 << (marker - 0xde)), depth);
      default:
        throw unreadable(`a marker ${marker}`);
    }
  }

  #array(length: number, depth: number): unknown[] {
    this.#nest(length, depth);
    const array: unknown[] = [];
    for (let index = 0; index < length; index += 1) array.push(this.value(depth - 1));
    return array;
  }

  #map(length: number, depth: number): Fields | Map<unknown, unknown> {
    this.#nest(length * 2, depth);
    // Without a prototype, so that "__proto__" is a name as any other.
    const fields: Record<string, unknown> = Object.create(null);
    let map: Map<unknown, unknown> | undefined;
    for (let index = 0; index < length; index += 1) {
      const key = this.value(depth - 1);
      const value = this.value(depth - 1);
      if (typeof key !== "string") map ??= new Map(Object.entries(fields));
      if (map) map.set(key, value);
      else fields[key as string] = value;
    }
    return map ?? fields;
  }

  /** Looks before anything is allocated: every entry has a byte at least. */
  #nest(entries: number, depth: number): void {
    if (depth === 0) throw unreadable(`nested deeper than ${MAX_DEPTH}`);
    if (entries > this.#bytes.length - this.at) throw unreadable("it ends too early");
  }

  #text(length: number): string {
    const from = this.#take(length);
    try {
      return readText(this.#bytes, from, this.at);
    } catch {
      throw unreadable("a text is not UTF-8");
    }
  }

  #uint(size: number): number {
    let value = 0;
    for (let at = this.#take(size); at < this.at; at += 1) value = value * 0x100 + (this.#bytes[at] as number);
    return value;
  }

  #view(size: number): DataView {
    const { buffer, byteOffset } = this.#bytes;
    return new DataView(buffer, byteOffset + this.#take(size), size);
  }

  /** Goes on by so many bytes. Returns where they begin. */
  #take(length: number): number {
    const from = this.at;
    this.at += length;
    if (this.at > this.#bytes.length) throw unreadable("it ends too early");
    return from;
  }
}

/** A number as far as numbers are exact. */
function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
