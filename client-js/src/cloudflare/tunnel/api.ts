/** Cloudflare's API, as far as tunnels with a name of their own need it. The Worker calls it; its token never reaches the sandbox. */

import { createError, invalid, type SandboxError } from "../errors.ts";

/** What the Worker's environment says; the names are the stock package's. */
interface Variables {
  /** Token that may edit tunnels of the account and DNS of the zone. */
  readonly CLOUDFLARE_API_TOKEN?: unknown;
  /** The account. Default: `CLOUDFLARE_ACCOUNT_ID`, else the only one of the token. */
  readonly CLOUDFLARE_TUNNEL_ACCOUNT_ID?: unknown;
  /** The account. */
  readonly CLOUDFLARE_ACCOUNT_ID?: unknown;
  /** The zone. Default: the only one of the token in the account. */
  readonly CLOUDFLARE_ZONE_ID?: unknown;
  /** Where the API is, as Wrangler has it. Default: `https://api.cloudflare.com/client/v4`. */
  readonly CLOUDFLARE_API_BASE_URL?: unknown;
}

/** Where a named tunnel is at Cloudflare. */
export interface CloudTunnel {
  /** Id of the tunnel. */
  readonly tunnelId: string;
  /** The account that it belongs to. */
  readonly accountId: string;
  /** The zone that its host name is in. */
  readonly zoneId: string;
  /** The record of its host name. */
  readonly recordId: string;
  /** Its host name. */
  readonly hostname: string;
}

/** What the API answers. */
interface Envelope {
  readonly success?: boolean;
  readonly result?: unknown;
  readonly errors?: readonly { readonly code?: number; readonly message?: string }[];
}

const BASE = "https://api.cloudflare.com/client/v4";

/** Milliseconds that one request has. */
const TIMEOUT = 15_000;

/** The API, for one Worker's environment. */
export class CloudflareApi {
  readonly #said: Variables;
  readonly #token: string;
  readonly #port: number;

  /**
   * For a tunnel to a port.
   *
   * @throws ValidationFailedError when the environment has no token.
   */
  constructor(env: unknown, port: number) {
    this.#said = (env ?? {}) as Variables;
    this.#port = port;
    const token = text(this.#said.CLOUDFLARE_API_TOKEN);
    if (token === undefined) {
      throw invalid(
        "CLOUDFLARE_API_TOKEN",
        "a tunnel with a name needs CLOUDFLARE_API_TOKEN in the Worker's environment, a token that may edit Cloudflare Tunnel and DNS; without a name it needs none",
      );
    }
    this.#token = token;
  }

  /**
   * The tunnel of this name, with its host name in the zone and its way to the port: made when it is not there. Also gives
   * what `cloudflared` proves itself with.
   *
   * @throws PortError when the API refuses, or the host name leads somewhere else.
   */
  async ensure(tunnelName: string, label: string): Promise<CloudTunnel & { readonly runToken: string }> {
    const accountId = await this.#account();
    const zoneId = await this.#zone(accountId);
    const { name: zone } = (await this.#ask("GET", `/zones/${zoneId}`)) as { name: string };
    const hostname = `${label}.${zone}`;
    const tunnels = `/accounts/${accountId}/cfd_tunnel`;
    const query = new URLSearchParams({ name: tunnelName, is_deleted: "false" });
    const [known] = (await this.#ask("GET", `${tunnels}?${query}`)) as { id: string }[];
    const { id: tunnelId } =
      known ??
      ((await this.#ask("POST", tunnels, { name: tunnelName, config_src: "cloudflare" })) as { readonly id: string });
    const ingress = [{ hostname, service: `http://localhost:${this.#port}` }, { service: "http_status:404" }];
    try {
      await this.#ask("PUT", `${tunnels}/${tunnelId}/configurations`, { config: { ingress } });
      const runToken = (await this.#ask("GET", `${tunnels}/${tunnelId}/token`)) as string;
      // Last: behind this nothing can fail, so that there is never a record that nobody knows of.
      const recordId = await this.#record(zoneId, hostname, `${tunnelId}.cfargotunnel.com`, tunnelName);
      return { tunnelId, accountId, zoneId, recordId, hostname, runToken };
    } catch (error) {
      // What was made for nothing does not stay.
      if (known === undefined) await this.#ask("DELETE", `${tunnels}/${tunnelId}`, undefined, true).catch(() => {});
      throw error;
    }
  }

  /** Takes a tunnel and its host name away. Not an error when they are gone. */
  async remove({ tunnelId, accountId, zoneId, recordId }: CloudTunnel): Promise<void> {
    await this.#ask("DELETE", `/zones/${zoneId}/dns_records/${recordId}`, undefined, true);
    const tunnel = `/accounts/${accountId}/cfd_tunnel/${tunnelId}`;
    // One that counts as connected is not deleted.
    await this.#ask("DELETE", `${tunnel}/connections`, undefined, true);
    await this.#ask("DELETE", tunnel, undefined, true);
  }

  async #account(): Promise<string> {
    const said = text(this.#said.CLOUDFLARE_TUNNEL_ACCOUNT_ID) ?? text(this.#said.CLOUDFLARE_ACCOUNT_ID);
    return said ?? this.#only("/accounts?per_page=2", "account", "CLOUDFLARE_ACCOUNT_ID");
  }

  async #zone(accountId: string): Promise<string> {
    const query = new URLSearchParams({ "account.id": accountId, per_page: "2" });
    return text(this.#said.CLOUDFLARE_ZONE_ID) ?? this.#only(`/zones?${query}`, "zone", "CLOUDFLARE_ZONE_ID");
  }

  /** The one that there is; nobody guesses which of several is meant. */
  async #only(path: string, what: string, variable: string): Promise<string> {
    const all = (await this.#ask("GET", path)) as { readonly id: string }[];
    const [one] = all;
    if (all.length === 1 && one) return one.id;
    const many = all.length === 0 ? `no ${what}` : `more than one ${what}`;
    throw invalid(variable, `the token of CLOUDFLARE_API_TOKEN can see ${many}: set ${variable}`);
  }

  async #record(zoneId: string, name: string, content: string, comment: string): Promise<string> {
    const records = `/zones/${zoneId}/dns_records`;
    const query = new URLSearchParams({ type: "CNAME", name });
    const [known] = (await this.#ask("GET", `${records}?${query}`)) as { id: string; content: string }[];
    if (known !== undefined && known.content !== content) {
      throw this.#failure(`${name} leads to ${known.content}: remove that record, or use another name`);
    }
    if (known !== undefined) return known.id;
    const record = { type: "CNAME", name, content, proxied: true, ttl: 1, comment };
    return ((await this.#ask("POST", records, record)) as { id: string }).id;
  }

  async #ask(method: string, path: string, body?: object, mayBeGone = false): Promise<unknown> {
    const base = text(this.#said.CLOUDFLARE_API_BASE_URL) ?? BASE;
    let status = 0;
    let said: Envelope;
    try {
      const response = await fetch(`${base}${path}`, {
        method,
        headers: { Authorization: `Bearer ${this.#token}`, "Content-Type": "application/json" },
        signal: AbortSignal.timeout(TIMEOUT),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      ({ status } = response);
      said = await response.json();
    } catch (error) {
      if (mayBeGone && status === 404) return undefined;
      throw this.#failure(`${status || ""} ${error instanceof Error ? error.message : error}`.trim(), error);
    }
    if (mayBeGone && status === 404) return undefined;
    if (status < 400 && said.success !== false) return said.result;
    const errors = (said.errors ?? []).map(({ code, message }) => `${code}: ${message}`).join("; ");
    throw this.#failure(`${method} ${path.replace(/\?.*/, "")} was answered ${status} ${errors}`.trim());
  }

  #failure(stderr: string, cause?: unknown): SandboxError {
    const message = `Cloudflare's API did not make the tunnel: ${stderr}`;
    return createError("PORT_OPERATION_ERROR", message, { port: this.#port, stderr }, { cause });
  }
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
