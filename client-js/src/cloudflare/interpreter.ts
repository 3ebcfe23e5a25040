/** {@link CodeInterpreter}, in the shape of the stock package. */

import type { CodeContext, CreateContextOptions, ExecutionResult, ISandbox, RunCodeOptions } from "./types.ts";

/** What runs the code: a sandbox, or one of its sessions. */
type Interpreter = Pick<
  ISandbox,
  "createCodeContext" | "runCode" | "runCodeStream" | "listCodeContexts" | "deleteCodeContext"
>;

/** Runs code in contexts that keep their variables: those of a sandbox. */
export class CodeInterpreter {
  readonly #interpreter: () => Interpreter;

  /** Of a sandbox or a session, or of what gives one. Asks nothing. */
  constructor(interpreter: Interpreter | (() => Interpreter)) {
    this.#interpreter = typeof interpreter === "function" ? interpreter : () => interpreter;
  }

  /** Makes a context. */
  createCodeContext(options?: CreateContextOptions): Promise<CodeContext> {
    return this.#interpreter().createCodeContext(options);
  }

  /** Runs code to its end. */
  runCode(code: string, options?: RunCodeOptions): Promise<ExecutionResult> {
    return this.#interpreter().runCode(code, options);
  }

  /** Runs code, and gives what it does as server-sent events. */
  runCodeStream(code: string, options?: RunCodeOptions): Promise<ReadableStream<Uint8Array>> {
    return this.#interpreter().runCodeStream(code, options);
  }

  /** The contexts. */
  listCodeContexts(): Promise<CodeContext[]> {
    return this.#interpreter().listCodeContexts();
  }

  /** Ends a context. */
  deleteCodeContext(contextId: string): Promise<void> {
    return this.#interpreter().deleteCodeContext(contextId);
  }
}
