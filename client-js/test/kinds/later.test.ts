/** What is loaded when it is used first: calls keep their order, and what is left early is given up. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Driver } from "../../src/driver.ts";
import { type AsyncSequence, NotFoundError, SandwireError } from "../../src/index.ts";
import { SandboxSurface } from "../../src/kinds/later.ts";
import { Server } from "../harness/server.ts";

let server: Server;
let driver: Driver;
/** What was opened on the connection, in order: the kind and its path. */
const opened: string[] = [];
/** Called with each. */
let onOpen: (() => void) | undefined;
let sandbox: InstanceType<typeof SandboxSurface>;

beforeAll(async () => {
  server = await Server.start();
  driver = await Driver.start(server.url);
  sandbox = new SandboxSurface({
    open(kind, params) {
      opened.push(`${kind} ${(params as { path?: unknown }).path}`);
      onOpen?.();
      return driver.open(kind, params);
    },
  });
});

afterAll(async () => {
  await driver.close();
  await server.stop();
});

// First, for once something was used it is there.
describe("what is loaded when it is used first", () => {
  it("goes out in the order of the calls, while it is loaded and just after", async () => {
    const made: Promise<unknown>[] = [];
    const call = () => made.push(sandbox.exists(`${made.length}`));
    const turns = async () => {
      onOpen = undefined;
      for (call(); made.length < 60; call()) await null;
    };
    // The first is the end of the loading: from then on one call in each turn, while the others are still to go out.
    const after = new Promise<void>(resolve => {
      onOpen = () => void turns().then(resolve);
    });
    for (let calls = 0; calls < 20; calls++) call();
    expect(opened).toEqual([]);
    await after;
    expect(await Promise.all(made)).toEqual(made.map(() => false));
    expect(opened).toEqual(made.map((_, index) => `file.stat ${index}`));
  });

  it("begins at the call, and is given up by who leaves before it has begun", async () => {
    const command = sandbox.execStream("touch begun; sleep 600", { stdin: true });
    await expect.poll(() => sandbox.exists("begun")).toBe(true);
    const next = command.next();
    await command.return();
    expect(await command.next()).toEqual({ done: true, value: undefined });
    await next.catch(error => expect(error).toBeInstanceOf(SandwireError));
    const never = sandbox.search(".");
    await never.return();
    expect(await never.next()).toEqual({ done: true, value: undefined });
    await expect.poll(() => driver.stats.channels).toBe(0);
  });

  it("talks to a command, signals it, and tells its end", async () => {
    const command = sandbox.execStream("read line; echo got $line; sleep 600", { stdin: true });
    const writer = command.stdin.getWriter();
    await writer.write("it\n");
    const events: unknown[] = [];
    for await (const event of command) {
      events.push(event);
      if (event.type === "stdout") await command.kill("TERM");
    }
    expect(events).toMatchObject([{ type: "start" }, { type: "stdout", data: "got it\n" }, { signal: "SIGTERM" }]);
  });

  it("rejects where it is looked at, and only there", async () => {
    const gone: AsyncSequence<unknown> = sandbox.iterateFiles("no/such");
    await expect(gone.next()).rejects.toBeInstanceOf(NotFoundError);
    const archive = sandbox.downloadTree("no/such");
    await expect(archive.getReader().read()).rejects.toBeInstanceOf(NotFoundError);
    await expect(archive.result).rejects.toBeInstanceOf(NotFoundError);
    // Nobody looks at these: vitest fails when a rejection is not handled.
    sandbox.downloadTree("no/such");
    sandbox.search("no/such");
    sandbox.execStream(["no-such-program"]);
    await expect.poll(() => driver.stats.channels).toBe(0);
  });
});
