/** The codes of the drop-in's errors, the HTTP status of each, and the operations that errors name. */

/** What the stock package knows, and the status that belongs to it. */
const STOCK = {
  FILE_NOT_FOUND: 404,
  PERMISSION_DENIED: 403,
  FILE_EXISTS: 409,
  IS_DIRECTORY: 400,
  NOT_DIRECTORY: 400,
  FILE_TOO_LARGE: 413,
  NO_SPACE: 500,
  TOO_MANY_FILES: 500,
  RESOURCE_BUSY: 409,
  READ_ONLY: 403,
  NAME_TOO_LONG: 400,
  TOO_MANY_LINKS: 500,
  FILESYSTEM_ERROR: 500,
  COMMAND_NOT_FOUND: 404,
  COMMAND_PERMISSION_DENIED: 403,
  INVALID_COMMAND: 400,
  COMMAND_EXECUTION_ERROR: 500,
  STREAM_START_ERROR: 500,
  PROCESS_NOT_FOUND: 404,
  PROCESS_PERMISSION_DENIED: 403,
  PROCESS_ERROR: 500,
  PROCESS_READY_TIMEOUT: 408,
  PROCESS_EXITED_BEFORE_READY: 500,
  SESSION_ALREADY_EXISTS: 409,
  SESSION_DESTROYED: 410,
  SESSION_TERMINATED: 410,
  PORT_ALREADY_EXPOSED: 409,
  PORT_IN_USE: 409,
  PORT_NOT_EXPOSED: 404,
  INVALID_PORT_NUMBER: 400,
  INVALID_PORT: 400,
  SERVICE_NOT_RESPONDING: 502,
  PORT_OPERATION_ERROR: 500,
  CUSTOM_DOMAIN_REQUIRED: 400,
  GIT_REPOSITORY_NOT_FOUND: 404,
  GIT_BRANCH_NOT_FOUND: 404,
  GIT_AUTH_FAILED: 401,
  GIT_NETWORK_ERROR: 502,
  INVALID_GIT_URL: 400,
  GIT_CLONE_FAILED: 500,
  GIT_CHECKOUT_FAILED: 500,
  GIT_OPERATION_FAILED: 500,
  BUCKET_MOUNT_ERROR: 500,
  BUCKET_UNMOUNT_ERROR: 500,
  S3FS_MOUNT_ERROR: 500,
  MISSING_CREDENTIALS: 400,
  INVALID_MOUNT_CONFIG: 400,
  BACKUP_CREATE_FAILED: 500,
  BACKUP_RESTORE_FAILED: 500,
  BACKUP_NOT_FOUND: 404,
  BACKUP_EXPIRED: 400,
  INVALID_BACKUP_CONFIG: 400,
  INTERPRETER_NOT_READY: 503,
  CONTEXT_NOT_FOUND: 404,
  CODE_EXECUTION_ERROR: 500,
  PYTHON_NOT_AVAILABLE: 501,
  JAVASCRIPT_NOT_AVAILABLE: 501,
  OPENCODE_STARTUP_FAILED: 503,
  WATCH_NOT_FOUND: 404,
  WATCH_START_ERROR: 500,
  WATCH_STOP_ERROR: 500,
  VALIDATION_FAILED: 400,
  INVALID_JSON_RESPONSE: 400,
  UNKNOWN_ERROR: 500,
  INTERNAL_ERROR: 500,
  RPC_TRANSPORT_ERROR: 503,
  CONTAINER_UNAVAILABLE: 503,
  OPERATION_INTERRUPTED: 409,
} as const;

/** What we tell apart beyond that. */
const OURS = {
  /** The working directory of a command does not exist, or may not be entered. */
  INVALID_PROCESS_CWD: 400,
  /** The caller gave up. */
  CANCELLED: 499,
  /** A time that the caller set is over. */
  TIMEOUT: 408,
  /** A bound of the sandbox's server is reached. */
  LIMIT_EXCEEDED: 429,
  /** Not available here: on this machine, or in this version. */
  NOT_SUPPORTED: 501,
  /** No terminal of that id. */
  TERMINAL_NOT_FOUND: 404,
} as const;

const STATUS: Readonly<Record<ErrorCode, number>> = { ...STOCK, ...OURS };

/** A code of the stock package. */
export type StockErrorCode = keyof typeof STOCK;

/** The code of an error: stable, to compare with. */
export type ErrorCode = StockErrorCode | keyof typeof OURS;

/** Whether it is a code that we know. */
export const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === "string" && Object.hasOwn(STATUS, code);

/** The HTTP status that belongs to a code; 500 for one that nobody knows. */
export const statusOf = (code: string): number => (isErrorCode(code) ? STATUS[code] : 500);

/** What was attempted. */
export type OperationType =
  | "file.read"
  | "file.write"
  | "file.delete"
  | "file.move"
  | "file.rename"
  | "file.stat"
  | "directory.create"
  | "directory.list"
  | "command.execute"
  | "command.stream"
  | "process.start"
  | "process.kill"
  | "process.list"
  | "process.get"
  | "process.logs"
  | "git.clone"
  | "git.checkout"
  | "git.operation"
  | "backup.create"
  | "backup.restore"
  | "backup.unmount"
  | "code.execute"
  | "code.context.create"
  | "code.context.delete";
