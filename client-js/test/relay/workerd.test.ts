import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { connect } from "../../src/index.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { Server } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { BEHIND_A_RELAY, Workers } from "./workers.ts";

let server: Server;
let proxy: CuttingProxy;
let workers: Workers;

beforeAll(async () => {
  server = await Server.start({ args: BEHIND_A_RELAY });
  proxy = await CuttingProxy.start(server.address);
  workers = await Workers.start({ UPSTREAM: proxy.origin });
});

afterAll(async () => {
  await workers.stop();
  await proxy.stop();
  await server.stop();
});

/** Connections to the server, and subrequests for them, since this was asked. */
async function upstream(): Promise<() => Promise<{ connections: number; dials: number }>> {
  const look = async () => ({
    connections: (await proxy.counters()).connections,
    dials: (await workers.counted()).dials,
  });
  const before = await look();
  return async () => {
    const now = await look();
    return { connections: now.connections - before.connections, dials: now.dials - before.dials };
  };
}

it("relays a browser's command and a Worker's, over one connection", async () => {
  const made = await upstream();
  await using sandbox = await connect(workers.url("one"));
  const { stdout, exitCode } = await sandbox.exec("echo hi; exit 3");
  expect([stdout, exitCode]).toEqual(["hi\n", 3]);
  const answer = await workers.ask("one", "exec", "echo own; exit 4");
  expect(await answer.json()).toEqual({ stdout: "own\n", exitCode: 4 });
  expect(await workers.stats("one")).toMatchObject({ connected: true, clients: 2, opened: 2 });
  expect(await made()).toEqual({ connections: 1, dials: 1 });
});

it("is not needed by a client whose upgrade a Worker passes through, which resumes all the same", async () => {
  await using sandbox = await connect(`ws://${workers.address}/v1/connect`);
  const run = sandbox.execStream("echo before; read line; echo after $line; exit 6", { stdin: true });
  const writer = run.stdin.getWriter();
  expect(await run.next()).toMatchObject({ value: { type: "start" } });
  expect(await run.next()).toMatchObject({ value: { data: "before\n" } });
  await proxy.cut();
  await writer.write("the cut\n");
  expect(await run.next()).toMatchObject({ value: { data: "after the cut\n" } });
  expect(await run.next()).toMatchObject({ value: { type: "exit", exitCode: 6 } });
  expect(sandbox.stats.connections).toBe(2);
});

it("is not needed by a Worker with a WebSocket of its own, either", async () => {
  const answer = await fetch(`http://${workers.address}/own`, { method: "POST", body: "echo own; exit 5" });
  expect(await answer.json()).toEqual({ stdout: "own\n", exitCode: 5 });
});

it("streams both ways, and as much as there is", async () => {
  await using sandbox = await connect(workers.url("streams"));
  const bytes = new Uint8Array(24 << 20).map((_, at) => (at * 7919) >> 5);
  await sandbox.writeFile("streamed", bytes);
  const read = await sandbox.readFile("streamed", { encoding: "bytes" });
  expect(Buffer.compare(read, bytes)).toBe(0);
  const { stdout } = await sandbox.exec("sha256sum < streamed | cut -d' ' -f1");
  const digest = Buffer.from(await crypto.subtle.digest("SHA-256", bytes)).toString("hex");
  expect(stdout.trim()).toBe(digest);
});

it("carries 200 browsers' lanes on one trunk, each with its own output and exit code", async () => {
  const made = await upstream();
  const indices = Array.from({ length: 200 }, (_, index) => index);
  const sandboxes = await Promise.all(indices.map(() => connect(workers.url("many"))));
  const results = await Promise.all(
    sandboxes.map((sandbox, index) => sandbox.exec(`seq ${index} ${index + 500}; echo ${index} >&2; exit ${index}`)),
  );
  for (const [index, { stdout, stderr, exitCode }] of results.entries()) {
    const lines = Array.from({ length: 501 }, (_, line) => `${index + line}\n`).join("");
    expect([stdout === lines, stderr, exitCode], `client ${index}`).toEqual([true, `${index}\n`, index]);
  }
  expect(await workers.stats("many")).toMatchObject({ clients: 200, opened: 200 });
  expect(await made()).toEqual({ connections: 1, dials: 1 });
  await Promise.all(sandboxes.map(sandbox => sandbox.close()));
}, 120_000);

it("takes as many clients as a server with its default settings has lanes for, and leaves one for the object", async () => {
  const plain = await Server.start();
  onTestFinished(() => plain.stop());
  const own = await Workers.start({ UPSTREAM: `http://${plain.address}` });
  onTestFinished(() => own.stop());
  const viewers = await Promise.all(Array.from({ length: 200 }, () => connect(own.url("full"))));
  const outputs = await Promise.all(viewers.map((viewer, index) => viewer.exec(`echo ${index}`)));
  expect(outputs.map(({ stdout }) => stdout)).toEqual(viewers.map((_, index) => `${index}\n`));
  expect(await refusalOf(own.url("full"))).toMatchObject([503, { code: "LIMIT_EXCEEDED" }]);
  const answer = await own.ask("full", "exec", "echo own; exit 4");
  expect(await answer.json()).toEqual({ stdout: "own\n", exitCode: 4 });
  expect(await own.stats("full")).toMatchObject({ connected: true, clients: 201 });
  // The object's own client takes no viewer's place, either.
  await viewers[0]?.close();
  await until("it to be gone", async () => (await own.stats("full")).clients === 200);
  await using late = await connect(own.url("full"));
  expect((await late.exec("echo late")).stdout).toBe("late\n");
  await Promise.all(viewers.map(viewer => viewer.close()));
}, 120_000);

it("serves two Workers that call at once", async () => {
  const made = await upstream();
  const calls = Array.from({ length: 20 }, async (_, index) => {
    const host = index % 2 ? workers.address : workers.second;
    const answer = await fetch(`http://${host}/called/exec`, { method: "POST", body: `echo ${index}; exit ${index}` });
    expect(await answer.json()).toEqual({ stdout: `${index}\n`, exitCode: index });
  });
  await Promise.all(calls);
  await using browser = await connect(`ws://${workers.second}/called/connect`);
  expect((await browser.exec("echo too")).stdout).toBe("too\n");
  expect(await made()).toEqual({ connections: 1, dials: 1 });
});

it("dials nothing for clients that ask for nothing, and gives up what nobody reads", async () => {
  const made = await upstream();
  const socket = new WebSocket(workers.url("silent"), ["sandwire.v1"]);
  onTestFinished(() => socket.terminate());
  await new Promise(resolve => socket.once("open", resolve));
  expect(socket.protocol).toBe("sandwire.v1");
  socket.send("ping");
  expect(String(await new Promise(resolve => socket.once("message", resolve)))).toBe("pong");
  expect(await workers.stats("silent")).toMatchObject({ connected: false, clients: 1 });
  expect(await made()).toEqual({ connections: 0, dials: 0 });
});

it("refuses what is no upgrade, another subprotocol, and too many clients", async () => {
  const few = await Workers.start({ UPSTREAM: proxy.origin, MAX_CLIENTS: "1" });
  onTestFinished(() => few.stop());
  const answer = await few.ask("door", "connect");
  expect(answer.status).toBe(426);
  expect(await answer.json()).toMatchObject({ code: "UPGRADE_REQUIRED" });
  expect(await refusalOf(few.url("door"), ["chat"])).toMatchObject([400, { code: "VALIDATION_FAILED" }]);
  await using sandbox = await connect(few.url("door"));
  expect(await refusalOf(few.url("door"))).toMatchObject([503, { code: "LIMIT_EXCEEDED" }]);
  expect((await sandbox.exec("echo in")).stdout).toBe("in\n");
});

/** What an upgrade is answered that is refused. */
function refusalOf(url: string, protocols: string[] = []): Promise<[number, unknown]> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocols);
    socket.once("open", () => reject(new Error("it was let in")));
    socket.once("error", () => {});
    socket.once("unexpected-response", (_, response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => {
        body += chunk;
      });
      response.on("end", () => resolve([response.statusCode ?? 0, JSON.parse(body)]));
    });
  });
}
