/** Ports in the sandbox: `tcp.connect`, and the waiting for them. */

import { SandwireError } from "../error.ts";
import type { ByteSink, ByteStream } from "../web.ts";
import { begin, type Call, type CallOptions, fromWire, isResumable, pick } from "./call.ts";
import type {
  ExposedPort,
  ExposePortOptions,
  ListPortsOptions,
  PortEvent,
  PortListing,
  WatchPortsOptions,
} from "./port/listing.ts";
import { type PortReady, type WaitForPortOptions, waitForPort } from "./process/wait.ts";
import { iterable, readable, sink } from "./sequence.ts";
import type { AsyncSequence } from "./stream.ts";
import { TerminalControl } from "./terminal/control.ts";

/** How to connect to a port. */
export interface ConnectPortOptions {
  /** The host, as seen from the sandbox. Default: `localhost`; others need the server's `tcp_hosts` setting. */
  readonly host?: string | undefined;
  /** Milliseconds for connecting. Default: 10000. */
  readonly timeout?: number | undefined;
  /** Gives up connecting, and later the connection, when it is aborted. */
  readonly signal?: CallOptions["signal"];
}

/** A connection to a port in the sandbox. Closing `writable` is a half-close. */
export interface PortConnection {
  /** Bytes from the port. */
  readonly readable: ByteStream;
  /** Bytes to the port. */
  readonly writable: ByteSink;
  /** Settles when both directions have ended, and all was read: bytes to the port and from it. */
  readonly closed: Promise<{ readonly sent: number; readonly received: number }>;
  /** Ends both directions at once. */
  close(): void;
  /** The same. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Ports. */
export class Ports extends TerminalControl {
  /**
   * Waits until a port in the sandbox answers: to a connection, or to an HTTP request with an expected status.
   *
   * @example
   * ```ts
   * await sandbox.startProcess("python3 -m http.server 8124 --bind 127.0.0.1");
   * const { status } = await sandbox.waitForPort(8124, { mode: "http", timeout: 30_000 });
   * console.log(status); // 200
   * ```
   */
  waitForPort(port: number, options: WaitForPortOptions = {}): Promise<PortReady> {
    return waitForPort(this.endpoint, undefined, port, options);
  }

  /** Who listens in the sandbox, and what is exposed. */
  async listPorts(options?: ListPortsOptions): Promise<PortListing> {
    const { ports, exposed, truncated } = await this.call<WireListing>("port.list", pick(options, "own"), options);
    return { ports: fromWire(ports), exposed: exposed.map(exposedOf), truncated: truncated ?? false };
  }

  /**
   * Tells who listens and what is exposed, then each change, until the loop is left. When the server was started anew, what
   * was there is told as closed, and then what is there now.
   *
   * @example
   * ```ts
   * await sandbox.startProcess("python3 -m http.server 8127 --bind 127.0.0.1");
   * for await (const event of sandbox.watchPorts({ interval: 250 })) {
   *   if (event.type === "opened" && event.port === 8127) {
   *     console.log(event.address, event.command);
   *     break;
   *   }
   * }
   * ```
   */
  watchPorts(options: WatchPortsOptions = {}): AsyncSequence<PortEvent> {
    type Events = Call<never, Record<string, unknown>, unknown>;
    const params = pick(options, "own", "interval_ms");
    const start = (): Events => begin(this.endpoint, "port.watch", params, options);
    let call = start();
    return iterable(
      watched(
        () => call,
        () => (call = start()),
      ),
      () => call.cancel(),
    );
  }

  /**
   * Exposes a port: it is then reached by HTTP and WebSocket at a host name of its own, by whoever knows that name. Nobody
   * needs to listen yet.
   *
   * Errors: `InvalidPortError`, `PermissionDeniedError`.
   *
   * @example
   * ```ts
   * await sandbox.startProcess("python3 -m http.server 8128 --bind 127.0.0.1");
   * await sandbox.waitForPort(8128, { timeout: 30_000 });
   * const { url } = await sandbox.exposePort(8128, { name: "docs" });
   * console.log(url?.startsWith("http://8128-")); // true
   * console.log(await sandbox.isPortExposed(8128)); // true
   * await sandbox.unexposePort(8128);
   * ```
   */
  async exposePort(port: number, options?: ExposePortOptions): Promise<ExposedPort> {
    const params = { port, ...pick(options, "name", "token", "local_host") };
    return exposedOf(await this.call<WireExposed>("port.expose", params, options));
  }

  /** Exposes it no more: its host name is good for nothing, and what goes on there is ended. Whether it was exposed. */
  async unexposePort(port: number, options?: CallOptions): Promise<boolean> {
    return (await this.call<{ readonly existed?: boolean }>("port.unexpose", { port }, options)).existed ?? false;
  }

  /** What is exposed, by port. */
  async getExposedPorts(options?: CallOptions): Promise<readonly ExposedPort[]> {
    return (await this.call<WireListing>("port.list", { exposed_only: true }, options)).exposed.map(exposedOf);
  }

  /** Whether a port is exposed. */
  async isPortExposed(port: number, options?: CallOptions): Promise<boolean> {
    return (await this.getExposedPorts(options)).some(each => each.port === port);
  }

  /**
   * Connects to a port in the sandbox: bytes both ways, as fast as each side takes them.
   *
   * Errors: `ConnectFailedError`, `PermissionError`.
   *
   * @example
   * ```ts
   * await sandbox.startProcess("python3 -m http.server 8125 --bind 127.0.0.1");
   * await sandbox.waitForPort(8125, { timeout: 30_000 });
   * const connection = await sandbox.connectPort(8125);
   * const writer = connection.writable.getWriter();
   * await writer.write("GET / HTTP/1.0\r\n\r\n");
   * const decoder = new TextDecoder();
   * let answer = "";
   * for await (const chunk of connection.readable) answer += decoder.decode(chunk, { stream: true });
   * console.log(answer.slice(0, 15)); // "HTTP/1.0 200 OK"
   * ```
   */
  async connectPort(port: number, options: ConnectPortOptions = {}): Promise<PortConnection> {
    type Ended = { readonly sent: number; readonly received: number };
    const params = { port, ...pick(options, "host", "timeout_ms") };
    const { signal } = options;
    const call = begin<never, { readonly connected?: object }, Ended>(this.endpoint, "tcp.connect", params, { signal });
    for (;;) {
      const item = await call.next();
      if (item?.type === "event" && item.event.connected) break;
      if (item) continue;
      await call.result();
      throw new SandwireError("CONNECT_FAILED", `the connection to port ${port} ended before it stood`, { port });
    }
    const closed = call.result();
    // Nobody has to look.
    closed.catch(() => {});
    return {
      readable: readable(async () => {
        for (let item = await call.next(); item; item = await call.next()) {
          if (item.type === "data") return item.data;
          if (item.type === "end") return undefined;
        }
        await closed;
        return undefined;
      }, call.cancel),
      writable: sink(call),
      closed,
      close: () => call.cancel(),
      [Symbol.asyncDispose]: async () => call.cancel(),
    };
  }
}

type WireExposed = { readonly port: number; readonly since_ms: number };
type WireListing = {
  readonly ports: readonly unknown[];
  readonly exposed: readonly WireExposed[];
  readonly truncated?: boolean;
};

const exposedOf = ({ since_ms, ...rest }: WireExposed): ExposedPort => ({
  ...fromWire<ExposedPort>(rest),
  since: new Date(since_ms),
});

/** An event on the wire is a map of one field, whose name says what it is. */
function eventOf(event: Record<string, unknown>): PortEvent {
  const [type, value] = Object.entries(event)[0] as [string, unknown];
  return { type, ...(type === "exposed" ? exposedOf(value as WireExposed) : fromWire<object>(value)) } as PortEvent;
}

/** The events of one watch after the other. */
async function* watched(
  call: () => Call<never, Record<string, unknown>, unknown>,
  again: () => void,
): AsyncGenerator<PortEvent, void> {
  const there = new Map<string, PortEvent>();
  for (;;) {
    for (let item = await call().next(); item; item = await call().next()) {
      if (item.type !== "event") continue;
      const event = eventOf(item.event);
      remember(there, event);
      yield event;
    }
    try {
      await call().result();
      return;
    } catch (error) {
      if (!isResumable(error)) throw error;
    }
    yield* there.values();
    there.clear();
    again();
  }
}

/** Keeps what would have to be said if all that is there were gone. */
function remember(there: Map<string, PortEvent>, event: PortEvent): void {
  if (event.type === "ready") return;
  const { port } = event;
  const address = "address" in event ? event.address : undefined;
  const key = `${port} ${address}`;
  if (event.type === "closed" || event.type === "unexposed") there.delete(key);
  else there.set(key, address === undefined ? { type: "unexposed", port } : { type: "closed", port, address });
}
