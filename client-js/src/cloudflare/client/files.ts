/** The parts of a client for files, repositories, watches and archives. */

import type { Sandbox } from "../../client.ts";
import { packing } from "../backup/options.ts";
import { createError } from "../errors.ts";
import * as file from "../file.ts";
import { gitCheckout } from "../git.ts";
import type {
  BackupCompressionOptions,
  CheckChangesOptions,
  CheckChangesResult,
  DeleteFileResult,
  FileEncoding,
  FileExistsResult,
  GitCheckoutResult,
  ListFilesOptions,
  ListFilesResult,
  MkdirResult,
  MoveFileResult,
  ReadFileResult,
  ReadFileStreamResult,
  RenameFileResult,
  WatchOptions,
  WriteFileResult,
} from "../types.ts";
import { checkChanges, watch } from "../watch.ts";
import { ClientPart } from "./connection.ts";

/** Files. */
export class FileClient extends ClientPart {
  /** Makes a directory. */
  mkdir(path: string, sessionId: string, options?: { recursive?: boolean }): Promise<MkdirResult> {
    return file.mkdir(this.connection.context(sessionId), path, options);
  }

  /** Writes a file: all of it or nothing. */
  writeFile(
    path: string,
    content: string,
    sessionId: string,
    options?: { encoding?: string },
  ): Promise<WriteFileResult> {
    return file.writeFile(this.connection.context(sessionId), path, content, options);
  }

  /** Reads a file: `encoding: "none"` as a stream of its bytes. */
  readFile(path: string, sessionId: string, options: { encoding: "none" }): Promise<ReadFileStreamResult>;
  readFile(
    path: string,
    sessionId: string,
    options?: { encoding?: Exclude<FileEncoding, "none"> },
  ): Promise<ReadFileResult>;
  readFile(
    path: string,
    sessionId: string,
    options?: { encoding?: FileEncoding },
  ): Promise<ReadFileResult | ReadFileStreamResult> {
    return file.readFile(this.connection.context(sessionId), path, options as { encoding?: "utf-8" });
  }

  /** Reads a file as server-sent events. */
  readFileStream(path: string, sessionId: string): Promise<ReadableStream<Uint8Array>> {
    return file.readFileStream(this.connection.context(sessionId), path);
  }

  /** Removes a file. */
  deleteFile(path: string, sessionId: string): Promise<DeleteFileResult> {
    return file.deleteFile(this.connection.context(sessionId), path);
  }

  /** Gives a file another name. */
  renameFile(path: string, newPath: string, sessionId: string): Promise<RenameFileResult> {
    return file.renameFile(this.connection.context(sessionId), path, newPath);
  }

  /** Moves a file. */
  moveFile(path: string, newPath: string, sessionId: string): Promise<MoveFileResult> {
    return file.moveFile(this.connection.context(sessionId), path, newPath);
  }

  /** Lists a directory. */
  listFiles(path: string, sessionId: string, options?: ListFilesOptions): Promise<ListFilesResult> {
    return file.listFiles(this.connection.context(sessionId), path, options);
  }

  /** Whether there is something. */
  exists(path: string, sessionId: string): Promise<FileExistsResult> {
    return file.exists(this.connection.context(sessionId), path);
  }

  /** Writes a file from a stream: all of it or nothing. */
  async writeFileStream(
    path: string,
    content: ReadableStream<Uint8Array>,
    sessionId: string,
  ): Promise<{ success: boolean; path: string; bytesWritten: number; timestamp: string }> {
    let bytesWritten = 0;
    const counted = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytesWritten += chunk.length;
        controller.enqueue(chunk);
      },
    });
    const context = this.connection.context(sessionId);
    const { success, timestamp } = await file.writeFile(context, path, content.pipeThrough(counted));
    return { success, path, bytesWritten, timestamp };
  }
}

/** Repositories. */
export class GitClient extends ClientPart {
  /** Gets one. */
  checkout(
    repoUrl: string,
    sessionId: string,
    options: { branch?: string; targetDir?: string; depth?: number; timeoutMs?: number } = {},
  ): Promise<GitCheckoutResult> {
    const { timeoutMs, ...how } = options;
    const time = timeoutMs === undefined ? {} : { cloneTimeoutMs: timeoutMs };
    return gitCheckout(this.connection.context(sessionId), repoUrl, { ...how, ...time });
  }
}

/** Changes of files. */
export class WatchClient extends ClientPart {
  /** Whether anything changed since an earlier call. */
  checkChanges({ path, ...options }: CheckChangesOptions & { path: string }): Promise<CheckChangesResult> {
    return checkChanges(this.connection.context(), path, options);
  }

  /** Changes as they come, as server-sent events. */
  watch({ path, ...options }: WatchOptions & { path: string }): Promise<ReadableStream<Uint8Array>> {
    return watch(this.connection.context(), path, options);
  }
}

/** Archives of directories, in files of the sandbox. */
export class BackupClient extends ClientPart {
  /** Packs a directory into a file of the sandbox. */
  async createArchive(
    dir: string,
    archivePath: string,
    _sessionId: string,
    options: { excludes?: string[]; gitignore?: boolean; compression?: BackupCompressionOptions } = {},
  ): Promise<{ success: boolean; sizeBytes: number; archivePath: string }> {
    const { excludes: exclude, gitignore, compression = {} } = options;
    const client = await this.connection.client();
    const archive = client.createBackup(dir, { exclude, gitignore, ...packing(compression) });
    await client.writeFile(archivePath, archive, { parents: true });
    return { success: true, sizeBytes: (await archive.result).archiveBytes, archivePath };
  }

  /** Puts a directory back as an archive in the sandbox has it. */
  async restoreArchive(
    dir: string,
    archivePath: string,
    _sessionId: string,
  ): Promise<{ success: boolean; dir: string }> {
    const client = await this.connection.client();
    const archive = await client.readFile(archivePath, { encoding: "stream" });
    await client.restoreBackup(dir, archive, { replace: true });
    return { success: true, dir };
  }

  /** Sends parts of a file of the sandbox to URLs that take them. */
  async uploadParts({
    archivePath,
    parts,
  }: {
    archivePath: string;
    parts: { partNumber: number; url: string; offset: number; size: number }[];
    sessionId?: string;
  }): Promise<{ success: boolean; parts: { partNumber: number; etag: string }[] }> {
    const client = await this.connection.client();
    const failed = (message: string, cause?: unknown) =>
      createError("BACKUP_CREATE_FAILED", message, { dir: archivePath }, { cause });
    const sent: { partNumber: number; etag: string }[] = [];
    for (const { partNumber, url, offset, size: length } of parts) {
      const response = await put(client, archivePath, { url, offset, length }).catch(error => {
        throw failed(`part ${partNumber} could not be sent: ${error instanceof Error ? error.message : error}`, error);
      });
      await response.body?.cancel();
      if (!response.ok) throw failed(`part ${partNumber} was answered ${response.status}`);
      sent.push({ partNumber, etag: response.headers.get("ETag") ?? "" });
    }
    return { success: true, parts: sent };
  }
}

/** Sends a part of a file, of whatever size: in workerd nothing of it is kept, and its length is said all the same. */
async function put(
  client: Sandbox,
  path: string,
  { url, offset, length }: { readonly url: string; readonly offset: number; readonly length: number },
): Promise<Response> {
  // Only there a stream can say its length, without which buckets take no part.
  if (typeof FixedLengthStream === "undefined") {
    const body = await client.readFile(path, { encoding: "bytes", offset, length });
    return fetch(url, { method: "PUT", body });
  }
  const part = await client.readFile(path, { encoding: "stream", offset, length });
  const { readable, writable } = new FixedLengthStream(length);
  const over = new AbortController();
  // What goes wrong with it goes wrong with the request, too.
  (part as unknown as ReadableStream<Uint8Array>).pipeTo(writable, { signal: over.signal }).catch(() => {});
  try {
    return await fetch(url, { method: "PUT", body: readable });
  } finally {
    // An answer may come before all of it was sent.
    over.abort();
  }
}
