/** Types of a sandbox and its sessions, in the shape of the stock package. */

import type { ExecOptions, ExecResult, StreamOptions } from "./command.ts";
import type {
  CheckChangesOptions,
  CheckChangesResult,
  DeleteFileOptions,
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
} from "./file.ts";
import type { CodeContext, CreateContextOptions, ExecutionResult, RunCodeOptions } from "./interpreter.ts";
import type { Process, ProcessOptions } from "./process.ts";
import type { BackupOptions, DirectoryBackup, MountBucketOptions, RestoreBackupResult } from "./storage.ts";

/** How to make a session. */
export interface SessionOptions {
  /** Its id. Default: its name, when that can be one, else one is made. */
  id?: string;
  /** Its name. Without an `id` it is that, when it is 1 to 128 of `A-Z a-z 0-9 . _ -`; else it is not kept. */
  name?: string;
  /** Variables of its shell; `undefined` is left out. */
  env?: Record<string, string | undefined>;
  /** Its first directory. Default: `/workspace`. */
  cwd?: string;
  /** Kept for the stock package's sake. */
  isolation?: boolean;
  /** Milliseconds that a command has which says no `timeout`. Default: none. */
  commandTimeoutMs?: number;
}

/** A session that was ended. */
export interface SessionDeleteResult {
  /** Whether it was done. */
  success: boolean;
  /** The session. */
  sessionId: string;
  /** When: ISO 8601. */
  timestamp: string;
}

/** How the stock package reaches its container. Ours has one way; the value is taken, and makes no difference. */
export type SandboxTransport = "http" | "websocket" | "rpc";

/** How to get a sandbox. */
export interface SandboxOptions {
  /** Sleep after so long without work: seconds, or `30s`, `10m`, `1h`. Default: 10 minutes. */
  sleepAfter?: string | number;
  /** Never sleep: call `destroy()` when it is not needed any more. Default: false. */
  keepAlive?: boolean;
  /** Run what names no session in one shell that lives on. Default: true; else each command has a shell of its own. */
  enableDefaultSession?: boolean;
  /** Take the id in lower case, as preview URLs need it. Default: false. */
  normalizeId?: boolean;
  /** How long to wait for the container. */
  containerTimeouts?: {
    /** Milliseconds for an instance. Default: 30000. */
    instanceGetTimeoutMS?: number;
    /** Milliseconds until its server answers. Default: 90000. */
    portReadyTimeoutMS?: number;
    /** Milliseconds between two looks. Default: 300. */
    waitIntervalMS?: number;
  };
  /** See {@link SandboxTransport}. */
  transport?: SandboxTransport;
  /** Labels of the container, from its next start on. */
  labels?: Record<string, string>;
}

/** How large a terminal is, and what runs in it. */
export interface PtyOptions {
  /** Columns. Default: 80. */
  cols?: number;
  /** Rows. Default: 24. */
  rows?: number;
  /** The shell. Default: the user's. */
  shell?: string;
}

/** How to get a repository. */
export interface GitCheckoutOptions {
  /** The branch. */
  branch?: string;
  /** The directory that it goes to. */
  targetDir?: string;
  /** Only so many commits. */
  depth?: number;
  /** Milliseconds. Default: 600000. */
  cloneTimeoutMs?: number;
}

/** What a sandbox and a session can both do. */
interface Common {
  /** Runs a command to its end, in the shell of the session. */
  exec(command: string, options?: ExecOptions): Promise<ExecResult>;
  /** Runs a command and tells what it does, as server-sent events: `parseSSEStream<ExecEvent>` reads them. */
  execStream(command: string, options?: StreamOptions): Promise<ReadableStream<Uint8Array>>;
  /** Starts a background process. */
  startProcess(command: string, options?: ProcessOptions): Promise<Process>;
  /** The processes that are known, oldest first. */
  listProcesses(sessionId?: string): Promise<Process[]>;
  /** One process; `null` when it is not known. */
  getProcess(id: string, sessionId?: string): Promise<Process | null>;
  /** Ends a process and its tree; with a signal, sends it. */
  killProcess(id: string, signal?: string): Promise<void>;
  /** Ends every process that runs. Returns how many there were. */
  killAllProcesses(): Promise<number>;
  /** Forgets every process that has ended. Returns how many there were. */
  cleanupCompletedProcesses(): Promise<number>;
  /** The output of a process so far, at most 10 MiB. */
  getProcessLogs(id: string): Promise<{ stdout: string; stderr: string; processId: string }>;
  /** Follows the log of a process, as server-sent events: `parseSSEStream<LogEvent>` reads them. */
  streamProcessLogs(processId: string, options?: { signal?: AbortSignal }): Promise<ReadableStream<Uint8Array>>;
  /** Writes a file from text, base64 or a stream, atomically. */
  writeFile(
    path: string,
    content: string | ReadableStream<Uint8Array>,
    options?: { encoding?: string },
  ): Promise<WriteFileResult>;
  /** Reads a file: as text or base64, or with `none` as a stream of the bytes. */
  readFile(path: string, options: { encoding: "none" }): Promise<ReadFileStreamResult>;
  /** Reads a file: as text or base64, or with `none` as a stream of the bytes. */
  readFile(path: string, options?: { encoding?: Exclude<FileEncoding, "none"> }): Promise<ReadFileResult>;
  /** Reads a file as server-sent events: `streamFile` and `collectFile` read them. */
  readFileStream(path: string): Promise<ReadableStream<Uint8Array>>;
  /** Makes a directory. */
  mkdir(path: string, options?: { recursive?: boolean }): Promise<MkdirResult>;
  /** Removes a file; with `recursive` a directory, too. */
  deleteFile(path: string, options?: DeleteFileOptions): Promise<DeleteFileResult>;
  /** Renames, within one file system. */
  renameFile(oldPath: string, newPath: string): Promise<RenameFileResult>;
  /** Moves, across file systems, too. */
  moveFile(sourcePath: string, destinationPath: string): Promise<MoveFileResult>;
  /** Lists a directory. */
  listFiles(path: string, options?: ListFilesOptions): Promise<ListFilesResult>;
  /** Variables for everything that is started later; `undefined` takes one away. */
  setEnvVars(envVars: Record<string, string | undefined>): Promise<void>;
  /** Makes a code context. */
  createCodeContext(options?: CreateContextOptions): Promise<CodeContext>;
  /** Runs code. */
  runCode(code: string, options?: RunCodeOptions): Promise<ExecutionResult>;
  /** The code contexts. */
  listCodeContexts(): Promise<CodeContext[]>;
  /** Ends a code context. */
  deleteCodeContext(contextId: string): Promise<void>;
  /** Mounts a bucket. */
  mountBucket(bucket: string, mountPath: string, options: MountBucketOptions): Promise<void>;
  /** Unmounts it. */
  unmountBucket(mountPath: string): Promise<void>;
  /** Keeps a directory. */
  createBackup(options: BackupOptions): Promise<DirectoryBackup>;
  /** Brings it back. */
  restoreBackup(backup: DirectoryBackup): Promise<RestoreBackupResult>;
}

/** A session: a shell that lives from one command to the next, and everything that a sandbox can do, from its directory. */
export interface ExecutionSession extends Common {
  /** Its id. */
  readonly id: string;
  /** Tells changes of files, as server-sent events: `parseSSEStream<FileWatchSSEEvent>` reads them. */
  watch(path: string, options?: Omit<WatchOptions, "sessionId">): Promise<ReadableStream<Uint8Array>>;
  /** Whether anything changed since an earlier call. */
  checkChanges(path: string, options?: Omit<CheckChangesOptions, "sessionId">): Promise<CheckChangesResult>;
  /** Whether there is something. */
  exists(path: string): Promise<FileExistsResult>;
  /** Gets a repository. */
  gitCheckout(repoUrl: string, options?: GitCheckoutOptions): Promise<GitCheckoutResult>;
  /** Runs code, and tells what it does as server-sent events. */
  runCodeStream(code: string, options?: RunCodeOptions): Promise<ReadableStream<Uint8Array>>;
  /** Answers a WebSocket upgrade with a terminal of this session. */
  terminal(request: Request, options?: PtyOptions): Promise<Response>;
}

/** A sandbox. */
export interface ISandbox extends Common {
  /** Tells changes of files, as server-sent events: `parseSSEStream<FileWatchSSEEvent>` reads them. */
  watch(path: string, options?: WatchOptions): Promise<ReadableStream<Uint8Array>>;
  /** Whether anything changed since an earlier call. */
  checkChanges(path: string, options?: CheckChangesOptions): Promise<CheckChangesResult>;
  /** Whether there is something. */
  exists(path: string, sessionId?: string): Promise<FileExistsResult>;
  /** Gets a repository. */
  gitCheckout(repoUrl: string, options?: GitCheckoutOptions & { sessionId?: string }): Promise<GitCheckoutResult>;
  /** Makes a session. */
  createSession(options?: SessionOptions): Promise<ExecutionSession>;
  /** Ends a session, and what runs in its shell. */
  deleteSession(sessionId: string): Promise<SessionDeleteResult>;
  /** Where the container is; `null` when it does not say, `undefined` before it was asked. */
  getContainerPlacementId(): Promise<string | null | undefined>;
  /** Runs code, and tells what it does as server-sent events. */
  runCodeStream(code: string, options?: RunCodeOptions): Promise<ReadableStream>;
  /** Carries a WebSocket to a port of the sandbox. */
  wsConnect(request: Request, port: number): Promise<Response>;
}
