/** The methods of a sandbox that concern its ports: their addresses, and requests to them. */

import { unavailable } from "./engine.ts";
import { forward } from "./forward.ts";
import { SandboxMethods } from "./methods.ts";
import { checkPort, type ExposedPort, type ExposedPorts, type ExposeOptions } from "./ports.ts";
import { invalidToken, stale } from "./preview.ts";

/** Gives what the methods need. A symbol, so that nobody reaches it by RPC. */
export const PORTS: unique symbol = Symbol("sandwire.ports");

/** Answers a request to a preview address. A symbol, so that nobody reaches it by RPC. */
export const PREVIEW: unique symbol = Symbol("sandwire.preview");

/** What the methods need of the sandbox. */
export interface PortAccess {
  /** Its name, which stands in the addresses. */
  readonly name: string;
  /** Its exposed ports. */
  readonly exposed: ExposedPorts;
  /** Starts its container, unless it runs; rejects when that fails. */
  start(): Promise<void>;
  /** Takes note of a run of the container that is over. */
  settle(): void;
}

/** A sandbox with the methods of its ports. */
export abstract class SandboxPorts<Env> extends SandboxMethods<Env> {
  /** Where they lead. */
  abstract get [PORTS](): PortAccess;

  /** The port of requests that name none: that of the sandbox's server. */
  abstract override defaultPort: number;

  /**
   * Exposes a port: the address under which it is reached through `proxyToSandbox`, until `unexposePort` or the end of the
   * container's run. Wakes nothing.
   */
  async exposePort(
    port: number,
    options: ExposeOptions = {},
  ): Promise<{ url: string; port: number; name: string | undefined }> {
    const { exposed, name, settle } = this[PORTS];
    // Or it would be stale with the run before.
    settle();
    const { url } = exposed.expose(name, port, options);
    return { url, port, name: options.name };
  }

  /** Takes the address of a port away, and ends what is open by it. Not an error when it has none. Wakes nothing. */
  async unexposePort(port: number): Promise<void> {
    this[PORTS].exposed.unexpose(port);
  }

  /** The addresses that can be reached now. Wakes nothing. */
  async getExposedPorts(hostname?: string): Promise<ExposedPort[]> {
    const { exposed, name } = this[PORTS];
    return this.ctx.container?.running ? exposed.list(name, hostname) : [];
  }

  /** The address of a port that can be reached now, else `null`. Wakes nothing. */
  async getExposedPort(port: number, hostname?: string): Promise<ExposedPort | null> {
    return (await this.getExposedPorts(hostname)).find(exposed => exposed.port === port) ?? null;
  }

  /** Whether the port can be reached now. Wakes nothing. */
  async isPortExposed(port: number): Promise<boolean> {
    return this.ctx.container?.running === true && this[PORTS].exposed.has(port);
  }

  /** Whether the token is that of the port, also of one that has to be exposed again. Wakes nothing. */
  validatePortToken(port: number, token: string): Promise<boolean> {
    return this[PORTS].exposed.validate(port, token);
  }

  /** Carries a WebSocket to a port in the sandbox. Starts the sandbox. */
  async wsConnect(request: Request, port: number): Promise<Response> {
    checkPort(port);
    return this.#toPort(request, port);
  }

  /** A request to a port in the sandbox: by default to its server, which wants a token. Starts the sandbox. */
  override containerFetch(
    target: Request | string | URL,
    portOrInit?: number | RequestInit,
    port: number = this.defaultPort,
  ): Promise<Response> {
    const [init, at] = typeof portOrInit === "number" ? [undefined, portOrInit] : [portOrInit, port];
    return this.#toPort(new Request(target as Request, init), at);
  }

  /** A request to an exposed port: by its token, while the sandbox runs. */
  async [PREVIEW](request: Request, port: number, token: string): Promise<Response> {
    const { exposed } = this[PORTS];
    const admission = await exposed.admit(port, token);
    if (admission === "invalid") return invalidToken();
    if (admission === "stale" || !this.ctx.container?.running) return stale();
    return this.#forward(request, port, exposed.revoked(port));
  }

  async #toPort(request: Request, port: number): Promise<Response> {
    try {
      await this[PORTS].start();
    } catch (error) {
      const { errorResponse, httpStatus } = unavailable(error);
      return Response.json(errorResponse, { status: httpStatus });
    }
    return this.#forward(request, port);
  }

  #forward(request: Request, port: number, revoked?: AbortSignal): Promise<Response> {
    const touch = () => this.renewActivityTimeout();
    return forward(this.ctx.container, request, port, { touch, ...(revoked !== undefined && { revoked }) });
  }
}
