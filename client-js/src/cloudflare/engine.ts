/** What runs the sandbox: the runtime's container, or a host engine in its place; and what it means when it does not start. */

import type { Sandbox } from "../client.ts";
import { createError, type SandboxError } from "./errors.ts";
import { HostContainer } from "./host.ts";

/** What a Worker's environment says of a host engine. */
interface HostVariables {
  /** URL of a host engine: used when there is no container. */
  readonly SANDWIRE_HOST?: unknown;
  /** Its token. */
  readonly SANDWIRE_HOST_TOKEN?: unknown;
}

/** What the platform says, and what it means. */
const REASONS: readonly (readonly [RegExp, string, number])[] = [
  [/maximum number of running container instances exceeded/i, "max_container_instances_exceeded", 10_000],
  [/no container instance|too many containers per second/i, "no_container_instance_available", 3000],
  [/container (exited|crashed)|crashed while checking/i, "container_unhealthy", 1000],
  [/not listening|failed to verify port|did not start|aborted/i, "container_starting", 1000],
  [/upgrade/i, "rpc_upgrade_failed", 1000],
];

/** What trying again cannot help. */
const PERMANENT = /no such image|image .*not found|no application that matches|not been enabled|invalid image/i;

/**
 * The object's state with what runs its sandbox: in the place of a container that is not there a host engine, when the
 * environment names one by `SANDWIRE_HOST`.
 *
 * @param admits - whether a request to the control port has the token of the sandbox's server.
 */
export function withEngine<State extends DurableObjectState>(
  ctx: State,
  env: unknown,
  admits: (request: Request) => Promise<boolean>,
): State {
  const { SANDWIRE_HOST: url, SANDWIRE_HOST_TOKEN: token } = (env ?? {}) as HostVariables;
  if (ctx.container !== undefined || typeof url !== "string" || url === "") return ctx;
  const container = new HostContainer({
    url,
    token: typeof token === "string" && token !== "" ? token : undefined,
    id: hostId(ctx.id),
    storage: ctx.storage.kv,
    admits,
  });
  Object.defineProperty(ctx, "container", { value: container, configurable: true });
  return ctx;
}

/** Why a sandbox could not be started or reached. */
export function unavailable(error: unknown): SandboxError {
  const originalMessage = error instanceof Error ? error.message : String(error);
  if (PERMANENT.test(originalMessage)) {
    const message = `The sandbox cannot be started: ${originalMessage}`;
    return createError("INTERNAL_ERROR", message, { originalError: originalMessage }, { cause: error });
  }
  const [, reason, retryAfterMs] = REASONS.find(([said]) => said.test(originalMessage)) ?? [
    undefined,
    "container_unreachable",
    1000,
  ];
  const message = `The sandbox is not available now (${reason}): ${originalMessage}`;
  const context = { reason, retryable: true, retryAfterMs, originalMessage };
  return createError("CONTAINER_UNAVAILABLE", message, context, { cause: error });
}

/** What a sandbox says of itself at its start: its workspace, and where its container is, `null` when that is not known. */
export async function whereabouts(client: Sandbox): Promise<{ workspace: string; placementId: string | null }> {
  const [{ workspace }, { stdout }] = await Promise.all([client.info(), client.exec("echo $CLOUDFLARE_PLACEMENT_ID")]);
  return { workspace, placementId: stdout.trim() || null };
}

/** The sandbox's id at a host: its name where that is one, else what nobody else's object has. */
function hostId(id: DurableObjectId): string {
  const { name } = id;
  if (name !== undefined && /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return name;
  return `o-${id.toString().slice(0, 48)}`;
}
