/** Bytes of a channel in the forms of the web platform. Nothing here keeps more than one chunk of its own. */

import { bytesOf, utf8 } from "../bytes.ts";
import type { BlobLike, ByteStream, Chunk, Content, Decoder, ReadableStreamLike } from "../web.ts";
import type { Call } from "./call.ts";
import type { ProgressOptions } from "./file/info.ts";
import { readable } from "./sequence.ts";

export type { AsyncSequence } from "./sequence.ts";

/** How output and content come: as text (UTF-8; what is invalid is replaced) or as bytes. */
export type Encoding = "utf8" | "bytes";

/** Text or bytes. */
export type Data<E extends Encoding> = E extends "bytes" ? Uint8Array : string;

/** Bytes of a Blob that are read at once. */
const BLOB_PIECE = 256 << 10;

/**
 * Writes content to stream 0, as there is room, and ends it. Never rejects: when the channel ends before, its result says
 * why; when the content fails, the channel is given up with that error.
 */
export async function feed(
  call: Pick<Call<never, unknown, unknown>, "write" | "end" | "cancel">,
  content: Content,
  onProgress?: ProgressOptions["onProgress"],
): Promise<void> {
  const total = sizeOf(content);
  let bytes = 0;
  try {
    for await (const each of chunksOf(content)) {
      const chunk = bytesOf(each);
      const taken = await call.write(chunk).then(
        () => true,
        () => false,
      );
      if (!taken) return;
      bytes += chunk.length;
      onProgress?.(bytes, total);
    }
  } catch (error) {
    call.cancel(error);
    return;
  }
  call.end();
}

/** The number of bytes that content will have, when that is known before it is read. */
export const sizeOf = (content: Content): number | undefined =>
  has(content, "byteLength") ? (content as Uint8Array).byteLength : isBlob(content) ? content.size : undefined;

/** The bytes on stream 0 of a channel, to its proven end. */
export function download(call: Call<never, unknown, unknown>): ByteStream {
  return readable(
    async () => {
      for (let item = await call.next(); item; item = await call.next()) {
        if (item.type === "data") return item.data;
      }
      await call.result();
      return undefined;
    },
    () => call.cancel(),
  );
}

/** All of it as text, or the bytes. */
export const dataOf = <E extends Encoding>(bytes: Uint8Array, encoding: E | undefined): Data<E> =>
  (encoding === "bytes" ? bytes : utf8().decode(bytes)) as Data<E>;

/** Text of several streams: each with a decoder of its own, so that a character in two chunks is whole. */
export function decoding<E extends Encoding>(encoding: E | undefined): (stream: number, data?: Uint8Array) => Data<E> {
  const decoders: Decoder[] = [];
  return (stream, data) => {
    if (encoding === "bytes") return (data ?? new Uint8Array(0)) as Data<E>;
    decoders[stream] ??= utf8();
    return (decoders[stream]?.decode(data, { stream: !!data }) ?? "") as Data<E>;
  };
}

/** Bytes that are gathered: they grow in one buffer, so that many small chunks cost no more than their bytes; without a copy when as many come as were expected. */
export function gather(expected = 0): { add(chunk: Uint8Array): void; bytes(): Uint8Array } {
  let buffer = new Uint8Array(expected);
  let length = 0;
  return {
    add(chunk) {
      const needed = length + chunk.length;
      if (needed > buffer.length) {
        const larger = new Uint8Array(Math.max(needed, 2 * buffer.length));
        larger.set(buffer.subarray(0, length));
        buffer = larger;
      }
      buffer.set(chunk, length);
      length = needed;
    },
    bytes: () => (length === buffer.length ? buffer : buffer.slice(0, length)),
  };
}

async function* chunksOf(content: Content): AsyncGenerator<Chunk> {
  if (isBlob(content)) {
    for (let at = 0; at < content.size; at += BLOB_PIECE) {
      yield await content.slice(at, at + BLOB_PIECE).arrayBuffer();
    }
  } else if (isStream(content)) {
    yield* read(content);
  } else if (isIterable(content)) {
    yield* content;
  } else {
    yield content;
  }
}

/** Not by its own iterator: Safari's streams have none. */
async function* read(stream: ReadableStreamLike<Uint8Array | string>): AsyncGenerator<Chunk> {
  const reader = stream.getReader();
  let done = false;
  try {
    for (;;) {
      const next = await reader.read();
      done = next.done;
      if (next.done) return;
      if (next.value !== undefined) yield next.value;
    }
  } finally {
    if (!done) await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}

const has = (value: unknown, name: string | symbol): boolean =>
  typeof value === "object" && value !== null && name in value;
const isBlob = (content: unknown): content is BlobLike => has(content, "arrayBuffer") && has(content, "size");
const isStream = (content: unknown): content is ReadableStreamLike<Uint8Array | string> => has(content, "getReader");
const isIterable = (content: unknown): content is AsyncIterable<Chunk> => has(content, Symbol.asyncIterator);
