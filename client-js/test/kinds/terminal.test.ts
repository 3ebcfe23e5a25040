/** Terminals against the real server. */

import { readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  AbortError,
  CommandNotFoundError,
  connect,
  InterruptedError,
  PermissionError,
  type Terminal,
  TerminalExistsError,
  TerminalNotFoundError,
} from "../../src/index.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { Server } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { all, failure, next, served } from "./served.ts";

const test = served();
const SHELL = ["sh"];

/** Pulls until the terminal has shown that text. */
async function shows(terminal: Terminal, text: string): Promise<string> {
  const decoder = new TextDecoder();
  let shown = "";
  const events = terminal[Symbol.asyncIterator]();
  while (!shown.includes(text)) {
    const event = await next(events);
    if (event.type === "output") shown += decoder.decode(event.data, { stream: true });
  }
  return shown;
}

describe("a terminal", () => {
  it("is opened, shows what it runs, and says how it ended", async () => {
    const terminal = await test.sandbox.createTerminal({
      id: "first",
      command: ["sh", "-c", "stty size; echo $TERM $A; read line; exit 5"],
      cols: 100,
      rows: 30,
      term: "xterm",
      env: { A: "b" },
    });
    expect(terminal.id).toBe("first");
    expect(terminal.attached).toMatchObject({ id: "first", cols: 100, rows: 30, created: true });
    expect(terminal.attached.pid).toBeGreaterThan(0);
    await terminal.write("\r");
    const events = await all(terminal);
    expect(events[0]).toMatchObject({ type: "attached", id: "first" });
    expect(events.some(event => event.type === "live")).toBe(true);
    const shown = Buffer.concat(
      events.map(event => (event.type === "output" ? event.data : new Uint8Array(0))),
    ).toString();
    expect(shown).toMatch(/30 100[\r\n]+xterm b/);
    expect(events.at(-1)).toMatchObject({ type: "exit", exitCode: 5 });
    expect(await terminal.exited).toMatchObject({ exitCode: 5, success: false });
  });

  it("has many viewers, who see the same screen, also one that only looks", async () => {
    const { sandbox } = test;
    const terminal = await sandbox.createTerminal({ id: "shared", command: SHELL });
    await terminal.write("echo sho''wn\r");
    await shows(terminal, "shown");
    const other = await sandbox.attachTerminal("shared");
    expect(other.attached).toMatchObject({ id: "shared", created: false });
    await shows(other, "shown");
    const viewer = await sandbox.attachTerminal("shared", { readOnly: true, scrollback: 0 });
    await shows(viewer, "shown");
    await viewer.write("no").catch(() => {});
    expect(await failure(all(viewer))).toBeInstanceOf(PermissionError);
    await other.write("echo from the oth''er\r");
    await shows(terminal, "from the other");
    other.detach();
    expect(await failure(other.exited)).toBeInstanceOf(AbortError);
    const [info] = (await sandbox.listTerminals()).filter(({ id }) => id === "shared");
    expect(info).toMatchObject({ id: "shared", command: "sh", cols: 80, rows: 24, title: "" });
    expect(info?.startedAt).toBeInstanceOf(Date);
    expect(info).not.toHaveProperty("exit");
    expect(await failure(sandbox.createTerminal({ id: "shared" }))).toBeInstanceOf(TerminalExistsError);
    const reused = await sandbox.createTerminal({ id: "shared", reuse: true });
    expect(reused.attached.created).toBe(false);
    const closed = await sandbox.closeTerminal("shared");
    expect(closed.exit).toMatchObject({ signal: "SIGHUP" });
    expect((await all(reused)).at(-1)).toMatchObject({ type: "exit", signal: "SIGHUP" });
  });

  it("takes sizes and signals", async () => {
    const { sandbox } = test;
    const terminal = await sandbox.createTerminal({ command: "read line; stty size; exec sleep 600" });
    await terminal.resize(90, 20);
    await terminal.write("\r");
    await shows(terminal, "20 90");
    await sandbox.resizeTerminal(terminal.id, 70, 10);
    const events = terminal[Symbol.asyncIterator]();
    let event = await next(events);
    while (event.type !== "resized") event = await next(events);
    expect(event).toEqual({ type: "resized", cols: 70, rows: 10 });
    expect(await sandbox.snapshotTerminal(terminal.id)).toMatchObject({ cols: 70, rows: 10, alternate: false });
    await terminal.signal("SIGKILL");
    expect((await all(terminal)).at(-1)).toMatchObject({ type: "exit", signal: "SIGKILL" });
  });

  it("gives its screen as text or as escape sequences", async () => {
    const { sandbox } = test;
    const terminal = await sandbox.createTerminal({ command: "printf '\\033[31mred\\033[0m ü'; sleep 600" });
    await shows(terminal, "ü");
    const text = await sandbox.snapshotTerminal(terminal.id);
    expect(text.content.trim()).toBe("red ü");
    expect(text).toMatchObject({ cursorCol: 5, cursorRow: 0, cols: 80, rows: 24 });
    expect((await sandbox.snapshotTerminal(terminal.id, { ansi: true })).content).toContain("\u001b[");
    await terminal.close({ grace: 0 });
    expect(await failure(sandbox.snapshotTerminal("nobody"))).toBeInstanceOf(TerminalNotFoundError);
  });

  it("stops when nobody pulls, and goes on when somebody does", async () => {
    const terminal = await test.sandbox.createTerminal({ command: "exec yes" });
    const { pid } = terminal.attached;
    const written = () => Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);
    let before = -1;
    const isBlocked = async () => {
      const now = written();
      const still = now === before && /^State:\s+S/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
      before = now;
      return still;
    };
    await until("the terminal to be full", isBlocked);
    expect(written()).toBeLessThan(8 << 20);
    const stopped = written();
    const events = terminal[Symbol.asyncIterator]();
    await until("more of it", async () => {
      await next(events);
      return written() > stopped;
    });
    await terminal.close({ grace: 0 });
  });

  it("goes on when its viewer leaves the loop, or is aborted, unless it is transient", async () => {
    const { sandbox } = test;
    const kept = await sandbox.createTerminal({ id: "kept", command: SHELL });
    for await (const event of kept) {
      expect(event.type).toBe("attached");
      break;
    }
    const controller = new AbortController();
    const viewer = await sandbox.attachTerminal("kept", { signal: controller.signal });
    const waiting = failure(all(viewer));
    controller.abort();
    expect(await waiting).toBeInstanceOf(AbortError);
    {
      await using transient = await sandbox.createTerminal({ id: "transient", command: SHELL, transient: true });
      expect(transient.attached.created).toBe(true);
    }
    const living = async () => (await sandbox.listTerminals()).filter(({ exit }) => !exit).map(({ id }) => id);
    await until("the transient one's end", async () => !(await living()).includes("transient"));
    expect(await living()).toContain("kept");
    await sandbox.closeTerminal("kept");
  });

  it("cannot be opened with a program that is not there, nor attached to when it is not", async () => {
    expect(await failure(test.sandbox.createTerminal({ command: ["no-such-program"] }))).toBeInstanceOf(
      CommandNotFoundError,
    );
    expect(await failure(test.sandbox.attachTerminal("nobody"))).toBeInstanceOf(TerminalNotFoundError);
  });

  it("is shown again after a lane that was lost for good, as long as the server is the same", async () => {
    const server = await Server.start({ args: ["--lane-ttl", "0"] });
    onTestFinished(() => server.stop());
    const proxy = await CuttingProxy.start(server.address);
    onTestFinished(() => proxy.stop());
    await using sandbox = await connect(proxy.url);
    const terminal = await sandbox.createTerminal({ command: SHELL, cols: 60, rows: 12 });
    await terminal.write("echo bef''ore\r");
    await shows(terminal, "before");
    await proxy.cut();
    const events = terminal[Symbol.asyncIterator]();
    let event = await next(events);
    while (event.type !== "attached") event = await next(events);
    expect(event).toMatchObject({ id: terminal.id, cols: 60, rows: 12, created: false });
    await shows(terminal, "before");
    await terminal.write("echo af''ter\r");
    await shows(terminal, "after");
    await server.kill();
    await server.comeBack();
    expect(await failure(all(terminal))).toBeInstanceOf(InterruptedError);
    expect(await failure(terminal.exited)).toBeInstanceOf(InterruptedError);
  });
});
