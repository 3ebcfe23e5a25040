/** The methods of a sandbox that each session has too: in the default session, unless a session is named. */

import { Container } from "@cloudflare/containers";
import { aliasesOf } from "./aliases.ts";
import type { Calls } from "./calls.ts";
import type { SandboxClient } from "./client/sandbox.ts";
import type { SandboxConfiguration } from "./options.ts";
import type { TunnelsHandler } from "./tunnels.ts";
import type * as Types from "./types.ts";

/** Gives the calls in a session. A symbol, so that nobody reaches it by RPC. */
export const IN: unique symbol = Symbol("sandwire.in");

/** A call that may name its session. */
interface InSession {
  /** The session; the default one when there is none. */
  readonly sessionId?: string | undefined;
}

/** A container with the methods of a sandbox. Where they lead says the class that extends it. */
export abstract class SandboxMethods<Env> extends Container<Env> {
  /** The calls in a session; absent: the default one. */
  abstract [IN](sessionId?: string): Calls;

  /** Sets several of the options of `getSandbox` at once. What is absent stays. */
  abstract configure(configuration: SandboxConfiguration): Promise<void>;

  /** The parts of the stock package's client. */
  abstract get client(): SandboxClient;

  /** Inactivity after which the sandbox sleeps: seconds, or `30s`, `10m`, `1h`. */
  setSleepAfter(sleepAfter: string | number): Promise<void> {
    return this.configure({ sleepAfter });
  }

  /** Whether the sandbox never sleeps by itself: then `destroy()` has to end it. */
  setKeepAlive(keepAlive: boolean): Promise<void> {
    return this.configure({ keepAlive });
  }

  /** Milliseconds that it has to start. */
  setContainerTimeouts(containerTimeouts: NonNullable<Types.SandboxOptions["containerTimeouts"]>): Promise<void> {
    return this.configure({ containerTimeouts });
  }

  /** Labels of the container, from its next start on. */
  setLabels(labels: Record<string, string>): Promise<void> {
    return this.configure({ labels });
  }

  /** Takes what the stock package takes; there is one way to the sandbox, and it does everything. */
  async setTransport(_transport: Types.SandboxTransport): Promise<void> {}

  /**
   * Runs a command in a shell, and waits for its end. One that fails resolves: look at `exitCode`.
   *
   * @throws `SessionTerminatedError` when it ended the session's shell, `OperationInterruptedError` when nobody knows how it
   * ended, a `CommandError` with what it had written when its `timeout` was over: then it is ended, too.
   */
  exec(command: string, options?: Types.ExecOptions): Promise<Types.ExecResult> {
    return this[IN]().exec(command, options);
  }

  /** {@link exec}, in a session. */
  execWithSessionToken(command: string, sessionId: string, options?: Types.ExecOptions): Promise<Types.ExecResult> {
    return this[IN](sessionId).exec(command, options);
  }

  /** {@link execStream}, in a session. */
  execStreamWithSessionToken(
    command: string,
    sessionId: string,
    options?: Types.StreamOptions,
  ): Promise<ReadableStream<Uint8Array>> {
    return this[IN](sessionId).execStream(command, options);
  }

  /** Runs a command, and gives what it writes as server-sent events while it runs. Cancelling the stream ends it. */
  execStream(command: string, options?: Types.StreamOptions): Promise<ReadableStream<Uint8Array>> {
    return this[IN](options?.sessionId).execStream(command, options);
  }

  /** Starts a process that goes on by itself. */
  startProcess(command: string, options?: Types.ProcessOptions, sessionId?: string): Promise<Types.Process> {
    return this[IN](options?.sessionId ?? sessionId).startProcess(command, options);
  }

  /** The processes, ended ones too as long as they are remembered. */
  listProcesses(sessionId?: string): Promise<Types.Process[]> {
    return this[IN](sessionId).listProcesses();
  }

  /** A process by its id; `null` when it is not known. */
  getProcess(id: string, sessionId?: string): Promise<Types.Process | null> {
    return this[IN](sessionId).getProcess(id);
  }

  /** Sends a signal to a process and what it started. Default: `SIGTERM`. */
  killProcess(id: string, signal?: string, sessionId?: string): Promise<void> {
    return this[IN](sessionId).killProcess(id, signal);
  }

  /** Ends all processes. Returns how many there were. */
  killAllProcesses(sessionId?: string): Promise<number> {
    return this[IN](sessionId).killAllProcesses();
  }

  /** Forgets the processes that have ended. Returns how many there were. */
  cleanupCompletedProcesses(sessionId?: string): Promise<number> {
    return this[IN](sessionId).cleanupCompletedProcesses();
  }

  /** What a process has written so far, as much as is kept. */
  getProcessLogs(id: string, sessionId?: string): Promise<Awaited<ReturnType<Calls["getProcessLogs"]>>> {
    return this[IN](sessionId).getProcessLogs(id);
  }

  /** What a process wrote and writes, as server-sent events, until it ends. */
  streamProcessLogs(processId: string, options?: { signal?: AbortSignal }): Promise<ReadableStream<Uint8Array>> {
    return this[IN]().streamProcessLogs(processId, options);
  }

  /** Writes a file: all of it or nothing. */
  writeFile(
    path: string,
    content: string | ReadableStream<Uint8Array>,
    options?: { encoding?: string } & InSession,
  ): Promise<Types.WriteFileResult> {
    return this[IN](options?.sessionId).writeFile(path, content, options);
  }

  /** Reads a file: `encoding: "none"` as a stream of its bytes, however large it is. */
  readFile(path: string, options: { encoding: "none" } & InSession): Promise<Types.ReadFileStreamResult>;
  readFile(
    path: string,
    options?: { encoding?: Exclude<Types.FileEncoding, "none"> } & InSession,
  ): Promise<Types.ReadFileResult>;
  readFile(
    path: string,
    options?: { encoding?: Types.FileEncoding } & InSession,
  ): Promise<Types.ReadFileResult | Types.ReadFileStreamResult> {
    const read = this[IN](options?.sessionId).readFile as (
      path: string,
      options?: { encoding?: Types.FileEncoding },
    ) => Promise<Types.ReadFileResult | Types.ReadFileStreamResult>;
    return read(path, options);
  }

  /** Reads a file as server-sent events, for `streamFile` and `collectFile`. */
  readFileStream(path: string, options: InSession = {}): Promise<ReadableStream<Uint8Array>> {
    return this[IN](options.sessionId).readFileStream(path);
  }

  /** Watches a directory: what changes, as server-sent events. */
  watch(path: string, options?: Types.WatchOptions): Promise<ReadableStream<Uint8Array>> {
    return this[IN](options?.sessionId).watch(path, options);
  }

  /** Whether a directory changed since a version that an earlier call said. */
  checkChanges(path: string, options?: Types.CheckChangesOptions): Promise<Types.CheckChangesResult> {
    return this[IN](options?.sessionId).checkChanges(path, options);
  }

  /** Makes a directory. */
  mkdir(path: string, options?: { recursive?: boolean } & InSession): Promise<Types.MkdirResult> {
    return this[IN](options?.sessionId).mkdir(path, options);
  }

  /** Removes a file; with `recursive` a directory, too. A text in the place of the options is the session. */
  deleteFile(path: string, options: string | Types.DeleteFileOptions = {}): Promise<Types.DeleteFileResult> {
    const { sessionId, ...how } = typeof options === "string" ? { sessionId: options } : options;
    return this[IN](sessionId).deleteFile(path, how);
  }

  /** Gives a file another name. */
  renameFile(oldPath: string, newPath: string, sessionId?: string): Promise<Types.RenameFileResult> {
    return this[IN](sessionId).renameFile(oldPath, newPath);
  }

  /** Moves a file, also from one file system to another. */
  moveFile(sourcePath: string, destinationPath: string, sessionId?: string): Promise<Types.MoveFileResult> {
    return this[IN](sessionId).moveFile(sourcePath, destinationPath);
  }

  /** What is in a directory. */
  listFiles(path: string, options?: Types.ListFilesOptions & InSession): Promise<Types.ListFilesResult> {
    return this[IN](options?.sessionId).listFiles(path, options);
  }

  /** Whether there is something of this name. */
  exists(path: string, sessionId?: string): Promise<Types.FileExistsResult> {
    return this[IN](sessionId).exists(path);
  }

  /** Addresses of ports in Cloudflare's network. */
  abstract get tunnels(): TunnelsHandler;

  /** Not for users: a call of {@link tunnels}, which crosses RPC. */
  async callTunnels(method: string, args: unknown[]): Promise<unknown> {
    const { tunnels } = this;
    switch (method) {
      case "get":
        return tunnels.get(...(args as Parameters<TunnelsHandler["get"]>));
      case "list":
        return tunnels.list();
      case "destroy":
        return tunnels.destroy(...(args as Parameters<TunnelsHandler["destroy"]>));
      default:
        throw new TypeError(`there is no method ${method} of tunnels`);
    }
  }

  /** Whether there is something: {@link exists}, as a plain boolean. */
  pathExists(path: string): Promise<boolean> {
    return aliasesOf(this).pathExists(path);
  }

  /** Runs code once, with files: {@link writeFile}, {@link runCode}, and which files it made. */
  interpret(...args: Parameters<Types.Aliases["interpret"]>): Promise<Types.Interpretation> {
    return aliasesOf(this).interpret(...args);
  }

  /** {@link mountBucket}. */
  mountStorage(options: Types.MountStorageOptions): Promise<void> {
    return aliasesOf(this).mountStorage(options);
  }

  /** {@link killProcess}. */
  stopProcess(id: string, signal?: string): Promise<void> {
    return this.killProcess(id, signal);
  }

  /**
   * Checks a repository out. Credentials in the URL reach no error, no log and no file.
   *
   * @throws `InvalidGitUrlError`, `GitRepositoryNotFoundError`, `GitAuthenticationError`, `GitBranchNotFoundError`,
   * `GitNetworkError`, `GitCloneError`, `GitCheckoutError`: then nothing is left behind.
   */
  gitCheckout(
    repoUrl: string,
    options?: Parameters<Calls["gitCheckout"]>[1] & InSession,
  ): Promise<Types.GitCheckoutResult> {
    return this[IN](options?.sessionId).gitCheckout(repoUrl, options);
  }

  /**
   * Makes a code context: it keeps what code leaves in it. All sessions have the same ones.
   *
   * @throws `InterpreterNotReadyError`, or an error `PYTHON_NOT_AVAILABLE` or `JAVASCRIPT_NOT_AVAILABLE`, which says what to
   * install.
   */
  createCodeContext(options?: Types.CreateContextOptions): Promise<Types.CodeContext> {
    return this[IN]().createCodeContext(options);
  }

  /**
   * Runs code to its end, by default in the default context of its language. What it raises, and that its time was over, stand
   * in `error`.
   *
   * @throws `ContextNotFoundError`; `CodeExecutionError` when the kernel died; `OperationInterruptedError` when nobody knows how
   * it ended.
   */
  runCode(code: string, options?: Types.RunCodeOptions): Promise<Types.ExecutionResult> {
    return this[IN]().runCode(code, options);
  }

  /** Runs code, and gives what it does as server-sent events. Cancelling the stream interrupts it. */
  runCodeStream(code: string, options?: Types.RunCodeOptions): Promise<ReadableStream<Uint8Array>> {
    return this[IN]().runCodeStream(code, options);
  }

  /** The code contexts, oldest first. */
  listCodeContexts(): Promise<Types.CodeContext[]> {
    return this[IN]().listCodeContexts();
  }

  /** Ends a code context, and what runs in it. */
  deleteCodeContext(contextId: string): Promise<void> {
    return this[IN]().deleteCodeContext(contextId);
  }

  /** Mounts a bucket at a directory. */
  mountBucket(bucket: string, mountPath: string, options: Types.MountBucketOptions): Promise<void> {
    return this[IN]().mountBucket(bucket, mountPath, options);
  }

  /** Unmounts a bucket. */
  unmountBucket(mountPath: string): Promise<void> {
    return this[IN]().unmountBucket(mountPath);
  }

  /** Keeps a directory in the Worker's bucket for backups. */
  createBackup(options: Types.BackupOptions): Promise<Types.DirectoryBackup> {
    return this[IN]().createBackup(options);
  }

  /** Puts a directory back as it was kept: all of it or nothing. */
  restoreBackup(backup: Types.DirectoryBackup): Promise<Types.RestoreBackupResult> {
    return this[IN]().restoreBackup(backup);
  }
}
