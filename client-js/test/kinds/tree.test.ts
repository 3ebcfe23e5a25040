/** Searches, watches and archives against the real server. */

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { AbortError, connect, FileNotFoundError, ValidationFailedError, type WatchEvent } from "../../src/index.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { Server } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { all, failure, next, served } from "./served.ts";

const test = served();
const local = (path: string): string => join(test.server.workspace, path);

describe("a search", () => {
  it("finds files by name and lines by content", async () => {
    const { sandbox } = test;
    mkdirSync(local("src/sub"), { recursive: true });
    writeFileSync(local("src/a.ts"), "const a = 1;\nlet B = 2;\nlet c = 3;\n");
    writeFileSync(local("src/sub/b.js"), Buffer.from([0x6c, 0x65, 0x74, 0x20, 0xff, 0x0a]));
    const names = await all(sandbox.search("src", { include: ["*.ts"] }));
    expect(names[0]).toMatchObject({ type: "file", file: { path: "a.ts", type: "file", size: 35 } });
    expect(names.at(-1)).toMatchObject({ type: "end", matches: 1, truncated: false });
    const lines = await all(sandbox.search("src", { pattern: "LET (b)", ignoreCase: true, context: 1 }));
    expect(lines.slice(0, -1)).toEqual([
      { type: "line", path: "a.ts", line: 1, text: "const a = 1;", matches: [] },
      { type: "line", path: "a.ts", line: 2, text: "let B = 2;", matches: [[0, 5]] },
      { type: "line", path: "a.ts", line: 3, text: "let c = 3;", matches: [] },
    ]);
    const [bytes] = await all(sandbox.search("src/sub", { pattern: "let" }));
    expect(bytes).toMatchObject({
      path: "b.js",
      text: "let \ufffd",
      rawText: new Uint8Array([0x6c, 0x65, 0x74, 0x20, 0xff]),
    });
    const limited = await all(sandbox.search("src", { pattern: "=", literal: true, limit: 2 }));
    expect(limited.at(-1)).toMatchObject({ type: "end", truncated: true });
    expect(await failure(all(sandbox.search("missing")))).toBeInstanceOf(FileNotFoundError);
    expect(await failure(all(sandbox.search("src", { pattern: "(" })))).toBeInstanceOf(ValidationFailedError);
  });

  it("ends when its loop is left", async () => {
    const { sandbox } = test;
    for await (const found of sandbox.search("/usr", { pattern: "a" })) {
      expect(found.type).toBe("line");
      break;
    }
    await until("the channel's end", () => sandbox.stats.channels === 0);
  });
});

describe("a watch", () => {
  it("tells every change from the moment on that it stands", async () => {
    const { sandbox } = test;
    await sandbox.mkdir("watched/sub", { recursive: true });
    const changes = await sandbox.watch("watched", { exclude: ["*.tmp"], debounce: 0 });
    writeFileSync(local("watched/ignored.tmp"), "");
    mkdirSync(local("watched/sub/folder"));
    expect(await next(changes)).toEqual({ type: "create", path: "sub/folder", isDirectory: true });
    await sandbox.renameFile("watched/sub/folder", "watched/other");
    expect(await next(changes)).toEqual({ type: "rename", path: "other", from: "sub/folder", isDirectory: true });
    rmSync(local("watched/other"), { recursive: true });
    expect(await next(changes)).toEqual({ type: "remove", path: "other", isDirectory: true });
    await changes.return();
    expect((await changes.next()).done).toBe(true);
    await until("the channel's end", () => sandbox.stats.channels === 0);
  });

  it("stays in the directory itself when it is asked to", async () => {
    const { sandbox } = test;
    await sandbox.mkdir("flat/sub", { recursive: true });
    await using changes = await sandbox.watch("flat", { recursive: false, include: ["*.txt"] });
    writeFileSync(local("flat/sub/below.txt"), "");
    writeFileSync(local("flat/here.log"), "");
    writeFileSync(local("flat/here.txt"), "");
    expect(await next(changes)).toMatchObject({ type: "create", path: "here.txt" });
  });

  it("fails when there is nothing to watch, when it is aborted, and when what it watches is gone", async () => {
    const { sandbox } = test;
    expect(await failure(sandbox.watch("missing"))).toBeInstanceOf(FileNotFoundError);
    const controller = new AbortController();
    await sandbox.mkdir("gone");
    const changes = await sandbox.watch("gone", { signal: controller.signal });
    const waiting = failure(changes.next());
    controller.abort();
    expect(await waiting).toBeInstanceOf(AbortError);
    const others = await sandbox.watch("gone");
    await sandbox.remove("gone");
    expect(await next(others)).toMatchObject({ type: "remove", path: "" });
    expect(await failure(others.next())).toMatchObject({ code: "WATCH_START_ERROR" });
  });

  it("goes on after a lane that was lost for good, and says that changes may be missing", async () => {
    const server = await Server.start({ args: ["--lane-ttl", "0"] });
    onTestFinished(() => server.stop());
    const proxy = await CuttingProxy.start(server.address);
    onTestFinished(() => proxy.stop());
    await using sandbox = await connect(proxy.url);
    const changes = await sandbox.watch(".");
    const waiting = next(changes);
    await proxy.cut();
    expect(await waiting).toEqual({ type: "overflow" } satisfies WatchEvent);
    writeFileSync(join(server.workspace, "later"), "");
    expect(await next(changes)).toMatchObject({ type: "create", path: "later" });
    await changes.return();
  });
});

describe("a tree", () => {
  it("goes out and in as an archive", async () => {
    const { sandbox } = test;
    await sandbox.exec(
      "mkdir -p tree/sub && echo one > tree/one && echo two > tree/sub/two && touch tree/out.log && ln -s one tree/link",
    );
    const archive = sandbox.downloadTree("tree", { exclude: ["*.log"] });
    const bytes = Buffer.concat(await all(archive));
    expect(await archive.result).toMatchObject({ entries: 4, bytes: 8, skipped: [] });
    const names = execFileSync("tar", ["-t"], { input: bytes }).toString().trim().split("\n").sort();
    expect(names.map(name => name.replace(/^\.\//, ""))).toEqual(["link", "one", "sub/", "sub/two"]);

    const seen: number[] = [];
    const result = await sandbox.uploadTree("unpacked", bytes, { onProgress: sent => seen.push(sent) });
    expect(result).toEqual({ entries: 4, bytes: 8, skipped: [] });
    expect(seen.at(-1)).toBe(bytes.length);
    expect(readFileSync(local("unpacked/sub/two"), "utf8")).toBe("two\n");
    expect(await sandbox.uploadTree("again", sandbox.downloadTree("unpacked"))).toMatchObject({ entries: 4 });
    expect(await failure(all(sandbox.downloadTree("missing")))).toBeInstanceOf(FileNotFoundError);
    expect(await failure(sandbox.uploadTree("bad", "this is no archive".repeat(100)))).toMatchObject({
      name: "SandwireError",
    });
  });

  it("tells what it left out", async () => {
    const { sandbox } = test;
    await sandbox.exec("mkdir special && mkfifo special/pipe && touch special/file");
    const archive = sandbox.downloadTree("special");
    await all(archive);
    expect(await archive.result).toMatchObject({ entries: 1, skipped: ["pipe"] });
  });

  it("is given up when its stream is", async () => {
    const { sandbox } = test;
    const archive = sandbox.downloadTree("/usr/lib");
    const reader = archive.getReader();
    await reader.read();
    await reader.cancel();
    await until("the channel's end", () => sandbox.stats.channels === 0);
    expect(await failure(archive.result)).toBeInstanceOf(AbortError);
  });
});
