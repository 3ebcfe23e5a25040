/** Streams of bytes for Workers: they cross the RPC of Durable Objects, and take nothing before somebody asks. */

import { eventBytes } from "./sse.ts";

/** What a stream is made of. */
export interface Source<T> {
  /** The next one; `undefined` is the end. */
  next(): Promise<T | undefined>;
  /** The reader gave up: ends the work behind it. */
  cancel(): void | Promise<void>;
}

/**
 * A stream whose chunks are the calls of `next`: one call for each read, so what is not read stops the sender. It is a byte
 * stream: no other kind crosses the RPC of Durable Objects. The buffers that `next` gives go over to the stream.
 *
 * @param room - Bytes that may wait in it before somebody reads. Default: none.
 */
export function byteStream({ next, cancel }: Source<Uint8Array<ArrayBuffer>>, room = 0): ReadableStream<Uint8Array> {
  return new ReadableStream(
    {
      type: "bytes",
      async pull(controller: ReadableByteStreamController) {
        const chunk = await next();
        if (chunk) return controller.enqueue(chunk);
        controller.close();
        // A reader with a buffer of its own learns of the end by this.
        controller.byobRequest?.respond(0);
      },
      cancel,
    },
    { highWaterMark: room },
  );
}

/** The same, of server-sent events: each value is one, as JSON. */
export function eventStream({ next, cancel }: Source<object>, room?: number): ReadableStream<Uint8Array> {
  return byteStream(
    {
      async next() {
        const event = await next();
        return event && eventBytes(JSON.stringify(event));
      },
      cancel,
    },
    room,
  );
}

/**
 * Passes the next chunk of a stream on to another one. Its end, and what went wrong, are passed on too, after `ended`.
 *
 * @param translated - The error that is passed on for one of the source. Default: the same.
 */
export async function passOn(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  controller: ReadableStreamDefaultController<Uint8Array>,
  ended: () => void,
  translated = (error: unknown): unknown => error,
): Promise<void> {
  try {
    const { done, value } = await reader.read();
    if (!done) return controller.enqueue(value);
    ended();
    controller.close();
  } catch (error) {
    ended();
    controller.error(translated(error));
  }
}

/** Bytes that become base64 at once: whole groups of three, and few enough to be arguments of one call. */
const GROUPS = 3 * 2048;

/** Bytes as base64. */
export function base64Of(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += GROUPS) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + GROUPS)));
  }
  return text;
}

/** The bytes that base64 stands for. @throws an error when it is none. */
export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
