/** Ports in the sandbox against the real server. */

import { createServer, type Server as TcpServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  AbortError,
  ConnectFailedError,
  InvalidPortError,
  PermissionDeniedError,
  ProcessReadyTimeoutError,
} from "../../src/index.ts";
import { until } from "../harness/until.ts";
import { all, failure, served } from "./served.ts";

const test = served();

let echo: TcpServer;
let port: number;

beforeAll(async () => {
  // Half-closed by the other side, it says how much came, and then closes its own.
  echo = createServer({ allowHalfOpen: true }, socket => {
    let bytes = 0;
    socket.on("data", data => {
      bytes += data.length;
      if (!socket.write(data)) {
        socket.pause();
        socket.once("drain", () => socket.resume());
      }
    });
    socket.on("end", () => socket.end(`|${bytes}`));
    socket.on("error", () => {});
  });
  await new Promise<void>(resolve => echo.listen(0, "127.0.0.1", resolve));
  port = (echo.address() as { port: number }).port;
});

afterAll(() => {
  echo.close();
});

describe("a port", () => {
  it("is waited for", async () => {
    expect((await test.sandbox.waitForPort(port)).waited).toBeGreaterThanOrEqual(0);
    const late = await failure(test.sandbox.waitForPort(1, { timeout: 50 }));
    expect(late).toBeInstanceOf(ProcessReadyTimeoutError);
  });

  it("is connected to: bytes both ways, a half-close, and both ends", async () => {
    const connection = await test.sandbox.connectPort(port);
    const writer = connection.writable.getWriter();
    await writer.write("hello ");
    await writer.write(Buffer.from("you"));
    await writer.close();
    expect(Buffer.concat(await all(connection.readable)).toString()).toBe("hello you|9");
    expect(await connection.closed).toEqual({ sent: 9, received: 11 });
  });

  it("gets as much as it takes, and gives as much as is taken", async () => {
    const connection = await test.sandbox.connectPort(port);
    const total = 8 << 20;
    const source = new ReadableStream<Uint8Array>({
      pull(controller) {
        for (let at = 0; at < total; at += 64 << 10) controller.enqueue(new Uint8Array(64 << 10).fill(at >> 16));
        controller.close();
      },
    });
    const [received] = await Promise.all([all(connection.readable), source.pipeTo(connection.writable)]);
    const bytes = Buffer.concat(received);
    expect(bytes.subarray(total).toString()).toBe(`|${total}`);
    for (let at = 0; at < total; at += 64 << 10) expect(bytes[at]).toBe((at >> 16) & 255);
  });

  it("is left", async () => {
    const { sandbox } = test;
    const controller = new AbortController();
    const connection = await sandbox.connectPort(port, { signal: controller.signal });
    const reading = failure(connection.readable.getReader().read());
    controller.abort();
    expect(await reading).toBeInstanceOf(AbortError);
    {
      await using other = await sandbox.connectPort(port);
      expect(other.readable.locked).toBe(false);
    }
    await until("the channels' end", () => sandbox.stats.channels === 0);
  });

  it("cannot be connected to when nobody listens, or it is none, or it is elsewhere", async () => {
    expect(await failure(test.sandbox.connectPort(1))).toBeInstanceOf(ConnectFailedError);
    expect(await failure(test.sandbox.connectPort(0))).toBeInstanceOf(InvalidPortError);
    expect(await failure(test.sandbox.connectPort(80, { host: "192.0.2.1" }))).toBeInstanceOf(PermissionDeniedError);
  });
});
