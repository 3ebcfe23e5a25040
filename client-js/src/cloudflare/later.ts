/** What the types have already and this version does not do yet. */

import { createError } from "./errors.ts";

/**
 * Rejects: the method is not there yet.
 *
 * @throws SandboxError `NOT_SUPPORTED`, with `context.method`.
 */
export function later(method: string): Promise<never> {
  const message = `sandbox.${method} is not supported by this version of sandwire`;
  return Promise.reject(createError("NOT_SUPPORTED", message, { method }));
}
