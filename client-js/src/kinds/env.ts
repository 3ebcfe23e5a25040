/** `env.*`: the variables of the sandbox, and those of a session in words that its shell takes. */

import type { CallOptions } from "./call.ts";
import { Code } from "./code.ts";
import { ValidationFailedError } from "./errors.ts";

/** Variables to set; `null` and `undefined` take one away, also one that the server has. */
export type Variables = Readonly<Record<string, string | null | undefined>>;

/** The variables of a sandbox. */
export class SandboxVariables extends Code {
  /**
   * Sets variables of the sandbox, over the server's own environment: for every command, process, terminal, session and
   * kernel that begins from then on, whoever begins it. Shells of sessions that run take them with their next command, unless
   * the session was made with that name. `null` and `undefined` take one away, also one of the server's. They are forgotten
   * when the server ends.
   *
   * What a session has goes over these, and what a command says itself over both.
   *
   * Errors: `ValidationFailedError`; then none is set.
   *
   * @example
   * ```ts
   * await sandbox.setEnvVars({ NODE_ENV: "test", LANG: null });
   * const { stdout } = await sandbox.exec("echo $NODE_ENV");
   * console.log(stdout); // "test\n"
   * ```
   */
  async setEnvVars(env: Variables, options?: CallOptions): Promise<void> {
    const changes = Object.entries(env).map(([name, value]) => [name, value ?? null]);
    await this.call("env.set", { env: Object.fromEntries(changes) }, options);
  }

  /** The variables of the sandbox, as a command without a session and without variables of its own would have them. */
  async getEnvVars(options?: CallOptions): Promise<Record<string, string>> {
    return (await this.call<{ env: Record<string, string> }>("env.list", {}, options)).env;
  }
}

/**
 * Lines for a shell that export and unset these.
 *
 * @throws `ValidationFailedError` when no shell takes a name, or a value has a NUL in it.
 */
export function exportsOf(env: Variables): string {
  return (
    Object.entries(env)
      .map(([name, value]) => {
        if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
          throw new ValidationFailedError(`no shell takes a variable of the name ${JSON.stringify(name)}`, {
            parameter: "env",
          });
        }
        if (value === null || value === undefined) return `command unset ${name}`;
        if (value.includes("\0")) {
          throw new ValidationFailedError(`the value of ${name} has a NUL in it, which no variable can`, {
            parameter: "env",
          });
        }
        return `command export ${name}='${value.replaceAll("'", "'\\''")}'`;
      })
      // Each of them counts, not only the last.
      .join(" &&\n")
  );
}
