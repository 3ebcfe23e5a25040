/** Ports in the sandbox: `tcp.connect`, and the waiting for them. */

import { SandwireError } from "../error.ts";
import type { ByteSink, ByteStream } from "../web.ts";
import { begin, type CallOptions, pick } from "./call.ts";
import { type PortReady, type WaitForPortOptions, waitForPort } from "./process/wait.ts";
import { readable, sink } from "./stream.ts";
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
