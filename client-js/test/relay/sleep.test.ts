import { afterEach, beforeEach, expect, it } from "vitest";
import { connect, InterruptedError, type Sandbox } from "../../src/index.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { Server } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { BEHIND_A_RELAY, Workers } from "./workers.ts";

let server: Server;
let proxy: CuttingProxy;
let workers: Workers;

beforeEach(async () => {
  server = await Server.start({ args: BEHIND_A_RELAY });
  proxy = await CuttingProxy.start(server.address);
  workers = await Workers.start({ UPSTREAM: proxy.origin, IDLE_AFTER: "200" });
});

afterEach(async () => {
  await workers.stop();
  await proxy.stop();
  await server.stop();
});

/** workerd takes an object that did nothing for so long out of memory, in milliseconds. Nothing tells when it has. */
const HIBERNATES_AFTER = 10_000;

it("sleeps while its clients are silent, and wakes with their lanes", async () => {
  const sandboxes: Sandbox[] = [];
  // One after the other: workerd 1.20260730 never lets go of an object whose first requests came at once, whatever it does.
  for (let index = 0; index < 3; index += 1) {
    const sandbox = await connect(workers.url("sleeper"));
    await sandbox.exec("true");
    sandboxes.push(sandbox);
  }
  const [first, second] = sandboxes;
  // The object's own client keeps it awake no more than the others.
  expect(await (await workers.ask("sleeper", "exec", "echo own")).json()).toMatchObject({ stdout: "own\n" });
  await until("the trunk to be given up", async () => (await proxy.counters()).open === 0);
  // Clients ask for signs of life meanwhile, which the runtime answers.
  for (const { made } = await workers.counted(); (await workers.counted()).made === made; ) {
    await new Promise(resolve => setTimeout(resolve, HIBERNATES_AFTER * 1.3));
    expect(await second?.exec("echo $((6 * 7))")).toMatchObject({ stdout: "42\n", exitCode: 0 });
  }
  const commands = sandboxes.map((sandbox, index) => sandbox.exec(`echo ${index}`));
  expect((await Promise.all(commands)).map(({ stdout }) => stdout)).toEqual(["0\n", "1\n", "2\n"]);
  expect(first?.state.status).toBe("connected");
  expect(await (await workers.ask("sleeper", "exec", "echo own")).json()).toMatchObject({ stdout: "own\n" });
  expect((await workers.counted()).accepted).toBe(3);
  await Promise.all(sandboxes.map(sandbox => sandbox.close()));
}, 120_000);

it("holds the trunk while something is open", async () => {
  await using sandbox = await connect(workers.url("holder"));
  const run = sandbox.execStream("cat", { stdin: true });
  const writer = run.stdin.getWriter();
  expect(await run.next()).toMatchObject({ value: { type: "start" } });
  await writer.write("one");
  expect(await run.next()).toMatchObject({ value: { data: "one" } });
  // Many times as long as a trunk is kept that nobody needs.
  const trunk = (await proxy.counters()).connections;
  await using other = await connect(workers.url("other"));
  for (let times = 0; times < 3; times += 1) {
    await other.exec("true");
    await until("the other object's trunk to be given up", async () => !(await workers.stats("other")).connected);
  }
  expect(await workers.stats("holder")).toMatchObject({ connected: true });
  await writer.write("two");
  expect(await run.next()).toMatchObject({ value: { data: "two" } });
  expect((await proxy.counters()).connections).toBe(trunk + 3);
  await run.return();
  await until("its own to be given up", async () => !(await workers.stats("holder")).connected);
});

it("tells its clients that the sandbox is asleep, and what is asked next wakes it", async () => {
  await using sandbox = await connect(workers.url("asleep"));
  const states: string[] = [];
  sandbox.onStateChange(({ status }) => states.push(status));
  const process = await sandbox.startProcess("while sleep 0.1; do echo tick; done");
  const log = sandbox.streamProcessLogs(process.id);
  expect(await log.next()).toMatchObject({ value: { type: "stdout" } });
  const watch = await sandbox.watch(".");
  const command = sandbox.exec("sleep 1000");
  await until("the command", async () => (await workers.stats("asleep")).opened >= 4);
  const metrics = sandbox.metrics({ interval: 100 });
  await metrics.next();
  const commandFailed = rejection(command);
  await workers.ask("asleep", "sleep");

  const failed = async (promise: Promise<unknown>) => {
    const error = await rejection(promise);
    expect(error).toBeInstanceOf(InterruptedError);
    expect(error).toMatchObject({ code: "OPERATION_INTERRUPTED", context: { reason: "asleep" } });
  };
  const toTheEnd = async (events: AsyncIterable<unknown>) => {
    for await (const _ of events) {
      // What came before.
    }
  };
  expect(await commandFailed).toMatchObject({ code: "OPERATION_INTERRUPTED", context: { reason: "asleep" } });
  // What would be picked up again after a loss is not: nobody asked for it anew.
  await failed(toTheEnd(log));
  await failed(toTheEnd(metrics));
  await failed(toTheEnd(watch));
  expect(sandbox.state).toMatchObject({ status: "asleep" });
  const { dials, accepted } = await workers.counted();
  expect([dials, accepted]).toEqual([1, 1]);
  expect(await workers.stats("asleep")).toMatchObject({ connected: false, clients: 1 });

  expect((await sandbox.exec("echo awake")).stdout).toBe("awake\n");
  expect([...new Set(states.slice(states.indexOf("asleep")))]).toEqual(["asleep", "reconnecting", "connected"]);
  expect(await workers.counted()).toMatchObject({ dials: 2, accepted: 1 });
});

/** What it rejects with. */
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
