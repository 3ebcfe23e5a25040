/** What Workers' own errors mean: an object that was replaced in mid-call, a network that went away. */

import { createError, SandboxError } from "./errors.ts";

/** What the platform says when it replaced the object's code. */
const CODE_UPDATED = /reset because its code was updated|this script has been upgraded/i;

/** What it says when a call was cut, and nobody knows what became of it. */
const CUT =
  /network connection lost|durable object storage caused object to be reset|stream received over rpc disconnected/i;

/** Whether the object was replaced because its code changed: only a new request reaches the new code. */
export function isDurableObjectCodeUpdateReset(error: unknown): boolean {
  return chain(error).some(one => CODE_UPDATED.test(messageOf(one)));
}

/** Whether the platform failed for a while, and not the sandbox: trying again may help. */
export function isPlatformTransientError(error: unknown): boolean {
  return chain(error).some(one => {
    const flags = one as { readonly retryable?: unknown; readonly overloaded?: unknown; durableObjectReset?: unknown };
    // An object that is overloaded did not take the call.
    if (flags.overloaded === true) return false;
    if (flags.retryable === true || flags.durableObjectReset === true) return true;
    return CODE_UPDATED.test(messageOf(one)) || CUT.test(messageOf(one));
  });
}

/** Whether it is an error of a sandbox: it has a stable `code`, a `context` and an `httpStatus`. */
export const isSandboxError = (error: unknown): error is SandboxError => error instanceof SandboxError;

/** The platform's error as what it is for the caller; nothing when it is another one. */
export function interruptedByPlatform(error: unknown, operation: string): SandboxError | undefined {
  if (!isPlatformTransientError(error)) return undefined;
  const said = messageOf(error);
  const message = `${operation} was interrupted, and it is not known whether it took effect: ${said}`;
  const context = { reason: "transport_disposed", operation, phase: "call", admitted: "unknown", retryable: false };
  return createError("OPERATION_INTERRUPTED", message, context, { cause: error });
}

/** The error and its causes; a ring of causes ends. */
function chain(error: unknown): object[] {
  const seen: object[] = [];
  for (let at = error; typeof at === "object" && at !== null && !seen.includes(at); at = (at as Error).cause)
    seen.push(at);
  return seen;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
