/** Whole trees of files: searched, watched, as archives. */

import type { ByteStream, Content } from "../web.ts";
import { begin, type Call, type CallOptions, fromWire, isResumable, type Path, pick } from "./call.ts";
import type { FileInfo, GlobOptions, ProgressOptions } from "./file/info.ts";
import { Files } from "./file.ts";
import { iterable } from "./sequence.ts";
import { type AsyncSequence, download, feed } from "./stream.ts";

/** What to look for. */
export interface SearchOptions extends CallOptions, GlobOptions {
  /** A regular expression (syntax of Rust's `regex`) for the content, line by line. Default: names are enough. */
  readonly pattern?: string | undefined;
  /** Take `pattern` as plain text. Default: false. */
  readonly literal?: boolean | undefined;
  /** Do not tell upper from lower case. Default: false. */
  readonly ignoreCase?: boolean | undefined;
  /** Leave out hidden files, and what `.gitignore` leaves out. Default: false. */
  readonly gitignore?: boolean | undefined;
  /** Lines before and after each match. Default: 0. */
  readonly context?: number | undefined;
  /** Stop after so many matches. Default: 10000. */
  readonly limit?: number | undefined;
}

/** What a search finds, in order. */
export type SearchEvent =
  /** A file whose name matches, when there is no `pattern`. */
  | { readonly type: "file"; readonly file: FileInfo }
  /** A line that matches, or stands beside one. */
  | {
      readonly type: "line";
      /** The file, below the directory that is searched. */
      readonly path: string;
      /** The bytes of its name, when they are no UTF-8. */
      readonly rawPath?: Uint8Array;
      /** Number of the line, from 1. */
      readonly line: number;
      /** The line without its newline, at most 4096 bytes of it. */
      readonly text: string;
      /** Its bytes, when they are no UTF-8. */
      readonly rawText?: Uint8Array;
      /** Begin and end of each match in the line's bytes; empty for a line of context. */
      readonly matches: readonly (readonly [number, number])[];
    }
  /** How far it came; always the last. */
  | {
      readonly type: "end";
      /** Files looked at. */
      readonly files: number;
      /** Lines that match, or files. */
      readonly matches: number;
      /** Files that could not be read. */
      readonly unreadable: number;
      /** Whether `limit` stopped it. */
      readonly truncated: boolean;
    };

/** What to watch. */
export interface WatchOptions extends CallOptions, GlobOptions {
  /** What is in its directories, too. Default: true. */
  readonly recursive?: boolean | undefined;
  /** Changes of one path within so many milliseconds are one event. Default: 50. */
  readonly debounce?: number | undefined;
}

/** A change below a path that is watched. */
export type WatchEvent =
  | {
      /** It came to be; its content, or mode, owner or times changed; it is gone; it has another name. */
      readonly type: "create" | "modify" | "attrib" | "remove" | "rename";
      /** The path, below the one that is watched; empty for itself. After a rename the new one. */
      readonly path: string;
      /** Its bytes, when they are no UTF-8. */
      readonly rawPath?: Uint8Array;
      /** The old path, of a rename. */
      readonly from?: string;
      /** Its bytes, when they are no UTF-8. */
      readonly rawFrom?: Uint8Array;
      /** Whether it is, or was, a directory. */
      readonly isDirectory: boolean;
    }
  /** Changes were lost: look at everything again. */
  | { readonly type: "overflow" };

/** Which part of a tree. */
export interface TreeOptions extends CallOptions, GlobOptions {
  /** Leave out what `.gitignore` leaves out. Default: false. */
  readonly gitignore?: boolean | undefined;
}

/** What an archive has in it. */
export interface TreeResult {
  /** Entries. */
  readonly entries: number;
  /** Bytes of file content. */
  readonly bytes: number;
  /** The first 100 paths that were left out: devices, FIFOs, sockets, what could not be read or changed meanwhile. */
  readonly skipped: readonly string[];
}

/** An archive as a stream, with what is known of it when all of it was read. */
export type TreeStream = ByteStream & {
  /** Nobody has to look. */
  readonly result: Promise<TreeResult>;
};

type SearchDown = { readonly file?: object; readonly line?: object };
type WatchDown = {
  readonly ready?: object;
  readonly change?: { readonly change: string; readonly directory?: boolean };
  readonly overflow?: object;
};

/** Whole trees. */
export class Trees extends Files {
  /**
   * Finds files by name, and lines by content. Leaving the loop ends the search.
   *
   * @example
   * ```ts
   * await sandbox.writeFile("src/a.ts", "const a = 1;\nconst b = 2;\n", { parents: true });
   * for await (const found of sandbox.search("src", { include: ["*.ts"], pattern: "b = \\d" })) {
   *   if (found.type === "line") console.log(`${found.path}:${found.line}: ${found.text}`);
   * }
   * ```
   */
  search(path: Path, options: SearchOptions = {}): AsyncSequence<SearchEvent> {
    const params = {
      path,
      ...pick(options, "include", "exclude", "pattern", "literal", "ignore_case", "gitignore", "context", "limit"),
    };
    const call = begin<never, SearchDown, object>(this.endpoint, "file.search", params, options);
    return iterable(found(call), call.cancel);
  }

  /**
   * Watches a file or a directory: resolves when every change from then on will be told. When changes were lost, by a storm
   * of them or by a connection that was away for too long, it says `overflow` and goes on. It ends with an error when what
   * is watched is gone; leaving the loop, or the signal, ends it.
   *
   * @example
   * ```ts
   * await sandbox.mkdir("inbox");
   * const changes = await sandbox.watch("inbox", { exclude: ["*.tmp"] });
   * await sandbox.writeFile("inbox/letter", "hello");
   * for await (const change of changes) {
   *   if (change.type === "create") console.log(change.path); // "letter"
   *   break;
   * }
   * ```
   */
  async watch(path: Path, options: WatchOptions = {}): Promise<AsyncSequence<WatchEvent>> {
    const params = { path, flat: options.recursive === false, ...pick(options, "include", "exclude", "debounce_ms") };
    let call: Call<never, WatchDown, object>;
    const start = async () => {
      call = begin(this.endpoint, "file.watch", params, options);
      const first = await call.next();
      // When there is nothing, the result says why.
      if (!first) await call.result();
    };
    await start();
    async function* changes(): AsyncGenerator<WatchEvent, void> {
      for (;;) {
        for (let item = await call.next(); item; item = await call.next()) {
          if (item.type !== "event") continue;
          const { change, overflow } = item.event;
          if (overflow) yield { type: "overflow" };
          if (change) {
            const { change: type, directory, ...where } = change;
            yield { type, ...fromWire<object>(where), isDirectory: !!directory } as WatchEvent;
          }
        }
        try {
          await call.result();
          return;
        } catch (error) {
          if (!isResumable(error)) throw error;
          await start();
          yield { type: "overflow" };
        }
      }
    }
    return iterable(changes(), () => call.cancel());
  }

  /**
   * A directory with all that is in it, as a tar archive (POSIX pax), or a single file. Leaving the stream ends it.
   *
   * @example
   * ```ts
   * await sandbox.writeFile("site/index.html", "<h1>hello</h1>", { parents: true });
   * const archive = sandbox.downloadTree("site", { exclude: ["node_modules"] });
   * const { entries } = await sandbox.uploadTree("copy-of-site", archive);
   * console.log(entries, (await archive.result).skipped);
   * ```
   */
  downloadTree(path: Path, options: TreeOptions = {}): TreeStream {
    const call = begin<never, never, object>(
      this.endpoint,
      "file.tree_read",
      { path, ...pick(options, "include", "exclude", "gitignore") },
      options,
    );
    const result = call.result().then(treeOf);
    // Nobody has to look.
    result.catch(() => {});
    return Object.assign(download(call), { result });
  }

  /**
   * Unpacks a tar archive in a directory, which is made when it is missing. An entry that would land outside it is refused.
   * With `owners` it takes the owners that the archive says; the server must be root.
   */
  async uploadTree(
    path: Path,
    archive: Content,
    { owners, onProgress, ...options }: ProgressOptions & { readonly owners?: boolean | undefined } = {},
  ): Promise<TreeResult> {
    const call = begin<never, never, object>(this.endpoint, "file.tree_write", { path, owners }, options);
    feed(call, archive, onProgress);
    return treeOf(await call.result());
  }
}

async function* found(call: Call<never, SearchDown, object>): AsyncGenerator<SearchEvent, void> {
  for (let item = await call.next(); item; item = await call.next()) {
    if (item.type !== "event") continue;
    const { file, line } = item.event;
    if (file) yield { type: "file", file: fromWire(file) };
    if (line) yield { type: "line", ...fromWire<Omit<SearchEvent & { type: "line" }, "type">>(line) };
  }
  const end = fromWire<Omit<SearchEvent & { type: "end" }, "type">>(await call.result());
  yield { type: "end", ...end, truncated: !!end.truncated };
}

const treeOf = (wire: object): TreeResult => ({ skipped: [], ...fromWire<Omit<TreeResult, "skipped">>(wire) });
