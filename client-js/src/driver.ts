/** What is behind a client: dials, greets, drives the connection, and dials again when it is lost. */

import type { Channel, Opener } from "./channel.ts";
import { type Closed, Connection, LANE, type Owner, type Traffic } from "./connection.ts";
import { completeUrl, dial, type Next } from "./dial.ts";
import { AbortError, ConnectionError, messageOf, RefusedError, type SandwireError } from "./error.ts";
import { Link } from "./link.ts";
import type { ConnectOptions } from "./options.ts";
import { after, monotonic, onWakeUp, randomBytes, runtime, stopwatch, type WebSocketLike } from "./platform.ts";
import type { LaneError } from "./protocol/error.ts";
import { HELLO } from "./protocol/frame/header.ts";
import { encodeHello, type GoAway, type Reset, type Welcome } from "./protocol/frame/payload.ts";
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

/** Why a relay ends a lane whose sandbox was stopped. */
const ASLEEP = "asleep";

/** {@link ConnectOptions.connectTimeout} and {@link ConnectOptions.giveUpAfter}, in milliseconds. */
const CONNECT_TIMEOUT = 10_000;
const GIVE_UP_AFTER = 600_000;

/** Drives one lane over its connections. Made by {@link Driver.start}. */
export class Driver implements Opener, Owner {
  readonly #options: ConnectOptions;
  readonly #target: WebSocketLike | string;
  /** Changes whenever the server starts; absent before it greeted. */
  bootId: string | undefined;
  /** What the connection is doing. */
  readonly states: Watched<State> = new Watched<State>({ status: "connecting" });
  #link: Link;
  /** Names the lane to the server, and proves that it is ours. */
  #token: Uint8Array = randomBytes(TOKEN_BYTES);
  #connection: Connection | undefined;
  /** Ends the wait of a HELLO for its WELCOME, well or with an error. */
  #greeted: ((error?: SandwireError) => void) | undefined;
  /** Whether the server greeted on the present connection. */
  #welcomed = false;
  /** HELLOs said in this lane. */
  #hellos = 0;
  /** The lane's age in milliseconds, as long as no HELLO of it was answered. */
  #age: (() => number) | undefined = stopwatch();
  #helloAt = 0;
  /** Connections that the server greeted. */
  #connections = 0;
  /** Short connections in a row on which nothing came forward. */
  #fruitless = 0;
  /** Counted frames when the connection began: received and sent. */
  #progress = 0;
  #rtt: number | undefined;
  #pinging: Promise<number> | undefined;
  readonly #traffic: Traffic = { up: 0, down: 0 };
  #redialling = false;
  /** A connection on which HELLO can be said again. */
  #kept: Transport | undefined;
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
    const channel = this.#link.open<Up, Down, Result>(kind, params);
    if (state.status === ASLEEP) this.#recover(state.reason);
    return channel;
  }

  /** What the connection is doing now. */
  get state(): State {
    return this.states.value;
  }

  /** Figures of the connection. */
  get stats(): Stats {
    const { retained, channels } = this.#link.with(lane => lane);
    return {
      rtt: this.#rtt,
      bytesUp: this.#traffic.up,
      bytesDown: this.#traffic.down,
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
    if (this.#connection) {
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
      this.#kept?.close(1000, "done");
      this.#finish(reason);
      if (!connection) return resolve();
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
    for await (const { status } of this.states) {
      const connection = this.#connection;
      if (status === "closed") break;
      if (connection === undefined) continue;
      const rtt = await new Promise<number | undefined>(resolve => {
        const settle = (value?: number) => {
          stop();
          resolve(value);
        };
        const stop = this.states.listen(() => {
          if (this.#connection !== connection) settle();
        });
        connection.ping(settle);
      });
      if (rtt !== undefined) return rtt;
    }
    throw closedError("before the answer came");
  }

  get #window(): number {
    return Math.max(this.#options.window ?? DEFAULT_CLIENT_WINDOW, INITIAL_WINDOW);
  }

  #newLink(): Link {
    return new Link({
      maxChannels: UNTOLD_CHANNELS,
      recvWindow: this.#window,
      growth: this.#options.growth ?? GROWTH,
    });
  }

  #dial(next: Next): Promise<Transport> {
    return dial(next, this.#options, this.#options.connectTimeout ?? CONNECT_TIMEOUT, this.#ending.signal);
  }

  /** Says HELLO on a new connection. */
  #greet(transport: Transport): void {
    const { name = "sandwire-js", scopes } = this.#options;
    const link = this.#link;
    const { received, sent } = link.with(lane => lane);
    this.#hellos += 1;
    this.#progress = received + sent;
    const payload = encodeHello({
      version: VERSION,
      token: this.#token,
      received,
      attempt: this.#hellos,
      age_ms: this.#age?.(),
      client: name,
      window: this.#window,
      scopes,
    });
    // One that was closed or dropped tells no more, so that all that is told is of the present one.
    const connection = new Connection(transport, this, this.#traffic);
    this.#connection = connection;
    this.#welcomed = false;
    this.#helloAt = monotonic();
    connection.send({ lane: LANE, channel: 0, kind: HELLO, payload });
  }

  /** Of {@link Owner}. */
  handleWelcome({ resumed, received, bootId, server, maxChannels }: Welcome): void {
    const connection = this.#connection;
    if (this.#greeted !== undefined) {
      if (!resumed && this.#hellos > 1 && this.#link.with(lane => lane.sent) > 0) {
        this.#replaceLane("the server does not know it");
      }
      try {
        connection?.attach(this.#link, received);
      } catch (error) {
        // The server claims to have what was never sent: nothing of this lane can be trusted.
        const reason = messageOf(error);
        this.#newLane(reason);
        this.#dropped(reason);
        return;
      }
    }
    this.#welcomed = true;
    this.#age = undefined;
    this.#redialling = false;
    this.#rtt ??= monotonic() - this.#helloAt;
    connection?.ping();
    this.#connections += 1;
    this.bootId = bootId;
    this.#link.with(lane => lane.setMaxChannels(maxChannels));
    this.#greeted?.();
    this.states.set({
      status: "connected",
      bootId,
      server,
      connections: this.#connections,
      rtt: this.#rtt,
    });
  }

  /** Of {@link Owner}. */
  handleGoAway(lane: number, { reason: code, message, deadlineMs }: GoAway): void {
    const reason = message ? `${code}: ${message}` : code;
    if (lane === CONNECTION) {
      // What runs in this lane still ends there.
      this.states.set({ status: "draining", reason, deadlineMs });
    } else if (code === ASLEEP) {
      this.#newLane(ASLEEP);
      this.states.set({ status: ASLEEP, reason });
      this.#lost(reason, true);
    } else if (!this.#welcomed && FINAL.test(code)) {
      this.#refused(code, reason);
    } else {
      if (this.#welcomed) this.#newLane(reason);
      this.#dropped(reason);
    }
  }

  /** The server does not let us have the lane: no other connection would change that. */
  #refused(code: string, reason: string): void {
    this.#connection?.close(1000, "");
    if (this.#greeted === undefined) this.#finish(reason);
    else this.#greeted(new RefusedError(reason, {}, code));
  }

  /** Of {@link Owner}. */
  handleReset({ reason, message }: Reset): void {
    // What was not passed on was never said.
    if (reason === "no-trunk") this.#hellos -= 1;
    this.#lost(message || reason, true);
  }

  /** Of {@link Owner}. */
  handleRtt(rtt: number): void {
    this.#rtt = rtt;
  }

  /** Of {@link Owner}. */
  handleBroken(error: LaneError): void {
    const reason = `${error.code}: ${error.message}`;
    this.#connection?.goAway({ reason: error.code, message: reason });
    this.#newLane(reason);
    this.#dropped(reason);
  }

  /** Of {@link Owner}. */
  handleClosed({ how, reason }: Closed): void {
    if (how === "broken") this.#newLane(reason);
    this.#lost(reason);
  }

  /** The connection is not worth keeping. */
  #dropped(reason: string): void {
    this.#connection?.close(1001, "");
    this.#lost(reason);
  }

  /** There is no connection any more; with `keep`, HELLO can be said again where it was. */
  #lost(reason: string, keep = false): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#kept = keep ? connection?.release() : undefined;
    this.#greeted?.(new ConnectionError(reason));
    this.#recover(reason);
  }

  /** Begins to dial again, when somebody needs it. */
  #recover(reason: string): void {
    if (this.#redialling || this.#rests()) return;
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
    for (let attempt = 1; !this.#rests(); attempt++) {
      if (typeof this.#target !== "string" && !redial && !this.#kept) {
        this.#finish(`${reason}; see the option redial`);
        break;
      }
      // The first try is made at once, unless connections end as soon as they are made.
      const doublings = attempt - 1 + this.#fruitless;
      if (doublings > 0) await this.#pause(attempt, reason, doublings);
      if (this.#rests()) break;
      this.states.set({ status: "reconnecting", attempt, reason, retryInMs: 0 });
      try {
        await this.#resume(redial ?? (() => this.#target));
        return;
      } catch (error) {
        reason = messageOf(error);
        if (error instanceof RefusedError) this.#finish(reason);
      }
      if (monotonic() - since > giveUpAfter) this.#finish(`gave up after ${giveUpAfter / 1000} s: ${reason}`);
    }
    this.#redialling = false;
  }

  /** Waits: a random time, so that a server that comes back is not met by all at once. */
  async #pause(attempt: number, reason: string, doublings: number): Promise<void> {
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** doublings);
    const pause = Math.round(longest * Math.random());
    this.states.set({ status: "reconnecting", attempt, reason, retryInMs: pause });
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
    const transport = this.#kept ?? (await this.#dial(next));
    this.#kept = undefined;
    await new Promise<void>((resolve, reject) => {
      const stop = after(this.#options.connectTimeout ?? CONNECT_TIMEOUT, () => {
        this.#connection?.drop();
        this.#lost("the server did not greet");
      });
      this.#greeted = error => {
        stop();
        this.#greeted = undefined;
        if (error) reject(error);
        else resolve();
      };
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
    this.#age = stopwatch();
    this.#hellos = 0;
  }

  /** Whether nobody needs a connection: the client is closed, or it sleeps and nothing is asked of it. */
  #rests(): boolean {
    const { status } = this.state;
    return status === "closed" || (status === ASLEEP && this.#link.with(lane => lane.channels) === 0);
  }

  /** The client is over. */
  #finish(reason: string): void {
    if (this.state.status === "closed") return;
    this.#ignoreWakeUps?.();
    this.#connection = undefined;
    this.states.set({ status: "closed", reason });
    this.states.finish();
    this.#link.fail(reason);
    this.#greeted?.(closedError(reason));
    this.#ending.abort(closedError(reason));
    this.#hurry?.();
  }
}

function closedError(reason: string): SandwireError {
  return new ConnectionError(`the client is closed (${reason}): connect again`, { reason }, "CLIENT_CLOSED");
}
