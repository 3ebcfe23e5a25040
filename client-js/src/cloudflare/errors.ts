/** The errors of the drop-in, and how they are made. Users have `errors/classes.ts` of it. */

export * from "./errors/classes.ts";
export { isErrorCode, statusOf } from "./errors/codes.ts";
export { type Attempt, aborted, attempt, invalid, sandboxError } from "./errors/convert.ts";
export { createError, type ErrorOptions, errorFromResponse } from "./errors/create.ts";
export { errorFrom, responseOf } from "./errors/wire.ts";
