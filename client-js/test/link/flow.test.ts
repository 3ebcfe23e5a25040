import { describe, expect, it, onTestFinished } from "vitest";
import { Driver } from "../../src/driver.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { Server } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { type Exec, exec, finish, run } from "./commands.ts";

async function serve(): Promise<{ server: Server; driver: Driver }> {
  const server = await Server.start();
  onTestFinished(() => server.stop());
  const driver = await Driver.start(server.url);
  onTestFinished(() => driver.close());
  return { server, driver };
}

describe("a slow consumer", () => {
  it("stops the command, not its neighbours, and holds no more than the window", async () => {
    const { driver } = await serve();
    const flood = exec(driver, "while :; do head -c 65536 /dev/zero; echo x >> progress; done");
    await until("it has begun", () => driver.stats.bytesDown > 100_000);
    const progress = async () => Number((await run(driver, "wc -l < progress")).stdout);
    let last = -1;
    await until("it stands still", async () => {
      const now = await progress();
      const still = now === last;
      last = now;
      return still;
    });
    // A window of 256 KiB, a pipe, a frame: the command got rid of no more.
    expect(last).toBeLessThan(16);
    const { bytesDown } = driver.stats;
    expect(bytesDown).toBeLessThan(1 << 20);
    // Taking goes on where it stood, and the command with it.
    let taken = 0;
    while (taken < 20 << 20) {
      const item = await flood.recv();
      if (item?.type !== "data") throw new Error("it ended");
      taken += item.data.length;
    }
    expect(await progress()).toBeGreaterThan(300);
    flood.cancel();
    await expect(flood.result).rejects.toMatchObject({ name: "AbortError", code: "CANCELLED" });
    expect(await flood.recv()).toBeUndefined();
    await until("the channel is over on both sides", () => driver.stats.channels === 0);
  });

  it("on the other side makes `write` wait", async () => {
    const { driver } = await serve();
    const command = exec(driver, "read line; wc -c", { stdin: true });
    const piece = new Uint8Array(64 << 10);
    let written = 0;
    // Without a newline `read` takes all of it, byte by byte: far slower than it is written.
    const writing = (async () => {
      for (let count = 0; count < 16; count += 1) {
        await command.write(0, piece);
        written += 1;
      }
      command.end(0);
    })();
    const { bytes, exit } = await finish(command);
    await writing;
    expect([written, String(Buffer.concat(bytes)).trim(), exit.code]).toEqual([16, "0", 0]);
  });

  it("does not wait for a reader that never comes: the rest is thrown away with the channel", async () => {
    const { driver } = await serve();
    const command = exec(driver, "cat > /dev/null; sleep 1000", { stdin: true });
    const writes = Array.from({ length: 100 }, () => command.write(0, new Uint8Array(64 << 10)));
    const stuck = exec(driver, "sleep 1000", { stdin: true });
    const waiting = Array.from({ length: 100 }, () => stuck.write(0, new Uint8Array(64 << 10)));
    await Promise.all(writes);
    expect(driver.stats.retained).toBeLessThan(8 << 20);
    stuck.cancel();
    const outcomes = await Promise.allSettled(waiting);
    expect(outcomes.some(({ status }) => status === "rejected")).toBe(true);
    command.cancel();
  });
});

describe("a channel", () => {
  it("has a result that nobody has to take items for", async () => {
    const { driver } = await serve();
    const command = exec(driver, "exit 5");
    expect(await command.result).toMatchObject({ code: 5 });
    expect(await command.recv()).toBeUndefined();
  });

  it("ends with the server's error, of the class that it is caught by", async () => {
    const { driver } = await serve();
    const missing = driver.open("file.stat", { path: "no/such" });
    await expect(missing.result).rejects.toMatchObject({
      name: "NotFoundError",
      code: "FILE_NOT_FOUND",
      context: { path: expect.stringContaining("no/such") },
    });
    await expect(driver.open("no.such", {}).result).rejects.toMatchObject({ code: "UNKNOWN_KIND" });
    await expect(missing.write(0, new Uint8Array(1))).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  });

  it("is not opened beyond the server's number of them", async () => {
    const { driver } = await serve();
    await run(driver, "true");
    const open: Exec[] = [];
    const limit = () => {
      for (;;) open.push(exec(driver, "sleep 1000"));
    };
    expect(limit).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
    expect(open.length).toBeGreaterThan(100);
    for (const command of open) command.cancel();
    await until("all are over", () => driver.stats.channels === 0);
    expect((await run(driver, "true")).code).toBe(0);
  });

  it("refuses events and parameters that fit in no frame", async () => {
    const { driver } = await serve();
    const command = exec(driver, "sleep 1000");
    await expect(command.event({ signal: { signal: "x".repeat(40_000) } })).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
    });
    await command.event({ signal: { signal: "KILL" } });
    expect(await command.result).toMatchObject({ signal: "SIGKILL" });
    expect(() => exec(driver, "x".repeat(2 << 20))).toThrow(expect.objectContaining({ code: "VALIDATION_FAILED" }));
  });
});

describe("a key", () => {
  it("is not behind what a slow network has still to carry", async () => {
    const { server } = await serve();
    const proxy = await CuttingProxy.start(server.address);
    onTestFinished(() => proxy.stop());
    const driver = await Driver.start(proxy.url);
    onTestFinished(() => driver.close());
    await run(driver, "true");
    await proxy.throttle("up", 1 << 20);
    const upload = exec(driver, "cat > uploaded", { stdin: true });
    const writing = upload.write(0, new Uint8Array(8 << 20)).then(() => upload.end(0));
    await until("the upload is under way", () => driver.stats.bytesUp > 1 << 20);
    const before = driver.stats.bytesUp;
    expect(await run(driver, "echo key")).toEqual({ stdout: "key\n", code: 0 });
    // What overtook the key was a part of the upload, not the rest of it.
    expect(driver.stats.bytesUp - before).toBeLessThan(512 << 10);
    await proxy.throttle("up", 0);
    await writing;
    expect((await finish(upload)).exit.code).toBe(0);
    expect(await run(driver, "wc -c < uploaded")).toEqual({ stdout: `${8 << 20}\n`, code: 0 });
  });
});
