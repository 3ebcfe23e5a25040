/** {@link InterpreterClient}: code, over a connection to a sandbox's server alone. */

import { createCodeContext, deleteCodeContext, listCodeContexts, runCode, runCodeStream } from "../code.ts";
import type { CodeContext, CreateContextOptions, ExecutionCallbacks, RunCodeOptions } from "../types.ts";
import { ClientPart } from "./connection.ts";

/** Code. */
export class InterpreterClient extends ClientPart {
  /** Makes a context. */
  createCodeContext(options?: CreateContextOptions): Promise<CodeContext> {
    return createCodeContext(this.connection.context(), options);
  }

  /** Runs code to its end, and calls back with what it does. */
  async runCodeStream(
    contextId: string | undefined,
    code: string,
    language: string | undefined,
    callbacks: ExecutionCallbacks,
    timeoutMs?: number,
  ): Promise<void> {
    const time = timeoutMs === undefined ? {} : { timeout: timeoutMs };
    const where = await this.#where(contextId, language);
    await runCode(this.connection.context(), code, { ...where, ...callbacks, ...time });
  }

  /** The contexts. */
  listCodeContexts(): Promise<CodeContext[]> {
    return listCodeContexts(this.connection.context());
  }

  /** Ends a context. */
  deleteCodeContext(contextId: string): Promise<void> {
    return deleteCodeContext(this.connection.context(), contextId);
  }

  /** Runs code, and gives what it does as server-sent events. */
  async streamCode(contextId: string, code: string, language?: string): Promise<ReadableStream<Uint8Array>> {
    return runCodeStream(this.connection.context(), code, await this.#where(contextId, language));
  }

  /** Where code runs: in a context, or in the default one of a language. */
  async #where(contextId: string | undefined, said: string | undefined): Promise<RunCodeOptions> {
    if (contextId === undefined) {
      return said === undefined ? {} : { language: said as NonNullable<RunCodeOptions["language"]> };
    }
    // How its results are read, and whether it has `require`, is told by its language: who does not say it is not to guess.
    const language = said ?? (await this.listCodeContexts()).find(({ id }) => id === contextId)?.language ?? "";
    return { context: { id: contextId, language, cwd: "", createdAt: new Date(), lastUsed: new Date() } };
  }
}
