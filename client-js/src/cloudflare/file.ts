/** Files and directories. */

import type { Sandbox } from "../client.ts";
import type { FileInfo as CoreInfo } from "../kinds/file/info.ts";
import type { Context } from "./context.ts";
import { type Attempt, attempt, createError, invalid } from "./errors.ts";
import { contentOf } from "./file/content.ts";
import { absolute, sessionOf } from "./session.ts";
import type {
  DeleteFileOptions,
  DeleteFileResult,
  FileExistsResult,
  FileInfo,
  ListFilesOptions,
  ListFilesResult,
  MkdirResult,
  MoveFileResult,
  OperationType,
  RenameFileResult,
  WriteFileResult,
} from "./types.ts";

export { readFile, readFileStream } from "./file/read.ts";

/** In which session a path is taken. */
export interface PathOptions {
  /** The session whose directory a relative path is taken from. Default: the context's. */
  sessionId?: string;
}

/** Largest number of entries that `listFiles` gives; more are refused, because all of them are in memory. */
export const MAX_ENTRIES = 100_000;

/** Characters of a path, as the stock package takes them. */
const MAX_PATH = 4096;

/**
 * Writes a file from text, base64 or a stream of bytes. It is replaced atomically, keeps its mode, and missing directories
 * are made: readers see the old content or the new, and when this fails, nothing has changed.
 */
export function writeFile(
  context: Context,
  path: string,
  content: string | ReadableStream<Uint8Array>,
  options: PathOptions & { encoding?: string } = {},
): Promise<WriteFileResult & { bytesWritten: number }> {
  const { encoding = "utf-8" } = options;
  return at(context, path, "file.write", options, async (client, full) => {
    const { bytes } = await client.writeFile(full, contentOf(content, encoding), { parents: true });
    return { ...done(path), bytesWritten: bytes };
  });
}

/** Makes a directory; with `recursive` its parents, too, and it may be there already. */
export function mkdir(
  context: Context,
  path: string,
  options: PathOptions & { recursive?: boolean } = {},
): Promise<MkdirResult> {
  const { recursive = false } = options;
  return at(context, path, "directory.create", options, async (client, full) => {
    await client.mkdir(full, { recursive });
    return { ...done(path), recursive };
  });
}

/**
 * Removes a file, or a symbolic link itself; with `recursive` a directory, too, and all that is in it.
 *
 * @throws FileSystemError `IS_DIRECTORY` for a directory without `recursive`.
 */
export function deleteFile(context: Context, path: string, options: DeleteFileOptions = {}): Promise<DeleteFileResult> {
  const { recursive = false } = options;
  return at(context, path, "file.delete", options, async (client, full) => {
    const { type } = await client.stat(full, { followSymlinks: false });
    if (type === "directory" && !recursive) {
      const message = `${path} is a directory: deleteFile removes one only with { recursive: true }`;
      throw createError("IS_DIRECTORY", message, { path, operation: "file.delete" }, { operation: "file.delete" });
    }
    await client.remove(full, { recursive });
    return done(path);
  });
}

/** Renames, within one file system. What is at the new name is replaced. */
export function renameFile(
  context: Context,
  oldPath: string,
  newPath: string,
  sessionId?: string,
): Promise<RenameFileResult> {
  return place(context, oldPath, newPath, "file.rename", sessionId);
}

/** Moves, across file systems, too. What is at the new name is replaced; into a directory it moves with its own name, as `mv` does. */
export function moveFile(
  context: Context,
  sourcePath: string,
  destinationPath: string,
  sessionId?: string,
): Promise<MoveFileResult> {
  return place(context, sourcePath, destinationPath, "file.move", sessionId);
}

/** Whether there is something. A symbolic link that leads nowhere is nothing. */
export function exists(context: Context, path: string, sessionId?: string): Promise<FileExistsResult> {
  return at(context, path, "file.stat", named(sessionId), async (client, full) => ({
    ...done(path),
    exists: await client.exists(full),
  }));
}

/**
 * Lists a directory. Names may have anything in them.
 *
 * @throws SandboxError `LIMIT_EXCEEDED` when there is more than {@link MAX_ENTRIES}.
 */
export function listFiles(context: Context, path: string, options: ListFilesOptions = {}): Promise<ListFilesResult> {
  const { recursive = false, includeHidden = false } = options;
  return at(context, path, "directory.list", options, async (client, full) => {
    const base = full.replace(/\/+$/, "") || "/";
    if ((await client.stat(base)).type !== "directory") {
      const message = `${path} is no directory`;
      throw createError(
        "NOT_DIRECTORY",
        message,
        { path, operation: "directory.list" },
        { operation: "directory.list" },
      );
    }
    const files: FileInfo[] = [];
    for await (const info of client.iterateFiles(base, { recursive, includeHidden })) {
      if (files.length === MAX_ENTRIES) {
        const message = `${path} has more than ${MAX_ENTRIES} entries: list parts of it, or use find`;
        throw createError("LIMIT_EXCEEDED", message, { path, limit: MAX_ENTRIES }, { operation: "directory.list" });
      }
      files.push(fileOf(base, info));
    }
    return { ...done(path), files, count: files.length };
  });
}

/** Does something with a path: the errors name it as it was given. */
export function at<T>(
  context: Context,
  path: string,
  operation: OperationType,
  options: PathOptions,
  work: (client: Sandbox, full: string) => Promise<T>,
): Promise<T> {
  const session = sessionOf(context, options);
  const what: Attempt = { operation, path, sessionId: session };
  return attempt(what, async () => {
    checkPath("path", path);
    const client = await context.client();
    return work(client, await absolute(context, client, session, path));
  });
}

function place(
  context: Context,
  from: string,
  to: string,
  operation: "file.rename" | "file.move",
  sessionId: string | undefined,
): Promise<RenameFileResult> {
  return at(context, from, operation, named(sessionId), async (client, source) => {
    checkPath("newPath", to);
    const target = await absolute(context, client, sessionOf(context, named(sessionId)), to);
    if (operation === "file.rename") {
      await client.renameFile(source, target);
    } else {
      const into = await isDirectory(client, target);
      await client.moveFile(source, into ? `${target.replace(/\/+$/, "")}/${nameOf(source)}` : target);
    }
    return { ...done(from), newPath: to };
  });
}

/** @throws ValidationFailedError when it is no path. */
function checkPath(field: string, path: string): void {
  if (typeof path !== "string" || path === "") throw invalid(field, "the path is empty");
  if (path.includes("\0")) throw invalid(field, "the path has a NUL in it");
  if (path.length > MAX_PATH) throw invalid(field, `the path has more than ${MAX_PATH} characters`);
}

const isDirectory = (client: Sandbox, path: string): Promise<boolean> =>
  client.stat(path).then(
    ({ type }) => type === "directory",
    () => false,
  );

function fileOf(base: string, { path, type, size, mode, modifiedAt }: CoreInfo): FileInfo {
  const [readable, writable, executable] = [0o400, 0o200, 0o100].map(bit => (mode & bit) !== 0);
  return {
    name: nameOf(path),
    absolutePath: base === "/" ? `/${path}` : `${base}/${path}`,
    relativePath: path,
    type,
    size,
    modifiedAt: modifiedAt.toISOString(),
    mode: modeOf(mode),
    permissions: { readable: !!readable, writable: !!writable, executable: !!executable },
  };
}

const modeOf = (mode: number): string =>
  Array.from({ length: 9 }, (_, at) => (mode & (0o400 >> at) ? "rwx"[at % 3] : "-")).join("");

const nameOf = (path: string): string => path.replace(/\/+$/, "").replace(/^.*\//s, "");
const named = (sessionId: string | undefined): PathOptions => (sessionId === undefined ? {} : { sessionId });
const done = (path: string) => ({ success: true, path, timestamp: new Date().toISOString() });
