/** The fields that belong to each error: `error.context`. */

import type { OperationType } from "./codes.ts";

/** A file that is missing, or there already. */
export interface FileContext {
  /** The path, as it was given. */
  path: string;
  /** What was attempted. */
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
  /** What was said of it. */
  stderr?: string;
  /** The exit code, when there is one. */
  exitCode?: number;
}

/** A program that does not exist. */
export interface CommandNotFoundContext {
  /** The command. */
  command: string;
}

/** A command that failed to run to its end. */
export interface CommandErrorContext {
  /** The command. */
  command: string;
  /** Its exit code, when it has one. */
  exitCode?: number;
  /** What it had written until then, at most 1 MiB of each. */
  stdout?: string;
  /** What it had written to standard error. */
  stderr?: string;
  /** Milliseconds that it had, when its time was over. */
  timeout?: number;
}

/** A working directory that does not work. */
export interface InvalidProcessCwdContext {
  /** The directory. */
  cwd: string;
  /** Why. */
  reason: string;
  /** The process. */
  processId?: string;
}

/** A process that is not known. */
export interface ProcessNotFoundContext {
  /** The process. */
  processId: string;
}

/** A process that could not do what was asked. */
export interface ProcessErrorContext {
  /** The process. */
  processId: string;
  /** Its process id. */
  pid?: number;
  /** The exit code, when there is one. */
  exitCode?: number;
  /** What was said of it. */
  stderr?: string;
}

/** A process that was not ready in time. */
export interface ProcessReadyTimeoutContext {
  /** The process. */
  processId: string;
  /** The command. */
  command: string;
  /** What was waited for, for people. */
  condition: string;
  /** Milliseconds. */
  timeout: number;
}

/** A process that ended before it was ready. */
export interface ProcessExitedBeforeReadyContext {
  /** The process. */
  processId: string;
  /** The command. */
  command: string;
  /** What was waited for, for people. */
  condition: string;
  /** Its exit code; 128 and the number of the signal that ended it, as shells count. */
  exitCode: number;
}

/** A session of that id is there already. */
export interface SessionAlreadyExistsContext {
  /** The session. */
  sessionId: string;
  /** Where the container is; `null` when it does not say. */
  containerPlacementId?: string | null;
}

/** A session that is not there any more. */
export interface SessionDestroyedContext {
  /** The session. */
  sessionId: string;
}

/** A session whose shell has ended. */
export interface SessionTerminatedContext {
  /** The session. */
  sessionId: string;
  /** `null` when a signal ended the shell, or it is not known. */
  exitCode: number | null;
}

/** A port that is exposed already. */
export interface PortAlreadyExposedContext {
  /** The port. */
  port: number;
  /** Its name. */
  portName?: string;
}

/** A port that is not exposed, or used by somebody. */
export interface PortContext {
  /** The port. */
  port: number;
}

/** What went wrong with a port. */
export interface PortErrorContext {
  /** The port. */
  port: number;
  /** Its name. */
  portName?: string;
  /** What was said of it. */
  stderr?: string;
}

/** A port that cannot be used. */
export interface InvalidPortContext {
  /** The port. */
  port: number;
  /** What is wrong. */
  reason: string;
}

/** What went wrong with Git. */
export interface GitContext {
  /** The repository. */
  repository?: string;
  /** The branch. */
  branch?: string;
  /** The directory that it goes to. */
  targetDir?: string;
  /** What was said of it. */
  stderr?: string;
  /** The exit code, when there is one. */
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
  /** The code context. */
  contextId: string;
}

/** Code that could not be run. */
export interface CodeExecutionContext {
  /** The code context. */
  contextId?: string;
  /** Name of the error that the code raised. */
  ename?: string;
  /** Its message. */
  evalue?: string;
  /** Its stack, line by line. */
  traceback?: string[];
}

/** Arguments that are not valid. */
export interface ValidationFailedContext {
  /** What is wrong with which argument. */
  validationErrors: { field: string; message: string; code?: string }[];
}

/** A backup that could not be made. */
export interface BackupCreateContext {
  /** The directory. */
  dir: string;
  /** The backup. */
  backupId?: string;
  /** What was said of it. */
  stderr?: string;
  /** The exit code, when there is one. */
  exitCode?: number;
}

/** A backup that could not be restored. */
export interface BackupRestoreContext extends BackupCreateContext {
  /** The backup. */
  backupId: string;
}

/** A backup that is not there. */
export interface BackupNotFoundContext {
  /** The backup. */
  backupId: string;
}

/** A backup that is too old. */
export interface BackupExpiredContext {
  /** The backup. */
  backupId: string;
  /** Since when: ISO 8601. */
  expiredAt?: string;
}

/** Options of a backup that are not valid. */
export interface InvalidBackupConfigContext {
  /** What is wrong. */
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
  /** Why. */
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
  /** How it failed. */
  kind: RPCTransportErrorKind;
  /** What was said below. */
  originalMessage: string;
  /** Name of the error below. */
  errorName: string;
  /** Close code of the WebSocket. */
  closeCode?: number;
  /** What the close said. */
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
  /** Why. */
  reason: OperationInterruptedReason;
  /** What was interrupted. */
  operation: string;
  /** Where it was. */
  phase: string;
  /** Whether the sandbox had begun it: only `false` is safe to repeat without a look at what it left. */
  admitted: boolean | "unknown";
  /** Whether it is safe to repeat. */
  retryable: boolean;
  /** How often it was tried again. */
  recoveryAttempts?: number;
  /** How often it may be tried again. */
  maxRecoveryAttempts?: number;
  /** Exit code of the container, when it ended. */
  containerExitCode?: number;
  /** Why the container stopped. */
  stopReason?: string;
}
