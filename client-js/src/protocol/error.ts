/**
 * What can go wrong, by how far the damage reaches: a {@link WireError} ends the connection, a {@link LaneError} the lane, a
 * {@link Failure} one channel, a {@link ValueError} only the value that cannot be read or written.
 */

/** How a channel failed, as CLOSE carries it. `encode` and `decode` of `msgpack.ts` make its bytes. */
export interface Failure {
  /** The stable code: one of {@link CODES}, or one of a newer peer. */
  readonly code: string;
  /** What happened and what to do, for a person. Never holds a secret or a payload. */
  readonly message: string;
  /** Fields that belong to it, by name, for example `path`, `errno`, `limit`. */
  readonly details?: Readonly<Record<string, boolean | number | string>>;
}

/** Names of wire errors, each with its WebSocket close code (RFC 6455, section 7.4.1). */
const WIRE_ERRORS = {
  MALFORMED_FRAME: 1002,
  FRAME_TOO_LARGE: 1009,
  UNKNOWN_FRAME: 1002,
  UNEXPECTED_FRAME: 1002,
  UNSUPPORTED_VERSION: 1002,
  HELLO_TIMEOUT: 1008,
  PEER_SILENT: 1002,
  TOO_MANY_LANES: 1008,
} as const;

/** A malformed or forbidden frame. It ends the connection, whose close reason begins with `code`. */
export class WireError extends Error {
  /** The stable name. */
  readonly code: keyof typeof WIRE_ERRORS;

  /** An error of this name. */
  constructor(code: keyof typeof WIRE_ERRORS, message: string) {
    super(message);
    this.code = code;
  }

  /** The WebSocket close code. */
  get closeCode(): number {
    return WIRE_ERRORS[this.code];
  }
}

/** Bytes that are not a frame of this protocol. */
export const malformed = (what: string): WireError => new WireError("MALFORMED_FRAME", `malformed frame: ${what}`);

/** A frame that is not allowed here: wrong direction, or before HELLO. */
export const unexpected = (what: string): WireError => new WireError("UNEXPECTED_FRAME", `unexpected frame: ${what}`);

/** Names of lane errors. */
export type LaneCode =
  | "WINDOW_EXCEEDED"
  | "CREDIT_OVERFLOW"
  | "BAD_CHANNEL_ID"
  | "NO_SUCH_CHANNEL"
  | "WRONG_STATE"
  | "BAD_ACK"
  | "TOO_MANY_CHANNELS"
  | "LANE_GONE";

/** A peer that broke a lane's rules. It ends that lane; other lanes of the connection go on. */
export class LaneError extends Error {
  /** The stable name: the `reason` of the lane's GOAWAY. */
  readonly code: LaneCode;

  /** An error of this name. */
  constructor(code: LaneCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A payload that cannot be read, or a value that cannot be sent. */
export class ValueError extends Error {
  /** As the server says it of what it cannot read. */
  readonly code = "VALIDATION_FAILED";
}

/** Every code of a {@link Failure} that this version knows, in the order of PROTOCOL.md, section 12. */
export const CODES = [
  "VALIDATION_FAILED",
  "UNKNOWN_KIND",
  "PERMISSION_DENIED",
  "LIMIT_EXCEEDED",
  "CANCELLED",
  "OPERATION_INTERRUPTED",
  "DRAINING",
  "TIMEOUT",
  "INTERNAL_ERROR",
  "NOT_SUPPORTED",
  "COMMAND_NOT_FOUND",
  "COMMAND_PERMISSION_DENIED",
  "INVALID_PROCESS_CWD",
  "PROCESS_SPAWN_FAILED",
  "USER_NOT_FOUND",
  "PROCESS_NOT_FOUND",
  "PROCESS_EXISTS",
  "PROCESS_EXITED",
  "PROCESS_EXITED_BEFORE_READY",
  "PROCESS_READY_TIMEOUT",
  "STDIN_NOT_OPEN",
  "TERMINAL_NOT_FOUND",
  "TERMINAL_EXISTS",
  "SESSION_NOT_FOUND",
  "SESSION_ALREADY_EXISTS",
  "SESSION_TERMINATED",
  "KERNEL_NOT_FOUND",
  "KERNEL_EXISTS",
  "KERNEL_SPEC_NOT_FOUND",
  "KERNEL_DIED",
  "KERNEL_START_FAILED",
  "FILE_NOT_FOUND",
  "FILE_EXISTS",
  "IS_DIRECTORY",
  "NOT_DIRECTORY",
  "DIRECTORY_NOT_EMPTY",
  "SPECIAL_FILE",
  "PRECONDITION_FAILED",
  "NAME_TOO_LONG",
  "NO_SPACE",
  "READ_ONLY",
  "TOO_MANY_FILES",
  "TOO_MANY_LINKS",
  "FILESYSTEM_ERROR",
  "WATCH_START_ERROR",
  "BACKUP_DAMAGED",
  "CONNECT_FAILED",
  "INVALID_PORT",
  "INVALID_GIT_URL",
  "GIT_REPOSITORY_NOT_FOUND",
  "GIT_AUTH_FAILED",
  "GIT_BRANCH_NOT_FOUND",
  "GIT_NETWORK_ERROR",
  "GIT_CLONE_FAILED",
  "GIT_CHECKOUT_FAILED",
  "GIT_NOT_INSTALLED",
  "MISSING_CREDENTIALS",
  "INVALID_MOUNT_CONFIG",
  "S3FS_MOUNT_ERROR",
  "BUCKET_MOUNT_ERROR",
  "BUCKET_UNMOUNT_ERROR",
  "MOUNT_NOT_FOUND",
  "UNKNOWN_ERROR",
] as const;

/** A code of {@link CODES}. */
export type Code = (typeof CODES)[number];
