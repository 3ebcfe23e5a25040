/** What a path is. */

import type { CallOptions } from "../call.ts";

/** What something in the file system is. */
export type FileType = "file" | "directory" | "symlink" | "other";

/** What a path is. */
export interface FileInfo {
  /** The path: as asked for by `stat`, relative to the directory that was listed or searched. */
  readonly path: string;
  /** Its bytes, when they are no UTF-8: `path` has replacement characters then. */
  readonly rawPath?: Uint8Array;
  /** What it is. */
  readonly type: FileType;
  /** Size in bytes. */
  readonly size: number;
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  /** User id of the owner. */
  readonly uid: number;
  /** Group id. */
  readonly gid: number;
  /** Last change of the content. */
  readonly modifiedAt: Date;
  /** Target of a symbolic link. */
  readonly target?: string;
  /** Changes when the content does. Only of regular files. */
  readonly etag?: string;
}

/** Which paths to take. Globs: one without a slash is for a name at any depth, one with a slash for the whole path below. */
export interface GlobOptions {
  /** Only paths that match one of these globs (`*`, `**`, `?`, `[a-z]`, `{a,b}`). Default: all. */
  readonly include?: readonly string[] | undefined;
  /** Leave out what matches one of these globs, with all that is in it. */
  readonly exclude?: readonly string[] | undefined;
}

/** Told while bytes go over. */
export interface ProgressOptions extends CallOptions {
  /** Called with the bytes so far and, when it is known, how many there will be. */
  readonly onProgress?: ((bytes: number, total: number | undefined) => void) | undefined;
}
