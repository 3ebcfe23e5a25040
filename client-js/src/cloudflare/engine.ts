/** What runs the sandbox: the runtime's container, or a host engine in its place; and what it means when it does not start. */

import type { Sandbox } from "../client.ts";
import { createError, SandboxError } from "./errors.ts";
import { CONTROL_PORT, type Engine, HostContainer } from "./host.ts";
import type { Remembered } from "./settings.ts";

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
 * environment names one by `SANDWIRE_HOST`. Sandboxes of one host are known by their names: Workers, and classes, that share
 * a host have the same sandbox under the same name.
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

/** What the server in a container that runs says to the upgrade of a connection to it. */
export async function upgrade(engine: Engine | undefined, token: string): Promise<Response> {
  if (!engine?.running) throw new Error("the container does not run");
  return engine.getTcpPort(CONTROL_PORT).fetch("http://sandbox/v1/connect", {
    headers: { Upgrade: "websocket", Authorization: `Bearer ${token}`, "Sec-WebSocket-Protocol": "sandwire.v1" },
  });
}

/**
 * Resolves when the server answers somebody who comes anew; a refusal is an answer, too.
 *
 * @throws when it is not there, or only what stands before it answers.
 */
export async function answers(engine: Engine | undefined, token: string): Promise<true> {
  const { status, webSocket } = await upgrade(engine, token);
  webSocket?.accept();
  webSocket?.close(1000, "only asked whether somebody is there");
  if (status === 502 || status === 504) throw new Error(`the sandbox's server does not answer: ${status}`);
  return true;
}

/** Why a sandbox could not be started or reached. */
export function unavailable(error: unknown): SandboxError {
  if (error instanceof SandboxError) return error;
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

/**
 * What a sandbox says of itself at its start: its workspace, and where its container is, `null` when that is not known. A
 * server that does not know the variables yet is told them: it was started with those that have a value.
 */
export async function arrive(client: Sandbox, { variables, told }: Remembered): Promise<Partial<Remembered>> {
  const boot = client.state.status === "connected" ? client.state.bootId : undefined;
  if (variables !== undefined && boot !== told && Object.keys(variables).length > 0) await client.setEnvVars(variables);
  const [{ workspace }, { stdout }] = await Promise.all([client.info(), client.exec("echo $CLOUDFLARE_PLACEMENT_ID")]);
  return { workspace, placementId: stdout.trim() || null, told: boot };
}

/**
 * The sandbox's id at a host: its name where that is one, so that other clients of the host find it under it; else what nobody
 * else's object has. Two Workers that share one host share its names, too: who does not want that gives each a host.
 */
function hostId(id: DurableObjectId): string {
  const { name } = id;
  // A name that looks as the other form does would be somebody else's.
  const isForm = /^o-[0-9a-f]{48}$/.test(name ?? "");
  if (name !== undefined && !isForm && /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return name;
  return `o-${id.toString().slice(0, 48)}`;
}
