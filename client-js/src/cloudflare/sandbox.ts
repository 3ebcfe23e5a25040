/** {@link Sandbox}: the Durable Object of one sandbox; its settings, its sessions, its connection, its life. */

import type { StopParams } from "@cloudflare/containers";
import type { Sandbox as Client } from "../client.ts";
import type { SessionInfo } from "../kinds/session.ts";
import type { Grant } from "../relay/grant.ts";
import { Relay } from "../relay/relay.ts";
import { isAtWork, Rest } from "./activity.ts";
import { type Calls, callsIn } from "./calls.ts";
import { SandboxClient } from "./client/sandbox.ts";
import type { Context } from "./context.ts";
import { answers, arrive, unavailable, upgrade, withEngine } from "./engine.ts";
import { attempt, invalid } from "./errors.ts";
import { CONTROL_PORT, HostContainer } from "./host.ts";
import { IN } from "./methods.ts";
import { ThisObject } from "./object.ts";
import {
  checkDuration,
  checkTimeouts,
  defaultSession,
  durationOf,
  type SandboxConfiguration,
  seconds,
  timeouts,
} from "./options.ts";
import { PORTS, type PortAccess, PREVIEW, SandboxPorts } from "./port-methods.ts";
import { ExposedPorts } from "./ports.ts";
import { unknownProcess } from "./process/unknown.ts";
import { type Call, Operations, type Reply } from "./remote.ts";
import { type Route, routeOf, withRoute } from "./route.ts";
import { createSession, deleteSession, executionSession } from "./sessions.ts";
import { Settings, sameSecret } from "./settings.ts";
import { terminal } from "./terminal.ts";
import { Tunnels, type TunnelsHandler } from "./tunnels.ts";
import type * as Types from "./types.ts";
import { checkOwnVariables, sandboxVariables, startVariables, tellVariables, type Variables } from "./variables.ts";
import { within } from "./within.ts";

/** Milliseconds that a connection for last words may take. */
const LAST_CONNECT = 10_000;

/**
 * The Durable Object of one sandbox. Starts its container when something needs it, lets it sleep when nothing does, and
 * carries all that is asked of it, by Workers and by browsers, over one connection. What it is told lasts beyond its
 * eviction.
 *
 * @example
 * ```ts
 * import { getSandbox, proxyToSandbox } from "sandwire/cloudflare";
 * export { Sandbox } from "sandwire/cloudflare";
 *
 * export default {
 *   async fetch(request, env) {
 *     const preview = await proxyToSandbox(request, env);
 *     if (preview) return preview;
 *     const { stdout } = await getSandbox(env.Sandbox, "my-sandbox").exec("uname -s");
 *     return new Response(stdout);
 *   },
 * };
 * ```
 */
export class Sandbox<Env = unknown> extends SandboxPorts<Env> implements Types.ISandbox {
  override defaultPort: number = CONTROL_PORT;
  override sleepAfter: string | number = "10m";
  override pingEndpoint: string = "sandbox/healthz";
  override envVars: Record<string, string> = {};
  readonly #settings: Settings;
  readonly #ports: ExposedPorts;
  readonly #relay: Relay;
  readonly #operations: Operations = new Operations();
  readonly #object: ThisObject;
  readonly #tunnels: Tunnels;
  #parts: SandboxClient | undefined;
  /** The variables of the class, under those that were set. */
  #ownVariables: Readonly<Record<string, string>> = {};
  #starting: Promise<void> | undefined;
  #destroying: Promise<void> | undefined;
  /** Whether what is mounted has its last words: over a connection that may have to be made for them. */
  #isParting = false;
  readonly #rest: Rest = new Rest({
    isAtWork: async () => isAtWork(await this.#relay.client(), seconds(this.sleepAfter) * 1000),
    answers: () => answers(this.ctx.container, this.#settings.token),
  });
  /** How often somebody wanted something of it. */
  #uses = 0;
  /** Whether the workspace and the placement are those of the present run. */
  #located = false;

  /** Made by the platform. */
  constructor(ctx: DurableObjectState<object>, env: Env) {
    const settings = new Settings(ctx.storage.kv);
    const admits = (request: Request) =>
      sameSecret(request.headers.get("Authorization") ?? "", `Bearer ${settings.token}`);
    super(withEngine(ctx, env, admits), env);
    this.#settings = settings;
    this.#ports = new ExposedPorts(ctx.storage.kv, env);
    this.#object = new ThisObject(ctx.id.toString(), env, ctx.storage.kv, () => this.ctx.container?.running === true);
    this.#tunnels = new Tunnels(this.#context(undefined));
    this.#relay = new Relay(ctx, { dial: () => this.#dial() });
    ctx.blockConcurrencyWhile(() => this.#restore());
  }

  // Settings.

  /** Sets several of the options of `getSandbox` at once. What is absent stays. */
  async configure(configuration: SandboxConfiguration): Promise<void> {
    const { sleepAfter: quiet, keepAlive, containerTimeouts, labels } = configuration;
    if (quiet !== undefined) checkDuration(quiet);
    const sleepAfter = quiet === undefined ? undefined : durationOf(quiet);
    if (containerTimeouts !== undefined) checkTimeouts(containerTimeouts);
    this.#settings.set({
      ...(sleepAfter !== undefined && { sleepAfter }),
      ...(keepAlive !== undefined && { keepAlive }),
      ...(containerTimeouts !== undefined && { containerTimeouts }),
      ...(labels !== undefined && { labels }),
    });
    if (sleepAfter !== undefined) this.sleepAfter = sleepAfter;
    if (labels !== undefined) this.labels = { ...labels };
    if (sleepAfter !== undefined || keepAlive !== undefined) this.renewActivityTimeout();
  }

  /**
   * Variables for all that runs from now on; `undefined` or `null` takes one away. They last until `destroy()`. Wakes nothing.
   *
   * @throws SandboxError `VALIDATION_FAILED` when no shell takes such a name, or it is a setting of the sandbox's server
   * (`SANDWIRE_…`); then none is set.
   */
  async setEnvVars(envVars: Record<string, string | undefined>): Promise<void> {
    const changes = sandboxVariables(envVars);
    this.#settings.set({ variables: { ...this.#variables, ...changes } });
    if (!this.ctx.container?.running) return;
    await tellVariables(await this.#client(), this.#settings, changes);
  }

  // Sessions.

  /** Makes a session: a shell of its own, with its directory and variables. */
  async createSession(options: Types.SessionOptions = {}): Promise<Types.ExecutionSession> {
    const id = await createSession(await this.#client(), options);
    return executionSession(this.#context(id), id);
  }

  /** A session by its id. Whether it is there shows with the first call. */
  async getSession(sessionId: string): Promise<Types.ExecutionSession> {
    return executionSession(this.#context(sessionId), sessionId);
  }

  /** Ends a session and what runs in it. */
  async deleteSession(sessionId: string): Promise<Types.SessionDeleteResult> {
    if (sessionId === this.#defaultSession) {
      throw invalid("sessionId", "the default session cannot be deleted: destroy() ends the whole sandbox");
    }
    return deleteSession(await this.#client(), sessionId);
  }

  /** The sessions that there are. */
  async listSessions(): Promise<readonly SessionInfo[]> {
    const client = await this.#client();
    return attempt({}, () => client.listSessions());
  }

  /** Asks the sandbox whether it answers: starts it when it does not run. Resolves with `pong`. */
  async ping(): Promise<string> {
    await attempt({}, async () => (await this.#client()).ping());
    return "pong";
  }

  /** Where the container is: `null` when it does not say, `undefined` before the first call that needed it. */
  async getContainerPlacementId(): Promise<string | null | undefined> {
    return this.#settings.now.placementId;
  }

  // Connections.

  /** Addresses of ports in Cloudflare's network, by `cloudflared` in the sandbox. */
  override get tunnels(): TunnelsHandler {
    return this.#tunnels;
  }

  /** The parts of the stock package's client, over this object's connection. */
  override get client(): SandboxClient {
    this.#parts ??= new SandboxClient({}, () => this.#client());
    return this.#parts;
  }

  /** Not for users: the name by which the Worker asked, where the platform does not say it. */
  async setSandboxName(name: string): Promise<void> {
    if (this.ctx.id.name === undefined) this.#settings.set({ name });
  }

  /** A terminal over a WebSocket. */
  terminal(request: Request, options: Types.PtyOptions = {}): Promise<Response> {
    return terminal(this.#context(this.#defaultSession), request, options);
  }

  /**
   * Takes a client of the package `sandwire`, a browser's or another one's: its WebSocket is one more lane on the connection
   * to the sandbox, with the rights of the grant. Starts nothing before it wants something.
   */
  async accept(request: Request, grant: Grant = {}): Promise<Response> {
    return this.#relay.accept(request, grant);
  }

  override async fetch(request: Request): Promise<Response> {
    const route = routeOf(request);
    return route === undefined ? super.fetch(request) : this.#follow(route, withRoute(request, undefined));
  }

  override webSocketMessage(socket: WebSocket, message: ArrayBuffer | string): void {
    this.#relay.webSocketMessage(socket, message);
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string): void {
    this.#relay.webSocketClose(socket, code, reason);
  }

  override webSocketError(socket: WebSocket): void {
    this.#relay.webSocketError(socket);
  }

  // Life.

  /** Stops the container; clients stay connected. The next call starts it again. */
  override async stop(signal?: Parameters<SandboxPorts<Env>["stop"]>[0]): Promise<void> {
    await this.#farewell();
    this.#relay.sleep("asleep");
    await super.stop(signal);
  }

  /** Ends the sandbox and forgets its files, variables and addresses. Not an error when it never ran. */
  override destroy(): Promise<void> {
    this.#destroying ??= this.#destroy().finally(() => {
      this.#destroying = undefined;
    });
    return this.#destroying;
  }

  override async onActivityExpired(): Promise<void> {
    if (!this.ctx.container?.running) return;
    const uses = this.#uses;
    // What begins while it is asked is not in its answer.
    if (!this.#settings.now.keepAlive && (await this.#rest.isDue()) && uses === this.#uses) await this.stop();
    else this.renewActivityTimeout();
  }

  /**
   * The stock alarm takes itself away when it found the container stopped, also when that was started meanwhile: then nobody
   * would ask again whether it may sleep.
   */
  override async alarm(props?: AlarmInvocationInfo): Promise<void> {
    await super.alarm(props);
    if (this.ctx.container?.running && (await this.ctx.storage.getAlarm()) === null) await this.scheduleNextAlarm();
  }

  override async onStart(): Promise<void> {}

  override async onStop(_params?: StopParams): Promise<void> {
    // It may be told late, when the next run has begun.
    if (!this.ctx.container?.running) this.#ended();
  }

  override onError(error: unknown): unknown {
    // Who waits for the container is told by what he waits for.
    return error;
  }

  // For the Worker's side.

  /** Not for users: a call from `getSandbox`. */
  async invoke(call: Call): Promise<Reply> {
    if (call.name !== undefined) await this.setSandboxName(call.name);
    this.renewActivityTimeout();
    try {
      return await this.#operations.run(call, () => this.#target(call));
    } finally {
      this.renewActivityTimeout();
    }
  }

  /** Not for users: ends a call of {@link invoke}. */
  async cancelOperation(operation: string): Promise<void> {
    this.#operations.cancel(operation);
  }

  [IN](session: string | null | undefined = this.#defaultSession): Calls {
    return callsIn(this.#context(session ?? undefined));
  }

  get [PORTS](): PortAccess {
    return {
      name: this.#name,
      exposed: this.#ports,
      start: () => this.#start(),
      settle: () => {
        if (!this.ctx.container?.running) this.#ended();
      },
    };
  }

  async #target({ session, process }: Call): Promise<object> {
    const calls = this[IN](session);
    if (process !== undefined) return (await calls.getProcess(process)) ?? unknownProcess(process);
    return session === undefined
      ? this
      : typeof session === "string"
        ? executionSession(this.#context(session), session)
        : calls;
  }

  get #name(): string {
    return this.ctx.id.name ?? this.#settings.now.name ?? this.ctx.id.toString();
  }

  get #defaultSession(): string {
    return defaultSession(this.#name);
  }

  get #variables(): Variables {
    return this.#settings.now.variables ?? {};
  }

  #context(session: string | undefined): Context {
    const settings = this.#settings;
    return {
      client: () => this.#client(),
      ...(session !== undefined && { session }),
      get cwd() {
        return settings.now.workspace ?? "/workspace";
      },
      id: this.#name,
      object: this.#object,
    };
  }

  /** The connected client of a sandbox that runs. */
  async #client(): Promise<Client> {
    this.#used();
    try {
      await this.#start();
    } catch (error) {
      throw unavailable(error);
    }
    const client = await this.#relay.client();
    if (!this.#located || this.#settings.now.told === undefined) {
      this.#settings.set(await attempt({}, () => arrive(client, this.#settings.now)));
      this.#located = true;
    }
    this.#object.mounts.resume(client);
    this.#used();
    return client;
  }

  /** Somebody wants something of it, also from within the class: it is not stopped before he had time to say what. */
  #used(): void {
    this.#uses += 1;
    this.renewActivityTimeout();
  }

  /** Starts the container, unless it runs; who comes meanwhile waits for the same start. */
  async #start(): Promise<void> {
    if (!this.#isParting) await this.#destroying;
    if (this.ctx.container?.running && (await this.getState()).status === "healthy") return;
    checkOwnVariables(this.#ownVariables);
    const { containerTimeouts } = this.#settings.now;
    const { instanceGetTimeoutMS, portReadyTimeoutMS, waitIntervalMS } = timeouts(containerTimeouts, this.env);
    if (!this.ctx.container?.running) this.#ended();
    this.#starting ??= this.startAndWaitForPorts({
      ports: [CONTROL_PORT],
      cancellationOptions: { instanceGetTimeoutMS, portReadyTimeoutMS, waitInterval: waitIntervalMS },
    })
      .then(() => this.#settings.set({ ran: true }))
      .finally(() => {
        this.#starting = undefined;
      });
    await this.#starting;
  }

  /** A run of the container is over; what belonged to it is, too. */
  #ended(): void {
    if (!this.#settings.now.ran) return;
    this.#settings.set({ ran: false });
    this.#located = false;
    this.#ports.restarted();
    this.#object.mounts.end();
    this.#tunnels.endRun();
    // Who did not hear it before hears it now, and nobody starts it anew for what is over.
    this.#relay.sleep("ended");
  }

  /** The relay's connection to the server in the container. */
  async #dial(): Promise<WebSocket> {
    await this.#start();
    const { webSocket: socket, status } = await upgrade(this.ctx.container, this.#settings.token);
    if (!socket) throw new Error(`the sandbox's server answered the upgrade with ${status}`);
    socket.accept();
    return socket;
  }

  async #follow(route: Route, request: Request): Promise<Response> {
    switch (route.to) {
      case "connect":
        return this.accept(request, route.grant);
      case "terminal":
        return terminal(this.#context(route.session), request, route.options);
      case "port":
        return super.wsConnect(request, route.port);
      case "preview":
        return this[PREVIEW](request, route.port, route.token);
    }
  }

  /** Carries over what is left in the mounts; also when nobody has asked for anything since the object was evicted. */
  async #farewell(): Promise<void> {
    const { mounts } = this.#object;
    if (this.ctx.container?.running && mounts.areAway) {
      this.#isParting = true;
      const resumed = this.#relay.client().then(async client => {
        await client.info();
        mounts.resume(client);
      });
      await within(LAST_CONNECT, resumed);
      this.#isParting = false;
    }
    await mounts.farewell();
  }

  async #destroy(): Promise<void> {
    this.#object.endLife();
    await Promise.all([this.#farewell(), this.#tunnels.farewell()]);
    this.#object.mounts.clear();
    this.#relay.sleep("destroyed");
    this.#ports.clear();
    this.#settings.set({ variables: {}, workspace: undefined, placementId: undefined, told: undefined });
    await super.destroy();
  }

  /** After the class's own fields are set, and before the first event. */
  async #restore(): Promise<void> {
    const { container } = this.ctx;
    if (container instanceof HostContainer) await container.refresh();
    // Fields of a class that extends this one are set when its constructor is through.
    else await Promise.resolve();
    const { sleepAfter, labels } = this.#settings.now;
    this.#ownVariables = this.envVars;
    // A class that names the token wants to know it.
    const { SANDWIRE_TOKEN: token } = this.#ownVariables as { SANDWIRE_TOKEN?: string };
    if (token !== undefined) this.#settings.use(token);
    if (sleepAfter !== undefined) this.sleepAfter = sleepAfter;
    if (labels !== undefined) this.labels = { ...labels };
    // Read at a start of the container: a token is drawn for one that starts, and not for one that is only asked for.
    Object.defineProperty(this, "envVars", {
      configurable: true,
      enumerable: true,
      get: () => startVariables(this.#ownVariables, this.#variables, this.#settings.token),
      set: (own: Record<string, string>) => {
        this.#ownVariables = own;
      },
    });
    this.renewActivityTimeout();
  }
}
