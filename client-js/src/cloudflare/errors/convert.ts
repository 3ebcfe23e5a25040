/** What the client says, in the words of the drop-in: codes, classes and context fields of the stock package. */

import { ConnectionError, InterruptedError, messageOf, SandwireError } from "../../error.ts";
import { exitCodeOf } from "../exit.ts";
import { SandboxError } from "./base.ts";
import type { OperationType } from "./codes.ts";
import { createError } from "./create.ts";
import { toolError } from "./tools.ts";

/** What was attempted, so that the error can name it. */
export interface Attempt {
  /** The operation. */
  readonly operation?: OperationType;
  /** Its path. */
  readonly path?: string;
  /** Its command. */
  readonly command?: string;
  /** Its working directory, when the call said one. */
  readonly cwd?: string | undefined;
  /** Its process. */
  readonly processId?: string;
  /** Its session. */
  readonly sessionId?: string | undefined;
  /** Its code context, and its language. */
  readonly contextId?: string | undefined;
  readonly language?: string | undefined;
  /** Its repository, without credentials; the branch, and where it goes. */
  readonly repository?: string;
  readonly branch?: string | undefined;
  readonly targetDir?: string | undefined;
  /** Its port. */
  readonly port?: number;
  /** What a wait waited for, for people, and how long. */
  readonly condition?: string;
  readonly timeout?: number | undefined;
}

/** Fields that the server, or the client, may have said. */
type SaidBelow = "path" | "program" | "id" | "port" | "cwd" | "timeout" | "exit_code" | "parameter" | "field";

/** Runs it; what it throws is of the drop-in. */
export async function attempt<T>(what: Attempt, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw sandboxError(error, what);
  }
}

/** The error of the drop-in for whatever was thrown. One that is of the drop-in already stays as it is. */
export function sandboxError(error: unknown, what: Attempt = {}): SandboxError {
  if (error instanceof SandboxError) return error;
  const { operation } = what;
  const options = { operation, cause: error };
  if (!(error instanceof SandwireError)) {
    const originalError = error instanceof Error ? error.name : typeof error;
    return createError("UNKNOWN_ERROR", messageOf(error), { originalError }, options);
  }
  if (error instanceof InterruptedError) return interrupted(error, what);
  if (error instanceof ConnectionError) return unreachable(error, what);
  const { message, context } = error;
  const said = context as Readonly<Record<SaidBelow, unknown>>;
  const path = what.path ?? text(said.path) ?? "";
  const command = what.command ?? text(said.program) ?? "";
  const processId = what.processId ?? text(said.id) ?? "";
  const sessionId = what.sessionId ?? text(said.id) ?? "";
  const port = what.port ?? number(said.port) ?? 0;
  const file = { path, operation };
  const exit = endOf(context);
  const ofTool = toolError(error, what, options);
  if (ofTool) return ofTool;
  switch (error.code) {
    case "FILE_NOT_FOUND":
    case "FILE_EXISTS":
      return createError(error.code, message, file, options);
    case "PERMISSION_DENIED":
      return createError(
        "PERMISSION_DENIED",
        message,
        what.path === undefined ? { ...context, ...file } : file,
        options,
      );
    case "FILE_TOO_LARGE":
      return createError("FILE_TOO_LARGE", message, { ...context, ...file }, options);
    case "IS_DIRECTORY":
    case "NOT_DIRECTORY":
    case "NO_SPACE":
    case "TOO_MANY_FILES":
    case "TOO_MANY_LINKS":
    case "READ_ONLY":
    case "NAME_TOO_LONG":
    case "FILESYSTEM_ERROR":
      return createError(error.code, message, { ...file, stderr: message }, options);
    case "DIRECTORY_NOT_EMPTY":
    case "SPECIAL_FILE":
      return createError("FILESYSTEM_ERROR", message, { ...file, stderr: message }, options);
    case "PRECONDITION_FAILED":
      return createError("RESOURCE_BUSY", message, { ...file, stderr: message }, options);
    case "COMMAND_NOT_FOUND":
      return createError("COMMAND_NOT_FOUND", message, { command }, options);
    case "COMMAND_PERMISSION_DENIED":
      return createError("COMMAND_PERMISSION_DENIED", message, { command }, options);
    case "INVALID_PROCESS_CWD": {
      const cwd = what.cwd ?? text(said.cwd) ?? "";
      const id = what.processId === undefined ? {} : { processId };
      return createError("INVALID_PROCESS_CWD", message, { cwd, reason: message, ...id }, options);
    }
    case "PROCESS_SPAWN_FAILED":
      return what.processId === undefined
        ? createError("COMMAND_EXECUTION_ERROR", message, { command, stderr: message }, options)
        : createError("PROCESS_ERROR", message, { processId, stderr: message }, options);
    case "PROCESS_NOT_FOUND":
      return createError("PROCESS_NOT_FOUND", message, { processId }, options);
    case "PROCESS_EXISTS":
    case "PROCESS_EXITED":
    case "STDIN_NOT_OPEN":
      return createError("PROCESS_ERROR", message, { processId, stderr: message }, options);
    case "PROCESS_READY_TIMEOUT": {
      const { condition = "", timeout = number(said.timeout) ?? 0 } = what;
      const late = `${condition || "what was waited for"} did not come within ${timeout} ms (timeout)`;
      return createError("PROCESS_READY_TIMEOUT", late, { processId, command, condition, timeout }, options);
    }
    case "PROCESS_EXITED_BEFORE_READY": {
      const { condition = "" } = what;
      return createError(
        "PROCESS_EXITED_BEFORE_READY",
        message,
        { processId, command, condition, ...(exit !== undefined && { exitCode: exit }) },
        options,
      );
    }
    case "SESSION_NOT_FOUND":
      return createError("SESSION_DESTROYED", message, { sessionId }, options);
    case "SESSION_ALREADY_EXISTS":
      return createError("SESSION_ALREADY_EXISTS", message, { sessionId }, options);
    case "SESSION_TERMINATED": {
      // Only what the shell said itself: a signal has no exit code.
      const exitCode = number(said.exit_code) ?? null;
      return createError("SESSION_TERMINATED", message, { sessionId, exitCode }, options);
    }
    case "WATCH_START_ERROR":
      return createError("WATCH_START_ERROR", message, { ...context, path }, options);
    case "CONNECT_FAILED":
      return createError("SERVICE_NOT_RESPONDING", message, { port }, options);
    case "INVALID_PORT":
      return createError("INVALID_PORT", message, { port, reason: message }, options);
    case "USER_NOT_FOUND":
    case "VALIDATION_FAILED":
      return invalid(text(said.parameter) ?? text(said.field) ?? "", message, options);
    case "DRAINING":
      return createError(
        "CONTAINER_UNAVAILABLE",
        message,
        { reason: "container_replaced", retryable: true, originalMessage: message },
        options,
      );
    case "UNKNOWN_KIND":
    case "NOT_SUPPORTED":
      return createError("NOT_SUPPORTED", message, context, options);
    case "CANCELLED":
      return aborted(error);
    case "TIMEOUT":
    case "LIMIT_EXCEEDED":
    case "TERMINAL_NOT_FOUND":
    case "INTERNAL_ERROR":
      return createError(error.code, message, context, options);
    default:
      return createError("UNKNOWN_ERROR", message, { ...context, originalError: error.code }, options);
  }
}

/** The caller gave up. */
export const aborted = (cause?: unknown): SandboxError =>
  createError("CANCELLED", "Operation was aborted", {}, { cause });

/** An argument is not valid. */
export const invalid = (field: string, message: string, options: { operation?: OperationType | undefined } = {}) =>
  createError("VALIDATION_FAILED", message, { validationErrors: [{ field, message }] }, options);

function interrupted(error: InterruptedError, { operation, ...what }: Attempt): SandboxError {
  const { admitted, message } = error;
  const { reason } = error.context as { readonly reason?: unknown };
  // What the relay says when the sandbox was not only stopped.
  const ended = typeof reason === "string" && reason.includes("destroyed");
  const phase = admitted === false ? "not begun" : "running";
  const name = operation ?? (what.path === undefined ? "sandbox" : "file");
  return createError(
    "OPERATION_INTERRUPTED",
    message,
    {
      reason: ended ? "sandbox_lifetime_changed" : "runtime_replaced",
      operation: name,
      phase,
      admitted,
      retryable: admitted === false && !ended,
    },
    { operation, cause: error },
  );
}

function unreachable(error: ConnectionError, { operation }: Attempt): SandboxError {
  const originalMessage = messageOf(error);
  const options = { operation, cause: error };
  if (error.code === "CONNECTION_FAILED") {
    return createError(
      "CONTAINER_UNAVAILABLE",
      originalMessage,
      { reason: "container_unreachable", retryable: true, originalMessage },
      options,
    );
  }
  const kind = error.code === "CLIENT_CLOSED" ? "session_disposed" : "upgrade_failed";
  return createError("RPC_TRANSPORT_ERROR", originalMessage, { kind, originalMessage, errorName: error.name }, options);
}

/** How the process ended that was waited for: the server says its code, or its signal, in `exit`; the client `exitCode`. */
const endOf = ({ exit, exitCode }: SandwireError["context"]): number | undefined =>
  exitCodeOf({ exitCode: number(exitCode) ?? number(exit) ?? null, signal: text(exit) ?? null });

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
