/** Errors by their code: the class that belongs to it, its HTTP status, and what to do about it. */

import { type ErrorResponse, SandboxError } from "./base.ts";
import { type ErrorCode, type OperationType, statusOf } from "./codes.ts";
import * as network from "./network.ts";
import * as runtime from "./runtime.ts";
import * as work from "./work.ts";

type AnyErrorClass = new (
  response: ErrorResponse<never, never>,
  options?: { cause?: unknown },
) => SandboxError<unknown, ErrorCode>;

const CLASSES: Readonly<Partial<Record<ErrorCode, AnyErrorClass>>> = {
  FILE_NOT_FOUND: work.FileNotFoundError,
  FILE_EXISTS: work.FileExistsError,
  FILE_TOO_LARGE: work.FileTooLargeError,
  PERMISSION_DENIED: work.PermissionDeniedError,
  IS_DIRECTORY: work.FileSystemError,
  NOT_DIRECTORY: work.FileSystemError,
  NO_SPACE: work.FileSystemError,
  TOO_MANY_FILES: work.FileSystemError,
  TOO_MANY_LINKS: work.FileSystemError,
  RESOURCE_BUSY: work.FileSystemError,
  READ_ONLY: work.FileSystemError,
  NAME_TOO_LONG: work.FileSystemError,
  FILESYSTEM_ERROR: work.FileSystemError,
  COMMAND_NOT_FOUND: work.CommandNotFoundError,
  COMMAND_PERMISSION_DENIED: work.CommandError,
  COMMAND_EXECUTION_ERROR: work.CommandError,
  INVALID_COMMAND: work.CommandError,
  STREAM_START_ERROR: work.CommandError,
  INVALID_PROCESS_CWD: work.InvalidProcessCwdError,
  PROCESS_NOT_FOUND: work.ProcessNotFoundError,
  PROCESS_PERMISSION_DENIED: work.ProcessError,
  PROCESS_ERROR: work.ProcessError,
  PROCESS_READY_TIMEOUT: work.ProcessReadyTimeoutError,
  PROCESS_EXITED_BEFORE_READY: work.ProcessExitedBeforeReadyError,
  SESSION_ALREADY_EXISTS: work.SessionAlreadyExistsError,
  SESSION_DESTROYED: work.SessionDestroyedError,
  SESSION_TERMINATED: work.SessionTerminatedError,
  VALIDATION_FAILED: work.ValidationFailedError,
  PORT_ALREADY_EXPOSED: network.PortAlreadyExposedError,
  PORT_NOT_EXPOSED: network.PortNotExposedError,
  INVALID_PORT_NUMBER: network.InvalidPortError,
  INVALID_PORT: network.InvalidPortError,
  SERVICE_NOT_RESPONDING: network.ServiceNotRespondingError,
  PORT_IN_USE: network.PortInUseError,
  PORT_OPERATION_ERROR: network.PortError,
  CUSTOM_DOMAIN_REQUIRED: network.CustomDomainRequiredError,
  GIT_REPOSITORY_NOT_FOUND: network.GitRepositoryNotFoundError,
  GIT_AUTH_FAILED: network.GitAuthenticationError,
  GIT_BRANCH_NOT_FOUND: network.GitBranchNotFoundError,
  GIT_NETWORK_ERROR: network.GitNetworkError,
  GIT_CLONE_FAILED: network.GitCloneError,
  GIT_CHECKOUT_FAILED: network.GitCheckoutError,
  INVALID_GIT_URL: network.InvalidGitUrlError,
  GIT_OPERATION_FAILED: network.GitError,
  INTERPRETER_NOT_READY: runtime.InterpreterNotReadyError,
  CONTEXT_NOT_FOUND: runtime.ContextNotFoundError,
  CODE_EXECUTION_ERROR: runtime.CodeExecutionError,
  BACKUP_NOT_FOUND: runtime.BackupNotFoundError,
  BACKUP_EXPIRED: runtime.BackupExpiredError,
  INVALID_BACKUP_CONFIG: runtime.InvalidBackupConfigError,
  BACKUP_CREATE_FAILED: runtime.BackupCreateError,
  BACKUP_RESTORE_FAILED: runtime.BackupRestoreError,
  CONTAINER_UNAVAILABLE: runtime.ContainerUnavailableError,
  RPC_TRANSPORT_ERROR: runtime.RPCTransportError,
  OPERATION_INTERRUPTED: runtime.OperationInterruptedError,
};

/** The caller gave up. Its `name` is that of the web platform. */
class AbortError extends SandboxError<object, "CANCELLED"> {
  override readonly name: string = "AbortError";
}

/** The time that its caller set was over. Its `name` is that of the web platform. */
class TimeoutError extends work.CommandError {
  override readonly name: string = "TimeoutError";
}

/** What an error says beside its code, message and context. */
export interface ErrorOptions {
  /** What was attempted. */
  readonly operation?: OperationType | undefined;
  /** What to do; by default what belongs to the code. */
  readonly suggestion?: string | undefined;
  /** The error below; not serialised. */
  readonly cause?: unknown;
}

/** An error of this code, as an instance of the class that belongs to it. */
export function createError(
  code: ErrorCode,
  message: string,
  context: object,
  { operation, suggestion = suggestionFor(code, context), cause }: ErrorOptions = {},
): SandboxError {
  const response: ErrorResponse = {
    code,
    message,
    context: { ...context },
    httpStatus: statusOf(code),
    timestamp: new Date().toISOString(),
    ...(operation !== undefined && { operation }),
    ...(suggestion !== undefined && { suggestion }),
  };
  return errorFromResponse(response, cause === undefined ? undefined : { cause });
}

/** The error that says this, as an instance of the class that belongs to its code. */
export function errorFromResponse(response: ErrorResponse, options?: { cause?: unknown }): SandboxError {
  if (response.code === "CANCELLED") {
    return new AbortError(
      response as ErrorResponse<object, "CANCELLED">,
      options,
    ) as SandboxError<never> as SandboxError;
  }
  const { timedOut } = response.context as { readonly timedOut?: unknown };
  const late = response.code === "COMMAND_EXECUTION_ERROR" && timedOut === true;
  const Class = late ? TimeoutError : (CLASSES[response.code] ?? (SandboxError as AnyErrorClass));
  return new Class(response as ErrorResponse<never, never>, options) as SandboxError;
}

/** What to do about it, for people. */
function suggestionFor(code: ErrorCode, given: object): string | undefined {
  const { path, command, cwd, condition, retryable } = given as Readonly<Record<string, unknown>>;
  switch (code) {
    case "FILE_NOT_FOUND":
      return `Check that ${path} exists`;
    case "FILE_EXISTS":
      return `Use another path, or remove ${path} first`;
    case "FILE_TOO_LARGE":
      return "Read it as a stream: readFile(path, { encoding: 'none' }) or readFileStream(path)";
    case "IS_DIRECTORY":
      return `${path} is a directory: deleteFile(path, { recursive: true }) removes one`;
    case "NOT_DIRECTORY":
      return `Give a directory instead of ${path}`;
    case "PERMISSION_DENIED":
      return "Check the owner and the mode of the file";
    case "READ_ONLY":
      return "Write elsewhere";
    case "NO_SPACE":
      return "Remove what is not needed, or use a larger instance";
    case "COMMAND_NOT_FOUND":
      return `Check that "${command}" is installed, and in PATH`;
    case "INVALID_PROCESS_CWD":
      return `Create ${cwd} first, or give another cwd`;
    case "PROCESS_NOT_FOUND":
      return "Check the id: processes that have ended are kept only for a time";
    case "PROCESS_READY_TIMEOUT":
      return `Look at the log of the process for ${condition}, or give it more time`;
    case "PROCESS_EXITED_BEFORE_READY":
      return "Look at the log of the process: getLogs()";
    case "SESSION_TERMINATED":
      return "Call again: the next command gets a fresh shell; what was set in the old one is lost";
    case "SESSION_DESTROYED":
      return "Create the session anew";
    case "SESSION_ALREADY_EXISTS":
      return "Use another id, or getSession() for the one that is there";
    case "VALIDATION_FAILED":
      return "Correct the arguments that validationErrors names";
    case "INVALID_PORT":
    case "INVALID_PORT_NUMBER":
      return "Give a port from 1 to 65535";
    case "SERVICE_NOT_RESPONDING":
      return "Check that something listens on the port: waitForPort() waits for it";
    case "CONTAINER_UNAVAILABLE":
      return "Try again: the sandbox was not reached, so nothing was done";
    case "RPC_TRANSPORT_ERROR":
      return "Try again: the next call makes a new connection";
    case "OPERATION_INTERRUPTED":
      return retryable === true
        ? "Try again: it was not begun"
        : "Look at what it left before you repeat it: how it ended is not known";
    case "LIMIT_EXCEEDED":
      return "End something first, or raise the limit that the message names";
    default:
      return undefined;
  }
}
