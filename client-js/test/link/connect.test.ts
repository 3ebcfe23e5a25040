import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { Driver } from "../../src/driver.ts";
import { AbortError, ConnectionError, InterruptedError, RefusedError } from "../../src/error.ts";
import type { ConnectOptions } from "../../src/options.ts";
import type { State } from "../../src/state.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { Server, type ServerOptions } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { exec, finish, run } from "./commands.ts";

const TOKEN = "a-long-and-secret-token-for-tests";

async function serve(options?: ServerOptions): Promise<Server> {
  const server = await Server.start(options);
  onTestFinished(() => server.stop());
  return server;
}

async function connect(target: ConstructorParameters<typeof WebSocket>[0] | WebSocket, options?: ConnectOptions) {
  const driver = await Driver.start(target instanceof WebSocket ? target : String(target), options);
  onTestFinished(() => driver.close());
  return driver;
}

describe("connecting", () => {
  it("runs a command that was asked for before the server greeted", async () => {
    const server = await serve();
    const driver = await connect(server.url);
    const command = exec(driver, "echo out; echo err >&2; exit 3");
    expect(driver.state.status).toBe("connecting");
    const items = [];
    for (let item = await command.recv(); item !== undefined; item = await command.recv()) items.push(item);
    expect(await command.result).toMatchObject({ code: 3 });
    expect(
      items.filter(item => item.type === "data").map(({ stream, data }) => [stream, String(Buffer.from(data))]),
    ).toEqual(
      expect.arrayContaining([
        [1, "out\n"],
        [2, "err\n"],
      ]),
    );
    expect(driver.state).toMatchObject({ status: "connected", connections: 1, bootId: expect.stringMatching(/./) });
    expect(driver.stats.bytesUp).toBeGreaterThan(0);
    expect(driver.stats.bytesDown).toBeGreaterThan(0);
    expect(await driver.ping()).toBeGreaterThan(0);
    expect(driver.stats.rtt).toBeGreaterThan(0);
  });

  it("completes a URL, and hears its states", async () => {
    const server = await serve();
    const driver = await connect(server.address);
    const heard: State[] = [];
    driver.states.listen(state => heard.push(state));
    const watched = (async () => {
      const seen = [];
      for await (const state of driver.states) seen.push(state.status);
      return seen;
    })();
    expect(await run(driver, "echo hi")).toEqual({ stdout: "hi\n", code: 0 });
    await driver.close();
    expect(heard.map(state => state.status)).toEqual(["connected", "closed"]);
    expect(await watched).toEqual(["connecting", "connected", "closed"]);
  });

  it("gives the server's token, or a ticket", async () => {
    const server = await serve({ token: TOKEN });
    const driver = await connect(server.url, { token: TOKEN });
    expect(await run(driver, "echo hi")).toEqual({ stdout: "hi\n", code: 0 });
    const drawn = await connect(server.url, { token: async () => TOKEN });
    expect((await run(drawn, "true")).code).toBe(0);
    const answer = await fetch(`${server.origin}/v1/tickets`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    const { ticket } = (await answer.json()) as { ticket: string };
    const ticketed = await connect(server.url, { ticket });
    expect((await run(ticketed, "true")).code).toBe(0);
  });

  it("gives the token by a subprotocol where no header can be set", async () => {
    const server = await serve({ token: TOKEN });
    const driver = await connect(server.url, { token: TOKEN, WebSocket });
    expect((await run(driver, "true")).code).toBe(0);
  });

  it("is refused with a wrong token, and says why", async () => {
    const server = await serve({ token: TOKEN });
    const wrong = { name: "RefusedError", code: "UNAUTHORIZED", context: { status: 401 } };
    await expect(Driver.start(server.url, { token: "a guess" })).rejects.toMatchObject(wrong);
    await expect(Driver.start(server.url)).rejects.toBeInstanceOf(RefusedError);
    // The standard's WebSocket does not show the answer: it is asked for.
    await expect(Driver.start(server.url, { token: "a guess", WebSocket })).rejects.toMatchObject(wrong);
    await expect(Driver.start(server.url, { ticket: "spent", WebSocket })).rejects.toMatchObject(wrong);
  });

  it("fails at once when nobody listens, or nobody answers", async () => {
    const silent = createServer(socket => socket.on("error", () => {}).resume());
    await new Promise<void>(resolve => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    await expect(Driver.start(`127.0.0.1:${port}`, { connectTimeout: 50 })).rejects.toThrow("no answer within 0.05 s");
    await new Promise(resolve => silent.close(resolve));
    const away = Driver.start(`127.0.0.1:${port}`);
    await expect(away).rejects.toBeInstanceOf(ConnectionError);
    await expect(away).rejects.toMatchObject({
      code: "CONNECTION_FAILED",
      message: expect.stringContaining("ECONNREFUSED"),
    });
    await expect(Driver.start("http://127.0.0.1:0/")).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
  });

  it("can be given up", async () => {
    const server = await serve();
    const proxy = await CuttingProxy.start(server.address);
    onTestFinished(() => proxy.stop());
    await proxy.stall("down");
    const controller = new AbortController();
    const dialling = Driver.start(proxy.url, { signal: controller.signal });
    dialling.catch(() => {});
    await until("the connection is made", async () => (await proxy.counters()).open === 1);
    controller.abort(new Error("enough"));
    await expect(dialling).rejects.toBeInstanceOf(AbortError);
    await expect(Driver.start(proxy.url, { signal: controller.signal })).rejects.toMatchObject({
      cause: controller.signal.reason,
    });
    // While it stalls, the proxy does not notice that an end has gone.
    await proxy.resume("down");
    await until("no connection is left", async () => (await proxy.counters()).open === 0);
  });

  it("takes a WebSocket that is open, or opening", async () => {
    const server = await serve();
    const opening = await connect(new WebSocket(server.url));
    expect((await run(opening, "true")).code).toBe(0);
    const socket = new WebSocket(server.url);
    await new Promise(resolve => socket.once("open", resolve));
    const driver = await connect(socket);
    const command = exec(driver, "sleep 60");
    await until("the server greeted", () => driver.state.status === "connected");
    // It is the only one: when it is lost, there is nothing to dial.
    socket.terminate();
    await expect(command.result).rejects.toBeInstanceOf(InterruptedError);
    expect(driver.state).toMatchObject({ status: "closed", reason: expect.stringContaining("redial") });
    await expect(Driver.start(socket)).rejects.toBeInstanceOf(ConnectionError);
  });

  it("takes the next WebSocket from `redial`", async () => {
    const server = await serve();
    const socket = new WebSocket(server.url);
    const driver = await connect(socket, { redial: () => new WebSocket(server.url) });
    const command = exec(driver, "read line; echo got $line", { stdin: true });
    await until("the server greeted", () => driver.state.status === "connected");
    socket.terminate();
    await command.write(0, Buffer.from("it\n"));
    const { bytes, exit } = await finish(command);
    expect([String(Buffer.concat(bytes)), exit.code]).toEqual(["got it\n", 0]);
    expect(driver.stats.connections).toBe(2);
  });

  it("gives up rights that it does not need", async () => {
    const server = await serve();
    const driver = await connect(server.url, { scopes: ["info"] });
    await expect(exec(driver, "true").result).rejects.toMatchObject({
      name: "PermissionError",
      code: "PERMISSION_DENIED",
    });
  });

  it("is told that it may not have what it asks for", async () => {
    const server = await serve();
    const driver = await connect(server.url, { scopes: ["no-such-scope"] });
    await until("it is refused", () => driver.state.status === "closed");
    expect(driver.state).toMatchObject({ reason: expect.stringContaining("VALIDATION_FAILED") });
  });
});

describe("closing", () => {
  it("ends what is open, and tells the server", async () => {
    const server = await serve();
    const driver = await connect(server.url);
    const command = exec(driver, "echo $$; exec sleep 1000");
    const first = await command.recv();
    if (first?.type !== "data") throw new Error("no process id came");
    const pid = Number(Buffer.from(first.data));
    const waiting = command.recv();
    await driver.close();
    expect(await waiting).toBeUndefined();
    await expect(command.result).rejects.toMatchObject({
      code: "OPERATION_INTERRUPTED",
      context: { admitted: "true" },
    });
    expect(driver.state).toEqual({ status: "closed", reason: "closed" });
    expect(() => exec(driver, "true")).toThrow(expect.objectContaining({ code: "CLIENT_CLOSED" }));
    await expect(driver.ping()).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
    await expect(command.write(0, Buffer.from("x"))).rejects.toThrow();
    // Not after the two minutes in which the lane could be resumed.
    await until("the command has ended", () => !alive(pid));
    await driver.close();
  });

  it("does not wait for a server that is silent", async () => {
    const server = await serve();
    const driver = await connect(server.url);
    await until("the server greeted", () => driver.state.status === "connected");
    server.signal("SIGSTOP");
    await driver.close();
    expect(driver.state.status).toBe("closed");
  });
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
