/** The life of a sandbox and of its object: asleep and awake, evicted, killed, destroyed, shared; under real workerd. */

import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import WebSocket from "ws";
import { connect, type Sandbox, type WebSocketConstructor } from "../../src/index.ts";
import { until } from "../harness/until.ts";
import { Platform } from "./platform.ts";

let platform: Platform;
beforeAll(async () => {
  platform = await Platform.start();
});
afterAll(() => platform?.stop());

interface Result {
  readonly exitCode: number;
  readonly stdout: string;
}

const exec = (id: string, command: string, options: object = {}) =>
  platform.call<Result>("exec", { id, args: [command], ...options });

const lookInto = (id: string) => platform.call<{ born: string; expired: number; asked: string[] }>("lookInto", { id });

const evict = (id: string) => platform.call<string>("evict", { id });

/** A client through the Worker, as a browser has one. */
function client(id: string, grant: object = {}): Promise<Sandbox> {
  const url = platform.url("connect", { id, options: grant });
  return connect(url.href.replace("http", "ws"), { WebSocket: WebSocket as unknown as WebSocketConstructor });
}

it("starts a sandbox when something needs it, and nothing before", async () => {
  expect(await platform.call("state", { id: "lazy" })).toMatchObject({ status: "stopped" });
  await platform.call("isExposed", { id: "lazy" });
  await platform.call("setEnvVars", { id: "lazy", args: ['{"A":"b"}'] });
  expect((await platform.info("lazy")).state).toBe("absent");
  expect((await exec("lazy", "echo $A")).stdout).toBe("b");
  expect((await platform.info("lazy")).state).toBe("running");
});

it("sleeps when nothing goes on, and wakes with its files", async () => {
  await exec("sleepy", "echo kept > file", { options: { sleepAfter: 1 } });
  await until("sleep", async () => (await platform.info("sleepy")).state === "asleep");
  expect((await exec("sleepy", "cat file")).stdout).toBe("kept");
});

it("sleeps, too, when it was started while its alarm took itself away", async () => {
  await platform.call("startWithinAlarm", { id: "raced" });
  expect((await platform.info("raced")).state).toBe("running");
  await until("sleep", async () => (await platform.info("raced")).state === "asleep");
});

it("does not sleep while a command runs, and says how it ended", async () => {
  const flag = join(platform.folder, "flag");
  const running = exec("busy", `until test -e ${flag}; do sleep 0.05; done; exit 9`, { options: { sleepAfter: 1 } });
  await until("several looks", async () => (await lookInto("busy")).expired >= 2);
  expect((await platform.info("busy")).state).toBe("running");
  writeFileSync(flag, "");
  expect(await running).toMatchObject({ exitCode: 9 });
  await until("sleep", async () => (await platform.info("busy")).state === "asleep");
});

it("does not sleep while a process runs that was marked so, nor while a terminal is open", async () => {
  const at = await client("marked");
  await exec("marked", "true", { options: { sleepAfter: 1 } });
  const process = await at.startProcess("sleep 1000", { keepAlive: true });
  const looks = async (more: number) => {
    const { expired } = await lookInto("marked");
    await until("several looks", async () => (await lookInto("marked")).expired >= expired + more);
    expect((await platform.info("marked")).state).toBe("running");
  };
  await looks(2);
  const terminal = await at.createTerminal({ command: "sleep 1000" });
  await process.kill();
  await looks(2);
  await terminal.close();
  await until("sleep", async () => (await platform.info("marked")).state === "asleep");
  await at.close();
});

it("does not sleep when it was told to stay", async () => {
  await exec("kept", "true", { options: { sleepAfter: 1, keepAlive: true } });
  await until("several looks", async () => (await lookInto("kept")).expired >= 2);
  expect((await platform.info("kept")).state).toBe("running");
  await platform.call("keepAlive", { id: "kept", args: ["false"] });
  await until("sleep", async () => (await platform.info("kept")).state === "asleep");
});

it("is neither kept awake nor woken by a client that only looks", async () => {
  await exec("looked-at", "true", { options: { sleepAfter: 1 } });
  const viewer = await client("looked-at");
  await viewer.info();
  await until("sleep", async () => (await platform.info("looked-at")).state === "asleep");
  await until("the client to know it", () => viewer.state.status !== "connected");
  expect((await platform.info("looked-at")).state).toBe("asleep");
  expect((await viewer.exec("echo awake")).stdout).toBe("awake\n");
  await viewer.close();
});

it("keeps what it was told when its object is evicted", async () => {
  await platform.call("setEnvVars", { id: "evicted", args: ['{"TOLD":"yes","OF_THE_CLASS":null}'] });
  await exec("evicted", "cd /usr; export SHELL_LIVES=on", { options: { sleepAfter: "7m" } });
  const { born } = await lookInto("evicted");
  await evict("evicted");
  const after = await platform.call<{ born: string; sleepAfter: string }>("lookInto", { id: "evicted" });
  expect(after.born).not.toBe(born);
  expect(after.sleepAfter).toBe("7m");
  // The sandbox went on, and its shell with it.
  expect((await exec("evicted", "echo $TOLD $OF_THE_CLASS $SHELL_LIVES; pwd")).stdout).toBe("yes on\n/usr");
  const alone = { options: { enableDefaultSession: false } };
  expect((await exec("evicted", "echo $TOLD.$OF_THE_CLASS.", alone)).stdout).toBe("yes..");
  // It has them after its next start, too.
  await platform.kill("evicted");
  await until(
    "the end",
    async () => (await platform.call<{ status: string }>("state", { id: "evicted" })).status !== "healthy",
  );
  expect((await exec("evicted", "echo $TOLD.$OF_THE_CLASS.")).stdout).toBe("yes..");
});

it("says of a call that eviction cut that nobody knows how it ended", async () => {
  const mark = join(platform.folder, "cut");
  const cut = exec("cut", `echo begun > ${mark}; sleep 1000`).catch((error: unknown) => error);
  await until("the command", () => existsSync(mark));
  await evict("cut");
  expect(await cut).toMatchObject({
    code: "OPERATION_INTERRUPTED",
    context: { admitted: "unknown", retryable: false },
  });
});

it("says the same of a stream that eviction cut", async () => {
  const mark = join(platform.folder, "cut-stream");
  const args = [`echo begun > ${mark}; echo one; sleep 1000`];
  const cut = platform.call("execStream", { id: "cut-stream", args }).catch((error: unknown) => error);
  await until("the command", () => existsSync(mark));
  await evict("cut-stream");
  expect(await cut).toMatchObject({ name: "OperationInterruptedError", code: "OPERATION_INTERRUPTED" });
});

it("keeps clients of an object that is evicted, and their commands", async () => {
  const viewer = await client("resumed");
  const flag = join(mkdtempSync(join(platform.folder, "resume-")), "flag");
  let heard = "";
  const running = viewer.exec(`echo one; until test -e ${flag}; do sleep 0.05; done; echo two; exit 6`, {
    onOutput: (_: string, text: string) => {
      heard += text;
    },
  });
  await until("the first line", () => heard === "one\n");
  await evict("resumed");
  writeFileSync(flag, "");
  expect(await running).toMatchObject({ exitCode: 6, stdout: "one\ntwo\n" });
  await viewer.close();
});

it("tells the truth when the sandbox is killed in the middle of a command", async () => {
  const mark = join(platform.folder, "killed");
  const running = exec("killed", `echo begun > ${mark}; sleep 1000`).catch((error: unknown) => error);
  await until("the command", () => existsSync(mark));
  await platform.kill("killed");
  const error = await running;
  expect(error).toMatchObject({ name: "OperationInterruptedError", code: "OPERATION_INTERRUPTED" });
  expect((error as { context: { admitted: unknown } }).context.admitted).not.toBe(false);
  expect((await exec("killed", "echo again")).stdout).toBe("again");
});

it("ends with all that it had when it is destroyed, and begins anew after that", async () => {
  const id = "destroyed";
  await platform.call("setEnvVars", { id, args: ['{"GONE":"no"}'] });
  await exec(id, "echo gone > file");
  await platform.call("destroyTwice", { id });
  expect((await platform.info(id)).state).toBe("absent");
  expect((await exec(id, "ls; echo $GONE.")).stdout).toBe(".");
});

it("runs what is asked while it stops when it has started again", async () => {
  await exec("stopped", "echo kept > file");
  for (let round = 0; round < 3; round += 1) {
    const { stdout } = await platform.call<Result>("stopThen", { id: "stopped", args: ["cat file"] });
    expect(stdout).toBe("kept");
  }
});

it("can be destroyed when it never ran", async () => {
  await platform.call("destroy", { id: "never" });
  expect((await platform.info("never")).state).toBe("absent");
});

it("carries the calls of two Workers and the lanes of clients on one connection", async () => {
  const id = "shared";
  const calls = Array.from({ length: 20 }, (_, index) =>
    exec(id, `echo ${index}`, { second: index % 2 === 1, options: { enableDefaultSession: false } }),
  );
  const viewers = await Promise.all([client(id), client(id)]);
  const results = await Promise.all(calls);
  expect(results.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 20 }, (_, index) => `${index}`));
  for (const viewer of viewers) expect((await viewer.exec("echo lane")).stdout).toBe("lane\n");
  const { connections, lanes } = await (viewers[0] as Sandbox).getMetrics();
  expect({ connections, lanes }).toEqual({ connections: 1, lanes: 3 });
  for (const viewer of viewers) await viewer.close();
});

it("asks nothing more of the platform, however many calls and clients there are", async () => {
  const id = "counted";
  await exec(id, "true");
  const { asked } = await lookInto(id);
  expect(asked.filter(one => one.endsWith("connect"))).toEqual(["GET connect"]);
  const viewers = [await client(id), await client(id), await client(id)];
  const calls = Array.from({ length: 20 }, (_, index) => exec(id, "echo call", { second: index % 2 === 1 }));
  const lanes = viewers.flatMap(viewer => [viewer.exec("echo lane"), viewer.listFiles(".")]);
  await Promise.all([...calls, ...lanes]);
  expect((await lookInto(id)).asked).toEqual(asked);
  for (const viewer of viewers) await viewer.close();
});

it("is taken out of memory while its sandbox sleeps, and wakes with its clients", async () => {
  const id = "hibernating";
  const viewer = await client(id);
  await exec(id, "echo kept > file", { options: { sleepAfter: 1 } });
  await viewer.info();
  const { born } = await lookInto(id);
  await until("sleep", async () => (await platform.info(id)).state === "asleep");
  // workerd takes out what did nothing for 10 s. Nothing tells when it has, and asking is doing something.
  while ((await lookInto(id)).born === born) await new Promise(resolve => setTimeout(resolve, 13_000));
  expect((await platform.info(id)).state).toBe("asleep");
  expect((await viewer.exec("cat file")).stdout).toBe("kept\n");
  expect((await platform.info(id)).state).toBe("running");
  await viewer.close();
}, 120_000);

it("lets a client do what the Worker granted it, and no more", async () => {
  await exec("granted", "echo secret > file");
  const reader = await client("granted", { readOnly: true });
  expect(await reader.readFile("file")).toBe("secret\n");
  await expect(reader.exec("true")).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  await expect(reader.writeFile("file", "changed")).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  await reader.close();
});

it("has terminals for browsers", async () => {
  const socket = new WebSocket(platform.url("terminal", { id: "terminal" }).href.replace("http", "ws"));
  let heard = "";
  socket.on("message", data => {
    heard += String(data);
  });
  await until("the terminal", () => heard.includes('"ready"'));
  socket.send(Buffer.from("stty size; echo $((6 * 7))\r"));
  await until("its answer", () => heard.includes("30 100") && heard.includes("42"));
  socket.close();
});

it("opens no door by the headers of a request that a Worker passes on as it came", async () => {
  await exec("door", "true");
  const headers = { "cf-container-target-port": "7070", "x-sandwire-grant": "{}" };
  const socket = new WebSocket(platform.url("v1/connect", { id: "door" }).href.replace("http", "ws"), { headers });
  const status = await new Promise(resolve => {
    socket.on("unexpected-response", (_, { statusCode }) => resolve(statusCode));
    socket.on("open", () => resolve("open"));
    socket.on("error", () => {});
  });
  expect(status).toBe(401);
});

it("says that a sandbox cannot be had, why, and that trying again may help", async () => {
  // The last: nothing starts after that.
  await platform.endHost();
  const error = await exec("unavailable", "true").catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: "ContainerUnavailableError", code: "CONTAINER_UNAVAILABLE" });
  expect(error).toMatchObject({ context: { reason: "container_unreachable", retryable: true } });
  expect((error as Error).message).toContain("sandwire-server host");
});
