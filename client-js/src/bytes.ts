/** Text and bytes of users, in the forms of the web platform. */

import { type Chunk, type Decoder, platform } from "./web.ts";

/** A decoder of UTF-8 that replaces what is invalid, and keeps a byte order mark: it is content. */
export const utf8 = (): Decoder => new platform.TextDecoder("utf-8", { ignoreBOM: true });

/** The bytes of a chunk. Throws a `TypeError` for what is neither text nor bytes: nothing is made up of it. */
export function bytesOf(chunk: Chunk): Uint8Array {
  if (typeof chunk === "string") return new platform.TextEncoder().encode(chunk);
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  // By its name: it may come from another realm, as a frame or a test's sandbox.
  if (/ArrayBuffer\]$/.test(Object.prototype.toString.call(chunk))) return new Uint8Array(chunk);
  throw new TypeError("content must be text, bytes, a Blob, a ReadableStream, or an iterable of text or bytes");
}
