/** Code that is run from the Worker. */

import type { Caller } from "../caller.ts";
import type { ExecutionResult, RunCodeOptions } from "../types.ts";
import { collect } from "./events.ts";

/** Runs code to its end: callbacks are called here, which cannot cross to the object. */
export async function runCode(caller: Caller, code: string, options: RunCodeOptions = {}): Promise<ExecutionResult> {
  return collect(code, await runCodeStream(caller, code, options), options);
}

/** The same, as server-sent events. */
export async function runCodeStream(
  caller: Caller,
  code: string,
  { onStdout, onStderr, onResult, onError, ...options }: RunCodeOptions = {},
): Promise<ReadableStream<Uint8Array>> {
  return caller.abortable("runCodeStream", [code, options], 1) as Promise<ReadableStream<Uint8Array>>;
}
