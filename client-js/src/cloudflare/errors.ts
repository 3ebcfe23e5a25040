/** The errors of the drop-in. */

export { type ErrorResponse, SandboxError } from "./errors/base.ts";
export { type ErrorCode, isErrorCode, type OperationType, type StockErrorCode, statusOf } from "./errors/codes.ts";
export type * from "./errors/contexts.ts";
export { type Attempt, aborted, attempt, invalid, sandboxError } from "./errors/convert.ts";
export { createError, type ErrorOptions, errorFromResponse } from "./errors/create.ts";
export * from "./errors/mount.ts";
export * from "./errors/services.ts";
export { errorFrom, responseOf } from "./errors/wire.ts";
export * from "./errors/work.ts";
