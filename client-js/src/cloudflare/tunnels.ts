/** Tunnels: ports of the sandbox at addresses of Cloudflare's network, carried by `cloudflared` in the sandbox. */

import type { Sandbox } from "../client.ts";
import type { Context } from "./context.ts";
import { attempt, createError, invalid } from "./errors.ts";
import { checkPort } from "./ports.ts";
import { CloudflareApi, type CloudTunnel } from "./tunnel/api.ts";
import { connect, stop } from "./tunnel/connector.ts";
import type { NamedTunnelInfo, QuickTunnelInfo, TunnelInfo, TunnelOptions } from "./types.ts";
import { within } from "./within.ts";

/** The tunnels of a sandbox. */
export interface TunnelsHandler {
  /**
   * The tunnel of a port: made when there is none, or it has ended. Without a name at a random one at `trycloudflare.com`;
   * with one at `<name>.<zone>`, which needs `CLOUDFLARE_API_TOKEN` in the Worker's environment.
   *
   * @throws CommandNotFoundError when `cloudflared` is not in the sandbox, ProcessReadyTimeoutError when it does not connect
   * within 90 seconds, ValidationFailedError when the port has a tunnel of another name.
   */
  get(port: number, options?: TunnelOptions): Promise<TunnelInfo>;
  /** Those that carry something now. Wakes nothing. */
  list(): Promise<TunnelInfo[]>;
  /** Ends one; of one with a name, its address too. Not an error when there is none. Wakes nothing. */
  destroy(portOrInfo: number | TunnelInfo): Promise<void>;
}

/** What is kept of a tunnel. */
interface Kept {
  readonly info: TunnelInfo;
  /** The process in the sandbox. */
  readonly processId: string;
  /** What there is of it at Cloudflare, of one that has a name. */
  readonly cloud?: CloudTunnel;
}

const KEY = "sandwire:tunnels";

/** The process of a tunnel that has none yet: no process of a sandbox has this id. */
const NONE = "tunnel-none";

/** Milliseconds that ending all of them may take when the sandbox is to end. */
const FAREWELL = 10_000;

/** Tunnels of one sandbox; which there are is kept by its object. */
export class Tunnels implements TunnelsHandler {
  readonly #context: Context;

  /** Of the sandbox of a context. */
  constructor(context: Context) {
    this.#context = context;
  }

  async get(port: number, { name }: TunnelOptions = {}): Promise<TunnelInfo> {
    checkPort(port);
    if (name !== undefined) checkName(name);
    return this.#inTurn(port, async () => {
      const kept = this.#kept[port];
      if (kept !== undefined && kept.info.name !== name) {
        const has = kept.info.name === undefined ? "a tunnel without a name" : `the tunnel ${kept.info.name}`;
        throw invalid("name", `port ${port} has ${has}: call tunnels.destroy(${port}) first`);
      }
      const client = await this.#context.client();
      if (kept !== undefined && (await this.#isUp(client, kept))) return kept.info;
      return name === undefined ? this.#quick(client, port) : this.#named(client, port, name);
    });
  }

  async list(): Promise<TunnelInfo[]> {
    const all = Object.values(this.#kept);
    if (all.length === 0 || !this.#context.object.isRunning()) return [];
    const client = await this.#context.client();
    const up = await Promise.all(all.map(kept => this.#isUp(client, kept)));
    return all.filter((_, i) => up[i]).map(({ info }) => info);
  }

  async destroy(portOrInfo: number | TunnelInfo): Promise<void> {
    const port = typeof portOrInfo === "number" ? portOrInfo : portOrInfo.port;
    await this.#inTurn(port, async () => {
      const kept = this.#kept[port];
      if (kept === undefined) return;
      const client = this.#context.object.isRunning() ? await this.#context.client() : undefined;
      if (client) await attempt({ processId: kept.processId }, () => stop(client, kept.processId));
      if (kept.cloud) await new CloudflareApi(this.#context.object.env, port).remove(kept.cloud);
      this.#set(port, undefined);
    });
  }

  /** The run of the container is over: what had no name is gone; what had one comes back with the next `get`. */
  endRun(): void {
    for (const [port, { info }] of Object.entries(this.#kept)) if (!info.name) this.#set(Number(port), undefined);
  }

  /**
   * Takes away what there is of them outside the sandbox, as far as there is time, and forgets them: it is destroyed. What
   * could not be taken away is still known: `destroy` takes it away later.
   */
  async farewell(): Promise<void> {
    const removed = Object.entries(this.#kept).map(async ([at, { cloud, processId }]) => {
      const port = Number(at);
      if (cloud) await new CloudflareApi(this.#context.object.env, port).remove(cloud);
      // When it took too long there may be another one by now.
      if (this.#kept[port]?.processId === processId) this.#set(port, undefined);
    });
    await within(FAREWELL, Promise.allSettled(removed));
  }

  async #quick(client: Sandbox, port: number): Promise<TunnelInfo> {
    const { process, hostname = "" } = await this.#fenced(() => connect(client, port));
    const id = `quick-${process.id.slice(-8)}`;
    const info: QuickTunnelInfo = { id, port, url: `https://${hostname}`, hostname, createdAt: now() };
    this.#set(port, { info, processId: process.id });
    this.#follow(port, process);
    return info;
  }

  async #named(client: Sandbox, port: number, name: string): Promise<TunnelInfo> {
    const { object } = this.#context;
    const { life } = object;
    const before = this.#kept[port];
    const api = new CloudflareApi(object.env, port);
    // By the object's own id: sandboxes of one name in two Workers are not the same.
    const { runToken, ...cloud } = await api.ensure(`sandwire-${object.id.slice(0, 16)}-${name}`, name);
    const { tunnelId: id, hostname } = cloud;
    const info: NamedTunnelInfo = { id, port, url: `https://${hostname}`, hostname, createdAt: now(), name };
    // It is known before it carries anything: whatever happens now, somebody can take it away.
    this.#set(port, { info, processId: before?.processId ?? NONE, cloud });
    try {
      const { process } = await this.#fenced(() => connect(client, port, runToken));
      this.#set(port, { info, processId: process.id, cloud });
      this.#follow(port, process);
      return info;
    } catch (error) {
      // One that was there before has a host name that somebody knows: it stays, and comes back with the next `get`.
      if (before !== undefined && object.life === life) throw error;
      await api.remove(cloud).then(
        () => this.#set(port, undefined),
        // It is still known, so that `destroy` takes it away.
        () => this.#set(port, { info, processId: NONE, cloud }),
      );
      throw error;
    }
  }

  /** When the sandbox is destroyed meanwhile, the result is for nobody. */
  async #fenced<T>(work: () => Promise<T>): Promise<T> {
    const { object } = this.#context;
    const { life } = object;
    const result = await attempt({}, work);
    if (object.life === life) return result;
    const about = { reason: "sandbox_lifetime_changed", operation: "tunnels.get", phase: "connecting" };
    const message = "the sandbox was destroyed while its tunnel was made";
    throw createError("OPERATION_INTERRUPTED", message, { ...about, admitted: true, retryable: false });
  }

  /** Forgets a tunnel without a name when its process ends. When nobody saw it, `get` and `list` do. */
  #follow(port: number, process: { readonly id: string; wait(): Promise<unknown> }): void {
    const ended = () => {
      const kept = this.#kept[port];
      if (kept?.processId === process.id && !kept.info.name) this.#set(port, undefined);
    };
    process.wait().then(ended, () => {});
  }

  async #isUp(client: Sandbox, { processId }: Kept): Promise<boolean> {
    const process = await attempt({ processId }, () => client.getProcess(processId));
    return process?.status === "running";
  }

  #inTurn<T>(port: number, work: () => Promise<T>): Promise<T> {
    return this.#context.object.inTurn(`tunnel:${port}`, work);
  }

  get #kept(): Readonly<Record<string, Kept>> {
    return this.#context.object.storage.get<Record<string, Kept>>(KEY) ?? {};
  }

  #set(port: number, kept: Kept | undefined): void {
    const { [port]: _, ...others } = this.#kept;
    const all = kept === undefined ? others : { ...others, [port]: kept };
    if (Object.keys(all).length > 0) this.#context.object.storage.put(KEY, all);
    else this.#context.object.storage.delete(KEY);
  }
}

function checkName(name: unknown): void {
  if (typeof name === "string" && /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return;
  throw invalid(
    "name",
    `${JSON.stringify(name)} is no name of a tunnel: it takes 1 to 63 of a-z 0-9 -, no hyphen at an edge`,
  );
}

const now = (): string => new Date().toISOString();
