/** When a sandbox may be stopped: never on a guess, and not only then when it can still say so itself. */

import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { isAtWork, Rest } from "../../src/cloudflare/activity.ts";
import { connect, type Sandbox } from "../../src/index.ts";
import { Server } from "../harness/server.ts";
import { until } from "../harness/until.ts";

let server: Server;
let client: Sandbox;
beforeEach(async () => {
  server = await Server.start();
  client = await connect(server.url);
});
afterEach(async () => {
  server.signal("SIGCONT");
  await client.close();
  await server.stop();
});

/** Milliseconds that an answer may take here. */
const PATIENCE = 500;

const answers = async (): Promise<true> => {
  await fetch(`${server.origin}/healthz`, { signal: AbortSignal.timeout(PATIENCE) });
  return true;
};

/** Stops the server. Its threads stop one by one, some after the signal was sent: until then one may still answer. */
const stop = async () => {
  server.signal("SIGSTOP");
  const tasks = `/proc/${server.pid}/task`;
  const stopped = (task: string) => /^State:\tT/m.test(readFileSync(`${tasks}/${task}/status`, "utf8"));
  await until("all threads to stop", () => readdirSync(tasks).every(stopped));
};

const rest = (lane: () => Promise<Sandbox>) =>
  new Rest({ isAtWork: async () => isAtWork(await lane(), 1), answers }, PATIENCE);

it("is due when the sandbox says that it does not work", async () => {
  const idle = rest(async () => client);
  await client.exec("true");
  await new Promise(resolve => setTimeout(resolve, 10));
  expect(await idle.isDue()).toBe(true);
  await client.startProcess("sleep 1000", { keepAlive: true });
  expect(await idle.isDue()).toBe(false);
});

it("is not due for as long as nobody can ask, while the server answers", async () => {
  // As for a relay whose lanes are all taken: it hangs, or it fails.
  const hanging = rest(() => new Promise(() => {}));
  const failing = rest(() => Promise.reject(new Error("LIMIT_EXCEEDED")));
  for (let times = 0; times < 5; times += 1) {
    expect(await hanging.isDue()).toBe(false);
    expect(await failing.isDue()).toBe(false);
  }
});

it("is due when the server answers nothing for three times in a row", async () => {
  const silent = rest(async () => client);
  await client.startProcess("sleep 1000", { keepAlive: true });
  await stop();
  expect(await silent.isDue()).toBe(false);
  expect(await silent.isDue()).toBe(false);
  server.signal("SIGCONT");
  // It is awake when it answers: a busy machine may take longer for that than the patience here.
  await until("an answer", () => answers().catch(() => false));
  expect(await silent.isDue()).toBe(false);
  await stop();
  expect(await silent.isDue()).toBe(false);
  expect(await silent.isDue()).toBe(false);
  expect(await silent.isDue()).toBe(true);
});
