/** Errors of the interpreter, of backups and of the sandbox as a whole. */

import { SandboxError } from "./base.ts";
import type {
  BackupCreateContext,
  BackupExpiredContext,
  BackupNotFoundContext,
  BackupRestoreContext,
  CodeExecutionContext,
  ContainerUnavailableContext,
  ContextNotFoundContext,
  InterpreterNotReadyContext,
  InvalidBackupConfigContext,
  OperationInterruptedContext,
  RPCTransportContext,
} from "./contexts.ts";

/** The interpreter is starting. */
export class InterpreterNotReadyError extends SandboxError<InterpreterNotReadyContext, "INTERPRETER_NOT_READY"> {
  override readonly name: string = "InterpreterNotReadyError";

  /** Seconds until it is worth another try. */
  get retryAfter(): number | undefined {
    return this.context.retryAfter;
  }

  /** How far it is, in per cent. */
  get progress(): number | undefined {
    return this.context.progress;
  }
}

/** No code context of that id is known. */
export class ContextNotFoundError extends SandboxError<ContextNotFoundContext, "CONTEXT_NOT_FOUND"> {
  override readonly name: string = "ContextNotFoundError";

  /** The context. */
  get contextId(): string {
    return this.context.contextId;
  }
}

/** Code could not be run. */
export class CodeExecutionError extends SandboxError<CodeExecutionContext, "CODE_EXECUTION_ERROR"> {
  override readonly name: string = "CodeExecutionError";

  /** The context. */
  get contextId(): string | undefined {
    return this.context.contextId;
  }

  /** Name of the error that the code raised. */
  get ename(): string | undefined {
    return this.context.ename;
  }

  /** Its message. */
  get evalue(): string | undefined {
    return this.context.evalue;
  }

  /** Its stack. */
  get traceback(): string[] | undefined {
    return this.context.traceback;
  }
}

/** There is no such backup. */
export class BackupNotFoundError extends SandboxError<BackupNotFoundContext, "BACKUP_NOT_FOUND"> {
  override readonly name: string = "BackupNotFoundError";

  /** The backup. */
  get backupId(): string {
    return this.context.backupId;
  }
}

/** The backup is too old. */
export class BackupExpiredError extends SandboxError<BackupExpiredContext, "BACKUP_EXPIRED"> {
  override readonly name: string = "BackupExpiredError";

  /** The backup. */
  get backupId(): string {
    return this.context.backupId;
  }

  /** Since when. */
  get expiredAt(): string | undefined {
    return this.context.expiredAt;
  }
}

/** Options of a backup are not valid. */
export class InvalidBackupConfigError extends SandboxError<InvalidBackupConfigContext, "INVALID_BACKUP_CONFIG"> {
  override readonly name: string = "InvalidBackupConfigError";

  /** Why not. */
  get reason(): string {
    return this.context.reason;
  }
}

/** A backup could not be made. */
export class BackupCreateError extends SandboxError<BackupCreateContext, "BACKUP_CREATE_FAILED"> {
  override readonly name: string = "BackupCreateError";

  /** The directory. */
  get dir(): string {
    return this.context.dir;
  }

  /** The backup, when it had an id. */
  get backupId(): string | undefined {
    return this.context.backupId;
  }
}

/** A backup could not be restored. */
export class BackupRestoreError extends SandboxError<BackupRestoreContext, "BACKUP_RESTORE_FAILED"> {
  override readonly name: string = "BackupRestoreError";

  /** The directory. */
  get dir(): string {
    return this.context.dir;
  }

  /** The backup. */
  get backupId(): string {
    return this.context.backupId;
  }
}

/** The sandbox cannot be reached now: try again. */
export class ContainerUnavailableError extends SandboxError<ContainerUnavailableContext, "CONTAINER_UNAVAILABLE"> {
  override readonly name: string = "ContainerUnavailableError";

  /** Why. */
  get reason(): ContainerUnavailableContext["reason"] {
    return this.context.reason;
  }

  /** Milliseconds until it is worth another try. */
  get retryAfterMs(): number | undefined {
    return this.context.retryAfterMs;
  }
}

/** The connection to the sandbox failed; the next call makes a new one. */
export class RPCTransportError extends SandboxError<RPCTransportContext, "RPC_TRANSPORT_ERROR"> {
  override readonly name: string = "RPCTransportError";

  /** How it failed. */
  get kind(): RPCTransportContext["kind"] {
    return this.context.kind;
  }

  /** What was said below. */
  get originalMessage(): string {
    return this.context.originalMessage;
  }
}

/** An operation was interrupted, and nobody knows how it ended: nothing is made up. */
export class OperationInterruptedError extends SandboxError<OperationInterruptedContext, "OPERATION_INTERRUPTED"> {
  override readonly name: string = "OperationInterruptedError";

  /** Why. */
  get reason(): OperationInterruptedContext["reason"] {
    return this.context.reason;
  }
}
