/** Which ports of a sandbox are seen from outside, and under which addresses. Kept by the object; wakes nothing. */

import { createError, invalid } from "./errors.ts";
import { CONTROL_PORT } from "./host.ts";
import { randomToken, sameSecret } from "./settings.ts";

/** How to expose a port. */
export interface ExposeOptions {
  /**
   * Host below which the address is made, with its port when it has one: `example.com`, `localhost:8787`. Default: what the
   * Worker's variable `SANDWIRE_PREVIEW_HOST` says.
   */
  readonly hostname?: string | undefined;
  /** A name, for people. */
  readonly name?: string | undefined;
  /** A token of one's own: 1 to 16 of `a-z 0-9 _`. Default: one that nobody can guess. */
  readonly token?: string | undefined;
}

/** An address of a port that can be reached. */
export interface ExposedPort {
  /** The address. */
  readonly url: string;
  /** The port. */
  readonly port: number;
  /** It can be reached. */
  readonly status: "active";
  /** Its name, when it has one. */
  readonly name?: string;
}

/** An exposed port, and whether it may be reached in the present run of the container. */
interface Exposure {
  readonly token: string;
  readonly name?: string;
}

/** What a preview request meets. */
export type Admission = "forward" | "invalid" | "stale";

const KEY = "sandwire:ports";
const LIVE = "sandwire:ports:live";

/** Characters of a token that is drawn: 82 bits. A label of a host name has 63 at the most. */
const TOKEN_LENGTH = 16;

/** The exposed ports of one sandbox. */
export class ExposedPorts {
  readonly #storage: SyncKvStorage;
  readonly #env: unknown;
  /** Ends what is open, by port. What an earlier life of the object had open ended with it. */
  readonly #open = new Map<number, AbortController>();

  /** Over the object's storage, with the Worker's variables. */
  constructor(storage: SyncKvStorage, env: unknown = {}) {
    this.#storage = storage;
    this.#env = env;
  }

  /**
   * Exposes a port for the present run of the container. Again with the same port: the address stays, unless another token is
   * said.
   *
   * @throws SandboxError `INVALID_PORT`, `VALIDATION_FAILED`, `CUSTOM_DOMAIN_REQUIRED`, `PORT_ALREADY_EXPOSED` (the token
   * belongs to another port).
   */
  expose(id: string, port: number, { hostname: said, name, token }: ExposeOptions): { url: string } {
    checkPort(port);
    const hostname = previewHost(said, this.#env);
    checkHostname(port, hostname);
    if (token !== undefined) checkToken(token);
    const known = this.#known;
    const before = known[port];
    const taken = Object.entries(known).find(([other, at]) => Number(other) !== port && at.token === token);
    if (token !== undefined && taken !== undefined) {
      const message = `the token ${token} belongs to port ${taken[0]}: say another`;
      throw createError("PORT_ALREADY_EXPOSED", message, { port: Number(taken[0]) });
    }
    const exposure = {
      token: token ?? before?.token ?? randomToken(TOKEN_LENGTH),
      ...(name !== undefined && { name }),
    };
    const url = previewUrl(id, port, exposure.token, hostname);
    if (before !== undefined && before.token !== exposure.token) this.#revoke(port);
    this.#write({ ...known, [port]: exposure }, [...new Set([...this.#live, port])]);
    return { url };
  }

  /** Takes an address away, and ends what is open by it. Not an error when there is none. */
  unexpose(port: number): void {
    checkPort(port);
    this.#revoke(port);
    const { [port]: _, ...rest } = this.#known;
    this.#write(
      rest,
      this.#live.filter(other => other !== port),
    );
  }

  /** The addresses that can be reached now. */
  list(id: string, said: string | undefined): ExposedPort[] {
    const hostname = previewHost(said, this.#env);
    const known = this.#known;
    const live = this.#live;
    return live.flatMap(port => {
      const at = known[port];
      if (at === undefined) return [];
      const url = previewUrl(id, port, at.token, hostname);
      return [{ url, port, status: "active" as const, ...(at.name !== undefined && { name: at.name }) }];
    });
  }

  /** Whether a port can be reached now. */
  has(port: number): boolean {
    return this.#live.includes(port) && this.#known[port] !== undefined;
  }

  /** Whether the token is that of the port, in whichever run of the container. */
  async validate(port: number, token: string): Promise<boolean> {
    // What is not exposed takes as long as what is.
    const at = this.#known[port];
    return (await sameSecret(at?.token ?? randomToken(TOKEN_LENGTH), token)) && at !== undefined;
  }

  /** What a preview request with this token meets. */
  async admit(port: number, token: string): Promise<Admission> {
    if (port === CONTROL_PORT || !(await this.validate(port, token))) return "invalid";
    return this.#live.includes(port) ? "forward" : "stale";
  }

  /** Aborts when the present address of an exposed port is taken away: for what is open by it. */
  revoked(port: number): AbortSignal {
    const controller = this.#open.get(port) ?? new AbortController();
    this.#open.set(port, controller);
    return controller.signal;
  }

  /** The container stopped: addresses are stale until their port is exposed again. */
  restarted(): void {
    this.#revokeAll();
    this.#storage.delete(LIVE);
  }

  /** Forgets all of them. */
  clear(): void {
    this.#revokeAll();
    this.#storage.delete(KEY);
    this.#storage.delete(LIVE);
  }

  #revoke(port: number): void {
    this.#open.get(port)?.abort(new DOMException("the port is not exposed any more", "AbortError"));
    this.#open.delete(port);
  }

  #revokeAll(): void {
    for (const port of this.#open.keys()) this.#revoke(port);
  }

  get #known(): Readonly<Record<number, Exposure>> {
    return this.#storage.get<Record<number, Exposure>>(KEY) ?? {};
  }

  get #live(): readonly number[] {
    return this.#storage.get<number[]>(LIVE) ?? [];
  }

  #write(known: Readonly<Record<number, Exposure>>, live: readonly number[]): void {
    this.#storage.put(KEY, known);
    this.#storage.put(LIVE, live);
  }
}

/**
 * Whether a port may be reached from a Worker.
 *
 * @throws SandboxError `INVALID_PORT` unless it is 1024 to 65535, and not the control port.
 */
export function checkPort(port: number): void {
  const reason =
    !Number.isInteger(port) || port < 1024 || port > 65535
      ? "it must be 1024 to 65535"
      : port === CONTROL_PORT
        ? "this is the control port of the sandbox"
        : undefined;
  if (reason !== undefined)
    throw createError("INVALID_PORT", `port ${port} cannot be used: ${reason}`, { port, reason });
}

/**
 * The host below which addresses are made: the one that is said, else the Worker's.
 *
 * @throws SandboxError `VALIDATION_FAILED` when neither says one: none is guessed.
 */
function previewHost(said: string | undefined, env: unknown): string {
  const { SANDWIRE_PREVIEW_HOST } = (env ?? {}) as { readonly SANDWIRE_PREVIEW_HOST?: unknown };
  const host = said ?? SANDWIRE_PREVIEW_HOST;
  // No name is below an address; below this one every name is this machine.
  if (typeof host === "string") return host.replace(/^(127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?=:|$)/, "localhost");
  const how = "say { hostname: new URL(request.url).host }, or set the Worker's variable SANDWIRE_PREVIEW_HOST";
  throw invalid("hostname", `a preview address needs a host: ${how}`);
}

function checkToken(token: string): void {
  if (/^[a-z0-9_]{1,16}$/.test(token)) return;
  throw invalid("token", `the token ${JSON.stringify(token)} cannot be in a host name: it takes 1 to 16 of a-z 0-9 _`);
}

function checkHostname(port: number, hostname: string): void {
  if (/(^|\.)workers\.dev(:\d+)?$/i.test(hostname)) {
    const message = `${hostname} has no wildcard host names, which preview addresses need: use a domain of your own`;
    throw createError("CUSTOM_DOMAIN_REQUIRED", message, { port, originalError: message });
  }
  // What ends in a number is an address.
  if (!/^[a-z0-9.-]+(:\d+)?$/i.test(hostname) || /(^|\.)\d+\.?(:\d+)?$/.test(hostname)) {
    throw invalid("hostname", `${JSON.stringify(hostname)} is no host name: say one that names can be below`);
  }
}

/** `https://<port>-<id>-<token>.<host>`; `http` on this machine. */
function previewUrl(id: string, port: number, token: string, hostname: string): string {
  if (id !== id.toLowerCase()) {
    throw invalid("id", `the id ${id} has upper case, which no host name keeps: use { normalizeId: true }`);
  }
  if (!/^[a-z0-9]([a-z0-9_-]*[a-z0-9_])?$/.test(id)) {
    throw invalid("id", `the id ${id} cannot be in a host name: that takes a-z 0-9 _ and hyphens`);
  }
  const label = `${port}-${id}-${token}`;
  if (label.length > 63)
    throw invalid("id", `the id ${id} is too long for an address: ${label} must have 63 characters`);
  const local = /^(localhost|.+\.localhost)(:\d+)?$/i.test(hostname);
  return `${local ? "http" : "https"}://${label}.${hostname}`;
}
