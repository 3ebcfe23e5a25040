import { createHash } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import { Driver } from "../../src/driver.ts";
import { InterruptedError } from "../../src/error.ts";
import type { ConnectOptions } from "../../src/options.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { Server, type ServerOptions } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { digest, exec, finish, run } from "./commands.ts";

async function serve(options?: ServerOptions): Promise<{ server: Server; proxy: CuttingProxy }> {
  const server = await Server.start(options);
  onTestFinished(() => server.stop());
  const proxy = await CuttingProxy.start(server.address);
  onTestFinished(() => proxy.stop());
  return { server, proxy };
}

async function connect(url: string, options?: ConnectOptions) {
  const driver = await Driver.start(url, options);
  onTestFinished(() => driver.close());
  return driver;
}

/** What `seq 1 last` writes, as a digest. */
function sequence(last: number): { sha256: string; length: number } {
  const text = Array.from({ length: last }, (_, index) => `${index + 1}\n`).join("");
  return { sha256: createHash("sha256").update(text).digest("hex"), length: text.length };
}

describe("a lost connection", () => {
  it.each([1, 2, 3])(
    "costs 50 channels at once nothing: no byte, no exit code (seed %i)",
    async seed => {
      const { server, proxy } = await serve();
      await proxy.cutRandomly(seed, 2_000, 200_000);
      const driver = await connect(proxy.url);
      const states: string[] = [];
      driver.states.listen(state => states.push(state.status));
      const down = Array.from({ length: 40 }, (_, index) => {
        const last = 1_000 + 997 * index;
        const command = digest(exec(driver, `seq 1 ${last}; exit ${index}`));
        return command.then(got => expect(got).toEqual({ ...sequence(last), code: index }));
      });
      const up = Array.from({ length: 10 }, async (_, index) => {
        const bytes = new Uint8Array(300_000 + index).map((_, at) => (at * 31 + index) % 251);
        const command = exec(driver, `sha256sum; exit ${index}`, { stdin: true });
        const finished = finish(command);
        await command.write(0, bytes);
        command.end(0);
        const got = await finished;
        const sha256 = createHash("sha256").update(bytes).digest("hex");
        expect([String(Buffer.concat(got.bytes)), got.exit.code]).toEqual([`${sha256}  -\n`, index]);
      });
      // The whole server stands still for a while in the middle of it.
      await until("some of it went on a second connection", () => driver.stats.connections > 1);
      server.signal("SIGSTOP");
      const before = (await proxy.counters()).down;
      await until("nothing comes any more", async () => (await proxy.counters()).down >= before);
      server.signal("SIGCONT");
      await Promise.all([...down, ...up]);
      expect((await proxy.counters()).cuts).toBeGreaterThan(3);
      expect(states).toContain("reconnecting");
      await proxy.keepWhole();
      expect(await run(driver, "echo still")).toEqual({ stdout: "still\n", code: 0 });
    },
    120_000,
  );

  it("is made again before the server greeted, and OPEN is not run twice", async () => {
    const { server, proxy } = await serve();
    // Some of these cuts fall within the upgrade, which is tried once; some before the server has heard of the lane, which it
    // then knows (R-HELLO-11), and some behind the OPEN and before WELCOME.
    let survived = 0;
    for (const direction of ["up", "down"] as const) {
      for (let bytes = 140; bytes < 700; bytes += 10) {
        await proxy.cutAfter(direction, bytes);
        const driver = await Driver.start(proxy.url).catch(() => undefined);
        if (driver === undefined) continue;
        const ran = `ran-${direction}-${bytes}`;
        expect(await run(driver, `echo x >> ${ran}; cat ${ran}`)).toEqual({ stdout: "x\n", code: 0 });
        await driver.close();
        survived += 1;
      }
      await proxy.keepWhole();
    }
    expect(survived).toBeGreaterThan(50);
    expect((await proxy.counters()).cuts).toBeGreaterThan(50);
    expect(server.log).not.toContain("panicked");
  });

  it("waits while the server is away, and tells of it", async () => {
    const { server, proxy } = await serve();
    const driver = await connect(proxy.url);
    const command = exec(driver, "read line; echo got $line; exit 7", { stdin: true });
    await until("the server greeted", () => driver.state.status === "connected");
    await proxy.refuse();
    await proxy.cut();
    const state = await until("the third try waits", () => {
      const { state } = driver;
      return state.status === "reconnecting" && state.attempt > 2 && state.retryInMs > 0 && state;
    });
    expect(state.reason).toMatch(/no connection to ws:/);
    // What is written meanwhile goes out later, and what is opened runs later.
    await command.write(0, Buffer.from("it\n"));
    const later = run(driver, "echo later");
    await proxy.accept();
    const { bytes, exit } = await finish(command);
    expect([String(Buffer.concat(bytes)), exit.code]).toEqual(["got it\n", 7]);
    expect(await later).toEqual({ stdout: "later\n", code: 0 });
    expect(server.log).not.toContain("panicked");
  });

  it("is given up after a time", async () => {
    const { proxy } = await serve();
    const driver = await connect(proxy.url, { giveUpAfter: 100 });
    const command = exec(driver, "sleep 60");
    await until("the server greeted", () => driver.state.status === "connected");
    await proxy.refuse();
    await proxy.cut();
    await expect(command.result).rejects.toBeInstanceOf(InterruptedError);
    expect(driver.state).toMatchObject({ status: "closed", reason: expect.stringContaining("gave up after 0.1 s") });
  });

  it("that nobody tells of is noticed within 30 s", async () => {
    const { proxy } = await serve();
    const driver = await connect(proxy.url);
    const command = exec(driver, "read line; exit $line", { stdin: true });
    await until("the server greeted", () => driver.state.status === "connected");
    const start = performance.now();
    await proxy.stall("up");
    await proxy.stall("down");
    await new Promise<void>(resolve => {
      const stop = driver.states.listen(state => {
        if (state.status !== "reconnecting") return;
        stop();
        resolve();
      });
    });
    expect(performance.now() - start).toBeLessThan(30_000);
    await proxy.cut();
    await proxy.resume("up");
    await proxy.resume("down");
    await command.write(0, Buffer.from("5\n"));
    expect(await command.result).toMatchObject({ code: 5 });
  }, 60_000);

  it("can be asked for", async () => {
    const { proxy } = await serve();
    const driver = await connect(proxy.url);
    const command = exec(driver, "read line; exit $line", { stdin: true });
    for (let count = 1; count <= 5; count += 1) {
      await until(
        `connection ${count}`,
        () => driver.state.status === "connected" && driver.stats.connections === count,
      );
      driver.reconnect();
    }
    await command.write(0, Buffer.from("9\n"));
    expect(await command.result).toMatchObject({ code: 9 });
  });
});

describe("a server that was started anew", () => {
  it("ends what was open, says what is known of it, and serves what comes", async () => {
    const { server, proxy } = await serve();
    const driver = await connect(proxy.url);
    const command = exec(driver, "echo begun; exec sleep 1000");
    const first = await command.recv();
    expect(first).toMatchObject({ type: "data", stream: 1 });
    const bootId = driver.bootId;
    await server.kill();
    await until("the loss was noticed", () => driver.state.status === "reconnecting");
    // Opened while nobody is there: never sent, so it runs on the new server.
    const unsent = run(driver, "echo new");
    await server.comeBack();
    const error = await command.result.catch(error => error);
    expect(error).toBeInstanceOf(InterruptedError);
    expect(error).toMatchObject({ code: "OPERATION_INTERRUPTED", admitted: true });
    expect(error.toJSON()).toMatchObject({ name: "InterruptedError", context: { admitted: "true" } });
    await expect(unsent).rejects.toMatchObject({ code: "OPERATION_INTERRUPTED", context: { admitted: "false" } });
    expect(await run(driver, "echo again")).toEqual({ stdout: "again\n", code: 0 });
    expect(driver.bootId).not.toBe(bootId);
    expect(driver.state).toMatchObject({ status: "connected", connections: 2 });
  });

  it("says beforehand that it drains, and what runs ends there", async () => {
    const { server, proxy } = await serve();
    const driver = await connect(proxy.url);
    const command = exec(driver, "read line; exit $line", { stdin: true });
    await until("the server greeted", () => driver.state.status === "connected");
    server.signal("SIGTERM");
    await until("it drains", () => driver.state.status === "draining");
    expect(driver.state).toMatchObject({ reason: expect.stringContaining("draining"), deadlineMs: expect.any(Number) });
    await expect(exec(driver, "true").result).rejects.toMatchObject({ code: "DRAINING" });
    await command.write(0, Buffer.from("4\n"));
    expect(await command.result).toMatchObject({ code: 4 });
    await server.ended();
    await until("it dials again", () => driver.state.status === "reconnecting");
    await server.comeBack();
    await until("it is connected again", () => driver.state.status === "connected");
    expect(await run(driver, "echo again")).toEqual({ stdout: "again\n", code: 0 });
  });
});
