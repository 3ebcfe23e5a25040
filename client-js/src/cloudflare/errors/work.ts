/** Errors of files, commands, processes and sessions. */

import { SandboxError } from "./base.ts";
import type {
  CommandErrorContext,
  CommandNotFoundContext,
  FileContext,
  FileSystemContext,
  FileTooLargeContext,
  InvalidProcessCwdContext,
  ProcessErrorContext,
  ProcessExitedBeforeReadyContext,
  ProcessNotFoundContext,
  ProcessReadyTimeoutContext,
  SessionAlreadyExistsContext,
  SessionDestroyedContext,
  SessionTerminatedContext,
  ValidationFailedContext,
} from "./contexts.ts";

/** The file or directory does not exist. */
export class FileNotFoundError extends SandboxError<FileContext, "FILE_NOT_FOUND"> {
  override readonly name: string = "FileNotFoundError";

  /** The path. */
  get path(): string {
    return this.context.path;
  }
}

/** There is something of that name already. */
export class FileExistsError extends SandboxError<FileContext, "FILE_EXISTS"> {
  override readonly name: string = "FileExistsError";

  /** The path. */
  get path(): string {
    return this.context.path;
  }
}

/** The file has more bytes than are read into memory: read it as a stream. */
export class FileTooLargeError extends SandboxError<FileTooLargeContext, "FILE_TOO_LARGE"> {
  override readonly name: string = "FileTooLargeError";

  /** The path. */
  get path(): string {
    return this.context.path;
  }
}

/** It is not allowed. */
export class PermissionDeniedError extends SandboxError<FileContext, "PERMISSION_DENIED"> {
  override readonly name: string = "PermissionDeniedError";

  /** The path. */
  get path(): string {
    return this.context.path;
  }
}

/** The file system said no; `code` says which no. */
export class FileSystemError extends SandboxError<
  FileSystemContext,
  | "IS_DIRECTORY"
  | "NOT_DIRECTORY"
  | "NO_SPACE"
  | "TOO_MANY_FILES"
  | "TOO_MANY_LINKS"
  | "RESOURCE_BUSY"
  | "READ_ONLY"
  | "NAME_TOO_LONG"
  | "FILESYSTEM_ERROR"
> {
  override readonly name: string = "FileSystemError";

  /** The path. */
  get path(): string {
    return this.context.path;
  }

  /** What was said of it. */
  get stderr(): string | undefined {
    return this.context.stderr;
  }

  /** The exit code, when there is one. */
  get exitCode(): number | undefined {
    return this.context.exitCode;
  }
}

/** The program does not exist. */
export class CommandNotFoundError extends SandboxError<CommandNotFoundContext, "COMMAND_NOT_FOUND"> {
  override readonly name: string = "CommandNotFoundError";

  /** The command. */
  get command(): string {
    return this.context.command;
  }
}

/** A command could not be run to its end: it may not be executed, or its time was over. */
export class CommandError extends SandboxError<
  CommandErrorContext,
  "COMMAND_PERMISSION_DENIED" | "COMMAND_EXECUTION_ERROR" | "INVALID_COMMAND" | "STREAM_START_ERROR"
> {
  override readonly name: string = "CommandError";

  /** The command. */
  get command(): string {
    return this.context.command;
  }

  /** The exit code, when there is one. */
  get exitCode(): number | undefined {
    return this.context.exitCode;
  }

  /** What it had written to standard output until then. */
  get stdout(): string | undefined {
    return this.context.stdout;
  }

  /** What it had written to standard error until then. */
  get stderr(): string | undefined {
    return this.context.stderr;
  }
}

/** The working directory does not exist, or may not be entered. */
export class InvalidProcessCwdError extends SandboxError<InvalidProcessCwdContext, "INVALID_PROCESS_CWD"> {
  override readonly name: string = "InvalidProcessCwdError";

  /** The directory. */
  get cwd(): string {
    return this.context.cwd;
  }
}

/** No process of that id is known. */
export class ProcessNotFoundError extends SandboxError<ProcessNotFoundContext, "PROCESS_NOT_FOUND"> {
  override readonly name: string = "ProcessNotFoundError";

  /** The process. */
  get processId(): string {
    return this.context.processId;
  }
}

/** A process could not be started, or could not do what was asked. */
export class ProcessError extends SandboxError<ProcessErrorContext, "PROCESS_PERMISSION_DENIED" | "PROCESS_ERROR"> {
  override readonly name: string = "ProcessError";

  /** The process. */
  get processId(): string {
    return this.context.processId;
  }

  /** Its process id. */
  get pid(): number | undefined {
    return this.context.pid;
  }

  /** The exit code, when there is one. */
  get exitCode(): number | undefined {
    return this.context.exitCode;
  }

  /** What was said of it. */
  get stderr(): string | undefined {
    return this.context.stderr;
  }
}

/** What was waited for did not come in time. The process goes on. */
export class ProcessReadyTimeoutError extends SandboxError<ProcessReadyTimeoutContext, "PROCESS_READY_TIMEOUT"> {
  override readonly name: string = "ProcessReadyTimeoutError";

  /** The process. */
  get processId(): string {
    return this.context.processId;
  }

  /** The command. */
  get command(): string {
    return this.context.command;
  }

  /** What was waited for. */
  get condition(): string {
    return this.context.condition;
  }

  /** Milliseconds that it had. */
  get timeout(): number {
    return this.context.timeout;
  }
}

/** The process ended before what was waited for came. */
export class ProcessExitedBeforeReadyError extends SandboxError<
  ProcessExitedBeforeReadyContext,
  "PROCESS_EXITED_BEFORE_READY"
> {
  override readonly name: string = "ProcessExitedBeforeReadyError";

  /** The process. */
  get processId(): string {
    return this.context.processId;
  }

  /** The command. */
  get command(): string {
    return this.context.command;
  }

  /** What was waited for. */
  get condition(): string {
    return this.context.condition;
  }

  /** How it ended. */
  get exitCode(): number {
    return this.context.exitCode;
  }
}

/** A session of that id is there already. */
export class SessionAlreadyExistsError extends SandboxError<SessionAlreadyExistsContext, "SESSION_ALREADY_EXISTS"> {
  override readonly name: string = "SessionAlreadyExistsError";

  /** The session. */
  get sessionId(): string {
    return this.context.sessionId;
  }

  /** Where its container is, when that is known. */
  get containerPlacementId(): string | null | undefined {
    return this.context.containerPlacementId;
  }
}

/** The session is not there any more. */
export class SessionDestroyedError extends SandboxError<SessionDestroyedContext, "SESSION_DESTROYED"> {
  override readonly name: string = "SessionDestroyedError";

  /** The session. */
  get sessionId(): string {
    return this.context.sessionId;
  }
}

/** The shell of the session has ended, and what it knew is lost; the next command gets a fresh one. */
export class SessionTerminatedError extends SandboxError<SessionTerminatedContext, "SESSION_TERMINATED"> {
  override readonly name: string = "SessionTerminatedError";

  /** The session. */
  get sessionId(): string {
    return this.context.sessionId;
  }

  /** Exit code of the shell; `null` when a signal ended it, or it is not known. */
  get exitCode(): number | null {
    return this.context.exitCode;
  }
}

/** An argument is missing, malformed or out of range. */
export class ValidationFailedError extends SandboxError<ValidationFailedContext, "VALIDATION_FAILED"> {
  override readonly name: string = "ValidationFailedError";

  /** What is wrong with which. */
  get validationErrors(): ValidationFailedContext["validationErrors"] {
    return this.context.validationErrors;
  }
}
