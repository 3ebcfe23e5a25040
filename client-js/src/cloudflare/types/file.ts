/** Types of files, in the shape of the stock package. */

/** How content is told: text, base64, or `none`: a stream of the bytes. */
export type FileEncoding = "utf-8" | "utf8" | "base64" | "none";

/** A file that was read. */
export interface ReadFileResult {
  /** Whether it was done. */
  success: boolean;
  /** The path, as it was given. */
  path: string;
  /** Text, or base64: see `encoding`. */
  content: string;
  /** When: ISO 8601. */
  timestamp: string;
  /** The exit code, when there is one. */
  exitCode?: number;
  /** What `content` is. */
  encoding?: "utf-8" | "base64";
  /** Whether the content is no text. */
  isBinary?: boolean;
  /** Its media type, by its content and its name. */
  mimeType?: string;
  /** Bytes of the file. */
  size?: number;
}

/** A file that is read as a stream. */
export interface ReadFileStreamResult {
  /** Whether it was done. */
  success: true;
  /** The path, as it was given. */
  path: string;
  /** The bytes. What is not read waits in the sandbox. */
  content: ReadableStream<Uint8Array>;
  /** Bytes of the file. */
  size: number;
  /** Its media type. */
  mimeType: string;
  /** When: ISO 8601. */
  timestamp: string;
}

/** A file that was written. */
export interface WriteFileResult {
  /** Whether it was done. */
  success: boolean;
  /** The path, as it was given. */
  path: string;
  /** When: ISO 8601. */
  timestamp: string;
  /** The exit code, when there is one. */
  exitCode?: number;
}

/** A directory that was made. */
export interface MkdirResult {
  /** Whether it was done. */
  success: boolean;
  /** The path, as it was given. */
  path: string;
  /** Whether missing parents are made. */
  recursive: boolean;
  /** When: ISO 8601. */
  timestamp: string;
  /** The exit code, when there is one. */
  exitCode?: number;
}

/** How to remove a file. Ours: the stock package removes files only. */
export interface DeleteFileOptions {
  /** A directory, too, with all that is in it. Default: false. */
  recursive?: boolean;
  /** The session whose directory a relative path is taken from. */
  sessionId?: string;
}

/** A file that was removed. */
export interface DeleteFileResult {
  /** Whether it was done. */
  success: boolean;
  /** The path, as it was given. */
  path: string;
  /** When: ISO 8601. */
  timestamp: string;
  /** The exit code, when there is one. */
  exitCode?: number;
}

/** Something that has another name now. */
export interface RenameFileResult {
  /** Whether it was done. */
  success: boolean;
  /** The path, as it was given. */
  path: string;
  /** The new path, as it was given. */
  newPath: string;
  /** When: ISO 8601. */
  timestamp: string;
  /** The exit code, when there is one. */
  exitCode?: number;
}

/** Something that is elsewhere now. */
export interface MoveFileResult {
  /** Whether it was done. */
  success: boolean;
  /** The path, as it was given. */
  path: string;
  /** The new path, as it was given. */
  newPath: string;
  /** When: ISO 8601. */
  timestamp: string;
  /** The exit code, when there is one. */
  exitCode?: number;
}

/** Whether there is something. */
export interface FileExistsResult {
  /** Whether it was done. */
  success: boolean;
  /** The path, as it was given. */
  path: string;
  /** Whether there is something. */
  exists: boolean;
  /** When: ISO 8601. */
  timestamp: string;
}

/** Something in a directory. */
export interface FileInfo {
  /** Its name; bytes that are no UTF-8 are replaced. */
  name: string;
  /** Its path from the root. */
  absolutePath: string;
  /** Below the directory that was listed. */
  relativePath: string;
  /** What it is. */
  type: "file" | "directory" | "symlink" | "other";
  /** Bytes. */
  size: number;
  /** Last change of the content: ISO 8601. */
  modifiedAt: string;
  /** As `rwxr-xr-x`. */
  mode: string;
  /** What its owner may do. */
  permissions: { readable: boolean; writable: boolean; executable: boolean };
}

/** What to list. */
export interface ListFilesOptions {
  /** What is in its directories, too. Default: false. */
  recursive?: boolean;
  /** Names that begin with a dot, too. Default: false. */
  includeHidden?: boolean;
  /** The session whose directory relative paths are taken from. */
  sessionId?: string;
}

/** What is in a directory. */
export interface ListFilesResult {
  /** Whether it was done. */
  success: boolean;
  /** The path, as it was given. */
  path: string;
  /** What is in it. */
  files: FileInfo[];
  /** How many there are. */
  count: number;
  /** When: ISO 8601. */
  timestamp: string;
  /** The exit code, when there is one. */
  exitCode?: number;
}

/** What `readFileStream` tells. The last is `complete` or `error`. */
export type FileStreamEvent =
  /** What it is. Once more when a file that began as text turns out to be none: what follows is base64. */
  | { type: "metadata"; mimeType: string; size: number; isBinary: boolean; encoding: "utf-8" | "base64" }
  /** A piece of it, in the encoding that was told last. */
  | { type: "chunk"; data: string }
  /** All was read. */
  | { type: "complete"; bytesRead: number }
  /** It was not. */
  | { type: "error"; error: string };

/** What is known of a file that is read as a stream. */
export interface FileMetadata {
  /** Its media type. */
  mimeType: string;
  /** Bytes of the file. */
  size: number;
  /** Whether it is no text. */
  isBinary: boolean;
  /** How its pieces are told. */
  encoding: "utf-8" | "base64";
}

/** A piece of a file: text of a text file, else bytes. */
export type FileChunk = string | Uint8Array;

/** What to watch. */
export interface WatchOptions {
  /** What is in its directories, too. Default: true. */
  recursive?: boolean;
  /** Only paths that match one of these globs. Not together with `exclude`. */
  include?: string[];
  /** Leave out what matches one of these globs. Default: `.git`, `node_modules`, `.DS_Store`. */
  exclude?: string[];
  /** The session whose directory a relative path is taken from. */
  sessionId?: string;
}

/** What to look for changes in. */
export interface CheckChangesOptions extends WatchOptions {
  /** The version that an earlier call said. */
  since?: string;
}

/** What happened to a path. */
export type FileWatchEventType = "create" | "modify" | "delete" | "move_from" | "move_to" | "attrib";

/** What `watch` tells. */
export type FileWatchSSEEvent =
  /** Every change from now on is told. Always the first. */
  | { type: "watching"; path: string; watchId: string }
  /** A change. */
  | { type: "event"; eventType: FileWatchEventType; path: string; isDirectory: boolean; timestamp: string }
  /** Changes were lost, so that everything has to be looked at again; or the watch failed, and this is the last but one. */
  | { type: "error"; error: string }
  /** The end. */
  | { type: "stopped"; reason: string };

/** Whether there were changes. */
export type CheckChangesResult =
  | { success: true; status: "unchanged" | "changed"; version: string; timestamp: string }
  /** Nobody knows: look at everything again. */
  | { success: true; status: "resync"; reason: "expired" | "restarted"; version: string; timestamp: string };

/** A repository that was checked out. */
export interface GitCheckoutResult {
  /** Whether it was done. */
  success: boolean;
  /** The repository. */
  repoUrl: string;
  /** The branch. */
  branch: string;
  /** The directory that it goes to. */
  targetDir: string;
  /** When: ISO 8601. */
  timestamp: string;
  /** The exit code, when there is one. */
  exitCode?: number;
}
