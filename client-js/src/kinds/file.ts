/** `file.*`: files and directories. */

import type { Content } from "../web.ts";
import { type CallOptions, fromWire, type Path, pick } from "./call.ts";
import {
  type FileContent,
  type ReadEncoding,
  type ReadFileOptions,
  readFile,
  type WriteFileOptions,
  type WriteResult,
  writeFile,
} from "./file/content.ts";
import type { FileInfo, GlobOptions } from "./file/info.ts";
import { Processes } from "./process.ts";
import { iterable } from "./sequence.ts";
import type { AsyncSequence } from "./stream.ts";

/** What to list. */
export interface ListFilesOptions extends CallOptions, GlobOptions {
  /** What is in its directories, too. Symbolic links are not followed. Default: false. */
  readonly recursive?: boolean | undefined;
  /** At most so many levels, with `recursive`. Default: no bound. */
  readonly depth?: number | undefined;
  /** Names that begin with a dot, too. Default: true. */
  readonly includeHidden?: boolean | undefined;
}

/** How to remove. */
export interface RemoveOptions extends CallOptions {
  /** A directory with all that is in it. Default: false. */
  readonly recursive?: boolean | undefined;
  /** Be content when there is nothing. Default: false. */
  readonly force?: boolean | undefined;
}

/** How to rename or move. */
export interface RenameOptions extends CallOptions {
  /** Replace what is there. Default: true; else `FileExistsError`. */
  readonly overwrite?: boolean | undefined;
}

/** Files and directories. */
export class Files extends Processes {
  /**
   * Reads a file, or a part of it: as text, bytes, a Blob, or a stream of bytes that is read as fast as you take it.
   *
   * Errors: `FileNotFoundError`, `IsDirectoryError`, `FileTooLargeError` …
   *
   * @example
   * ```ts
   * await sandbox.writeFile("notes.txt", "milk\nbread\n");
   * console.log(await sandbox.readFile("notes.txt")); // "milk\nbread\n"
   * const bytes = await sandbox.readFile("notes.txt", { encoding: "bytes", tail: 6 });
   * console.log(bytes.length); // 6
   *
   * const stream = await sandbox.readFile("notes.txt", { encoding: "stream" });
   * for await (const chunk of stream) console.log(`${chunk.length} of ${stream.info.size} bytes`);
   * ```
   */
  readFile<E extends ReadEncoding = "utf8">(path: Path, options: ReadFileOptions<E> = {}): Promise<FileContent<E>> {
    return readFile(this.endpoint, path, options);
  }

  /**
   * Writes a file from text, bytes, a Blob, a stream or an iterable. By default it is replaced atomically: readers see the old
   * content or the new, never a part, and when this fails nothing has changed.
   *
   * @example
   * ```ts
   * await sandbox.writeFile("bin/hello", "#!/bin/sh\necho hello\n", { mode: 0o755, parents: true });
   *
   * async function* lines() {
   *   for (let line = 1; line <= 3; line += 1) yield `${line}\n`;
   * }
   * const { bytes } = await sandbox.writeFile("lines", lines(), { onProgress: bytes => console.log(bytes) });
   * console.log(bytes); // 6
   * ```
   */
  writeFile(path: Path, content: Content, options: WriteFileOptions = {}): Promise<WriteResult> {
    return writeFile(this.endpoint, path, content, options);
  }

  /** What a path is. With `followSymlinks: false` a symbolic link itself. */
  async stat(
    path: Path,
    options: CallOptions & { readonly followSymlinks?: boolean | undefined } = {},
  ): Promise<FileInfo> {
    return fromWire(await this.call("file.stat", { path, no_follow: options.followSymlinks === false }, options));
  }

  /** Whether there is something. A symbolic link that leads nowhere is nothing. */
  exists(path: Path, options?: CallOptions): Promise<boolean> {
    return this.stat(path, options).then(
      () => true,
      error => {
        if (error.code === "FILE_NOT_FOUND" || error.code === "NOT_DIRECTORY") return false;
        throw error;
      },
    );
  }

  /**
   * Lists a directory, all of it: sorted by the path's bytes, directories before what is in them. {@link iterateFiles} is for
   * trees that are too large for that.
   *
   * @example
   * ```ts
   * await sandbox.exec("mkdir -p src/app && touch src/app/main.ts src/app/main.css");
   * const files = await sandbox.listFiles("src", { recursive: true, include: ["*.ts"] });
   * console.log(files.map(file => file.path)); // ["app/main.ts"]
   * ```
   */
  async listFiles(path: Path, options: ListFilesOptions = {}): Promise<FileInfo[]> {
    const files: FileInfo[] = [];
    for await (const file of this.iterateFiles(path, options)) files.push(file);
    return files;
  }

  /**
   * The same one by one, of a page at a time.
   *
   * @example
   * ```ts
   * for await (const file of sandbox.iterateFiles("/usr/share", { recursive: true })) {
   *   if (file.type === "symlink") {
   *     console.log(file.path, "leads to", file.target);
   *     break;
   *   }
   * }
   * ```
   */
  iterateFiles(path: Path, options: ListFilesOptions = {}): AsyncSequence<FileInfo> {
    return iterable(this.#pages(path, options), () => {});
  }

  /** Makes a directory; with `recursive` its parents, too, and it may be there already. */
  async mkdir(
    path: Path,
    options: CallOptions & { readonly recursive?: boolean; readonly mode?: number } = {},
  ): Promise<void> {
    await this.call("file.mkdir", { path, parents: options.recursive, mode: options.mode }, options);
  }

  /** Removes a file, a symbolic link itself, or a directory: with `recursive` all that is in it. Says how many there were. */
  async remove(path: Path, options: RemoveOptions = {}): Promise<number> {
    return (
      await this.call<{ count: number }>("file.remove", { path, ...pick(options, "recursive", "force") }, options)
    ).count;
  }

  /** Removes a file; as {@link remove}. */
  async deleteFile(path: Path, options?: RemoveOptions): Promise<void> {
    await this.remove(path, options);
  }

  /** Renames, within one file system. What is at `to` is replaced. */
  async renameFile(from: Path, to: Path, options: RenameOptions = {}): Promise<void> {
    await this.#place("file.rename", from, to, options);
  }

  /** Moves, across file systems, too. What is at `to` is replaced. */
  async moveFile(from: Path, to: Path, options: RenameOptions = {}): Promise<void> {
    await this.#place("file.move", from, to, options);
  }

  /**
   * Copies a file, or with `recursive` a tree; `to` is the new name itself. Modes and times are kept. Says how many files and
   * directories were made, and how many bytes.
   */
  copyFile(
    from: Path,
    to: Path,
    options: RenameOptions & { readonly recursive?: boolean | undefined } = {},
  ): Promise<{ readonly count: number; readonly bytes: number }> {
    return this.#place("file.copy", from, to, options);
  }

  /** Changes permission bits, at most 0o7777; with `recursive` of all that is in a directory. */
  async chmod(
    path: Path,
    mode: number,
    options: CallOptions & { readonly recursive?: boolean | undefined } = {},
  ): Promise<void> {
    await this.call("file.chmod", { path, mode, recursive: options.recursive }, options);
  }

  /** Makes a symbolic link at `path` that leads to `target`, as it stands. */
  async symlink(target: Path, path: Path, options?: CallOptions): Promise<void> {
    await this.call("file.symlink", { path, target }, options);
  }

  #place<Result>(
    kind: string,
    from: Path,
    to: Path,
    options: RenameOptions & { readonly recursive?: boolean | undefined },
  ): Promise<Result> {
    const { overwrite = true, recursive } = options;
    return this.call(kind, { from, to, recursive, no_replace: !overwrite }, options);
  }

  async *#pages(path: Path, options: ListFilesOptions): AsyncGenerator<FileInfo, void> {
    for (let cursor: Path | undefined; ; ) {
      const page = await this.call<{ entries: unknown[]; cursor?: Path }>(
        "file.list",
        {
          path,
          cursor,
          no_hidden: options.includeHidden === false,
          ...pick(options, "recursive", "depth", "include", "exclude"),
        },
        options,
      );
      yield* fromWire<FileInfo[]>(page.entries);
      cursor = page.cursor;
      if (cursor === undefined) return;
    }
  }
}
