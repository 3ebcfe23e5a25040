/** {@link CommandHooks}: who wants to see every command of a sandbox. */

/**
 * Called for every `exec` that is made by this object of `getSandbox`, in its sessions too. For seeing what happens: what one of them
 * throws, the call rejects with.
 *
 * @example
 * ```ts
 * const sandbox = getSandbox(env.Sandbox, "debug-sandbox");
 * sandbox.client.onCommandStart = command => console.log(`Starting: ${command}`);
 * sandbox.client.onOutput = (stream, data) => console.log(`[${stream}] ${data}`);
 * sandbox.client.onCommandComplete = (success, code) => console.log(`Completed: ${success} (${code})`);
 * ```
 */
export interface CommandHooks {
  /** A command is about to run. `args` is empty: a command is one line. */
  onCommandStart?: ((command: string, args: readonly string[]) => void) | undefined;
  /** Output as it comes. */
  onOutput?: ((stream: "stdout" | "stderr", data: string, command: string) => void) | undefined;
  /** A command ended, well or not. */
  onCommandComplete?:
    | ((success: boolean, exitCode: number, stdout: string, stderr: string, command: string) => void)
    | undefined;
  /** It is not known how it ended, or it did not begin. */
  onError?: ((message: string, command: string) => void) | undefined;
}
