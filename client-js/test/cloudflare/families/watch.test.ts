/** Watches and `checkChanges` against the real server. */

import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { exec } from "../../../src/cloudflare/command.ts";
import { FileNotFoundError, ValidationFailedError } from "../../../src/cloudflare/errors.ts";
import { parseSSEStream } from "../../../src/cloudflare/events.ts";
import type { CheckChangesOptions, FileWatchSSEEvent, WatchOptions } from "../../../src/cloudflare/types.ts";
import { checkChanges, watch } from "../../../src/cloudflare/watch.ts";
import { connect } from "../../../src/index.ts";
import { Server } from "../../harness/server.ts";
import { failure, family, thisObject } from "./context.ts";

const test = family();
let made = 0;
let dir = "";
let full = "";
const at = (name: string) => join(full, name);

beforeEach(() => {
  made += 1;
  dir = `watched-${made}`;
  full = join(test.server.workspace, dir);
  mkdirSync(join(full, "sub"), { recursive: true });
});

/** The events, of which the first was read. */
async function watched(options?: WatchOptions): Promise<AsyncGenerator<FileWatchSSEEvent>> {
  const events = parseSSEStream<FileWatchSSEEvent>(
    await watch(test.context, dir, options),
  ) as AsyncGenerator<FileWatchSSEEvent>;
  const { value } = await events.next();
  expect(value).toEqual({ type: "watching", path: full, watchId: expect.stringMatching(/^watch-/) });
  return events;
}

/** The next change, as type and path below the directory. */
async function change(events: AsyncGenerator<FileWatchSSEEvent>): Promise<string> {
  const { value } = await events.next();
  if (value?.type !== "event") throw new Error(`no change: ${JSON.stringify(value)}`);
  expect(Number.isNaN(Date.parse(value.timestamp))).toBe(false);
  return `${value.eventType} ${value.path.slice(full.length + 1)}${value.isDirectory ? "/" : ""}`;
}

describe("watch", () => {
  it("tells every change from the moment on that it resolved", async () => {
    const events = await watched();
    writeFileSync(at("sub/a b\n"), "1");
    expect(await change(events)).toBe("create sub/a b\n");
    writeFileSync(at("sub/a b\n"), "22");
    expect(await change(events)).toBe("modify sub/a b\n");
    renameSync(at("sub/a b\n"), at("c"));
    expect(await change(events)).toBe("move_from sub/a b\n");
    expect(await change(events)).toBe("move_to c");
    chmodSync(at("c"), 0o600);
    expect(await change(events)).toBe("attrib c");
    rmSync(at("c"));
    expect(await change(events)).toBe("delete c");
    mkdirSync(at("new"));
    expect(await change(events)).toBe("create new/");
    await events.return(undefined);
  });

  it("leaves out what nobody wants, unless somebody does", async () => {
    mkdirSync(at("node_modules"));
    mkdirSync(at(".git"));
    const usual = await watched();
    const own = await watched({ exclude: ["*.log"] });
    const only = await watched({ include: ["*.ts"] });
    const flat = await watched({ recursive: false });
    for (const name of ["node_modules/x", ".git/x", "y.log", "sub/z.ts", "last"]) writeFileSync(at(name), "");
    expect([await change(usual), await change(usual)].sort()).toEqual(["create sub/z.ts", "create y.log"]);
    const seen = [await change(own), await change(own), await change(own)].sort();
    expect(seen).toEqual(["create .git/x", "create node_modules/x", "create sub/z.ts"]);
    expect(await change(only)).toBe("create sub/z.ts");
    expect([await change(flat), await change(flat)].sort()).toEqual(["create last", "create y.log"]);
    for (const events of [usual, own, only, flat]) await events.return(undefined);
  });

  it("ends when what is watched is gone, and says why", async () => {
    const events = await watched();
    rmSync(full, { recursive: true });
    const types: string[] = [];
    for await (const event of events) types.push(event.type);
    expect(types.slice(-2)).toEqual(["error", "stopped"]);
  });

  it("ends quietly by its signal, on both sides, without any change", async () => {
    const before = test.client.stats.channels;
    const controller = new AbortController();
    const stream = await watch(test.context, dir, { signal: controller.signal });
    const events = parseSSEStream<FileWatchSSEEvent>(stream);
    expect((await events.next()).value).toMatchObject({ type: "watching" });
    const next = events.next();
    expect(test.client.stats.channels).toBe(before + 1);
    controller.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    await expect.poll(() => test.client.stats.channels).toBe(before);
    expect((await failure(watch(test.context, dir, { signal: controller.signal }))).name).toBe("AbortError");
  });

  it("refuses what cannot be watched", async () => {
    expect(await failure(watch(test.context, "none"))).toBeInstanceOf(FileNotFoundError);
    const both = await failure(watch(test.context, dir, { include: ["a"], exclude: ["b"] }));
    expect(both).toBeInstanceOf(ValidationFailedError);
    expect(await failure(checkChanges(test.context, dir, { include: ["a"], exclude: ["b"] }))).toBeInstanceOf(
      ValidationFailedError,
    );
  });

  it("says it when changes were lost, and goes on", async () => {
    const server = await Server.start();
    const client = await connect(server.url);
    try {
      const context = { client: async () => client, cwd: server.workspace, object: thisObject(), id: "lost" };
      const stream = await watch(context, ".");
      const events = parseSSEStream<FileWatchSSEEvent>(stream);
      expect((await events.next()).value).toMatchObject({ type: "watching" });
      const lost = events.next();
      await server.kill();
      writeFileSync(join(server.workspace, "meanwhile"), "");
      await server.comeBack();
      expect((await lost).value).toMatchObject({ type: "error", error: expect.stringMatching(/lost/) });
      writeFileSync(join(server.workspace, "later"), "");
      expect((await events.next()).value).toMatchObject({ type: "event", eventType: "create" });
      await events.return();
    } finally {
      await client.close();
      await server.stop();
    }
  });
});

describe("checkChanges", () => {
  const check = (options?: CheckChangesOptions) => checkChanges(test.context, dir, options);

  it("tells changed from unchanged by the version alone", async () => {
    const first = await check();
    expect(first).toEqual({
      success: true,
      status: "unchanged",
      version: expect.stringMatching(/^watch-[0-9a-f]+-[^:]+:[0-9a-f]+$/),
      timestamp: expect.any(String),
    });
    expect(await check({ since: first.version })).toMatchObject({ status: "unchanged", version: first.version });
    writeFileSync(at("sub/new"), "1");
    const second = await check({ since: first.version });
    expect(second.status).toBe("changed");
    expect(await check({ since: second.version })).toMatchObject({ status: "unchanged", version: second.version });
    chmodSync(at("sub/new"), 0o600);
    const third = await check({ since: second.version });
    expect(third.status).toBe("changed");
    mkdirSync(at("node_modules"));
    const fourth = await check();
    writeFileSync(at("node_modules/x"), "");
    expect((await check({ since: fourth.version })).status).toBe("unchanged");
  });

  it("looks at what it is told to, from the directory of the session", async () => {
    const session = `in-${made}`;
    await exec({ ...test.context, session }, `cd ${full}`);
    const sub = (options: CheckChangesOptions) => checkChanges(test.context, "sub", { ...options, sessionId: session });
    const [all, only, without] = [await sub({}), await sub({ include: ["*.ts"] }), await sub({ exclude: ["*.log"] })];
    writeFileSync(at("sub/a.log"), "");
    expect((await sub({ since: all.version })).status).toBe("changed");
    // The directory itself says that something was added: what counts is what is asked for.
    const again = await sub({ include: ["*.ts"] });
    writeFileSync(at("sub/a.log"), "more");
    expect((await sub({ since: again.version, include: ["*.ts"] })).status).toBe("unchanged");
    expect(only.version).not.toBe(without.version);
    const events = parseSSEStream<FileWatchSSEEvent>(await watch(test.context, "sub", { sessionId: session }));
    expect((await events.next()).value).toMatchObject({ type: "watching", path: at("sub") });
    await events.return();
  });

  it("says resync when nobody knows", async () => {
    const { version } = await check({ recursive: false });
    expect(await check({ since: version })).toMatchObject({ status: "resync", reason: "expired" });
    expect(await check({ since: "watch-1-2:3" })).toMatchObject({ status: "resync", reason: "expired" });
    expect(await check({ since: "anything" })).toMatchObject({ status: "resync", reason: "expired" });
    expect(await failure(checkChanges(test.context, "none"))).toBeInstanceOf(FileNotFoundError);
  });

  it("holds through a new start of the sandbox", async () => {
    const server = await Server.start();
    const client = await connect(server.url);
    try {
      const context = { client: async () => client, cwd: server.workspace, object: thisObject(), id: "again" };
      const { version } = await checkChanges(context, ".");
      await server.kill();
      await server.comeBack();
      await client.ping();
      expect(await checkChanges(context, ".", { since: version })).toMatchObject({ status: "unchanged" });
      writeFileSync(join(server.workspace, "other"), "");
      expect(await checkChanges(context, ".", { since: version })).toMatchObject({
        status: "resync",
        reason: "restarted",
      });
    } finally {
      await client.close();
      await server.stop();
    }
  });
});
