/** Files and directories against the real server. */

import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  AbortError,
  DirectoryNotEmptyError,
  FileExistsError,
  FileNotFoundError,
  FileTooLargeError,
  IsDirectoryError,
  NotDirectoryError,
  PreconditionFailedError,
  TimeoutError,
  ValidationFailedError,
} from "../../src/index.ts";
import { until } from "../harness/until.ts";
import { all, failure, served } from "./served.ts";

const test = served();
const local = (path: string): string => join(test.server.workspace, path);

describe("reading a file", () => {
  it("gives text, bytes, a Blob or a stream", async () => {
    const { sandbox } = test;
    writeFileSync(local("text"), "grün\n");
    expect(await sandbox.readFile("text")).toBe("grün\n");
    expect([...(await sandbox.readFile("text", { encoding: "bytes" }))]).toEqual([...Buffer.from("grün\n")]);
    const blob = await sandbox.readFile("text", { encoding: "blob" });
    expect(blob).toBeInstanceOf(Blob);
    expect(await blob.text()).toBe("grün\n");
    const stream = await sandbox.readFile("text", { encoding: "stream" });
    expect(stream).toBeInstanceOf(ReadableStream);
    expect(stream.info).toMatchObject({ path: "text", type: "file", size: 6 });
    expect(Buffer.concat(await all(stream)).toString()).toBe("grün\n");
    expect(await stream.result).toMatchObject({ bytes: 6, changed: false, etag: stream.info.etag });
  });

  it("gives a part of it, and nothing beyond its end", async () => {
    const { sandbox } = test;
    writeFileSync(local("digits"), "0123456789");
    const parts = [{ offset: 3 }, { offset: 3, length: 4 }, { length: 2 }, { tail: 3 }, { tail: 99 }, { offset: 99 }];
    const read = [];
    const totals: unknown[] = [];
    for (const part of parts) {
      let last: unknown = 0;
      read.push(
        await sandbox.readFile("digits", {
          ...part,
          onProgress: (bytes, total) => {
            last = `${bytes}/${total}`;
          },
        }),
      );
      totals.push(last);
    }
    expect(read).toEqual(["3456789", "3456", "01", "789", "0123456789", ""]);
    expect(totals).toEqual(["7/7", "4/4", "2/2", "3/3", "10/10", 0]);
    writeFileSync(local("empty"), "");
    expect(await sandbox.readFile("empty")).toBe("");
    expect(await all(await sandbox.readFile("empty", { encoding: "stream" }))).toEqual([]);
  });

  it("keeps every byte of a large one, in as little memory as its reader takes", async () => {
    const { sandbox } = test;
    const bytes = Buffer.alloc(20 << 20);
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE((at * 2654435761) % 2 ** 32, at);
    writeFileSync(local("large"), bytes);
    expect(Buffer.compare(await sandbox.readFile("large", { encoding: "bytes" }), bytes)).toBe(0);
    const before = sandbox.stats.bytesDown;
    const stream = await sandbox.readFile("large", { encoding: "stream" });
    const reader = stream.getReader();
    await reader.read();
    // What was not asked for has not come: a window, not the file.
    await sandbox.exec("true");
    expect(sandbox.stats.bytesDown - before).toBeLessThan(2 << 20);
    await reader.cancel();
    await until("the channel's end", () => sandbox.stats.channels === 0);
  });

  it("refuses more than it may hold", async () => {
    const { sandbox } = test;
    writeFileSync(local("bounded"), "x".repeat(1000));
    const error = await failure(sandbox.readFile("bounded", { maxSize: 999 }));
    expect(error).toBeInstanceOf(FileTooLargeError);
    expect(error).toMatchObject({ context: { path: "bounded", maxSize: 999 } });
    expect(await sandbox.readFile("bounded", { maxSize: 999, tail: 999 })).toHaveLength(999);
    // A file without a size grows while it is read.
    expect(await failure(sandbox.readFile("/proc/self/status", { maxSize: 10 }))).toBeInstanceOf(FileTooLargeError);
  });

  it("fails with what is wrong", async () => {
    const { sandbox } = test;
    mkdirSync(local("folder"));
    const missing = await failure(sandbox.readFile("missing"));
    expect(missing).toBeInstanceOf(FileNotFoundError);
    expect(missing).toMatchObject({ code: "FILE_NOT_FOUND", context: { path: "missing" } });
    expect(await failure(sandbox.readFile("missing", { encoding: "stream" }))).toBeInstanceOf(FileNotFoundError);
    expect(await failure(sandbox.readFile("folder"))).toBeInstanceOf(IsDirectoryError);
    expect(await failure(sandbox.readFile("/dev/zero"))).toMatchObject({ code: "SPECIAL_FILE" });
    expect(await failure(sandbox.readFile("digits", { tail: 1, offset: 1 }))).toBeInstanceOf(ValidationFailedError);
  });

  it("is given up", async () => {
    const { sandbox } = test;
    const controller = new AbortController();
    const stream = await sandbox.readFile("large", { encoding: "stream", signal: controller.signal });
    const reader = stream.getReader();
    await reader.read();
    controller.abort();
    expect(await failure(reader.read())).toBeInstanceOf(AbortError);
    const late = await failure(sandbox.readFile("large", { timeout: 0 }));
    expect(late).toBeInstanceOf(TimeoutError);
  });
});

describe("writing a file", () => {
  it("takes text, bytes, Blobs, streams and iterables", async () => {
    const { sandbox } = test;
    async function* parts() {
      yield "par";
      yield Buffer.from("ts");
    }
    const stream = new Blob(["streamed"]).stream();
    const sources = [
      "text ü",
      Buffer.from("bytes"),
      Buffer.from("buffer").buffer.slice(0, 0),
      new Blob(["blob"]),
      stream,
      parts(),
    ];
    const written = [];
    for (const source of sources) {
      const { bytes, etag } = await sandbox.writeFile("out", source);
      expect(etag).toBe((await sandbox.stat("out")).etag);
      written.push([readFileSync(local("out"), "utf8"), bytes]);
    }
    expect(written).toEqual([
      ["text ü", 7],
      ["bytes", 5],
      ["", 0],
      ["blob", 4],
      ["streamed", 8],
      ["parts", 5],
    ]);
  });

  it("is read back equal when it is large, and is told how far it is", async () => {
    const { sandbox } = test;
    const blob = new Blob([Buffer.alloc(5 << 20, "abcdefg")]);
    const seen: number[] = [];
    await sandbox.writeFile("deep/er/blob", blob, {
      parents: true,
      mode: 0o600,
      onProgress: (bytes, total) => {
        expect(total).toBe(blob.size);
        seen.push(bytes);
      },
    });
    expect(seen.at(-1)).toBe(blob.size);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(Buffer.compare(readFileSync(local("deep/er/blob")), Buffer.from(await blob.arrayBuffer()))).toBe(0);
    expect(statSync(local("deep/er/blob")).mode & 0o777).toBe(0o600);
    const copy = await sandbox.readFile("deep/er/blob", { encoding: "stream" });
    await sandbox.writeFile("copy", copy);
    expect(readFileSync(local("copy")).equals(readFileSync(local("deep/er/blob")))).toBe(true);
  });

  it("does what is asked with what is there", async () => {
    const { sandbox } = test;
    await sandbox.writeFile("what", "one");
    await sandbox.writeFile("what", " two", { how: "append" });
    await sandbox.writeFile("what", "ONE", { how: "patch", offset: 0 });
    expect(await sandbox.readFile("what")).toBe("ONE two");
    expect(await failure(sandbox.writeFile("what", "", { how: "create" }))).toBeInstanceOf(FileExistsError);
    const { etag } = await sandbox.stat("what");
    await sandbox.writeFile("what", "newer", { ifMatch: etag, fsync: true });
    expect(await failure(sandbox.writeFile("what", "", { ifMatch: etag }))).toBeInstanceOf(PreconditionFailedError);
    expect(await failure(sandbox.writeFile("no/such/folder", ""))).toBeInstanceOf(FileNotFoundError);
    expect(await failure(sandbox.writeFile("what/is", "", { parents: true }))).toBeInstanceOf(NotDirectoryError);
    expect(await sandbox.readFile("what")).toBe("newer");
  });

  it("refuses what is no content, and changes nothing", async () => {
    const { sandbox } = test;
    await sandbox.writeFile("kept", "old");
    const numbers = (async function* () {
      yield 5;
    })();
    for (const content of [5, {}, new Response("text"), numbers, null]) {
      expect(await failure(sandbox.writeFile("kept", content as unknown as string))).toBeInstanceOf(TypeError);
    }
    expect(await sandbox.readFile("kept")).toBe("old");
    await sandbox.writeFile("words", new Uint16Array([0x4142, 0x4344]) as unknown as Uint8Array);
    expect(await sandbox.readFile("words")).toBe("BADC");
  });

  it("changes nothing when the content fails, or it is given up", async () => {
    const { sandbox } = test;
    await sandbox.writeFile("safe", "old");
    async function* broken() {
      yield "new";
      throw new RangeError("broken");
    }
    expect(await failure(sandbox.writeFile("safe", broken()))).toBeInstanceOf(RangeError);
    const controller = new AbortController();
    let left = false;
    async function* endless() {
      try {
        for (;;) yield new Uint8Array(1 << 20);
      } finally {
        left = true;
      }
    }
    const work = failure(
      sandbox.writeFile("safe", endless(), {
        signal: controller.signal,
        onProgress: bytes => bytes > 4 << 20 && controller.abort(),
      }),
    );
    expect(await work).toBeInstanceOf(AbortError);
    await until("the iterable's end", () => left);
    expect(await sandbox.readFile("safe")).toBe("old");
    await until(
      "the temporary file's end",
      async () => (await sandbox.listFiles(".", { include: ["*safe*"] })).length === 1,
    );
  });

  it("takes bytes that are used again for others at once", async () => {
    const { sandbox } = test;
    const buffer = new Uint8Array(100_000);
    async function* reused() {
      for (let round = 0; round < 20; round += 1) yield buffer.fill(round);
    }
    await sandbox.writeFile("reused", reused());
    const bytes = readFileSync(local("reused"));
    expect(bytes).toHaveLength(2_000_000);
    for (let round = 0; round < 20; round += 1) {
      expect(bytes.subarray(round * 100_000, (round + 1) * 100_000).every(byte => byte === round)).toBe(true);
    }
  });
});

describe("the file system", () => {
  it("says what a path is", async () => {
    const { sandbox } = test;
    writeFileSync(local("stat"), "12345", { mode: 0o640 });
    symlinkSync("stat", local("link"));
    symlinkSync("nowhere", local("dangling"));
    const info = await sandbox.stat("stat");
    const { mtimeMs, uid, gid } = statSync(local("stat"));
    expect(info).toMatchObject({ path: "stat", type: "file", size: 5, mode: 0o640, uid, gid });
    expect(Math.abs(info.modifiedAt.getTime() - mtimeMs)).toBeLessThan(1000);
    expect((await sandbox.stat("link")).type).toBe("file");
    expect(await sandbox.stat("link", { followSymlinks: false })).toMatchObject({ type: "symlink", target: "stat" });
    expect(await sandbox.exists("stat")).toBe(true);
    expect(await sandbox.exists("missing")).toBe(false);
    expect(await sandbox.exists("stat/below")).toBe(false);
    expect(await sandbox.exists("dangling")).toBe(false);
    expect(await failure(sandbox.exists("a\0b"))).toBeInstanceOf(ValidationFailedError);
  });

  it("keeps names that are no UTF-8", async () => {
    const { sandbox } = test;
    const name = new Uint8Array([0x62, 0xff, 0x64]);
    await sandbox.mkdir("bytes");
    await sandbox.writeFile(Buffer.concat([Buffer.from("bytes/"), name]), "content");
    const [file] = await sandbox.listFiles("bytes");
    expect(file).toMatchObject({ path: "b\ufffdd", size: 7 });
    expect([...(file?.rawPath ?? [])]).toEqual([...name]);
    expect(await sandbox.readFile(Buffer.concat([Buffer.from("bytes/"), file?.rawPath ?? name]))).toBe("content");
    await sandbox.renameFile(Buffer.concat([Buffer.from("bytes/"), name]), "bytes/plain");
    expect((await sandbox.listFiles("bytes"))[0]).not.toHaveProperty("rawPath");
  });

  it("is listed over all pages, as asked", async () => {
    const { sandbox } = test;
    await sandbox.exec("mkdir -p list/a/b && cd list && touch $(seq -w 1 2500) .hidden a/one.ts a/b/two.ts a/b/two.js");
    const files = await sandbox.listFiles("list");
    expect(files).toHaveLength(2502);
    expect(files.map(({ path }) => path)).toEqual([...files.map(({ path }) => path)].sort());
    expect(await sandbox.listFiles("list", { includeHidden: false, exclude: ["[0-9]*"] })).toHaveLength(1);
    const typescript = await sandbox.listFiles("list", { recursive: true, include: ["*.ts"] });
    expect(typescript.map(({ path }) => path)).toEqual(["a/b/two.ts", "a/one.ts"]);
    const shallow = await sandbox.listFiles("list", { recursive: true, depth: 2, include: ["*.ts"] });
    expect(shallow.map(({ path }) => path)).toEqual(["a/one.ts"]);
    let count = 0;
    for await (const file of sandbox.iterateFiles("list")) {
      count += file.type === "file" ? 1 : 0;
      if (count === 3) break;
    }
    expect(count).toBe(3);
    expect(await failure(sandbox.listFiles("missing"))).toBeInstanceOf(FileNotFoundError);
    expect(await failure(sandbox.listFiles("stat"))).toBeInstanceOf(NotDirectoryError);
  });

  it("is changed", async () => {
    const { sandbox } = test;
    await sandbox.mkdir("made/deep", { recursive: true, mode: 0o700 });
    expect((await sandbox.stat("made/deep")).mode).toBe(0o700);
    await sandbox.mkdir("made/deep", { recursive: true });
    expect(await failure(sandbox.mkdir("made"))).toBeInstanceOf(FileExistsError);

    await sandbox.writeFile("made/file", "content");
    await sandbox.chmod("made/file", 0o600);
    await sandbox.symlink("file", "made/link");
    expect(await sandbox.readFile("made/link")).toBe("content");
    await sandbox.renameFile("made/file", "made/renamed");
    await sandbox.writeFile("made/other", "other");
    expect(await failure(sandbox.renameFile("made/other", "made/renamed", { overwrite: false }))).toBeInstanceOf(
      FileExistsError,
    );
    expect(await failure(sandbox.moveFile("made/other", "made/renamed", { overwrite: false }))).toBeInstanceOf(
      FileExistsError,
    );
    await sandbox.moveFile("made/other", "made/renamed");
    expect(await sandbox.readFile("made/renamed")).toBe("other");

    expect(await failure(sandbox.copyFile("made", "copied"))).toBeInstanceOf(IsDirectoryError);
    expect(await sandbox.copyFile("made", "copied", { recursive: true })).toEqual({ count: 4, bytes: 5 });
    expect(await sandbox.copyFile("made/renamed", "copied/renamed")).toEqual({ count: 1, bytes: 5 });
    expect(await failure(sandbox.copyFile("made/renamed", "copied/renamed", { overwrite: false }))).toBeInstanceOf(
      FileExistsError,
    );
    await sandbox.chmod("copied", 0o700, { recursive: true });
    expect((await sandbox.stat("copied/renamed")).mode).toBe(0o700);

    expect(await failure(sandbox.remove("copied"))).toBeInstanceOf(DirectoryNotEmptyError);
    expect(await sandbox.remove("copied", { recursive: true })).toBe(4);
    expect(await failure(sandbox.remove("copied"))).toBeInstanceOf(FileNotFoundError);
    expect(await sandbox.remove("copied", { force: true })).toBe(0);
    await sandbox.deleteFile("made/link");
    expect(await sandbox.exists("made/renamed")).toBe(true);
  });
});
