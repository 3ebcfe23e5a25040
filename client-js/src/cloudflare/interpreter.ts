/** {@link CodeInterpreter}, in the shape of the stock package. */

import { later } from "./later.ts";
import type { CodeContext, CreateContextOptions, ExecutionResult, RunCodeOptions } from "./types.ts";

/** Runs code in contexts that keep their variables. Not supported by this version: everything rejects with `NOT_SUPPORTED`. */
export class CodeInterpreter {
  /** A context. */
  createCodeContext(_options?: CreateContextOptions): Promise<CodeContext> {
    return later("createCodeContext");
  }

  /** Runs code to its end. */
  runCode(_code: string, _options?: RunCodeOptions): Promise<ExecutionResult> {
    return later("runCode");
  }

  /** Runs code, and gives its output as server-sent events. */
  runCodeStream(_code: string, _options?: RunCodeOptions): Promise<ReadableStream<Uint8Array>> {
    return later("runCodeStream");
  }

  /** All contexts. */
  listCodeContexts(): Promise<CodeContext[]> {
    return later("listCodeContexts");
  }

  /** Ends a context. */
  deleteCodeContext(_contextId: string): Promise<void> {
    return later("deleteCodeContext");
  }
}
