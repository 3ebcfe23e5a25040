/** {@link getSandbox}: a sandbox, as a Worker has it. */

import type { Grant } from "../relay/grant.ts";
import { Caller, type Stub } from "./caller.ts";
import { SandboxClient } from "./client/sandbox.ts";
import type { CommandHooks } from "./hooks.ts";
import { checkDuration, checkTimeouts, type SandboxConfiguration, sandboxId } from "./options.ts";
import { checkPort } from "./ports.ts";
import { withRoute } from "./route.ts";
import type { Sandbox } from "./sandbox.ts";
import { type Methods, STUBS, sessionMethods, sharedMethods, terminalRequest } from "./surface.ts";
import type { TunnelsHandler } from "./tunnels.ts";
import type {
  Aliases,
  ExecEvent,
  ExecutionSession,
  LogEvent,
  PtyOptions,
  SandboxOptions,
  SessionOptions,
  StreamOptions,
} from "./types.ts";

/** What the Worker's side of a sandbox has beyond the class. */
export interface Connections {
  /** Who wants to see the commands of this object: nobody, until somebody is set. */
  readonly client: SandboxClient & CommandHooks;

  /** Runs a command, and gives what it does as server-sent events; a loop over the call itself gives the events. */
  execStream(
    command: string,
    options?: StreamOptions,
  ): Promise<ReadableStream<Uint8Array>> & AsyncIterable<ExecEvent, void>;

  /** Follows the log of a process, as server-sent events; a loop over the call itself gives the events. */
  streamProcessLogs(
    processId: string,
    options?: { signal?: AbortSignal },
  ): Promise<ReadableStream<Uint8Array>> & AsyncIterable<LogEvent, void>;

  /** Makes a session: a shell of its own, with its directory and variables. */
  createSession(options?: SessionOptions): Promise<ExecutionSession & Aliases>;

  /** A session by its id. Whether it is there shows with the first call. */
  getSession(sessionId: string): Promise<ExecutionSession & Aliases>;

  /**
   * Answers the upgrade of a client of the package `sandwire`, a browser's or another one's: its WebSocket becomes one more
   * lane on the one connection to the sandbox. Starts nothing before the client wants something.
   *
   * Who calls this has decided that the client may: no `Origin` is looked at here. A browser sends its cookies with the upgrade
   * from whichever site asks for it, so a Worker that knows its users by a cookie has to compare the `Origin` first, or any
   * site that a user visits is in that user's sandbox (cross-site WebSocket hijacking).
   *
   * @param grant - what this client may do: by default everything.
   *
   * @example
   * ```ts
   * if (request.headers.get("Origin") !== "https://app.example.com") return new Response(null, { status: 403 });
   * // A browser that may look at one terminal, and type nothing.
   * return getSandbox(env.Sandbox, "demo").connect(request, { terminals: ["build"], readOnly: true });
   * ```
   */
  connect(request: Request, grant?: Grant): Promise<Response>;
}

/** Sandboxes of which is known what they were told: so many of each namespace, in this isolate. */
const MOST_TOLD = 10_000;

const told = new WeakMap<object, Map<string, string>>();

/** The methods that only a sandbox has, and that lead to its object as they are. */
const OWN = [
  "setSleepAfter",
  "setKeepAlive",
  "setContainerTimeouts",
  "setLabels",
  "setTransport",
  "setEnvVars",
  "deleteSession",
  "listSessions",
  "ping",
  "getContainerPlacementId",
  "exposePort",
  "unexposePort",
  "getExposedPorts",
  "getExposedPort",
  "isPortExposed",
  "validatePortToken",
  "destroy",
  "stop",
] as const;

/**
 * A sandbox by its id. Asks nothing and starts nothing: the first call that needs the sandbox does. The same id is the same
 * sandbox, from every Worker and every request.
 *
 * What is not the sandbox's own method is a method of the Worker's class that extends it, called by RPC.
 *
 * @param ns - the binding of the sandboxes' Durable Objects.
 * @param id - 1 to 63 characters, no hyphen at an edge; of `a-z 0-9 _ -` where it has preview addresses.
 * @param options - what they say holds from now on; what they do not say stays.
 * @throws SandboxError `VALIDATION_FAILED` when the id or an option cannot be.
 *
 * @example
 * ```ts
 * const sandbox = getSandbox(env.Sandbox, "user-17", { sleepAfter: "5m" });
 * const { stdout, exitCode } = await sandbox.exec("npm test", { onOutput: (_, text) => console.log(text), signal });
 * ```
 */
export function getSandbox<T extends Sandbox<unknown>>(
  ns: DurableObjectNamespace<T>,
  id: string,
  options: SandboxOptions = {},
): Connections & T {
  const name = sandboxId(id, options.normalizeId);
  const stub = ns.get(ns.idFromName(name));
  tell(ns, stub as unknown as Configurable, name, options);
  const session = options.enableDefaultSession === false ? null : undefined;
  const caller = new Caller(stub as unknown as Stub, name, session, clientOf(stub as unknown as Stub));
  const methods = methodsOf(caller);
  const tunnels = tunnelsOf(caller);
  const facade = new Proxy(stub, {
    get(target, property) {
      // It is no promise, whatever the stub says to every name.
      if (property === "then") return undefined;
      if (property === "tunnels") return tunnels;
      if (property === "client") return caller.hooks;
      const method = typeof property === "string" ? methods[property] : undefined;
      return method ?? Reflect.get(target, property, target);
    },
  });
  STUBS.set(facade, caller.stub);
  return facade as unknown as Connections & T;
}

function methodsOf(caller: Caller): Methods {
  const { stub } = caller;
  // These are the sandbox's, whichever session the caller means.
  const whole = caller.in(undefined);
  const own = OWN.map(name => [name, (...args: unknown[]) => whole.call(name, args)]);
  return {
    ...sharedMethods(caller),
    ...Object.fromEntries(own),
    createSession: async (options?: SessionOptions) => {
      const { id } = (await whole.call("createSession", [options])) as { id: string };
      return sessionMethods(caller.in(id), id);
    },
    getSession: async (id: string) => sessionMethods(caller.in(id), id),
    terminal: (request: Request, options?: PtyOptions) => terminalRequest(caller, request, options),
    connect: (request: Request, grant: Grant = {}) => stub.fetch(withRoute(request, { to: "connect", grant })),
    wsConnect: async (request: Request, port: number) => {
      checkPort(port);
      return stub.fetch(withRoute(request, { to: "port", port }));
    },
    fetch: (request: Request | string | URL, init?: RequestInit) =>
      stub.fetch(withRoute(new Request(request as Request, init), undefined)),
    containerFetch: async (target: Request | string | URL, portOrInit?: number | RequestInit, port?: number) => {
      const init = typeof portOrInit === "object" ? portOrInit : undefined;
      const at = typeof portOrInit === "number" ? portOrInit : port;
      const request = new Request(target as Request, init);
      if (at !== undefined) checkPort(at);
      return stub.fetch(withRoute(request, at === undefined ? undefined : { to: "port", port: at }));
    },
  };
}

/** The stock package's client, over a lane of its own, and what sees every command. Connects when a part of it is used. */
function clientOf(stub: Stub): SandboxClient {
  const lane = (request: Request) => stub.fetch(withRoute(request, { to: "connect", grant: {} }));
  const containerFetch = (url: string, init: RequestInit, port?: number) =>
    stub.fetch(withRoute(new Request(url, init), port === undefined ? undefined : { to: "port", port }));
  return new SandboxClient({ stub: { fetch: lane, containerFetch } });
}

/** The tunnels, in the Worker. */
function tunnelsOf(caller: Caller): TunnelsHandler {
  const whole = caller.in(undefined);
  const call = async <T>(method: string, ...args: unknown[]) => (await whole.call("callTunnels", [method, args])) as T;
  return {
    get: (port, options) => call("get", port, options),
    list: () => call("list"),
    destroy: portOrInfo => call("destroy", portOrInfo),
  };
}

interface Configurable {
  configure(configuration: SandboxConfiguration): Promise<void>;
}

/** Tells the object what changed since this isolate told it last. Nobody waits for it: what comes behind it comes later. */
function tell(ns: object, stub: Configurable, name: string, options: SandboxOptions): void {
  const { sleepAfter, keepAlive, containerTimeouts, labels } = options;
  if (sleepAfter !== undefined) checkDuration(sleepAfter);
  if (containerTimeouts !== undefined) checkTimeouts(containerTimeouts);
  const all = told.get(ns) ?? new Map<string, string>();
  told.set(ns, all);
  const before = JSON.parse(all.get(name) ?? "{}") as Readonly<Record<string, unknown>>;
  const said = Object.entries({ sleepAfter, keepAlive, containerTimeouts, labels });
  const changed = said.filter(
    ([field, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(before[field]),
  );
  if (changed.length === 0) return;
  const changes: SandboxConfiguration = Object.fromEntries(changed);
  all.delete(name);
  all.set(name, JSON.stringify({ ...before, ...changes }));
  for (const oldest of all.keys()) {
    if (all.size <= MOST_TOLD) break;
    all.delete(oldest);
  }
  stub.configure(changes).catch(() => all.delete(name));
}
