/** The fields that belong to each error: `error.context`. */

import type { OperationType } from "./codes.ts";

/** A file that is missing, or there already. */
export interface FileContext {
  path: string;
  operation: OperationType;
}

/** A file of more bytes than are read into memory. */
export interface FileTooLargeContext extends FileContext {
  /** Bytes that are allowed. */
  maxSize: number;
  /** Bytes that it has. */
  actualSize: number;
}

/** What the file system said. */
export interface FileSystemContext extends FileContext {
  stderr?: string;
  exitCode?: number;
}

/** A program that does not exist. */
export interface CommandNotFoundContext {
  command: string;
}

/** A command that failed to run to its end. */
export interface CommandErrorContext {
  command: string;
  /** Its exit code, when it has one. */
  exitCode?: number;
  /** What it had written until then, at most 1 MiB of each. */
  stdout?: string;
  stderr?: string;
  /** Milliseconds that it had, when its time was over. */
  timeout?: number;
}

/** A working directory that does not work. */
export interface InvalidProcessCwdContext {
  cwd: string;
  reason: string;
  processId?: string;
}

/** A process that is not known. */
export interface ProcessNotFoundContext {
  processId: string;
}

/** A process that could not do what was asked. */
export interface ProcessErrorContext {
  processId: string;
  pid?: number;
  exitCode?: number;
  stderr?: string;
}

/** A process that was not ready in time. */
export interface ProcessReadyTimeoutContext {
  processId: string;
  command: string;
  /** What was waited for, for people. */
  condition: string;
  /** Milliseconds. */
  timeout: number;
}

/** A process that ended before it was ready. */
export interface ProcessExitedBeforeReadyContext {
  processId: string;
  command: string;
  condition: string;
  /** Its exit code; 128 and the number of the signal that ended it, as shells count. */
  exitCode: number;
}

/** A session of that id is there already. */
export interface SessionAlreadyExistsContext {
  sessionId: string;
  containerPlacementId?: string | null;
}

/** A session that is not there any more. */
export interface SessionDestroyedContext {
  sessionId: string;
}

/** A session whose shell has ended. */
export interface SessionTerminatedContext {
  sessionId: string;
  /** `null` when a signal ended the shell, or it is not known. */
  exitCode: number | null;
}

/** A port that is exposed already. */
export interface PortAlreadyExposedContext {
  port: number;
  portName?: string;
}

/** A port that is not exposed, or used by somebody. */
export interface PortContext {
  port: number;
}

/** What went wrong with a port. */
export interface PortErrorContext {
  port: number;
  portName?: string;
  stderr?: string;
}

/** A port that cannot be used. */
export interface InvalidPortContext {
  port: number;
  reason: string;
}

/** What went wrong with Git. */
export interface GitContext {
  repository?: string;
  branch?: string;
  targetDir?: string;
  stderr?: string;
  exitCode?: number;
}

/** The interpreter is starting. */
export interface InterpreterNotReadyContext {
  /** Seconds. */
  retryAfter?: number;
  /** Per cent. */
  progress?: number;
}

/** A code context that is not known. */
export interface ContextNotFoundContext {
  contextId: string;
}

/** Code that could not be run. */
export interface CodeExecutionContext {
  contextId?: string;
  ename?: string;
  evalue?: string;
  traceback?: string[];
}

/** Arguments that are not valid. */
export interface ValidationFailedContext {
  validationErrors: { field: string; message: string; code?: string }[];
}

/** A backup that could not be made. */
export interface BackupCreateContext {
  dir: string;
  backupId?: string;
  stderr?: string;
  exitCode?: number;
}

/** A backup that could not be restored. */
export interface BackupRestoreContext extends BackupCreateContext {
  backupId: string;
}

/** A backup that is not there. */
export interface BackupNotFoundContext {
  backupId: string;
}

/** A backup that is too old. */
export interface BackupExpiredContext {
  backupId: string;
  expiredAt?: string;
}

/** Options of a backup that are not valid. */
export interface InvalidBackupConfigContext {
  reason: string;
}

/** Why the sandbox cannot be reached. */
export type ContainerUnavailableReason =
  | "container_starting"
  | "container_unhealthy"
  | "container_replaced"
  | "rpc_upgrade_failed"
  | "no_container_instance_available"
  | "max_container_instances_exceeded"
  | "container_unreachable";

/** The sandbox cannot be reached now. */
export interface ContainerUnavailableContext {
  reason: ContainerUnavailableReason;
  /** It is worth another try, always. */
  retryable: true;
  /** Milliseconds. */
  retryAfterMs?: number;
  /** What was said below. */
  originalMessage?: string;
}

/** How the connection to the sandbox failed. */
export type RPCTransportErrorKind =
  | "peer_closed"
  | "connection_failed"
  | "upgrade_failed"
  | "invalid_frame"
  | "protocol_error"
  | "session_disposed"
  | "unknown";

/** The connection to the sandbox failed. */
export interface RPCTransportContext {
  kind: RPCTransportErrorKind;
  originalMessage: string;
  /** Name of the error below. */
  errorName: string;
  closeCode?: number;
  closeReason?: string;
}

/** Why an operation was interrupted. */
export type OperationInterruptedReason =
  | "runtime_replaced"
  | "transport_disposed"
  | "sandbox_lifetime_changed"
  | "recovery_exhausted";

/** An operation whose end nobody knows. */
export interface OperationInterruptedContext {
  reason: OperationInterruptedReason;
  /** What was interrupted. */
  operation: string;
  /** Where it was. */
  phase: string;
  /** Whether the sandbox had begun it: only `false` is safe to repeat without a look at what it left. */
  admitted: boolean | "unknown";
  /** Whether it is safe to repeat. */
  retryable: boolean;
  recoveryAttempts?: number;
  maxRecoveryAttempts?: number;
  containerExitCode?: number;
  stopReason?: string;
}
