/** {@link connect} and {@link Sandbox}: everything in a sandbox, over one connection that resumes. */

import { Driver } from "./driver.ts";
import { InterruptedError } from "./error.ts";
import { begin, type Call, type CallOptions, fromWire, pick } from "./kinds/call.ts";
import { Ports } from "./kinds/port.ts";
import type { Metrics, MetricsOptions, SandboxInfo } from "./kinds/sandbox.ts";
import {
  type CreateSessionOptions,
  type DeleteSessionOptions,
  Session,
  type SessionInfo,
  sessionOf,
  type WireSession,
} from "./kinds/session.ts";
import { type AsyncSequence, iterable } from "./kinds/stream.ts";
import type { ConnectOptions } from "./options.ts";
import type { WebSocketLike } from "./platform.ts";
import type { State, Stats } from "./state.ts";

/**
 * Connects to a server. The first connection is tried once; one that is lost is made again by itself.
 *
 * @param target - `ws://host:port`, `wss://…`, `http://…`, `host:port`, or a WebSocket whose subprotocol is `sandwire.v1`.
 * @throws `RefusedError` when the server does not want us (`context.status` is 401 without a valid token), `ConnectionError`
 * when there is no connection, `AbortError` by `options.signal`.
 *
 * @example
 * ```ts
 * import { connect } from "sandwire";
 *
 * await using sandbox = await connect(url);
 * const { stdout } = await sandbox.exec("uname -s");
 * console.log(stdout); // "Linux\n"
 * ```
 */
export async function connect(target: string | WebSocketLike, options?: ConnectOptions): Promise<Sandbox> {
  return new Sandbox(await Driver.start(target, options));
}

/**
 * A sandbox: commands, background processes, files, terminals and ports. Made by {@link connect}.
 *
 * A connection that is lost is made again by itself, and everything goes on where it was: nothing is lost, repeated or run
 * twice. Only when the server does not know us any more (it was started anew, or we were away for too long) do operations
 * that were open fail, with an `InterruptedError`; logs, watches and terminals are picked up again even then, when they can
 * be. The sandbox itself goes on.
 */
export class Sandbox extends Ports {
  readonly #driver: Driver;

  /** Not for users: {@link connect} makes one. */
  constructor(driver: Driver) {
    super(driver);
    this.#driver = driver;
  }

  /** What the connection is doing now. */
  get state(): State {
    return this.#driver.state;
  }

  /** Figures of the connection: the last round trip, bytes, channels. */
  get stats(): Stats {
    return this.#driver.stats;
  }

  /** The state now, then each change: who is slow sees the newest. Ends when it is closed. */
  states(): AsyncIterable<State> {
    return this.#driver.states();
  }

  /**
   * Calls `listener` with each change of the connection's state. Returns what ends this.
   *
   * @example
   * ```ts
   * const stop = sandbox.onStateChange(state => {
   *   if (state.status === "reconnecting") console.log("away:", state.reason);
   *   if (state.status === "connected") console.log("there, in", state.rtt, "ms");
   * });
   * stop();
   * ```
   */
  onStateChange(listener: (state: State) => void): () => void {
    return this.#driver.onStateChange(listener);
  }

  /** Measures a round trip to the server, in milliseconds. While there is no connection it waits for one. */
  ping(): Promise<number> {
    return this.#driver.ping();
  }

  /** What the sandbox and its server are. */
  async info(options?: CallOptions): Promise<SandboxInfo> {
    return fromWire(await this.call("sandbox.info", {}, options));
  }

  /** CPU, memory and disk now. */
  async getMetrics(options?: CallOptions): Promise<Metrics> {
    return fromWire(await this.call("sandbox.metrics", {}, options));
  }

  /**
   * CPU, memory and disk again and again, until the loop is left.
   *
   * @example
   * ```ts
   * let before: number | undefined;
   * for await (const { cpu, time, memoryUsed } of sandbox.metrics({ interval: 200 })) {
   *   console.log(time.toISOString(), memoryUsed, "bytes");
   *   if (before !== undefined) {
   *     console.log(cpu - before, "ms of CPU since then");
   *     break;
   *   }
   *   before = cpu;
   * }
   * ```
   */
  metrics({ interval = 1000, ...options }: MetricsOptions = {}): AsyncSequence<Metrics> {
    type Readings = Call<never, { readonly sample?: object }, object>;
    const start = (): Readings => begin(this.endpoint, "sandbox.metrics", { interval_ms: interval }, options);
    let call = start();
    async function* samples(): AsyncGenerator<Metrics, void> {
      for (;;) {
        for (let item = await call.next(); item; item = await call.next()) {
          if (item.type === "event" && item.event.sample) yield fromWire(item.event.sample);
        }
        try {
          await call.result();
          return;
        } catch (error) {
          if (!(error instanceof InterruptedError)) throw error;
          call = start();
        }
      }
    }
    return iterable(samples(), () => call.cancel());
  }

  /**
   * Makes a session: a shell that lives from one `exec` to the next, with its directory, variables and functions. What the
   * session object starts, starts there. With `reuse` one of that id that is there already.
   *
   * @example
   * ```ts
   * const session = await sandbox.createSession({ id: "work", cwd: "/tmp", env: { NAME: "world" } });
   * await session.exec("cd / && greet() { echo hello $NAME; }");
   * const { stdout } = await session.exec("greet; pwd");
   * console.log(stdout); // "hello world\n/\n"
   * await session.delete();
   * ```
   */
  async createSession(options: CreateSessionOptions = {}): Promise<Session> {
    const params = pick(options, "id", "shell", "cwd", "env", "clear_env", "user", "timeout_ms", "reuse", "renew");
    const created = await this.call<{ session: { id: string } }>("session.create", params, { signal: options.signal });
    return new Session(this.endpoint, created.session.id);
  }

  /** A session by its id. Nothing is asked: whether it is there shows with the first command. */
  getSession(id: string): Session {
    return new Session(this.endpoint, id);
  }

  /** The sessions, oldest first. */
  async listSessions(options?: CallOptions): Promise<SessionInfo[]> {
    return (await this.call<{ sessions: WireSession[] }>("session.list", {}, options)).sessions.map(sessionOf);
  }

  /** Ends a session, its shell and what its commands left behind; see {@link Session.delete}. */
  deleteSession(id: string, options?: DeleteSessionOptions): Promise<void> {
    return this.getSession(id).delete(options);
  }

  /** Drops the connection and dials again at once: for a network that changed. */
  reconnect(): void {
    this.#driver.reconnect();
  }

  /**
   * Ends what is open on this connection, and closes it; resolves when the server knows. Background processes and terminals
   * go on. `await using` does this.
   */
  close(): Promise<void> {
    return this.#driver.close();
  }

  /** {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
