/** What goes wrong, and what to do about it. */

import { getSandbox, type Sandbox, type SandboxError } from "sandwire/cloudflare";
import type { Examples } from "./env.ts";

/** Tries again while the sandbox is not there yet. */
async function execWithRetry(sandbox: Sandbox, command: string, maxRetries = 3): Promise<{ stdout: string }> {
  for (let i = 0; ; i++) {
    try {
      return await sandbox.exec(command);
    } catch (error) {
      if ((error as SandboxError).code === "CONTAINER_UNAVAILABLE" && i < maxRetries - 1) {
        await new Promise(resolve => setTimeout(resolve, 2000));
        continue;
      }
      throw error;
    }
  }
}

export const failures: Examples = {
  async commandError({ env }) {
    const sandbox = getSandbox(env.Sandbox, "my-sandbox");
    await sandbox.writeFile("/workspace/invalid.py", "print(\n");
    const result = await sandbox.exec("python3 /workspace/invalid.py");

    if (!result.success) {
      return { exitCode: result.exitCode, stderr: result.stderr };
    }
    return "it succeeded";
  },

  async sdkError({ env }) {
    const sandbox = getSandbox(env.Sandbox, "my-sandbox");
    try {
      await sandbox.readFile("/nonexistent");
    } catch (error) {
      if ((error as SandboxError).code === "FILE_NOT_FOUND") {
        return "Handle missing file";
      }
      throw error;
    }
    return "it was there";
  },

  async retried({ env }) {
    return (await execWithRetry(getSandbox(env.Sandbox, "just-made"), "echo ready")).stdout;
  },

  /** Also what `exec` once took, and what would hang or run something else if it were left out in silence. */
  async refused({ env }) {
    const sandbox = getSandbox(env.Sandbox, "my-sandbox");
    const codeOf = (run: Promise<unknown>) =>
      run.then(
        () => "it ran",
        (error: SandboxError) => `${error.code}: ${error.message}`,
      );
    const exec = sandbox.exec as (...args: unknown[]) => Promise<unknown>;
    return Promise.all([
      codeOf(exec("node server.js", { background: true })),
      codeOf(exec("bun", ["run", "/server.js"], { background: true })),
      codeOf(sandbox.setSleepAfter("soon")),
      codeOf(sandbox.exposePort(8080, { hostname: "192.168.1.17:8787" })),
    ]);
  },
};
