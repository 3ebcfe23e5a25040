/** The types of the drop-in, in the shape of the stock package, and the guards that tell them. */

import type { ExecResult } from "./types/command.ts";
import type { Process, ProcessStatus } from "./types/process.ts";

export type { ErrorResponse } from "./errors/base.ts";
export type { ErrorCode, OperationType } from "./errors/codes.ts";
export type * from "./types/alias.ts";
export type * from "./types/command.ts";
export type * from "./types/file.ts";
export type * from "./types/interpreter.ts";
export type * from "./types/process.ts";
export type * from "./types/request.ts";
export type * from "./types/sandbox.ts";
export type * from "./types/storage.ts";
export type * from "./types/tunnel.ts";

const STATUSES: readonly ProcessStatus[] = ["starting", "running", "completed", "failed", "killed", "error"];

/** Whether it is the result of a command. */
export function isExecResult(value: unknown): value is ExecResult {
  const { success, exitCode, stdout, stderr } = fieldsOf(value);
  return (
    typeof success === "boolean" &&
    typeof exitCode === "number" &&
    typeof stdout === "string" &&
    typeof stderr === "string"
  );
}

/** Whether it is a process. */
export function isProcess(value: unknown): value is Process {
  const { id, command, status } = fieldsOf(value);
  return typeof id === "string" && typeof command === "string" && typeof status === "string";
}

/** Whether it is the status of a process. */
export function isProcessStatus(value: string): value is ProcessStatus {
  return STATUSES.some(status => status === value);
}

type Field = "success" | "exitCode" | "stdout" | "stderr" | "id" | "command" | "status";

const fieldsOf = (value: unknown): Partial<Record<Field, unknown>> => (typeof value === "object" && value ? value : {});
