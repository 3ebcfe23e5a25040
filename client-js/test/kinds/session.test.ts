/** Sessions against the real server. */

import { describe, expect, it } from "vitest";
import {
  AbortError,
  SessionAlreadyExistsError,
  SessionNotFoundError,
  SessionTerminatedError,
} from "../../src/index.ts";
import { failure, next, served } from "./served.ts";

const test = served();

describe("a session", () => {
  it("keeps directory, variables and functions from one command to the next", async () => {
    const session = await test.sandbox.createSession({ id: "work", cwd: "/", env: { NAME: "world" } });
    expect(session.id).toBe("work");
    expect(await session.exec("cd /tmp; export LATER=yes; greet() { echo hello $NAME; }; exit 3")).toMatchObject({
      exitCode: 3,
      shellEnded: false,
    });
    expect((await session.exec("pwd; greet; echo $LATER")).stdout).toBe("/tmp\nhello world\nyes\n");
    const events = [];
    for await (const event of session.execStream("pwd")) events.push(event.type === "stdout" ? event.data : event.type);
    expect(events).toEqual(["start", "/tmp\n", "exit"]);
    expect((await test.sandbox.exec("pwd; greet", { session: "work" })).stdout).toBe("/tmp\nhello world\n");
    expect((await test.sandbox.exec("pwd")).stdout).toBe(`${test.server.workspace}\n`);

    const process = await session.startProcess("echo $LATER; pwd");
    await process.wait();
    expect((await process.logs()).stdout).toBe("yes\n/tmp\n");
    const terminal = await session.createTerminal({ command: "pwd; read line" });
    expect(await session.info()).toMatchObject({ id: "work", state: "idle", cwd: "/tmp", commands: 3 + 1 });
    await terminal.close();
    await session.delete();
    expect(await failure(session.info())).toBeInstanceOf(SessionNotFoundError);
  });

  it("is found by its id, and made once", async () => {
    const { sandbox } = test;
    const session = await sandbox.createSession({ id: "once" });
    expect(await failure(sandbox.createSession({ id: "once" }))).toBeInstanceOf(SessionAlreadyExistsError);
    expect((await sandbox.createSession({ id: "once", reuse: true })).id).toBe("once");
    await session.exec("KEPT=1");
    expect((await sandbox.getSession("once").exec("echo $KEPT")).stdout).toBe("1\n");
    const info = (await sandbox.listSessions()).find(({ id }) => id === "once");
    expect(info).toMatchObject({ state: "idle", queued: 0, lost: 0 });
    expect(info?.createdAt).toBeInstanceOf(Date);
    await sandbox.deleteSession("once");
    expect(await failure(sandbox.getSession("once").exec("true"))).toBeInstanceOf(SessionNotFoundError);
  });

  it("lives on after a command whose time was over, or that was aborted", async () => {
    const session = await test.sandbox.createSession();
    await session.exec("KEPT=1");
    expect(await session.exec("sleep 600", { timeout: 100 })).toMatchObject({ timedOut: true, success: false });
    const controller = new AbortController();
    const stream = session.execStream("sleep 600", { signal: controller.signal });
    await next(stream);
    const waiting = failure(stream.next());
    controller.abort();
    expect(await waiting).toBeInstanceOf(AbortError);
    expect((await session.exec("echo $KEPT")).stdout).toBe("1\n");
    await session.delete();
  });

  it("tells once when its shell was lost, or goes on with a fresh one when asked to", async () => {
    const session = await test.sandbox.createSession();
    await session.exec("KEPT=1");
    expect(await session.exec("kill -9 $$")).toMatchObject({ shellEnded: true, signal: "SIGKILL" });
    expect(await failure(session.exec("echo $KEPT"))).toBeInstanceOf(SessionTerminatedError);
    expect((await session.exec("echo [$KEPT]")).stdout).toBe("[]\n");
    await session.exec("kill -9 $$");
    expect((await session.exec("echo again", { renew: true })).stdout).toBe("again\n");
    await session.delete();
  });
});
