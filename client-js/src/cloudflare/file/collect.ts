/** What `readFileStream` gives, read: `streamFile` and `collectFile`. */

import { createError } from "../errors.ts";
import { parseSSEStream } from "../events.ts";
import { bytesOfBase64 } from "../stream.ts";
import type { FileChunk, FileMetadata, FileStreamEvent } from "../types.ts";

/**
 * The pieces of a file, one by one: text of a text file, else bytes. Returns what is known of it. Leaving the loop ends the
 * reading.
 *
 * @throws SandboxError `FILESYSTEM_ERROR` when the sandbox could not read on, `OPERATION_INTERRUPTED` when the stream was cut.
 */
export async function* streamFile(stream: ReadableStream<Uint8Array>): AsyncGenerator<FileChunk, FileMetadata> {
  let metadata: FileMetadata | undefined;
  for await (const event of parseSSEStream<FileStreamEvent>(stream)) {
    if (event.type === "metadata") {
      const { mimeType, size, isBinary, encoding } = event;
      metadata = { mimeType, size, isBinary, encoding };
    } else if (event.type === "error") {
      throw createError("FILESYSTEM_ERROR", `the file could not be read: ${event.error}`, {
        path: "",
        stderr: event.error,
      });
    } else if (!metadata) {
      throw createError("INVALID_JSON_RESPONSE", "the stream does not say what it is: give one of readFileStream", {});
    } else if (event.type === "chunk") {
      yield metadata.encoding === "base64" ? bytesOfBase64(event.data) : event.data;
    } else {
      return metadata;
    }
  }
  throw createError("OPERATION_INTERRUPTED", "the stream of the file ended before the file did", {
    reason: "transport_disposed",
    operation: "file.read",
    phase: "running",
    admitted: true,
    retryable: true,
  });
}

/** The whole file: text of a text file, else bytes. All of it is in memory. */
export async function collectFile(
  stream: ReadableStream<Uint8Array>,
): Promise<{ content: string | Uint8Array; metadata: FileMetadata }> {
  const chunks: FileChunk[] = [];
  const pieces = streamFile(stream);
  for (;;) {
    const { done, value } = await pieces.next();
    if (!done) chunks.push(value);
    else return { content: value.isBinary ? bytesOf(chunks) : chunks.join(""), metadata: value };
  }
}

/** All of it as bytes: what came as text before it turned out to be none, too. */
function bytesOf(chunks: FileChunk[]): Uint8Array {
  const encoder = new TextEncoder();
  const parts = chunks.map(chunk => (typeof chunk === "string" ? encoder.encode(chunk) : chunk));
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
