/** Whether something failed because the sandbox sleeps: nothing of ours may wake it then, only what a person does. */

import { state } from "./connection.ts";

/** Whether it does. */
export function isAsleep(error: unknown): boolean {
  const { context } = (error ?? {}) as { readonly context?: { readonly reason?: unknown } };
  return context?.reason === "asleep" || state.peek().status === "asleep";
}
