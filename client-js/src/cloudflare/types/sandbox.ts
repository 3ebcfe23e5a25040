/** Types of a sandbox and its sessions, in the shape of the stock package. */

import type { ExecOptions, ExecResult, StreamOptions } from "./command.ts";
import type {
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
} from "./file.ts";
import type { CodeContext, CreateContextOptions, ExecutionResult, RunCodeOptions } from "./interpreter.ts";
import type { Process, ProcessOptions } from "./process.ts";
import type { BackupOptions, DirectoryBackup, MountBucketOptions, RestoreBackupResult } from "./storage.ts";

/** How to make a session. */
export interface SessionOptions {
  /** Its id. Default: one is made. */
  id?: string;
  /** Its name, for people. */
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
  success: boolean;
  sessionId: string;
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
  branch?: string;
  targetDir?: string;
  /** Only so many commits. */
  depth?: number;
  /** Milliseconds. Default: 600000. */
  cloneTimeoutMs?: number;
}

/** What a sandbox and a session can both do. */
interface Common {
  exec(command: string, options?: ExecOptions): Promise<ExecResult>;
  execStream(command: string, options?: StreamOptions): Promise<ReadableStream<Uint8Array>>;
  startProcess(command: string, options?: ProcessOptions): Promise<Process>;
  listProcesses(sessionId?: string): Promise<Process[]>;
  getProcess(id: string, sessionId?: string): Promise<Process | null>;
  killProcess(id: string, signal?: string): Promise<void>;
  killAllProcesses(): Promise<number>;
  cleanupCompletedProcesses(): Promise<number>;
  getProcessLogs(id: string): Promise<{ stdout: string; stderr: string; processId: string }>;
  streamProcessLogs(processId: string, options?: { signal?: AbortSignal }): Promise<ReadableStream<Uint8Array>>;
  writeFile(
    path: string,
    content: string | ReadableStream<Uint8Array>,
    options?: { encoding?: string },
  ): Promise<WriteFileResult>;
  readFile(path: string, options: { encoding: "none" }): Promise<ReadFileStreamResult>;
  readFile(path: string, options?: { encoding?: Exclude<FileEncoding, "none"> }): Promise<ReadFileResult>;
  readFileStream(path: string): Promise<ReadableStream<Uint8Array>>;
  mkdir(path: string, options?: { recursive?: boolean }): Promise<MkdirResult>;
  deleteFile(path: string): Promise<DeleteFileResult>;
  renameFile(oldPath: string, newPath: string): Promise<RenameFileResult>;
  moveFile(sourcePath: string, destinationPath: string): Promise<MoveFileResult>;
  listFiles(path: string, options?: ListFilesOptions): Promise<ListFilesResult>;
  setEnvVars(envVars: Record<string, string | undefined>): Promise<void>;
  createCodeContext(options?: CreateContextOptions): Promise<CodeContext>;
  runCode(code: string, options?: RunCodeOptions): Promise<ExecutionResult>;
  listCodeContexts(): Promise<CodeContext[]>;
  deleteCodeContext(contextId: string): Promise<void>;
  mountBucket(bucket: string, mountPath: string, options: MountBucketOptions): Promise<void>;
  unmountBucket(mountPath: string): Promise<void>;
  createBackup(options: BackupOptions): Promise<DirectoryBackup>;
  restoreBackup(backup: DirectoryBackup): Promise<RestoreBackupResult>;
}

/** A session: a shell that lives from one command to the next, and everything that a sandbox can do, from its directory. */
export interface ExecutionSession extends Common {
  /** Its id. */
  readonly id: string;
  watch(path: string, options?: Omit<WatchOptions, "sessionId">): Promise<ReadableStream<Uint8Array>>;
  checkChanges(path: string, options?: Omit<CheckChangesOptions, "sessionId">): Promise<CheckChangesResult>;
  exists(path: string): Promise<FileExistsResult>;
  gitCheckout(repoUrl: string, options?: GitCheckoutOptions): Promise<GitCheckoutResult>;
  runCodeStream(code: string, options?: RunCodeOptions): Promise<ReadableStream<Uint8Array>>;
  /** Answers a WebSocket upgrade with a terminal of this session. */
  terminal(request: Request, options?: PtyOptions): Promise<Response>;
}

/** A sandbox. */
export interface ISandbox extends Common {
  watch(path: string, options?: WatchOptions): Promise<ReadableStream<Uint8Array>>;
  checkChanges(path: string, options?: CheckChangesOptions): Promise<CheckChangesResult>;
  exists(path: string, sessionId?: string): Promise<FileExistsResult>;
  gitCheckout(repoUrl: string, options?: GitCheckoutOptions & { sessionId?: string }): Promise<GitCheckoutResult>;
  createSession(options?: SessionOptions): Promise<ExecutionSession>;
  deleteSession(sessionId: string): Promise<SessionDeleteResult>;
  /** Where the container is; `null` when it does not say, `undefined` before it was asked. */
  getContainerPlacementId(): Promise<string | null | undefined>;
  runCodeStream(code: string, options?: RunCodeOptions): Promise<ReadableStream>;
  /** Carries a WebSocket to a port of the sandbox. */
  wsConnect(request: Request, port: number): Promise<Response>;
}
