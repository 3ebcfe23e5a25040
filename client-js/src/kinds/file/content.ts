/** The content of files: read in any form, written from any. */

import { bytesOf } from "../../bytes.ts";
import { SandwireError } from "../../error.ts";
import { type BlobResult, type ByteStream, type Content, platform } from "../../web.ts";
import type { Endpoint } from "../base.ts";
import { begin, type Call, fromWire, type Path, pick } from "../call.ts";
import { readable } from "../sequence.ts";
import { dataOf, feed, gather, sizeOf } from "../stream.ts";
import type { FileInfo, ProgressOptions } from "./info.ts";

/** In which form content is read. */
export type ReadEncoding = "utf8" | "bytes" | "blob" | "stream";

/** Content in that form. */
export type FileContent<E extends ReadEncoding> = E extends "bytes"
  ? Uint8Array
  : E extends "blob"
    ? BlobResult
    : E extends "stream"
      ? FileStream
      : string;

/** The content of a file as a stream, with what else is known of it. */
export type FileStream = ByteStream & {
  /** What is read. */
  readonly info: FileInfo;
  /** What the server says when all of it was read. Nobody has to look. */
  readonly result: Promise<ReadResult>;
};

/** What the server says of a file that was read. */
export interface ReadResult {
  /** Bytes delivered. */
  readonly bytes: number;
  /** Entity tag of the file as it was read. */
  readonly etag?: string;
  /** Whether the file changed meanwhile, so that the content may be of two states. */
  readonly changed: boolean;
}

/** What to read of a file, and how. */
export interface ReadFileOptions<E extends ReadEncoding = "utf8"> extends ProgressOptions {
  /** Text (UTF-8; what is invalid is replaced), bytes, a Blob, or a stream. Default: `"utf8"`. */
  readonly encoding?: E | undefined;
  /** First byte. Default: 0. */
  readonly offset?: number | undefined;
  /** At most so many bytes. Default: to the end. */
  readonly length?: number | undefined;
  /** Only the last so many bytes; not together with `offset`. */
  readonly tail?: number | undefined;
  /**
   * Unless it is a stream: more bytes than this are refused with a `FileTooLargeError`, because they would all be in memory.
   * Default: 256 MiB.
   */
  readonly maxSize?: number | undefined;
}

/** How to write a file. */
export interface WriteFileOptions extends ProgressOptions {
  /**
   * `"replace"`: atomically, readers see the old content or the new. `"create"`: the same, and `FileExistsError` when there
   * is something. `"append"` and `"patch"` (at `offset`): in place. Default: `"replace"`.
   */
  readonly how?: "replace" | "create" | "append" | "patch" | undefined;
  /** Where to write, with `"patch"`. */
  readonly offset?: number | undefined;
  /** Permission bits. Default: those of the file that is replaced; 0644 less the umask for a new one. */
  readonly mode?: number | undefined;
  /** Make missing directories. Default: false. */
  readonly parents?: boolean | undefined;
  /** Wait until it is on the disk. Default: false. */
  readonly fsync?: boolean | undefined;
  /** Fail with `PreconditionFailedError` unless the file has this entity tag. */
  readonly ifMatch?: string | undefined;
}

/** A file that was written. */
export interface WriteResult {
  /** Bytes that were written. */
  readonly bytes: number;
  /** Entity tag of the file now. */
  readonly etag: string;
}

/** Bytes that are read into memory at the most, unless told otherwise. */
const DEFAULT_MAX_SIZE = 256 << 20;

type Down = { readonly meta?: object };
type ReadCall = Call<never, Down, ReadResult>;

/** Reads a file in the form that is asked for. */
export async function readFile<E extends ReadEncoding>(
  endpoint: Endpoint,
  path: Path,
  options: ReadFileOptions<E>,
): Promise<FileContent<E>> {
  const { encoding, offset = 0, length, tail, maxSize = DEFAULT_MAX_SIZE, onProgress } = options;
  const params = { path, meta: true, ...pick(options, "offset", "length", "tail") };
  const call: ReadCall = begin(endpoint, "file.read", params, options);
  let info: FileInfo | undefined;
  let total: number | undefined;
  let bytes = 0;
  const next = async () => {
    for (let item = await call.next(); item; item = await call.next()) {
      if (item.type === "data") {
        bytes += item.data.length;
        onProgress?.(bytes, total);
        return item.data;
      }
      if (item.type === "event" && item.event.meta) {
        info = fromWire<FileInfo>(item.event.meta);
        const { size } = info;
        total = Math.min(length ?? size, tail ?? size, Math.max(0, size - offset));
        return undefined;
      }
    }
    await call.result();
    return undefined;
  };

  const first = await next();
  if (encoding === "stream") {
    let left = first;
    const stream = readable(async () => {
      const chunk = left ?? (await next());
      left = undefined;
      return chunk;
    }, call.cancel);
    const result = call.result().then(end => ({ ...end, changed: !!end.changed }));
    // Nobody has to look.
    result.catch(() => {});
    return Object.assign(stream, { info, result }) as FileContent<E>;
  }
  const bound = () => {
    if (Math.max(bytes, total ?? 0) <= maxSize) return;
    const message = `more than ${maxSize} bytes are to be read: read a part, or a stream, or allow a larger \`maxSize\``;
    const error = new SandwireError("FILE_TOO_LARGE", message, { path: `${path}`, maxSize });
    call.cancel(error);
    throw error;
  };
  bound();
  const content = gather(total);
  for (let chunk = first ?? (await next()); chunk; chunk = await next()) {
    bound();
    content.add(chunk);
  }
  const all = content.bytes();
  return (encoding === "blob" ? new platform.Blob([all]) : dataOf(all, encoding)) as FileContent<E>;
}

/** Writes a file from any content. */
export async function writeFile(
  endpoint: Endpoint,
  path: Path,
  content: Content,
  options: WriteFileOptions,
): Promise<WriteResult> {
  // Encoded once: its length is said before, so that a part can never take the place of the whole.
  const source = typeof content === "string" ? bytesOf(content) : content;
  const call = begin<never, never, WriteResult>(
    endpoint,
    "file.write",
    {
      path,
      size: sizeOf(source),
      ...pick(options, "how", "offset", "mode", "parents", "fsync", "if_match"),
    },
    options,
  );
  feed(call, source, options.onProgress);
  return call.result();
}
