/** The errors as users have them: to catch by class, or by code. */

export { type ErrorResponse, SandboxError } from "./base.ts";
export type { ErrorCode, OperationType, StockErrorCode } from "./codes.ts";
export type * from "./contexts.ts";
export * from "./mount.ts";
export * from "./network.ts";
export * from "./runtime.ts";
export * from "./work.ts";
