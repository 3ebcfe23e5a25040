import { afterAll, beforeAll, expect, it } from "vitest";
import { connect } from "../../src/index.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { Server } from "../harness/server.ts";
import { Workers } from "./workers.ts";

let server: Server;
let proxy: CuttingProxy;
let workers: Workers;

beforeAll(async () => {
  server = await Server.start();
  proxy = await CuttingProxy.start(server.address);
  workers = await Workers.start({ bindings: { UPSTREAM: proxy.origin } });
});

afterAll(async () => {
  await workers.stop();
  await proxy.stop();
  await server.stop();
});

it("relays a command and a stream", async () => {
  await using sandbox = await connect(workers.url("one"));
  const { stdout, exitCode } = await sandbox.exec("echo hi; exit 3");
  expect([stdout, exitCode]).toEqual(["hi\n", 3]);
  const answer = await workers.ask("one", "exec", "echo own; exit 4");
  expect(await answer.json()).toEqual({ stdout: "own\n", exitCode: 4 });
  expect(await workers.stats("one")).toMatchObject({ connected: true, clients: 2, dials: 1 });
  expect((await proxy.counters()).connections).toBe(1);
});
