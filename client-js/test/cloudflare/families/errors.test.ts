/** The errors of the drop-in: their classes, what they say, and how they cross. */

import { describe, expect, it } from "vitest";
import * as errors from "../../../src/cloudflare/errors.ts";
import { exitCodeOf } from "../../../src/cloudflare/exit.ts";
import { ConnectionError, errorOf, InterruptedError, RefusedError, SandwireError } from "../../../src/error.ts";

/** Each code with its class, its status, a context, and a getter of the class with what it gives. */
const TABLE = [
  ["FILE_NOT_FOUND", errors.FileNotFoundError, 404, { path: "/a", operation: "file.read" }, "path"],
  ["FILE_EXISTS", errors.FileExistsError, 409, { path: "/a", operation: "file.write" }, "path"],
  [
    "FILE_TOO_LARGE",
    errors.FileTooLargeError,
    413,
    { path: "/a", operation: "file.read", maxSize: 1, actualSize: 2 },
    "path",
  ],
  ["PERMISSION_DENIED", errors.PermissionDeniedError, 403, { path: "/a", operation: "file.read" }, "path"],
  ["IS_DIRECTORY", errors.FileSystemError, 400, { path: "/a", operation: "file.read" }, "path"],
  ["NOT_DIRECTORY", errors.FileSystemError, 400, { path: "/a", operation: "file.read", stderr: "no" }, "stderr"],
  ["NO_SPACE", errors.FileSystemError, 500, { path: "/a", operation: "file.write", exitCode: 1 }, "exitCode"],
  ["TOO_MANY_FILES", errors.FileSystemError, 500, { path: "/a", operation: "file.write" }, "path"],
  ["TOO_MANY_LINKS", errors.FileSystemError, 500, { path: "/a", operation: "file.write" }, "path"],
  ["RESOURCE_BUSY", errors.FileSystemError, 409, { path: "/a", operation: "file.write" }, "path"],
  ["READ_ONLY", errors.FileSystemError, 403, { path: "/a", operation: "file.write" }, "path"],
  ["NAME_TOO_LONG", errors.FileSystemError, 400, { path: "/a", operation: "file.write" }, "path"],
  ["FILESYSTEM_ERROR", errors.FileSystemError, 500, { path: "/a", operation: "file.write" }, "path"],
  ["COMMAND_NOT_FOUND", errors.CommandNotFoundError, 404, { command: "x" }, "command"],
  ["COMMAND_PERMISSION_DENIED", errors.CommandError, 403, { command: "x" }, "command"],
  ["COMMAND_EXECUTION_ERROR", errors.CommandError, 500, { command: "x", stdout: "part" }, "stdout"],
  ["INVALID_COMMAND", errors.CommandError, 400, { command: "x", stderr: "e" }, "stderr"],
  ["STREAM_START_ERROR", errors.CommandError, 500, { command: "x", exitCode: 2 }, "exitCode"],
  ["INVALID_PROCESS_CWD", errors.InvalidProcessCwdError, 400, { cwd: "/x", reason: "none" }, "cwd"],
  ["PROCESS_NOT_FOUND", errors.ProcessNotFoundError, 404, { processId: "p" }, "processId"],
  ["PROCESS_PERMISSION_DENIED", errors.ProcessError, 403, { processId: "p", pid: 3 }, "pid"],
  ["PROCESS_ERROR", errors.ProcessError, 500, { processId: "p", stderr: "s" }, "stderr"],
  [
    "PROCESS_READY_TIMEOUT",
    errors.ProcessReadyTimeoutError,
    408,
    { processId: "p", command: "c", condition: "x", timeout: 5 },
    "timeout",
  ],
  [
    "PROCESS_EXITED_BEFORE_READY",
    errors.ProcessExitedBeforeReadyError,
    500,
    { processId: "p", command: "c", condition: "x", exitCode: 5 },
    "exitCode",
  ],
  [
    "SESSION_ALREADY_EXISTS",
    errors.SessionAlreadyExistsError,
    409,
    { sessionId: "s", containerPlacementId: null },
    "containerPlacementId",
  ],
  ["SESSION_DESTROYED", errors.SessionDestroyedError, 410, { sessionId: "s" }, "sessionId"],
  ["SESSION_TERMINATED", errors.SessionTerminatedError, 410, { sessionId: "s", exitCode: null }, "exitCode"],
  [
    "VALIDATION_FAILED",
    errors.ValidationFailedError,
    400,
    { validationErrors: [{ field: "f", message: "m" }] },
    "validationErrors",
  ],
  ["PORT_ALREADY_EXPOSED", errors.PortAlreadyExposedError, 409, { port: 1, portName: "n" }, "portName"],
  ["PORT_NOT_EXPOSED", errors.PortNotExposedError, 404, { port: 1 }, "port"],
  ["INVALID_PORT_NUMBER", errors.InvalidPortError, 400, { port: 0, reason: "r" }, "reason"],
  ["INVALID_PORT", errors.InvalidPortError, 400, { port: 0, reason: "r" }, "port"],
  ["SERVICE_NOT_RESPONDING", errors.ServiceNotRespondingError, 502, { port: 1 }, "port"],
  ["PORT_IN_USE", errors.PortInUseError, 409, { port: 1 }, "port"],
  ["PORT_OPERATION_ERROR", errors.PortError, 500, { port: 1, stderr: "s" }, "stderr"],
  ["CUSTOM_DOMAIN_REQUIRED", errors.CustomDomainRequiredError, 400, {}, "code"],
  ["GIT_REPOSITORY_NOT_FOUND", errors.GitRepositoryNotFoundError, 404, { repository: "r" }, "repository"],
  ["GIT_AUTH_FAILED", errors.GitAuthenticationError, 401, { repository: "r" }, "repository"],
  ["GIT_BRANCH_NOT_FOUND", errors.GitBranchNotFoundError, 404, { branch: "b", repository: "r" }, "branch"],
  ["GIT_NETWORK_ERROR", errors.GitNetworkError, 502, { targetDir: "t" }, "targetDir"],
  ["GIT_CLONE_FAILED", errors.GitCloneError, 500, { exitCode: 128 }, "exitCode"],
  ["GIT_CHECKOUT_FAILED", errors.GitCheckoutError, 500, { stderr: "s" }, "stderr"],
  ["INVALID_GIT_URL", errors.InvalidGitUrlError, 400, { validationErrors: [] }, "validationErrors"],
  ["GIT_OPERATION_FAILED", errors.GitError, 500, { repository: "r" }, "repository"],
  ["INTERPRETER_NOT_READY", errors.InterpreterNotReadyError, 503, { retryAfter: 3 }, "retryAfter"],
  ["CONTEXT_NOT_FOUND", errors.ContextNotFoundError, 404, { contextId: "c" }, "contextId"],
  ["CODE_EXECUTION_ERROR", errors.CodeExecutionError, 500, { traceback: ["a"] }, "traceback"],
  ["BACKUP_NOT_FOUND", errors.BackupNotFoundError, 404, { backupId: "b" }, "backupId"],
  ["BACKUP_EXPIRED", errors.BackupExpiredError, 400, { backupId: "b", expiredAt: "t" }, "expiredAt"],
  ["INVALID_BACKUP_CONFIG", errors.InvalidBackupConfigError, 400, { reason: "r" }, "reason"],
  ["BACKUP_CREATE_FAILED", errors.BackupCreateError, 500, { dir: "d" }, "dir"],
  ["BACKUP_RESTORE_FAILED", errors.BackupRestoreError, 500, { dir: "d", backupId: "b" }, "backupId"],
  [
    "CONTAINER_UNAVAILABLE",
    errors.ContainerUnavailableError,
    503,
    { reason: "container_starting", retryable: true, retryAfterMs: 9 },
    "retryAfterMs",
  ],
  [
    "RPC_TRANSPORT_ERROR",
    errors.RPCTransportError,
    503,
    { kind: "peer_closed", originalMessage: "o", errorName: "E" },
    "kind",
  ],
  [
    "OPERATION_INTERRUPTED",
    errors.OperationInterruptedError,
    409,
    { reason: "runtime_replaced", operation: "o", phase: "p", admitted: true, retryable: false },
    "reason",
  ],
  ["INTERNAL_ERROR", errors.SandboxError, 500, {}, "code"],
  ["LIMIT_EXCEEDED", errors.SandboxError, 429, { limit: 1 }, "code"],
  ["NOT_SUPPORTED", errors.SandboxError, 501, {}, "code"],
] as const;

describe("an error", () => {
  it.each(TABLE)("%s is of its class, and crosses whole", (code, Class, httpStatus, context, getter) => {
    const made = errors.createError(code, "what happened", context, {
      operation: "file.read",
      cause: new Error("below"),
    });
    const crossed = errors.errorFrom(structuredClone(errors.responseOf(made)));
    const asJson = errors.errorFrom(JSON.parse(JSON.stringify(errors.responseOf(made))));
    for (const error of [made, crossed, asJson]) {
      expect(error).toBeInstanceOf(Class);
      expect(error).toBeInstanceOf(errors.SandboxError);
      expect(error).toMatchObject({
        name: Class.name === "SandboxError" ? "SandboxError" : Class.name,
        message: "what happened",
        code,
        httpStatus,
        context,
        operation: "file.read",
        timestamp: made.timestamp,
        suggestion: made.suggestion,
        documentation: undefined,
      });
      const given = (error as unknown as Record<string, unknown>)[getter];
      expect(given).toEqual(getter === "code" ? code : (context as Record<string, unknown>)[getter]);
    }
    expect(Number.isNaN(Date.parse(made.timestamp))).toBe(false);
    expect(JSON.parse(JSON.stringify(made))).toMatchObject({
      name: made.name,
      code,
      context,
      httpStatus,
      stack: expect.any(String),
    });
    expect(JSON.stringify(made)).not.toContain("below");
  });

  it("of a mounted bucket crosses as itself", () => {
    for (const Class of [
      errors.BucketMountError,
      errors.S3FSMountError,
      errors.BucketUnmountError,
      errors.MissingCredentialsError,
      errors.InvalidMountConfigError,
    ]) {
      const error = errors.errorFrom(structuredClone(errors.responseOf(new Class("no bucket"))));
      expect(error).toBeInstanceOf(Class);
      expect([error.name, error.message]).toEqual([Class.name, "no bucket"]);
    }
  });

  it("that is none of ours crosses as UNKNOWN_ERROR", () => {
    const response = errors.responseOf(new TypeError("x is not a function"));
    expect(response).toMatchObject({
      code: "UNKNOWN_ERROR",
      message: "x is not a function",
      context: { originalError: "TypeError" },
    });
    expect(errors.responseOf("a text")).toMatchObject({ code: "UNKNOWN_ERROR", message: "a text" });
    expect(errors.responseOf(errors.sandboxError(new InterruptedError("lost")), "sandbox.exec").context).toMatchObject({
      operation: "sandbox.exec",
    });
  });

  it("knows every code, and its status", () => {
    for (const [code, , status] of TABLE)
      expect([errors.isErrorCode(code), errors.statusOf(code)]).toEqual([true, status]);
    expect([errors.isErrorCode("NONE"), errors.isErrorCode("toString"), errors.statusOf("NONE")]).toEqual([
      false,
      false,
      500,
    ]);
  });
});

describe("what the client says", () => {
  const what = {
    operation: "file.read",
    path: "/p",
    command: "cmd",
    processId: "pid",
    sessionId: "ses",
    port: 8080,
  } as const;

  it.each([
    ["FILE_NOT_FOUND", {}, "FILE_NOT_FOUND", { path: "/p", operation: "file.read" }],
    ["DIRECTORY_NOT_EMPTY", {}, "FILESYSTEM_ERROR", { path: "/p", operation: "file.read", stderr: "said" }],
    ["SPECIAL_FILE", {}, "FILESYSTEM_ERROR", { path: "/p" }],
    ["PRECONDITION_FAILED", {}, "RESOURCE_BUSY", { path: "/p" }],
    ["NO_SPACE", { errno: 28 }, "NO_SPACE", { path: "/p", stderr: "said" }],
    ["COMMAND_NOT_FOUND", {}, "COMMAND_NOT_FOUND", { command: "cmd" }],
    ["COMMAND_PERMISSION_DENIED", {}, "COMMAND_PERMISSION_DENIED", { command: "cmd" }],
    ["PROCESS_SPAWN_FAILED", {}, "PROCESS_ERROR", { processId: "pid", stderr: "said" }],
    [
      "INVALID_PROCESS_CWD",
      { cwd: "/gone" },
      "INVALID_PROCESS_CWD",
      { cwd: "/gone", reason: "said", processId: "pid" },
    ],
    ["PROCESS_NOT_FOUND", {}, "PROCESS_NOT_FOUND", { processId: "pid" }],
    ["PROCESS_EXISTS", {}, "PROCESS_ERROR", { processId: "pid" }],
    ["PROCESS_EXITED_BEFORE_READY", { exit: 6 }, "PROCESS_EXITED_BEFORE_READY", { exitCode: 6 }],
    ["PROCESS_EXITED_BEFORE_READY", { exit: "SIGTERM" }, "PROCESS_EXITED_BEFORE_READY", { exitCode: 143 }],
    ["SESSION_NOT_FOUND", {}, "SESSION_DESTROYED", { sessionId: "ses" }],
    ["SESSION_ALREADY_EXISTS", {}, "SESSION_ALREADY_EXISTS", { sessionId: "ses" }],
    ["SESSION_TERMINATED", { exit_code: 3 }, "SESSION_TERMINATED", { sessionId: "ses", exitCode: 3 }],
    ["SESSION_TERMINATED", { signal: "SIGKILL" }, "SESSION_TERMINATED", { sessionId: "ses", exitCode: null }],
    ["CONNECT_FAILED", {}, "SERVICE_NOT_RESPONDING", { port: 8080 }],
    ["INVALID_PORT", {}, "INVALID_PORT", { port: 8080, reason: "said" }],
    [
      "VALIDATION_FAILED",
      { parameter: "cols" },
      "VALIDATION_FAILED",
      { validationErrors: [{ field: "cols", message: "said" }] },
    ],
    ["DRAINING", {}, "CONTAINER_UNAVAILABLE", { reason: "container_replaced", retryable: true }],
    ["LIMIT_EXCEEDED", { limit: 5 }, "LIMIT_EXCEEDED", { limit: 5 }],
    ["UNKNOWN_KIND", {}, "NOT_SUPPORTED", {}],
    ["SOMETHING_NEW", { a: 1 }, "UNKNOWN_ERROR", { a: 1, originalError: "SOMETHING_NEW" }],
  ])("%s %j is %s", (code, context, expected, said) => {
    const below = errorOf(code, "said", context);
    const error = errors.sandboxError(below, what);
    expect(error).toMatchObject({ code: expected, operation: "file.read", cause: below });
    expect(error.context).toMatchObject(said);
    expect(errors.sandboxError(error, {})).toBe(error);
  });

  it("tells an unreachable sandbox from an interrupted operation", () => {
    const gone = errors.sandboxError(new ConnectionError("nobody there"), what);
    expect(gone).toBeInstanceOf(errors.ContainerUnavailableError);
    expect(gone.context).toMatchObject({
      reason: "container_unreachable",
      retryable: true,
      originalMessage: "nobody there",
    });
    const closed = errors.sandboxError(new ConnectionError("closed", {}, "CLIENT_CLOSED"), what);
    expect(closed).toMatchObject({ code: "RPC_TRANSPORT_ERROR", kind: "session_disposed" });
    expect(errors.sandboxError(new RefusedError("no", {}, "UNAUTHORIZED"), what)).toMatchObject({
      kind: "upgrade_failed",
    });
    for (const [admitted, is, retryable] of [
      ["true", true, false],
      ["false", false, true],
      ["unknown", "unknown", false],
    ] as const) {
      const error = errors.sandboxError(new InterruptedError("lost", { admitted }), what);
      expect(error).toMatchObject({ code: "OPERATION_INTERRUPTED", httpStatus: 409, reason: "runtime_replaced" });
      expect(error.context).toMatchObject({ admitted: is, retryable, operation: "file.read" });
    }
    const destroyed = new InterruptedError("lost", { admitted: "false", reason: "the sandbox was destroyed" });
    expect(errors.sandboxError(destroyed, what).context).toMatchObject({
      reason: "sandbox_lifetime_changed",
      retryable: false,
    });
    const cancelled = errors.sandboxError(errorOf("CANCELLED", "x"), what);
    expect([cancelled.name, cancelled.code, cancelled.message]).toEqual([
      "AbortError",
      "CANCELLED",
      "Operation was aborted",
    ]);
    expect(errors.sandboxError(new SandwireError("TIMEOUT", "late")).httpStatus).toBe(408);
  });

  it("gives the end of a process as a shell counts, and never one that nobody knows", () => {
    expect(exitCodeOf({ exitCode: 0, signal: null })).toBe(0);
    expect(exitCodeOf({ exitCode: null, signal: "SIGSEGV" })).toBe(139);
    expect(exitCodeOf({ exitCode: null, signal: "SIGRTMIN+3" })).toBe(165);
    expect(exitCodeOf({ exitCode: null, signal: null })).toBeUndefined();
    expect(exitCodeOf({ exitCode: null, signal: "SIGWHAT" })).toBeUndefined();
  });
});
