/** The sandbox itself against the real server. */

import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import {
  AbortError,
  ConnectionError,
  connect,
  InterruptedError,
  OperationInterruptedError,
  PermissionDeniedError,
  PermissionError,
  RefusedError,
  SandwireError,
} from "../../src/index.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { Server } from "../harness/server.ts";
import { all, failure, next, served } from "./served.ts";

const TOKEN = "a-long-and-secret-token-for-tests";
const test = served({ token: TOKEN });

describe("a sandbox", () => {
  it("says what it is", async () => {
    const info = await test.sandbox.info();
    expect(info).toMatchObject({
      workspace: test.server.workspace,
      arch: expect.any(String),
      cpus: expect.any(Number),
    });
    expect(info.kinds).toContain("exec");
    expect(info.scopes).toContain("file-write");
    expect(info.startedAt.getTime()).toBeLessThanOrEqual(Date.now());
    expect(info.memoryBytes).toBeGreaterThan(0);
    const { state } = test.sandbox;
    expect(state).toMatchObject({ status: "connected", bootId: info.bootId });
  });

  it("says how it fares, once and again and again", async () => {
    const { sandbox } = test;
    const once = await sandbox.getMetrics();
    expect(once).toMatchObject({ connections: expect.any(Number), processes: 0, terminals: 0 });
    expect(once.time).toBeInstanceOf(Date);
    expect(once.memoryUsed).toBeLessThan(once.memoryTotal);
    const readings = [];
    for await (const reading of sandbox.metrics({ interval: 100 })) {
      readings.push(reading);
      if (readings.length === 3) break;
    }
    const [first, , last] = readings;
    expect(Number(last?.time) - Number(first?.time)).toBeGreaterThanOrEqual(100);
    expect(Number(last?.cpu)).toBeGreaterThanOrEqual(Number(first?.cpu));
    const controller = new AbortController();
    const samples = sandbox.metrics({ signal: controller.signal });
    await next(samples);
    const waiting = failure(samples.next());
    controller.abort();
    expect(await waiting).toBeInstanceOf(AbortError);
  });

  it("measures the way to it", async () => {
    const rtt = await test.sandbox.ping();
    expect(rtt).toBeGreaterThan(0);
    expect(test.sandbox.stats.rtt).toBe(rtt);
    expect(test.sandbox.stats.bytesDown).toBeGreaterThan(0);
  });

  it("wants the token, and gives no more rights than were asked for", async () => {
    const refused = await failure(connect(test.server.url, { token: "a guess" }));
    expect(refused).toBeInstanceOf(RefusedError);
    expect(refused).toMatchObject({ context: { status: 401 } });
    await using sandbox = await connect(test.server.url, { token: TOKEN, scopes: ["file-read"] });
    const denied = await failure(sandbox.exec("true"));
    expect(denied).toBeInstanceOf(PermissionDeniedError);
    expect(denied).toBeInstanceOf(PermissionError);
    expect(await sandbox.exists(".")).toBe(true);
  });

  it("is reached over a WebSocket of the user's own", async () => {
    const socket = new WebSocket(test.server.url, "sandwire.v1", { headers: { Authorization: `Bearer ${TOKEN}` } });
    await using sandbox = await connect(socket);
    expect((await sandbox.exec("echo hello")).stdout).toBe("hello\n");
  });

  it("is closed by `await using`: nothing works after it, and what was open fails", async () => {
    let left: Awaited<ReturnType<typeof connect>>;
    let open: Promise<Error>;
    {
      await using sandbox = await connect(test.server.url, { token: TOKEN });
      left = sandbox;
      open = failure(sandbox.exec("sleep 600"));
      await sandbox.ping();
    }
    expect(await open).toBeInstanceOf(SandwireError);
    expect(left.state.status).toBe("closed");
    expect(await failure(left.exec("true"))).toBeInstanceOf(ConnectionError);
    expect(await failure(left.readFile("x"))).toMatchObject({ code: "CLIENT_CLOSED" });
    expect(await failure(left.execStream("true").next())).toBeInstanceOf(ConnectionError);
  });

  it("goes on through lost connections, and shows them", async () => {
    const proxy = await CuttingProxy.start(test.server.address);
    onTestFinished(() => proxy.stop());
    await using sandbox = await connect(proxy.url, { token: TOKEN });
    const states: string[] = [];
    const stop = sandbox.onStateChange(({ status }) => states.push(status));
    const command = sandbox.execStream("for i in 1 2 3; do read line; echo $i; done; exit 4", { stdin: true });
    const writer = command.stdin.getWriter();
    const seen: string[] = [];
    for await (const event of command) {
      if (event.type === "stdout") seen.push(event.data);
      if (event.type === "exit") expect(event.exitCode).toBe(4);
      else if (seen.length < 3) {
        await proxy.cut();
        await writer.write("next\n");
      }
    }
    expect(seen).toEqual(["1\n", "2\n", "3\n"]);
    expect(states).toContain("reconnecting");
    expect(sandbox.stats.connections).toBe(4);
    stop();
    const current = await next(sandbox.states()[Symbol.asyncIterator]());
    expect(current.status).toBe("connected");
  });

  it("never makes up how a command ended when the server is gone", async () => {
    const server = await Server.start();
    onTestFinished(() => server.stop());
    await using sandbox = await connect(server.url);
    const command = sandbox.execStream("sleep 600");
    await next(command);
    const lost = failure(all(command));
    const reading = sandbox.metrics({ interval: 100 });
    await next(reading);
    await server.kill();
    await server.comeBack();
    const error = await lost;
    expect(error).toBeInstanceOf(InterruptedError);
    expect(error).toBeInstanceOf(OperationInterruptedError);
    expect(error).toMatchObject({ code: "OPERATION_INTERRUPTED", admitted: true });
    // The sandbox and what can be asked for again go on.
    await next(reading);
    await reading.return();
    expect((await sandbox.exec("echo again")).stdout).toBe("again\n");
  });
});
