/**
 * sandwire: commands, processes, terminals, files and ports of a sandbox, over one WebSocket that resumes.
 *
 * @packageDocumentation
 */

export type { Channel, Item, Opener } from "./channel.ts";
export { connect, Sandbox } from "./client.ts";
export type { Credentials, Secret } from "./dial.ts";
export {
  AbortError,
  ConnectionError,
  type ErrorContext,
  ExistsError,
  InterruptedError,
  NotFoundError,
  PermissionError,
  RefusedError,
  SandwireError,
  TimeoutError,
} from "./error.ts";
export type {
  BackupProgress,
  BackupResult,
  BackupStream,
  CreateBackupOptions,
  RestoreBackupOptions,
  RestoreResult,
} from "./kinds/backup.ts";
export { DEFAULT_MAX_OUTPUT, type Endpoint } from "./kinds/base.ts";
export type { CallOptions, Path } from "./kinds/call.ts";
export type { Chart } from "./kinds/code/chart.ts";
export type {
  CodeContext,
  ContextChoice,
  CreateCodeContextOptions,
  DeleteCodeContextOptions,
  KernelSpec,
} from "./kinds/code/context.ts";
export { CodeResult, type ResultAbout, type ResultFormat, type ResultPart } from "./kinds/code/result.ts";
export {
  type CodeEnd,
  type CodeError,
  type CodeEvent,
  DEFAULT_MAX_RESULT,
  type RunCodeStreamOptions,
} from "./kinds/code/run.ts";
export type { CodeExecution, RunCodeOptions } from "./kinds/code.ts";
export type {
  Command,
  Env,
  Exit,
  LaunchOptions,
  Limits,
  OutputStream,
  Signal,
  SignalTarget,
  Usage,
} from "./kinds/command.ts";
export type { Variables } from "./kinds/env.ts";
export * from "./kinds/errors.ts";
export type {
  CommandOptions,
  ExecEvent,
  ExecOptions,
  ExecResult,
  ExecStream,
  ExecStreamOptions,
} from "./kinds/exec.ts";
export type {
  FileContent,
  FileStream,
  ReadEncoding,
  ReadFileOptions,
  ReadResult,
  WriteFileOptions,
  WriteResult,
} from "./kinds/file/content.ts";
export type { FileInfo, FileType, GlobOptions, ProgressOptions } from "./kinds/file/info.ts";
export type { ListFilesOptions, RemoveOptions, RenameOptions } from "./kinds/file.ts";
export type { GitCheckoutOptions, GitCheckoutResult, GitProgress } from "./kinds/git.ts";
export type { BucketProvider, Mount, MountBucketOptions } from "./kinds/mount.ts";
export type {
  ExposedPort,
  ExposePortOptions,
  ListeningPort,
  ListPortsOptions,
  PortEvent,
  PortListing,
  WatchPortsOptions,
} from "./kinds/port/listing.ts";
export type { ConnectPortOptions, PortConnection } from "./kinds/port.ts";
export type { KillOptions, Process, ProcessStats } from "./kinds/process/handle.ts";
export type { ProcessInfo, ProcessStatus } from "./kinds/process/info.ts";
export type {
  GetLogsOptions,
  LogEvent,
  LogOptions,
  LogPosition,
  ProcessLogs,
  StreamLogsOptions,
} from "./kinds/process/log.ts";
export type { LogMatch, PortReady, WaitForLogOptions, WaitForPortOptions } from "./kinds/process/wait.ts";
export type { Restart, RestartPolicy, StartProcessOptions } from "./kinds/process.ts";
export type { Activity, Metrics, MetricsOptions, SandboxInfo } from "./kinds/sandbox.ts";
export { type CreateSessionOptions, type DeleteSessionOptions, Session, type SessionInfo } from "./kinds/session.ts";
export type { AsyncSequence, Data, Encoding } from "./kinds/stream.ts";
export type { Attached, Terminal, TerminalEvent } from "./kinds/terminal/viewer.ts";
export type {
  AttachTerminalOptions,
  CreateTerminalOptions,
  SnapshotOptions,
  TerminalInfo,
  TerminalScreen,
  TerminalSize,
} from "./kinds/terminal.ts";
export type {
  SearchEvent,
  SearchOptions,
  TreeOptions,
  TreeResult,
  TreeStream,
  WatchEvent,
  WatchOptions,
} from "./kinds/tree.ts";
export type { ConnectOptions } from "./options.ts";
export type { AbortSignalLike, WebSocketConstructor, WebSocketLike } from "./platform.ts";
export type { State, Stats } from "./state.ts";
export type {
  BlobLike,
  BlobResult,
  ByteSink,
  ByteStream,
  Chunk,
  Content,
  ReadableStreamLike,
  StreamReader,
  StreamWriter,
} from "./web.ts";
