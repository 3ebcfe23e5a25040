/** Ports in the sandbox against the real server. */

import { createServer as createHttpServer, get as httpGet } from "node:http";
import { createServer, type Server as TcpServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import {
  AbortError,
  ConnectFailedError,
  connect,
  InvalidPortError,
  PermissionDeniedError,
  type PortEvent,
  ProcessReadyTimeoutError,
  SandwireError,
} from "../../src/index.ts";
import { Server } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { all, failure, next, served } from "./served.ts";

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

describe("who listens, and what is exposed", () => {
  it("is listed, with the process, and without the server", async () => {
    const { sandbox, server } = test;
    const process = await sandbox.startProcess("exec python3 -m http.server 0 --bind 127.0.0.1", { id: "listed" });
    const own = Number(new URL(server.url).port);
    const mine = await until("the program listens", async () => {
      const { ports, truncated } = await sandbox.listPorts();
      expect(truncated).toBe(false);
      expect(ports.map(each => each.port)).not.toContain(own);
      return ports.find(each => each.process === "listed");
    });
    expect(mine).toMatchObject({ address: "127.0.0.1", pid: process.pid });
    expect(mine.command).toContain("http.server");
    expect((await sandbox.listPorts({ own: true })).ports.map(each => each.port)).toContain(own);
    await process.kill();
  });

  it("is watched: what is there, then each change", async () => {
    const { sandbox } = test;
    const seen: PortEvent[] = [];
    const watch = sandbox.watchPorts({ interval: 250 });
    const untilSeen = async (wanted: (event: PortEvent) => boolean) => {
      for (;;) {
        const event = await next(watch);
        seen.push(event);
        if (wanted(event)) return event;
      }
    };
    await untilSeen(event => event.type === "ready");
    expect(seen.some(event => event.type === "opened" && event.port === port)).toBe(true);
    const other = createServer();
    await new Promise<void>(resolve => other.listen(0, "127.0.0.1", resolve));
    const opened = (other.address() as { port: number }).port;
    await untilSeen(event => event.type === "opened" && event.port === opened);
    await new Promise(resolve => other.close(resolve));
    await untilSeen(event => event.type === "closed" && event.port === opened);
    await sandbox.exposePort(opened, { name: "later" });
    expect(await untilSeen(event => event.type === "exposed")).toMatchObject({ port: opened, name: "later" });
    await sandbox.unexposePort(opened);
    await untilSeen(event => event.type === "unexposed" && event.port === opened);
    await watch[Symbol.asyncDispose]();
    await until("the channel's end", () => sandbox.stats.channels === 0);
  });

  it("is watched on when the server was started anew", async () => {
    const server = await Server.start();
    onTestFinished(() => server.stop());
    await using sandbox = await connect(server.url);
    const watch = sandbox.watchPorts({ interval: 250 });
    for (let event = await next(watch); event.type !== "ready"; event = await next(watch)) {}
    await server.kill();
    await server.comeBack();
    const after: PortEvent[] = [];
    do after.push(await next(watch));
    while (after.at(-1)?.type !== "ready");
    const of = (type: string) => after.filter(event => event.type === type && "port" in event && event.port === port);
    expect([of("closed").length, of("opened").length]).toEqual([1, 1]);
    await watch[Symbol.asyncDispose]();
  });

  it("is exposed at a host name, by whoever knows it, until it is not", async () => {
    const { sandbox } = test;
    const web = createHttpServer((request, response) => response.end(`asked for ${request.url}`));
    await new Promise<void>(resolve => web.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void web.close());
    const mine = (web.address() as { port: number }).port;

    const exposed = await sandbox.exposePort(mine, { name: "docs" });
    expect(exposed).toMatchObject({ port: mine, name: "docs" });
    expect(exposed.token).toMatch(/^[a-z0-9]{16}$/);
    expect(exposed.url).toContain(`${mine}-`);
    expect(exposed.since.getTime()).toBeGreaterThan(0);
    // The name is one of this machine only for browsers: so by hand.
    const get = (host: string) =>
      new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
        const { hostname, port } = new URL(test.server.url);
        httpGet({ hostname, port, path: "/page", headers: { host } }, response => {
          let body = "";
          response.setEncoding("utf8").on("data", data => (body += data));
          response.on("end", () => resolve({ status: response.statusCode, body }));
        }).on("error", reject);
      });
    const host = exposed.host ?? "";
    expect(await get(host)).toEqual({ status: 200, body: "asked for /page" });
    expect((await get(host.replace(exposed.token ?? "", "0000000000000000"))).status).toBe(404);
    expect(await sandbox.isPortExposed(mine)).toBe(true);
    expect((await sandbox.getExposedPorts()).map(each => each.url)).toEqual([exposed.url]);

    expect(await sandbox.unexposePort(mine)).toBe(true);
    expect(await sandbox.unexposePort(mine)).toBe(false);
    expect((await get(host)).status).toBe(404);
    expect(await sandbox.isPortExposed(mine)).toBe(false);
    expect(await failure(sandbox.exposePort(0))).toBeInstanceOf(InvalidPortError);
    expect(await failure(sandbox.exposePort(Number(new URL(test.server.url).port)))).toBeInstanceOf(SandwireError);
  });
});
