/** `cloudflared` in the sandbox: a background process that carries a port to Cloudflare's network. */

import type { Sandbox } from "../../client.ts";
import type { Process } from "../../kinds/process/handle.ts";
import { createError, sandboxError } from "../errors.ts";

/** Milliseconds until it must be connected. */
const READY = 90_000;

/** Milliseconds between TERM and KILL. */
const GRACE = 3000;

/** What it says of a quick tunnel's address, and of a connection that stands. */
const ADDRESS = /https:\/\/([a-z0-9-]+\.trycloudflare\.com)/;
const CONNECTED = /Registered tunnel connection/;

/** A tunnel that is connected. */
export interface Connector {
  /** The process. */
  readonly process: Process;
  /** The host name; absent when it has a name of its own. */
  readonly hostname?: string;
}

/**
 * Starts `cloudflared`, and waits until it is connected.
 *
 * @param runToken - of a tunnel that has a name; absent: a quick one, whose address Cloudflare draws.
 * @throws CommandNotFoundError when it is not installed in the sandbox, ProcessReadyTimeoutError,
 * ProcessExitedBeforeReadyError with what it said last.
 */
export async function connect(client: Sandbox, port: number, runToken?: string): Promise<Connector> {
  const processId = `tunnel-${port}-${crypto.randomUUID().slice(0, 8)}`;
  const about = {
    operation: "process.start",
    command: "cloudflared",
    processId,
    condition: "a connection of the tunnel",
  } as const;
  const tunnel = ["cloudflared", "tunnel", "--no-autoupdate"];
  const named = runToken !== undefined;
  const until = Date.now() + READY;
  let process: Process | undefined;
  try {
    process = await client.startProcess(
      [...tunnel, ...(named ? ["run"] : ["--url", `http://localhost:${port}`])],
      // In its environment, for who lists processes sees arguments.
      { id: processId, ...(named && { env: { TUNNEL_TOKEN: runToken } }) },
    );
    const hostname = named ? undefined : (await process.waitForLog(ADDRESS, { timeout: READY })).match[1];
    await process.waitForLog(CONNECTED, { timeout: Math.max(1, until - Date.now()) });
    return { process, ...(hostname !== undefined && { hostname }) };
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === "COMMAND_NOT_FOUND") {
      const message =
        "cloudflared is not installed in the sandbox: put the package `cloudflared` (https://pkg.cloudflare.com) into its image";
      throw createError("COMMAND_NOT_FOUND", message, { command: "cloudflared" }, { cause: error });
    }
    const said = await lastWords(process);
    if (process !== undefined) await stop(client, processId).catch(() => {});
    const failure = sandboxError(error, { ...about, timeout: READY });
    if (said === "") throw failure;
    throw createError(failure.code, `${failure.message}; cloudflared said: ${said}`, failure.context, { cause: error });
  }
}

/** Ends it and forgets its log. Not an error when it is gone. */
export async function stop(client: Sandbox, processId: string): Promise<void> {
  const process = await client.getProcess(processId);
  if (process === null) return;
  await process.kill(undefined, { grace: GRACE }).catch(gone);
  await process.remove().catch(gone);
}

/** The end of what it wrote, on one line. */
async function lastWords(process: Process | undefined): Promise<string> {
  const logs = await process?.logs().catch(() => undefined);
  const lines = (logs?.stderr ?? "").trim().split("\n");
  return lines.slice(-3).join(" | ").slice(-1000);
}

function gone(error: unknown): void {
  const { code } = error as { code?: unknown };
  if (code !== "PROCESS_NOT_FOUND" && code !== "PROCESS_EXITED") throw error;
}
