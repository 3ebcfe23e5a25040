/** What a file is written from. */

import { invalid } from "../errors.ts";
import { bytesOfBase64 } from "../stream.ts";

/**
 * Text as it is, base64 as bytes, a stream as it is.
 *
 * @throws ValidationFailedError when the encoding is not known, or it is no base64.
 */
export function contentOf(
  content: string | ReadableStream<Uint8Array>,
  encoding = "utf-8",
): Uint8Array | string | ReadableStream<Uint8Array> {
  if (typeof content !== "string") return content;
  if (encoding === "utf-8" || encoding === "utf8") return content;
  if (encoding !== "base64") throw invalid("encoding", `the encoding ${JSON.stringify(encoding)} is not known`);
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(content)) {
    throw invalid("content", "the content is no base64: it takes A-Z a-z 0-9 + /, and = at the end");
  }
  try {
    return bytesOfBase64(content);
  } catch {
    throw invalid("content", "the content is no base64: its length does not fit");
  }
}
