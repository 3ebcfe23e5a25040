/** What is behind a client: dials, greets, drives the connection, and dials again when it is lost. */

import type { Channel, Opener } from "./channel.ts";
import { type Closed, Connection, LANE } from "./connection.ts";
import { completeUrl, dial, type Next } from "./dial.ts";
import { AbortError, ConnectionError, messageOf, RefusedError, type SandwireError } from "./error.ts";
import { Link } from "./link.ts";
import type { ConnectOptions } from "./options.ts";
import { after, monotonic, onWakeUp, randomBytes, runtime, type WebSocketLike } from "./platform.ts";
import type { LaneError } from "./protocol/error.ts";
import { HELLO } from "./protocol/frame/header.ts";
import { encodeHello, type GoAway, type Welcome } from "./protocol/frame/payload.ts";
import { CONNECTION } from "./protocol/frame.ts";
import { DEFAULT_CLIENT_WINDOW, INITIAL_WINDOW, VERSION } from "./protocol/limits.ts";
import { type State, type Stats, Watched } from "./state.ts";
import type { Transport } from "./transport.ts";

/** Channels that are asked for at the most before WELCOME tells how many there may be: a server's default. */
const UNTOLD_CHANNELS = 256;

/** Bytes by which the receive windows of all channels together may grow. */
const GROWTH = 64 << 20;

/** First and longest pause between two tries, in milliseconds. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 5000;

/** Milliseconds that the server has to close its end, when we are done. */
const FAREWELL = 1000;

/** Bytes of a lane's token: as good as a key. */
const TOKEN_BYTES = 16;

/** Codes by which a server refuses a lane for good; `LIMIT_EXCEEDED` may be otherwise the next time. */
const FINAL = /^(PERMISSION_DENIED|VALIDATION_FAILED)$/;

/** {@link ConnectOptions.connectTimeout} and {@link ConnectOptions.giveUpAfter}, in milliseconds. */
const CONNECT_TIMEOUT = 10_000;
const GIVE_UP_AFTER = 600_000;

/** A HELLO that waits for its WELCOME. */
interface Greeting {
  resolve(): void;
  reject(error: SandwireError): void;
}

/** Drives one lane over its connections. Made by {@link Driver.start}. */
export class Driver implements Opener {
  readonly #options: ConnectOptions;
  readonly #target: WebSocketLike | string;
  readonly #state: Watched<State> = new Watched<State>({ status: "connecting" });
  #link: Link;
  /** Names the lane to the server, and proves that it is ours. */
  #token: Uint8Array = randomBytes(TOKEN_BYTES);
  #connection: Connection | undefined;
  #greeting: Greeting | undefined;
  /** Whether the server greeted on the present connection. */
  #welcomed = false;
  /** HELLOs said in this lane. */
  #hellos = 0;
  #helloAt = 0;
  /** Connections that the server greeted. */
  #connections = 0;
  #bootId: string | undefined;
  /** Short connections in a row on which nothing came forward. */
  #fruitless = 0;
  /** Counted frames when the connection began: received and sent. */
  #progress = 0;
  #rtt: number | undefined;
  #pinging: Promise<number> | undefined;
  #bytesUp = 0;
  #bytesDown = 0;
  #redialling = false;
  /** Ends the pause between two tries. */
  #hurry: (() => void) | undefined;
  #ignoreWakeUps: (() => void) | undefined;
  #farewell: Promise<void> | undefined;
  /** Ends what is dialled when the client ends. */
  readonly #ending = new runtime.AbortController();

  private constructor(target: WebSocketLike | string, options: ConnectOptions) {
    this.#options = options;
    this.#target = typeof target === "string" ? completeUrl(target) : target;
    this.#link = this.#newLink();
  }

  /**
   * Makes the first connection, which is tried once, and says HELLO. What is opened from then on goes out right behind it.
   *
   * @throws {@link RefusedError} when the server does not want us, {@link ConnectionError} when there is no connection,
   * {@link AbortError} by `options.signal`.
   */
  static async start(target: WebSocketLike | string, options: ConnectOptions = {}): Promise<Driver> {
    const driver = new Driver(target, options);
    const { signal } = options;
    const abort = () => driver.#ending.abort(signal?.reason);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort);
    try {
      driver.#greet(await driver.#dial(() => driver.#target));
    } catch (error) {
      throw signal?.aborted ? new AbortError("connecting was aborted", { cause: signal.reason }) : error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
    driver.#connection?.attach(driver.#link, 0);
    driver.#ignoreWakeUps = onWakeUp(() => driver.#wakeUp());
    return driver;
  }

  open<Up, Down, Result>(kind: string, params: object): Channel<Up, Down, Result> {
    const state = this.state;
    if (state.status === "closed") throw closedError(state.reason);
    return this.#link.open(kind, params);
  }

  /** What the connection is doing now. */
  get state(): State {
    return this.#state.value;
  }

  /** Changes whenever the server starts; absent before it greeted. */
  get bootId(): string | undefined {
    return this.#bootId;
  }

  /** The state now, then each change: who is slow sees the newest. Ends when the client is closed. */
  states(): AsyncIterable<State> {
    return this.#state;
  }

  /** Calls `listener` with each change. Returns what ends this. */
  onStateChange(listener: (state: State) => void): () => void {
    return this.#state.listen(listener);
  }

  /** Figures of the connection. */
  get stats(): Stats {
    const { retained, channels } = this.#link.with(lane => ({ retained: lane.retained, channels: lane.channels }));
    return {
      ...(this.#rtt !== undefined && { rtt: this.#rtt }),
      bytesUp: this.#bytesUp + (this.#connection?.bytesUp ?? 0),
      bytesDown: this.#bytesDown + (this.#connection?.bytesDown ?? 0),
      connections: this.#connections,
      channels,
      retained,
    };
  }

  /**
   * Measures a round trip, in milliseconds. Waits for a connection when there is none; who asks while one is measured gets
   * that. Rejects when the client closes.
   */
  ping(): Promise<number> {
    this.#pinging ??= this.#ping().finally(() => {
      this.#pinging = undefined;
    });
    return this.#pinging;
  }

  /** Drops the connection and dials again at once, as after a loss: for a network that changed, and for tests. */
  reconnect(): void {
    if (this.#connection !== undefined) {
      this.#connection.drop();
      this.#lost("a new connection was asked for");
    }
    this.#hurry?.();
  }

  /** Ends the lane, and with it every open channel; resolves when the server has been told, or cannot be. */
  close(reason = "closed"): Promise<void> {
    this.#farewell ??= new Promise(resolve => {
      const connection = this.#connection;
      connection?.goAway({ reason: "done", message: "" });
      this.#finish(reason);
      if (connection === undefined) {
        resolve();
        return;
      }
      const stop = after(FAREWELL, () => {
        connection.drop();
        resolve();
      });
      connection.close(1000, "done", () => {
        stop();
        resolve();
      });
    });
    return this.#farewell;
  }

  async #ping(): Promise<number> {
    for await (const { status } of this.#state) {
      const connection = this.#connection;
      if (status === "closed") break;
      if (connection === undefined) continue;
      const rtt = await new Promise<number | undefined>(resolve => {
        const settle = (value?: number) => {
          stop();
          resolve(value);
        };
        const stop = this.#state.listen(() => {
          if (this.#connection !== connection) settle();
        });
        connection.ping(settle);
      });
      if (rtt !== undefined) return rtt;
    }
    throw closedError("before the answer came");
  }

  #newLink(): Link {
    return new Link({
      maxChannels: UNTOLD_CHANNELS,
      recvWindow: Math.max(this.#options.window ?? DEFAULT_CLIENT_WINDOW, INITIAL_WINDOW),
      growth: GROWTH,
    });
  }

  #dial(next: Next): Promise<Transport> {
    return dial(next, this.#options, this.#options.connectTimeout ?? CONNECT_TIMEOUT, this.#ending.signal);
  }

  /** Says HELLO on a new connection. */
  #greet(transport: Transport): void {
    const { name = "sandwire-js", scopes } = this.#options;
    const link = this.#link;
    const { received, sent } = link.with(lane => ({ received: lane.received, sent: lane.sent }));
    this.#hellos += 1;
    this.#progress = received + sent;
    const payload = encodeHello({
      version: VERSION,
      token: this.#token,
      received,
      attempt: this.#hellos,
      client: name,
      window: Math.max(this.#options.window ?? DEFAULT_CLIENT_WINDOW, INITIAL_WINDOW),
      scopes,
    });
    // A connection that was closed or dropped tells no more, so that all that is told is of the present one.
    const connection = new Connection(transport, {
      handleWelcome: welcome => this.#handleWelcome(welcome),
      handleGoAway: (lane, goAway) => this.#handleGoAway(lane, goAway),
      handleReset: () => this.#dropped("a relay lost the sandbox"),
      handleBroken: error => this.#handleBroken(error),
      handleClosed: closed => this.#handleClosed(closed),
      handleRtt: rtt => {
        this.#rtt = rtt;
      },
    });
    this.#connection = connection;
    this.#welcomed = false;
    this.#helloAt = monotonic();
    connection.send({ lane: LANE, channel: 0, kind: HELLO, payload });
  }

  #handleWelcome(welcome: Welcome): void {
    const connection = this.#connection;
    if (this.#greeting !== undefined) {
      if (!welcome.resumed && this.#link.with(lane => lane.sent) > 0) {
        this.#replaceLane("the server does not know it any more");
      }
      try {
        connection?.attach(this.#link, welcome.received);
      } catch (error) {
        // The server claims to have what was never sent: nothing of this lane can be trusted.
        const reason = messageOf(error);
        this.#newLane(reason);
        this.#dropped(reason);
        return;
      }
    }
    this.#welcomed = true;
    this.#redialling = false;
    this.#rtt ??= monotonic() - this.#helloAt;
    connection?.ping();
    this.#connections += 1;
    this.#bootId = welcome.bootId;
    this.#link.with(lane => lane.setMaxChannels(welcome.maxChannels));
    this.#greeting?.resolve();
    this.#state.set({
      status: "connected",
      bootId: welcome.bootId,
      server: welcome.server,
      connections: this.#connections,
      rtt: this.#rtt,
    });
  }

  #handleGoAway(lane: number, goAway: GoAway): void {
    const reason = goAway.message ? `${goAway.reason}: ${goAway.message}` : goAway.reason;
    if (lane === CONNECTION) {
      // What runs in this lane still ends there.
      const { deadlineMs } = goAway;
      this.#state.set({ status: "draining", reason, ...(deadlineMs !== undefined && { deadlineMs }) });
    } else if (!this.#welcomed && FINAL.test(goAway.reason)) {
      this.#refused(goAway.reason, reason);
    } else {
      if (this.#welcomed) this.#newLane(reason);
      this.#dropped(reason);
    }
  }

  /** The server does not let us have the lane: no other connection would change that. */
  #refused(code: string, reason: string): void {
    this.#connection?.close(1000, "");
    if (this.#greeting === undefined) this.#finish(reason);
    else this.#greeting.reject(new RefusedError(reason, {}, code));
  }

  #handleBroken(error: LaneError): void {
    const reason = `${error.code}: ${error.message}`;
    this.#connection?.goAway({ reason: error.code, message: reason });
    this.#newLane(reason);
    this.#dropped(reason);
  }

  #handleClosed({ how, reason }: Closed): void {
    if (how === "broken") this.#newLane(reason);
    this.#lost(reason);
  }

  /** The connection is not worth keeping. */
  #dropped(reason: string): void {
    this.#connection?.close(1001, "");
    this.#lost(reason);
  }

  /** There is no connection any more. */
  #lost(reason: string): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#bytesUp += connection?.bytesUp ?? 0;
    this.#bytesDown += connection?.bytesDown ?? 0;
    this.#greeting?.reject(new ConnectionError(reason));
    if (this.state.status === "closed" || this.#redialling) return;
    const progress = this.#link.with(lane => lane.received + lane.sent);
    const lasted = monotonic() - this.#helloAt > LONGEST_PAUSE;
    this.#fruitless = lasted || progress > this.#progress ? 0 : this.#fruitless + 1;
    this.#redialling = true;
    this.#redial(reason).catch(error => this.#finish(String(error)));
  }

  /** Dials again until it succeeds, with growing pauses, or until it is hopeless. */
  async #redial(lost: string): Promise<void> {
    const { giveUpAfter = GIVE_UP_AFTER, redial } = this.#options;
    const since = monotonic();
    let reason = lost;
    if (typeof this.#target !== "string" && redial === undefined) {
      this.#finish(`${reason}; see the option redial`);
      return;
    }
    for (let attempt = 1; !this.#isClosed(); attempt++) {
      // The first try is made at once, unless connections end as soon as they are made.
      const doublings = attempt - 1 + this.#fruitless;
      if (doublings > 0) await this.#pause(attempt, reason, doublings);
      if (this.#isClosed()) return;
      this.#state.set({ status: "reconnecting", attempt, reason, retryInMs: 0 });
      try {
        await this.#resume(redial ?? (() => this.#target));
        return;
      } catch (error) {
        reason = messageOf(error);
        if (error instanceof RefusedError) this.#finish(reason);
      }
      if (monotonic() - since > giveUpAfter) this.#finish(`gave up after ${giveUpAfter / 1000} s: ${reason}`);
    }
  }

  /** Waits: a random time, so that a server that comes back is not met by all at once. */
  async #pause(attempt: number, reason: string, doublings: number): Promise<void> {
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(doublings, 20));
    const pause = Math.round(longest * Math.random());
    this.#state.set({ status: "reconnecting", attempt, reason, retryInMs: pause });
    await new Promise<void>(resolve => {
      const stop = after(pause, resolve);
      this.#hurry = () => {
        stop();
        resolve();
      };
    });
    this.#hurry = undefined;
  }

  /** Dials, says HELLO, waits for WELCOME and goes on with the lane. */
  async #resume(next: Next): Promise<void> {
    const transport = await this.#dial(next);
    await new Promise<void>((resolve, reject) => {
      const stop = after(this.#options.connectTimeout ?? CONNECT_TIMEOUT, () => {
        this.#connection?.drop();
        this.#lost("the server did not greet");
      });
      const settled = <A extends unknown[]>(settle: (...args: A) => void) => {
        return (...args: A) => {
          stop();
          this.#greeting = undefined;
          settle(...args);
        };
      };
      this.#greeting = { resolve: settled(resolve), reject: settled(reject) };
      this.#greet(transport);
    });
  }

  /** The network may be there again: dial now; or has gone meanwhile: the connection has to show that it lives. */
  #wakeUp(): void {
    this.#hurry?.();
    this.#connection?.doubt();
  }

  /** Fails every channel of the lane and begins a new one. */
  #replaceLane(reason: string): void {
    const old = this.#link;
    this.#link = this.#newLink();
    old.fail(reason);
  }

  /** The same, and should the server not know that the old one is over, it must not go on with it. */
  #newLane(reason: string): void {
    this.#replaceLane(reason);
    this.#token = randomBytes(TOKEN_BYTES);
    this.#hellos = 0;
  }

  #isClosed(): boolean {
    return this.state.status === "closed";
  }

  /** The client is over. */
  #finish(reason: string): void {
    if (this.#isClosed()) return;
    this.#ignoreWakeUps?.();
    this.#connection = undefined;
    this.#state.set({ status: "closed", reason });
    this.#state.finish();
    this.#link.fail(reason);
    this.#greeting?.reject(closedError(reason));
    this.#ending.abort(closedError(reason));
    this.#hurry?.();
  }
}

function closedError(reason: string): SandwireError {
  return new ConnectionError(`the client is closed (${reason}): connect again`, { reason }, "CLIENT_CLOSED");
}
