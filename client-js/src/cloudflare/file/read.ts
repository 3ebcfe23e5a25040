/** Files that are read: whole, as a stream of bytes, and as server-sent events. */

import type { Sandbox } from "../../client.ts";
import type { FileStream } from "../../kinds/file/content.ts";
import { gather } from "../../kinds/stream.ts";
import type { Context } from "../context.ts";
import { createError, invalid, sandboxError } from "../errors.ts";
import { at, type PathOptions } from "../file.ts";
import { isUtf8, type Kind, kindOf, textLength, utf8Of } from "../mime.ts";
import { base64Of, byteStream, eventStream } from "../stream.ts";
import type { FileEncoding, FileStreamEvent, ReadFileResult, ReadFileStreamResult } from "../types.ts";

/** Bytes of a file that are read into memory; a larger one is read as a stream. */
export const MAX_FILE: number = 32 << 20;

/** Bytes of a file in one event: a number of whole groups of base64. */
const CHUNK = 65_535;

/** What `readFile` gives by its encoding. */
export type ReadAs<E extends FileEncoding> = E extends "none" ? ReadFileStreamResult : ReadFileResult;

/**
 * Reads a file. Without an encoding text comes as text, and all else as base64, by its content: every byte survives. With
 * `none` a stream of the bytes.
 *
 * @throws FileTooLargeError when it has more than 32 MiB, unless it is a stream.
 */
export function readFile<E extends FileEncoding = "utf-8">(
  context: Context,
  path: string,
  options: PathOptions & { encoding?: E } = {},
): Promise<ReadAs<E>> {
  const { encoding } = options;
  return at(context, path, "file.read", options, async (client, full) => {
    if (encoding !== undefined && !["utf-8", "utf8", "base64", "none"].includes(encoding)) {
      throw invalid("encoding", `the encoding ${JSON.stringify(encoding)} is not known: use utf-8, base64 or none`);
    }
    const opened = await open(client, full, path);
    const result = encoding === "none" ? streamed(path, opened) : await whole(path, opened, encoding);
    return result as ReadAs<E>;
  });
}

/**
 * Reads a file as server-sent events, each a `FileStreamEvent`; `streamFile` and `collectFile` take it. What is not read
 * waits in the sandbox; who cancels the stream ends the reading.
 */
export function readFileStream(
  context: Context,
  path: string,
  options: PathOptions = {},
): Promise<ReadableStream<Uint8Array>> {
  return at(context, path, "file.read", options, async (client, full) => {
    const opened = await open(client, full, path);
    const events = told(opened);
    return eventStream({
      next: async () => (await events.next()).value ?? undefined,
      cancel: () => opened.cancel(),
    });
  });
}

/** The content of a file that was read as a stream of bytes, as `readFile` gives it. */
export async function readFileResult(
  { path, content, size, timestamp }: ReadFileStreamResult,
  encoding?: Exclude<FileEncoding, "none">,
): Promise<ReadFileResult> {
  const reader = content.getReader();
  if (size > MAX_FILE) {
    await reader.cancel();
    throw tooLarge(path, size);
  }
  const gathered = gather(size);
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length;
    gathered.add(next.value);
    if (length > MAX_FILE) {
      await reader.cancel();
      throw tooLarge(path, length);
    }
  }
  const bytes = gathered.bytes();
  const kind = kindOf(path, bytes);
  // What begins as text may be none further on.
  const text = encoding === "base64" ? undefined : utf8Of(bytes);
  const isBinary = kind.isBinary || (encoding === "base64" ? !isUtf8(bytes) : text === undefined);
  const asText = encoding === undefined ? !isBinary : encoding !== "base64";
  return {
    success: true,
    path,
    content: asText ? (text ?? lossy(bytes)) : base64Of(bytes),
    timestamp,
    encoding: asText ? "utf-8" : "base64",
    isBinary,
    mimeType: isBinary && !kind.isBinary ? "application/octet-stream" : kind.mimeType,
    size: length,
  };
}

/** A file that is being read: its first bytes were looked at. */
interface Opened extends Kind {
  readonly size: number;
  /** The next bytes, the first ones among them. */
  next(): Promise<Uint8Array | undefined>;
  cancel(): Promise<void>;
}

async function open(client: Sandbox, full: string, path: string): Promise<Opened> {
  const stream: FileStream = await client.readFile(full, { encoding: "stream" });
  const reader = stream.getReader();
  const first = await reader.read();
  let head = first.done ? undefined : first.value;
  return {
    ...kindOf(path, head ?? new Uint8Array(0)),
    size: stream.info.size,
    async next() {
      if (!head) return (await reader.read()).value ?? undefined;
      const bytes = head;
      head = undefined;
      return bytes;
    },
    cancel: () => reader.cancel(),
  };
}

function streamed(path: string, { next, cancel, size, mimeType }: Opened): ReadFileStreamResult {
  const content = byteStream({
    // The stream takes the buffer over, and what we have is a part of one that others have a part of.
    next: async () => (await next())?.slice() as Uint8Array<ArrayBuffer> | undefined,
    cancel,
  });
  return { success: true, path, content, size, mimeType, timestamp: new Date().toISOString() };
}

async function whole(
  path: string,
  opened: Opened,
  encoding: Exclude<FileEncoding, "none"> | undefined,
): Promise<ReadFileResult> {
  return readFileResult(streamed(path, opened), encoding);
}

/** The events of a file. Text that turns out to be none goes on as base64, and a second `metadata` says so. */
async function* told(opened: Opened): AsyncGenerator<FileStreamEvent, void> {
  const { size, mimeType } = opened;
  let { isBinary } = opened;
  let bytesRead = 0;
  let left: Uint8Array = new Uint8Array(0);
  const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
  const metadata = (): FileStreamEvent => ({
    type: "metadata",
    mimeType: isBinary && !opened.isBinary ? "application/octet-stream" : mimeType,
    size,
    isBinary,
    encoding: isBinary ? "base64" : "utf-8",
  });
  try {
    yield metadata();
    for (let end = false; !end; ) {
      const chunk = await opened.next();
      end = chunk === undefined;
      bytesRead += chunk?.length ?? 0;
      let bytes = joined(left, chunk);
      left = new Uint8Array(0);
      if (!isBinary) {
        const length = textLength(bytes);
        if (length < 0 || (end && length < bytes.length)) {
          isBinary = true;
          yield metadata();
        } else {
          if (length > 0) yield { type: "chunk", data: decoder.decode(bytes.subarray(0, length)) };
          left = bytes.slice(length);
          continue;
        }
      }
      while (bytes.length >= CHUNK || (end && bytes.length > 0)) {
        yield { type: "chunk", data: base64Of(bytes.subarray(0, CHUNK)) };
        bytes = bytes.subarray(CHUNK);
      }
      left = bytes.slice();
    }
    yield { type: "complete", bytesRead };
  } catch (error) {
    yield { type: "error", error: sandboxError(error, { operation: "file.read" }).message };
  }
}

function joined(left: Uint8Array, chunk: Uint8Array | undefined): Uint8Array {
  if (left.length === 0) return chunk ?? left;
  const bytes = new Uint8Array(left.length + (chunk?.length ?? 0));
  bytes.set(left);
  if (chunk) bytes.set(chunk, left.length);
  return bytes;
}

/** As text, with replacement characters for what is none. */
const lossy = (bytes: Uint8Array): string => new TextDecoder("utf-8", { fatal: false, ignoreBOM: true }).decode(bytes);

const tooLarge = (path: string, actualSize: number) =>
  createError(
    "FILE_TOO_LARGE",
    `${path} has ${actualSize} bytes: at most ${MAX_FILE} are read into memory`,
    { path, operation: "file.read", maxSize: MAX_FILE, actualSize },
    { operation: "file.read" },
  );
