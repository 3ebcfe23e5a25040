/** {@link connect} and {@link Sandbox}: everything in a sandbox, over one connection that resumes. */

import { Driver } from "./driver.ts";
import { SandboxSurface } from "./kinds/later.ts";
import { Session } from "./kinds/session.ts";
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
export class Sandbox extends SandboxSurface {
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
    return this.#driver.states;
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
    return this.#driver.states.listen(listener);
  }

  /** Measures a round trip to the server, in milliseconds. While there is no connection it waits for one. */
  ping(): Promise<number> {
    return this.#driver.ping();
  }

  /** A session by its id. Nothing is asked: whether it is there shows with the first command. */
  getSession(id: string): Session {
    return new Session(this.endpoint, id);
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
