/** What can go wrong: classes to catch by, stable codes to compare, a context to look into. */

/** Fields that belong to an error, by name: `path`, `errno`, `limit`, `status`. */
export type ErrorContext = Readonly<Record<string, boolean | number | string>>;

/**
 * Every error of this package. `code` is stable: those of the server stand in PROTOCOL.md, section 12; the client's own are
 * `CONNECTION_FAILED`, `CONNECTION_REFUSED`, `CLIENT_CLOSED`, and what a server answers to the upgrade (`UNAUTHORIZED`,
 * `ORIGIN_DENIED`).
 */
export class SandwireError extends Error {
  override readonly name: string = "SandwireError";
  /** The stable code. */
  readonly code: string;
  /** Fields that belong to it. */
  readonly context: ErrorContext;

  /** An error with this code. `message` says what happened and what to do. */
  constructor(code: string, message: string, context: ErrorContext = {}, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.context = context;
  }

  /** What `JSON.stringify` and logs show; never a secret. */
  toJSON(): { name: string; code: string; message: string; context: ErrorContext } {
    return { name: this.name, code: this.code, message: this.message, context: this.context };
  }
}

/** The caller gave up, by an AbortSignal or `cancel`. Its `name` is the one of the web platform. */
export class AbortError extends SandwireError {
  override readonly name: string = "AbortError";

  /** The signal's reason goes into `cause`. */
  constructor(message = "the operation was aborted", options?: { readonly cause?: unknown }) {
    super("CANCELLED", message, {}, options);
  }
}

/** A time that the caller set is over. Its `name` is the one of the web platform. */
export class TimeoutError extends SandwireError {
  override readonly name: string = "TimeoutError";

  /** `code` is `TIMEOUT` unless the server has a more exact one, as `PROCESS_READY_TIMEOUT`. */
  constructor(message: string, context: ErrorContext = {}, code = "TIMEOUT") {
    super(code, message, context);
  }
}

/** No connection could be made, or there is none any more. */
export class ConnectionError extends SandwireError {
  override readonly name: string = "ConnectionError";

  /** Codes: `CONNECTION_FAILED` (the default) and `CLIENT_CLOSED`. */
  constructor(
    message: string,
    context: ErrorContext = {},
    code = "CONNECTION_FAILED",
    options?: { readonly cause?: unknown },
  ) {
    super(code, message, context, options);
  }
}

/** The server answered, and does not want this client as it is: dialling again cannot help. */
export class RefusedError extends ConnectionError {
  override readonly name: string = "RefusedError";

  /** The code is the server's own: `UNAUTHORIZED` with `context.status` 401, `ORIGIN_DENIED` with 403. */
  constructor(
    message: string,
    context: ErrorContext = {},
    code = "CONNECTION_REFUSED",
    options?: { readonly cause?: unknown },
  ) {
    super(message, context, code, options);
  }
}

/**
 * The connection to this server's memory of us is lost for good (it was started anew, or we were away for too long), and
 * with it what the operation would have said. How it ended is not known, and no exit code is made up.
 */
export class InterruptedError extends SandwireError {
  override readonly name: string = "InterruptedError";

  /** The code is `OPERATION_INTERRUPTED`. */
  constructor(message: string, context: ErrorContext = {}) {
    super("OPERATION_INTERRUPTED", message, context);
  }

  /** Whether the operation was begun: only `false` is safe to repeat without looking at what it left. */
  get admitted(): boolean | "unknown" {
    const { admitted } = this.context;
    return admitted === "true" ? true : admitted === "false" ? false : "unknown";
  }
}

/** What was asked for is not there: a file, a process, a terminal, a user, a program. */
export class NotFoundError extends SandwireError {
  override readonly name: string = "NotFoundError";
}

/** Something of that name is there already. */
export class ExistsError extends SandwireError {
  override readonly name: string = "ExistsError";
}

/** The token's scopes, or the file system, do not allow it. */
export class PermissionError extends SandwireError {
  override readonly name: string = "PermissionError";
}

/** The error of this code, as an instance of the class that users catch it by. */
export function errorOf(code: string, message: string, context: ErrorContext = {}): SandwireError {
  if (code === "CANCELLED") return new AbortError(message);
  if (code === "OPERATION_INTERRUPTED") return new InterruptedError(message, context);
  // The codes of one class have one ending.
  const has = (ending: RegExp) => ending.test(code);
  if (has(/TIMEOUT$/)) return new TimeoutError(message, context, code);
  const Class = has(/_NOT_FOUND$/)
    ? NotFoundError
    : has(/_EXISTS$/)
      ? ExistsError
      : has(/PERMISSION_DENIED$|^READ_ONLY$/)
        ? PermissionError
        : SandwireError;
  return new Class(code, message, context);
}

/** What went wrong, with its cause: runtimes hide it there. */
export function messageOf(error: unknown): string {
  const { message, cause } = error instanceof Error ? error : { message: String(error) };
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
