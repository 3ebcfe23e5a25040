/**
 * A class for each code, to catch by. They are looked up by the code, so `error instanceof FileNotFoundError` is the same as
 * `error.code === "FILE_NOT_FOUND"`, and those that nobody uses are not in a bundle.
 */

import { type ErrorContext, SandwireError } from "../error.ts";

/** The class of the errors with one code. */
export interface ErrorClass<Code extends string> {
  /** An error with this code. */
  new (message: string, context?: ErrorContext): SandwireError & { readonly code: Code };
  /** Whether it is an error with this code. */
  [Symbol.hasInstance](error: unknown): error is SandwireError & { readonly code: Code };
}

const coded = <const Code extends string>(code: Code): ErrorClass<Code> =>
  class extends SandwireError {
    constructor(message: string, context?: ErrorContext) {
      super(code, message, context);
    }

    static override [Symbol.hasInstance](error: unknown): boolean {
      return error instanceof SandwireError && error.code === code;
    }
  } as unknown as ErrorClass<Code>;

/** A parameter is missing, malformed or out of range. */
export const ValidationFailedError: ErrorClass<"VALIDATION_FAILED"> = /* @__PURE__ */ coded("VALIDATION_FAILED");

/** The server does not know this kind of channel. */
export const UnknownKindError: ErrorClass<"UNKNOWN_KIND"> = /* @__PURE__ */ coded("UNKNOWN_KIND");

/** The token's scopes do not allow this. */
export const PermissionDeniedError: ErrorClass<"PERMISSION_DENIED"> = /* @__PURE__ */ coded("PERMISSION_DENIED");

/** A bound of the server is reached. */
export const LimitExceededError: ErrorClass<"LIMIT_EXCEEDED"> = /* @__PURE__ */ coded("LIMIT_EXCEEDED");

/** The lane was lost, and with it what this channel would have said. */
export const OperationInterruptedError: ErrorClass<"OPERATION_INTERRUPTED"> =
  /* @__PURE__ */ coded("OPERATION_INTERRUPTED");

/** The peer is draining and takes no new work. */
export const DrainingError: ErrorClass<"DRAINING"> = /* @__PURE__ */ coded("DRAINING");

/** A defect of the server. */
export const InternalError: ErrorClass<"INTERNAL_ERROR"> = /* @__PURE__ */ coded("INTERNAL_ERROR");

/** The feature is not available on this machine. */
export const NotSupportedError: ErrorClass<"NOT_SUPPORTED"> = /* @__PURE__ */ coded("NOT_SUPPORTED");

/** The program does not exist. */
export const CommandNotFoundError: ErrorClass<"COMMAND_NOT_FOUND"> = /* @__PURE__ */ coded("COMMAND_NOT_FOUND");

/** The program exists and may not be executed. */
export const CommandPermissionDeniedError: ErrorClass<"COMMAND_PERMISSION_DENIED"> =
  /* @__PURE__ */ coded("COMMAND_PERMISSION_DENIED");

/** The working directory does not exist, is not a directory, or may not be entered. */
export const InvalidProcessCwdError: ErrorClass<"INVALID_PROCESS_CWD"> = /* @__PURE__ */ coded("INVALID_PROCESS_CWD");

/** The command could not be started. */
export const ProcessSpawnFailedError: ErrorClass<"PROCESS_SPAWN_FAILED"> =
  /* @__PURE__ */ coded("PROCESS_SPAWN_FAILED");

/** No user of that name. */
export const UserNotFoundError: ErrorClass<"USER_NOT_FOUND"> = /* @__PURE__ */ coded("USER_NOT_FOUND");

/** No process with that id is known. */
export const ProcessNotFoundError: ErrorClass<"PROCESS_NOT_FOUND"> = /* @__PURE__ */ coded("PROCESS_NOT_FOUND");

/** A process with that id exists already. */
export const ProcessExistsError: ErrorClass<"PROCESS_EXISTS"> = /* @__PURE__ */ coded("PROCESS_EXISTS");

/** The process has ended already. */
export const ProcessExitedError: ErrorClass<"PROCESS_EXITED"> = /* @__PURE__ */ coded("PROCESS_EXITED");

/** The process ended before the awaited condition was met. */
export const ProcessExitedBeforeReadyError: ErrorClass<"PROCESS_EXITED_BEFORE_READY"> =
  /* @__PURE__ */ coded("PROCESS_EXITED_BEFORE_READY");

/** The awaited condition was not met in time. */
export const ProcessReadyTimeoutError: ErrorClass<"PROCESS_READY_TIMEOUT"> =
  /* @__PURE__ */ coded("PROCESS_READY_TIMEOUT");

/** The process takes no standard input. */
export const StdinNotOpenError: ErrorClass<"STDIN_NOT_OPEN"> = /* @__PURE__ */ coded("STDIN_NOT_OPEN");

/** No terminal with that id is known. */
export const TerminalNotFoundError: ErrorClass<"TERMINAL_NOT_FOUND"> = /* @__PURE__ */ coded("TERMINAL_NOT_FOUND");

/** A terminal with that id exists already. */
export const TerminalExistsError: ErrorClass<"TERMINAL_EXISTS"> = /* @__PURE__ */ coded("TERMINAL_EXISTS");

/** The file or directory does not exist. */
export const FileNotFoundError: ErrorClass<"FILE_NOT_FOUND"> = /* @__PURE__ */ coded("FILE_NOT_FOUND");

/** The target exists already. */
export const FileExistsError: ErrorClass<"FILE_EXISTS"> = /* @__PURE__ */ coded("FILE_EXISTS");

/** The path is a directory, and the operation is for files. */
export const IsDirectoryError: ErrorClass<"IS_DIRECTORY"> = /* @__PURE__ */ coded("IS_DIRECTORY");

/** The path, or a part of it, is not a directory. */
export const NotDirectoryError: ErrorClass<"NOT_DIRECTORY"> = /* @__PURE__ */ coded("NOT_DIRECTORY");

/** The directory is not empty. */
export const DirectoryNotEmptyError: ErrorClass<"DIRECTORY_NOT_EMPTY"> = /* @__PURE__ */ coded("DIRECTORY_NOT_EMPTY");

/** The file is a device, a FIFO or a socket. */
export const SpecialFileError: ErrorClass<"SPECIAL_FILE"> = /* @__PURE__ */ coded("SPECIAL_FILE");

/** The file changed since the entity tag was taken. */
export const PreconditionFailedError: ErrorClass<"PRECONDITION_FAILED"> = /* @__PURE__ */ coded("PRECONDITION_FAILED");

/** A path or a name in it is too long. */
export const NameTooLongError: ErrorClass<"NAME_TOO_LONG"> = /* @__PURE__ */ coded("NAME_TOO_LONG");

/** The file system is full, or a quota is reached. */
export const NoSpaceError: ErrorClass<"NO_SPACE"> = /* @__PURE__ */ coded("NO_SPACE");

/** The file system is mounted read-only. */
export const ReadOnlyError: ErrorClass<"READ_ONLY"> = /* @__PURE__ */ coded("READ_ONLY");

/** Too many open files. */
export const TooManyFilesError: ErrorClass<"TOO_MANY_FILES"> = /* @__PURE__ */ coded("TOO_MANY_FILES");

/** Too many symbolic links on the path. */
export const TooManyLinksError: ErrorClass<"TOO_MANY_LINKS"> = /* @__PURE__ */ coded("TOO_MANY_LINKS");

/** The file system answered with another error. */
export const FilesystemError: ErrorClass<"FILESYSTEM_ERROR"> = /* @__PURE__ */ coded("FILESYSTEM_ERROR");

/** The watch could not be started or has ended. */
export const WatchStartError: ErrorClass<"WATCH_START_ERROR"> = /* @__PURE__ */ coded("WATCH_START_ERROR");

/** No session with that id is known. */
export const SessionNotFoundError: ErrorClass<"SESSION_NOT_FOUND"> = /* @__PURE__ */ coded("SESSION_NOT_FOUND");

/** A session with that id exists already. */
export const SessionAlreadyExistsError: ErrorClass<"SESSION_ALREADY_EXISTS"> =
  /* @__PURE__ */ coded("SESSION_ALREADY_EXISTS");

/** The session's shell ended, and with it directory, variables and functions of the session. */
export const SessionTerminatedError: ErrorClass<"SESSION_TERMINATED"> = /* @__PURE__ */ coded("SESSION_TERMINATED");

/** Nothing could be connected to at that address. */
export const ConnectFailedError: ErrorClass<"CONNECT_FAILED"> = /* @__PURE__ */ coded("CONNECT_FAILED");

/** The port is not valid. */
export const InvalidPortError: ErrorClass<"INVALID_PORT"> = /* @__PURE__ */ coded("INVALID_PORT");

/** More would be read into memory than `maxSize` allows. */
export const FileTooLargeError: ErrorClass<"FILE_TOO_LARGE"> = /* @__PURE__ */ coded("FILE_TOO_LARGE");

/** There are no keys for the bucket. */
export const MissingCredentialsError: ErrorClass<"MISSING_CREDENTIALS"> = /* @__PURE__ */ coded("MISSING_CREDENTIALS");

/** Bucket, path or options of a mount are not valid. */
export const InvalidMountConfigError: ErrorClass<"INVALID_MOUNT_CONFIG"> =
  /* @__PURE__ */ coded("INVALID_MOUNT_CONFIG");

/** The file system for buckets could not mount it. */
export const S3fsMountError: ErrorClass<"S3FS_MOUNT_ERROR"> = /* @__PURE__ */ coded("S3FS_MOUNT_ERROR");

/** A bucket could not be mounted. */
export const BucketMountError: ErrorClass<"BUCKET_MOUNT_ERROR"> = /* @__PURE__ */ coded("BUCKET_MOUNT_ERROR");

/** A bucket could not be unmounted. */
export const BucketUnmountError: ErrorClass<"BUCKET_UNMOUNT_ERROR"> = /* @__PURE__ */ coded("BUCKET_UNMOUNT_ERROR");

/** No bucket is mounted there. */
export const MountNotFoundError: ErrorClass<"MOUNT_NOT_FOUND"> = /* @__PURE__ */ coded("MOUNT_NOT_FOUND");

/** No code context with that id is known. */
export const KernelNotFoundError: ErrorClass<"KERNEL_NOT_FOUND"> = /* @__PURE__ */ coded("KERNEL_NOT_FOUND");

/** A code context with that id exists already. */
export const KernelExistsError: ErrorClass<"KERNEL_EXISTS"> = /* @__PURE__ */ coded("KERNEL_EXISTS");

/** No kernel for that language, or of that name, is installed; the message says which package brings it. */
export const KernelSpecNotFoundError: ErrorClass<"KERNEL_SPEC_NOT_FOUND"> =
  /* @__PURE__ */ coded("KERNEL_SPEC_NOT_FOUND");

/** The kernel ended, and with it what code had left in the context. */
export const KernelDiedError: ErrorClass<"KERNEL_DIED"> = /* @__PURE__ */ coded("KERNEL_DIED");

/** The kernel could not be started. */
export const KernelStartFailedError: ErrorClass<"KERNEL_START_FAILED"> = /* @__PURE__ */ coded("KERNEL_START_FAILED");

/** It is no URL of a repository, or of a protocol that is not spoken. */
export const InvalidGitUrlError: ErrorClass<"INVALID_GIT_URL"> = /* @__PURE__ */ coded("INVALID_GIT_URL");

/** There is no such repository, or it is not shown to whom asks. */
export const GitRepositoryNotFoundError: ErrorClass<"GIT_REPOSITORY_NOT_FOUND"> =
  /* @__PURE__ */ coded("GIT_REPOSITORY_NOT_FOUND");

/** User or password are missing or wrong. */
export const GitAuthFailedError: ErrorClass<"GIT_AUTH_FAILED"> = /* @__PURE__ */ coded("GIT_AUTH_FAILED");

/** The repository has no such branch or tag. */
export const GitBranchNotFoundError: ErrorClass<"GIT_BRANCH_NOT_FOUND"> = /* @__PURE__ */ coded("GIT_BRANCH_NOT_FOUND");

/** The repository's server cannot be reached. */
export const GitNetworkError: ErrorClass<"GIT_NETWORK_ERROR"> = /* @__PURE__ */ coded("GIT_NETWORK_ERROR");

/** The repository could not be fetched. */
export const GitCloneFailedError: ErrorClass<"GIT_CLONE_FAILED"> = /* @__PURE__ */ coded("GIT_CLONE_FAILED");

/** The repository was fetched, and its files could not be written. */
export const GitCheckoutFailedError: ErrorClass<"GIT_CHECKOUT_FAILED"> = /* @__PURE__ */ coded("GIT_CHECKOUT_FAILED");

/** git is not installed; the message says which package brings it. */
export const GitNotInstalledError: ErrorClass<"GIT_NOT_INSTALLED"> = /* @__PURE__ */ coded("GIT_NOT_INSTALLED");

/** The archive of a backup is cut short, damaged, or not what it was said to be: nothing was changed. */
export const BackupDamagedError: ErrorClass<"BACKUP_DAMAGED"> = /* @__PURE__ */ coded("BACKUP_DAMAGED");
