/**
 * Every type of the stock package's surface against ours: code that is written for one compiles against the other, whichever
 * way a value goes. What a call takes, ours must take; what it gives, stock's users must be able to take.
 */

import type * as stock from "@cloudflare/sandbox";
import type * as errors from "../../../../src/cloudflare/errors.ts";
import type * as events from "../../../../src/cloudflare/events.ts";
import type * as collect from "../../../../src/cloudflare/file/collect.ts";
import type * as ours from "../../../../src/cloudflare/types.ts";

/** Compiles only when the first can be used as the second. */
type Fits<_Value extends Wanted, Wanted> = true;

/** Compiles only when each can be used as the other. */
type Same<A extends B, B extends C, C = A> = true;

/** What can only be given: a result may say more than the stock package's. */
export type Results = [
  Fits<ours.ExecResult, stock.ExecResult>,
  Fits<ours.ISandbox, stock.ISandbox>,
  Fits<ours.ExecutionSession, stock.ExecutionSession>,
  Fits<stock.ISandbox, Pick<ours.ISandbox, keyof stock.ISandbox>>,
  Fits<stock.ExecutionSession, Pick<ours.ExecutionSession, keyof stock.ExecutionSession>>,
];

/** What is the same on both sides. */
export type Values = [
  Same<ours.BaseExecOptions, stock.BaseExecOptions>,
  Same<ours.ExecOptions, stock.ExecOptions>,
  Same<ours.ExecEvent, stock.ExecEvent>,
  Same<ours.StreamOptions, stock.StreamOptions>,
  Same<ours.Process, stock.Process>,
  Same<ours.ProcessOptions, stock.ProcessOptions>,
  Same<ours.ProcessStatus, stock.ProcessStatus>,
  Same<ours.LogEvent, stock.LogEvent>,
  Same<ours.WaitForLogResult, stock.WaitForLogResult>,
  Same<ours.WaitForPortOptions, stock.WaitForPortOptions>,
  Same<ours.ProcessStartResult, stock.ProcessStartResult>,
  Same<ours.ProcessListResult, stock.ProcessListResult>,
  Same<ours.ProcessInfoResult, stock.ProcessInfoResult>,
  Same<ours.ProcessKillResult, stock.ProcessKillResult>,
  Same<ours.ProcessLogsResult, stock.ProcessLogsResult>,
  Same<ours.ProcessCleanupResult, stock.ProcessCleanupResult>,
  Same<ours.FileChunk, stock.FileChunk>,
  Same<ours.FileMetadata, stock.FileMetadata>,
  Same<ours.FileStreamEvent, stock.FileStreamEvent>,
  Same<ours.FileWatchSSEEvent, stock.FileWatchSSEEvent>,
  Same<ours.WatchOptions, stock.WatchOptions>,
  Same<ours.CheckChangesOptions, stock.CheckChangesOptions>,
  Same<ours.CheckChangesResult, stock.CheckChangesResult>,
  Same<ours.ListFilesOptions, stock.ListFilesOptions>,
  Same<ours.GitCheckoutResult, stock.GitCheckoutResult>,
  Same<ours.SessionOptions, stock.SessionOptions>,
  Same<ours.SandboxOptions, stock.SandboxOptions>,
  Same<ours.SandboxTransport, stock.SandboxTransport>,
  Same<ours.PtyOptions, stock.PtyOptions>,
  Same<ours.CreateContextOptions, stock.CreateContextOptions>,
  Same<ours.CodeContext, stock.CodeContext>,
  Same<ours.RunCodeOptions, stock.RunCodeOptions>,
  Same<ours.ExecutionResult, stock.ExecutionResult>,
  Same<ours.BackupOptions, stock.BackupOptions>,
  Same<ours.DirectoryBackup, stock.DirectoryBackup>,
  Same<ours.RestoreBackupResult, stock.RestoreBackupResult>,
  Same<ours.BucketProvider, stock.BucketProvider>,
  Same<ours.BucketCredentials, stock.BucketCredentials>,
  Same<ours.MountBucketOptions, stock.MountBucketOptions>,
  Same<ours.RemoteMountBucketOptions, stock.RemoteMountBucketOptions>,
  Same<ours.LocalMountBucketOptions, stock.LocalMountBucketOptions>,
  Same<ours.BaseApiResponse, stock.BaseApiResponse>,
  Same<ours.SessionRequest, stock.SessionRequest>,
  Same<ours.ExecuteRequest, stock.ExecuteRequest>,
  Same<ours.CommandExecuteResponse, stock.CommandExecuteResponse>,
  Same<ours.StartProcessRequest, stock.StartProcessRequest>,
  Same<ours.MkdirRequest, stock.MkdirRequest>,
  Same<ours.WriteFileRequest, stock.WriteFileRequest>,
  Same<ours.ReadFileRequest, stock.ReadFileRequest>,
  Same<ours.FileOperationRequest, stock.FileOperationRequest>,
  Same<ours.GitCheckoutRequest, stock.GitCheckoutRequest>,
  Same<ours.CreateSessionRequest, stock.CreateSessionRequest>,
  Same<ours.CreateSessionResponse, stock.CreateSessionResponse>,
  Same<ours.DeleteSessionRequest, stock.DeleteSessionRequest>,
  Same<ours.DeleteSessionResponse, stock.DeleteSessionResponse>,
  Same<ours.PingResponse, stock.PingResponse>,
  Same<ours.CommandsResponse, stock.CommandsResponse>,
  Same<ours.ExecutionCallbacks, stock.ExecutionCallbacks>,
  Same<ours.QuickTunnelInfo, stock.QuickTunnelInfo>,
  Same<ours.NamedTunnelInfo, stock.NamedTunnelInfo>,
  Same<ours.TunnelInfo, stock.TunnelInfo>,
  Same<ours.TunnelOptions, stock.TunnelOptions>,
  Same<errors.ContainerUnavailableContext, stock.ContainerUnavailableContext>,
  Same<errors.ContainerUnavailableReason, stock.ContainerUnavailableReason>,
  Same<errors.OperationInterruptedContext, stock.OperationInterruptedContext>,
  Same<errors.OperationInterruptedReason, stock.OperationInterruptedReason>,
  Same<errors.RPCTransportContext, stock.RPCTransportContext>,
  Same<errors.RPCTransportErrorKind, stock.RPCTransportErrorKind>,
];

/** Errors: what is caught. */
export type Errors = [
  Fits<errors.BackupCreateError, stock.BackupCreateError>,
  Fits<errors.BackupExpiredError, stock.BackupExpiredError>,
  Fits<errors.BackupNotFoundError, stock.BackupNotFoundError>,
  Fits<errors.BackupRestoreError, stock.BackupRestoreError>,
  Fits<errors.InvalidBackupConfigError, stock.InvalidBackupConfigError>,
  Fits<errors.ContainerUnavailableError, stock.ContainerUnavailableError>,
  Fits<errors.OperationInterruptedError, stock.OperationInterruptedError>,
  Fits<errors.ProcessExitedBeforeReadyError, stock.ProcessExitedBeforeReadyError>,
  Fits<errors.ProcessReadyTimeoutError, stock.ProcessReadyTimeoutError>,
  Fits<errors.RPCTransportError, stock.RPCTransportError>,
  Fits<errors.SessionTerminatedError, stock.SessionTerminatedError>,
  Fits<errors.StockErrorCode, stock.ContainerUnavailableError["code"]>,
  Fits<stock.ContainerUnavailableError["code"], errors.StockErrorCode>,
  Fits<errors.OperationType, NonNullable<stock.ContainerUnavailableError["operation"]>>,
  Fits<NonNullable<stock.ContainerUnavailableError["operation"]>, errors.OperationType>,
  Fits<errors.BucketMountError, stock.BucketMountError>,
  Fits<errors.BucketUnmountError, stock.BucketUnmountError>,
  Fits<errors.InvalidMountConfigError, stock.InvalidMountConfigError>,
  Fits<errors.MissingCredentialsError, stock.MissingCredentialsError>,
  Fits<errors.S3FSMountError, stock.S3FSMountError>,
];

/** Functions: what is called. */
export type Functions = [
  Fits<typeof events.parseSSEStream, typeof stock.parseSSEStream>,
  Fits<typeof events.responseToAsyncIterable, typeof stock.responseToAsyncIterable>,
  Fits<typeof events.asyncIterableToSSEStream, typeof stock.asyncIterableToSSEStream>,
  Fits<typeof collect.streamFile, typeof stock.streamFile>,
  Fits<typeof collect.collectFile, typeof stock.collectFile>,
  Fits<typeof ours.isProcessStatus, typeof stock.isProcessStatus>,
];

/** The guards say the same of a value. */
export function guarded(value: unknown): [stock.ExecResult | undefined, stock.Process | undefined] {
  const guards: Pick<typeof ours, "isExecResult" | "isProcess"> = {
    isExecResult: (it): it is ours.ExecResult => it !== undefined,
    isProcess: (it): it is ours.Process => it !== undefined,
  };
  return [guards.isExecResult(value) ? value : undefined, guards.isProcess(value) ? value : undefined];
}
