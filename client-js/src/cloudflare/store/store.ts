/** A bucket as what is kept in it needs it, by its binding or by its S3 endpoint; and content of any length written to it. */

import { gather } from "../../kinds/stream.ts";

/** An object in a bucket, as a listing tells of it. */
export interface Listed {
  /** Its key. */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Changes with its content. */
  readonly etag: string;
}

/** An object with its content. */
export interface Stored extends Omit<Listed, "key"> {
  /** Read it to its end, or cancel it. */
  readonly body: ReadableStream<Uint8Array>;
}

/** An upload in parts. Either `complete` or `abort` ends it. */
export interface Upload {
  /** Sends a part, counted from 1; all but the last have {@link PART_SIZE} bytes. May be tried again. */
  part(number: number, bytes: Uint8Array): Promise<void>;
  /** Makes the parts the object. Returns its entity tag. @throws ConflictError, as `put` does. */
  complete(): Promise<string>;
  /** Takes all parts away. */
  abort(): Promise<void>;
}

/** The object's entity tag that a write is meant for, `null` when there must be none. Default: whatever is there. */
export type Expected = string | null | undefined;

/** What is in the bucket is not what the write was meant for: nothing was written. */
export class ConflictError extends Error {
  override name = "ConflictError";

  /** Of the object with that key. */
  constructor(key: string) {
    super(`${key} has changed in the bucket`);
  }
}

/** @throws ConflictError when the entity tag, absent where there is no object, is not the expected one. */
export function checkExpected(key: string, expected: Expected, etag: string | undefined): void {
  if (expected !== undefined && expected !== (etag ?? null)) throw new ConflictError(key);
}

/** A bucket. */
export interface Store {
  /** What it is called, for messages. */
  readonly name: string;
  /** An object; `undefined` when there is none. Its body fails when no byte of it comes for {@link IDLE}. */
  get(key: string): Promise<Stored | undefined>;
  /** The objects whose keys begin with this, in the order of their keys. */
  list(prefix: string): AsyncIterable<Listed>;
  /** Writes an object in one go. Returns its entity tag. @throws ConflictError when another one is there than is expected. */
  put(key: string, bytes: Uint8Array, expected?: Expected): Promise<string>;
  /** Begins to write a large one. Buckets know no condition for that: it is looked at right before the upload is completed. */
  upload(key: string, expected?: Expected): Promise<Upload>;
  /** Removes an object. Not an error when there is none. What is expected is looked at right before. @throws ConflictError. */
  delete(key: string, expected?: string): Promise<void>;
}

/** Bytes of a part. Buckets want 5 MiB at the least, the same of each part, and 10,000 parts at the most: 80 GB. */
export const PART_SIZE: number = 8 << 20;

/** Milliseconds without a byte after which the body of an object, that somebody reads, is given up. */
export const IDLE = 60_000;

/** Parts that are sent at once. With the one that is gathered, or the last one's copy, memory is bound to three of them. */
const AT_ONCE = 2;

/** Bytes up to which the first part grows as they come: most of what is written is small. */
const SMALL = 1 << 20;

/** How often each part is tried. */
const TRIES = 3;

/**
 * Writes content whose length nobody knows yet. Memory is bounded, however long it is. When it fails nothing is left.
 *
 * @returns bytes and entity tag.
 * @throws ConflictError when another object is there than is expected.
 */
export async function write(
  store: Store,
  key: string,
  content: ReadableStream<Uint8Array>,
  expected?: Expected,
): Promise<{ size: number; etag: string }> {
  const reader = content.getReader();
  const parts = partsOf(reader);
  let upload: Upload | undefined;
  const sending = new Set<Promise<void>>();
  let size = 0;
  try {
    const first = await parts.next();
    if (first.done || first.value.length < PART_SIZE) {
      const bytes = first.done ? new Uint8Array(0) : first.value;
      return { size: bytes.length, etag: await repeated(() => store.put(key, bytes, expected)) };
    }
    const begun = await repeated(() => store.upload(key, expected));
    upload = begun;
    let number = 0;
    for (let part: IteratorResult<Uint8Array, void> = first; !part.done; part = await parts.next()) {
      const bytes = part.value;
      const at = ++number;
      size += bytes.length;
      const sent = repeated(() => begun.part(at, bytes)).finally(() => sending.delete(sent));
      // It is waited for below, with all others.
      sent.catch(() => {});
      sending.add(sent);
      if (sending.size >= AT_ONCE) await Promise.race(sending);
    }
    await Promise.all(sending);
    return { size, etag: await begun.complete() };
  } catch (error) {
    await reader.cancel(error).catch(() => {});
    await Promise.allSettled(sending);
    await upload?.abort().catch(() => {});
    throw error;
  }
}

/** Pieces of {@link PART_SIZE} bytes; the last has what is left. */
async function* partsOf(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let part = gather();
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    for (let at = 0; at < value.length; ) {
      const taken = value.subarray(at, at + PART_SIZE - length);
      if (length <= SMALL && length + taken.length > SMALL) {
        // Growing further would take twice what is gathered, and a copy of it.
        const whole = gather(PART_SIZE);
        whole.add(part.bytes());
        part = whole;
      }
      part.add(taken);
      length += taken.length;
      at += taken.length;
      if (length < PART_SIZE) continue;
      yield part.bytes();
      part = gather();
      length = 0;
    }
  }
  if (length > 0) yield part.bytes();
}

/** Runs it, and again when it fails: what is at the other end of a network sometimes does. */
async function repeated<T>(work: () => Promise<T>): Promise<T> {
  for (let left = TRIES - 1; ; left -= 1) {
    try {
      return await work();
    } catch (error) {
      if (left === 0 || error instanceof ConflictError) throw error;
    }
  }
}

/**
 * A body that ends with an error when nothing comes for so many milliseconds while somebody waits for it. Who takes his time
 * to read has it.
 */
export function lively(body: ReadableStream<Uint8Array>, name: string, idle: number): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let giveUp = (_: Error) => {};
        const late = new Promise<never>((_, reject) => {
          giveUp = reject;
        });
        const timer = setTimeout(() => giveUp(new Error(`no byte of ${name} has come for ${idle / 1000} s`)), idle);
        try {
          const { done, value } = await Promise.race([reader.read(), late]);
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          // Nobody waits for that, either.
          reader.cancel(error).catch(() => {});
          throw error;
        } finally {
          clearTimeout(timer);
        }
      },
      cancel: reason => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
