/** Content on its way between a Worker and the object: a value of RPC has 32 MiB at most, a stream has no bound. */

import { messageOf } from "../../error.ts";
import { createError, SandboxError } from "../errors.ts";
import { byteStream } from "../stream.ts";
import type { FileEncoding, ReadFileResult, ReadFileStreamResult } from "../types.ts";
import { contentOf } from "./content.ts";
import { readFileResult } from "./read.ts";

/** Characters of content that cross as they are. */
const SMALL = 1 << 20;

/** Bytes of one chunk of a stream. */
const CHUNK = 64 << 10;

/**
 * Reads a file by `read`, which is `readFile` on the other side, always as a stream.
 *
 * @throws what `readFile` throws; OperationInterruptedError, which is safe to repeat, when the stream broke.
 */
export async function readAcross(
  read: (encoding: FileEncoding) => Promise<unknown>,
  encoding: FileEncoding | undefined,
): Promise<ReadFileResult | ReadFileStreamResult> {
  // What is not known is refused there.
  const known = encoding === undefined || encoding === "utf-8" || encoding === "utf8" || encoding === "base64";
  const result = (await read(known ? "none" : encoding)) as ReadFileStreamResult;
  if (!known) return result;
  try {
    return await readFileResult(result, encoding);
  } catch (error) {
    if (error instanceof SandboxError) throw error;
    // The stream broke on its way; what broke it does not cross.
    const message = `the reading of ${result.path} was cut: ${messageOf(error)}`;
    const context = { reason: "transport_disposed", operation: "file.read", phase: "running", admitted: true };
    throw createError(
      "OPERATION_INTERRUPTED",
      message,
      { ...context, retryable: true },
      { operation: "file.read", cause: error },
    );
  }
}

/**
 * Content as it crosses: much of it as a stream, which has no encoding any more.
 *
 * @throws ValidationFailedError when it is no base64, and should be.
 */
export function contentAcross(
  content: string | ReadableStream<Uint8Array>,
  encoding: string | undefined,
): { content: string | ReadableStream<Uint8Array>; encoding?: string | undefined } {
  if (typeof content !== "string" || content.length <= SMALL) return { content, encoding };
  const plain = contentOf(content, encoding);
  const bytes = typeof plain === "string" ? new TextEncoder().encode(plain) : (plain as Uint8Array);
  let at = 0;
  const stream = byteStream({
    async next() {
      const chunk = bytes.slice(at, at + CHUNK) as Uint8Array<ArrayBuffer>;
      at += chunk.length;
      return chunk.length > 0 ? chunk : undefined;
    },
    cancel() {},
  });
  return { content: stream };
}
