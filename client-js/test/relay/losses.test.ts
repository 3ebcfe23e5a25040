import { afterEach, beforeEach, expect, it } from "vitest";
import { connect, type ExecStream, InterruptedError, type Sandbox } from "../../src/index.ts";
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
  workers = await Workers.start({ UPSTREAM: proxy.origin });
});

afterEach(async () => {
  await workers.stop();
  await proxy.stop();
  await server.stop();
});

/** Says lines until the file is there that is asked for, then how many it said, and ends with 7. */
const TICKS = "i=0; until [ -e stop ]; do i=$((i+1)); echo $i; sleep 0.005; done; echo last $i >&2; exit 7";

/** Gathers the output of {@link TICKS}; `lines` grows as it comes. */
function gather(run: ExecStream) {
  const heard = { lines: 0, text: "", last: "", exitCode: undefined as number | null | undefined };
  const done = (async () => {
    for await (const event of run) {
      if (event.type === "stdout") {
        heard.text += event.data;
        heard.lines = heard.text.split("\n").length - 1;
      } else if (event.type === "stderr") heard.last += event.data;
      else if (event.type === "exit") heard.exitCode = event.exitCode;
    }
  })();
  return Object.assign(heard, { done });
}

/** Lets {@link TICKS} end, and expects every line of it, once. */
async function expectWhole(sandbox: Sandbox, ticks: ReturnType<typeof gather>): Promise<void> {
  await sandbox.writeFile("stop", "");
  await ticks.done;
  const last = Number(/^last (\d+)\n$/.exec(ticks.last)?.[1]);
  expect(ticks.text).toBe(Array.from({ length: last }, (_, line) => `${line + 1}\n`).join(""));
  expect(ticks.exitCode).toBe(7);
}

it("streams on when the object is aborted in the middle", async () => {
  await using sandbox = await connect(workers.url("aborted"));
  const ticks = gather(sandbox.execStream(TICKS));
  for (let round = 0; round < 3; round += 1) {
    const { lines } = ticks;
    await until("more lines", () => ticks.lines > lines + 20);
    const { made } = await workers.stats("aborted");
    await workers.ask("aborted", "abort");
    await until("another object", async () => (await workers.stats("aborted")).made > made);
  }
  await expectWhole(sandbox, ticks);
});

it("streams on over a new trunk when the old one is cut, and no client's socket is", async () => {
  const sandboxes = await Promise.all(Array.from({ length: 5 }, () => connect(workers.url("cut"))));
  const ticks = sandboxes.map(sandbox => gather(sandbox.execStream(TICKS)));
  const [first] = sandboxes as [Sandbox];
  for (let round = 1; round <= 5; round += 1) {
    const before = ticks.map(({ lines }) => lines);
    await until("more lines of each", () => ticks.every(({ lines }, index) => lines > (before[index] ?? 0)));
    await proxy.cut(round % 2 ? "reset" : "finish");
    await until("the next trunk", async () => (await workers.counted()).dials > round);
  }
  for (const each of ticks) await expectWhole(first, each);
  expect((await workers.counted()).accepted).toBe(5);
  expect(sandboxes.map(({ stats }) => stats.connections >= 6)).toEqual(sandboxes.map(() => true));
  await Promise.all(sandboxes.map(sandbox => sandbox.close()));
});

it.each([11, 12, 13])(
  "loses nothing when trunks are cut at any byte (seed %i)",
  async seed => {
    await proxy.cutRandomly(seed, 2_000, 150_000);
    const sandboxes = await Promise.all(Array.from({ length: 4 }, () => connect(workers.url("random"))));
    const bytes = new Uint8Array(300_000).map((_, at) => (at * seed) >> 3);
    const work = sandboxes.flatMap((sandbox, client) =>
      Array.from({ length: 6 }, async (_, index) => {
        const lines = 2000 + index;
        const { stdout, exitCode } = await sandbox.exec(`seq 1 ${lines}; exit ${index}`);
        const whole = stdout === Array.from({ length: lines }, (_, line) => `${line + 1}\n`).join("");
        expect([client, whole, exitCode]).toEqual([client, true, index]);
        await sandbox.writeFile(`f-${client}-${index}`, bytes);
        const read = await sandbox.readFile(`f-${client}-${index}`, { encoding: "bytes" });
        expect(Buffer.compare(read, bytes)).toBe(0);
      }),
    );
    await Promise.all(work);
    const { dials, accepted } = await workers.counted();
    expect(dials).toBeGreaterThan(10);
    expect(accepted).toBe(4);
    await proxy.keepWhole();
    await Promise.all(sandboxes.map(sandbox => sandbox.close()));
  },
  120_000,
);

it("tells the truth when the sandbox is killed: no exit code is made up", async () => {
  await using sandbox = await connect(workers.url("killed"));
  const ticks = gather(sandbox.execStream(TICKS));
  const command = sandbox.exec("sleep 1000");
  const own = workers.ask("killed", "exec", "sleep 1000");
  await until("the stream", () => ticks.lines > 10);
  await until("the Worker's command", async () => (await workers.stats("killed")).opened === 3);
  const errors = Promise.all([rejection(ticks.done), rejection(command)]);
  await server.kill();
  await server.comeBack();
  for (const error of await errors) expect(error).toBeInstanceOf(InterruptedError);
  expect(ticks.exitCode).toBeUndefined();
  expect((await own).status).toBe(500);
  expect((await sandbox.exec("echo again")).stdout).toBe("again\n");
  expect(await (await workers.ask("killed", "exec", "echo own")).json()).toEqual({ stdout: "own\n", exitCode: 0 });
  expect((await workers.counted()).accepted).toBe(1);
});

it("runs what is asked before the sandbox is there, once", async () => {
  await proxy.refuse();
  await using sandbox = await connect(workers.url("cold"));
  const command = sandbox.exec("echo ran >> ran; cat ran");
  await until("a try", async () => (await proxy.counters()).refused > 0);
  await proxy.accept();
  expect((await command).stdout).toBe("ran\n");
});

it("says that the sandbox cannot be reached, and goes on when it can", async () => {
  await proxy.refuse();
  await using sandbox = await connect(workers.url("away"));
  const command = sandbox.exec("echo there");
  const reason = await until("the reason", () => {
    const { state } = sandbox;
    return state.status === "reconnecting" && /the sandbox cannot be reached/.exec(state.reason)?.[0];
  });
  expect(reason).toBeTruthy();
  await proxy.accept();
  expect((await command).stdout).toBe("there\n");
});

it("finds a trunk that went silent, and makes another", async () => {
  await using sandbox = await connect(workers.url("silent"));
  await sandbox.exec("true");
  await proxy.stall("down");
  await proxy.stall("up");
  const command = sandbox.exec("echo through");
  await until("it to be given up", async () => (await workers.counted()).dials > 1);
  await proxy.resume("down");
  await proxy.resume("up");
  expect((await command).stdout).toBe("through\n");
}, 90_000);

/** What it rejects with. */
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
