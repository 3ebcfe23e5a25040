/** {@link CodeInterpreter}, in the shape of the stock package. */

import { resultOf } from "./code/result.ts";
import type { CodeContext, CreateContextOptions, Execution, ISandbox, RunCodeOptions } from "./types.ts";

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

  /** Runs code to its end. Its results have their methods. */
  async runCode(code: string, options: RunCodeOptions = {}): Promise<Execution> {
    const run = await this.#interpreter().runCode(code, options);
    const context = options.context ?? (await this.#defaultContext(options.language));
    return { ...run, context, results: run.results.map(resultOf), toJSON: () => run };
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

  /** The one in which code runs that names none: its id is the language. */
  async #defaultContext(language: string = "python"): Promise<CodeContext> {
    // What the code did is there already: that nobody can be asked now takes nothing of it away.
    const found = (await this.listCodeContexts().catch(() => [])).find(({ id }) => id === language);
    // It was deleted meanwhile, or nobody was there to ask.
    return found ?? { id: language, language, cwd: "/workspace", createdAt: new Date(), lastUsed: new Date() };
  }
}
