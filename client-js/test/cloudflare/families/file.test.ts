/** Files against the real server. */

import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exec } from "../../../src/cloudflare/command.ts";
import {
  FileExistsError,
  FileNotFoundError,
  FileSystemError,
  FileTooLargeError,
  ValidationFailedError,
} from "../../../src/cloudflare/errors.ts";
import { collectFile, streamFile } from "../../../src/cloudflare/file/collect.ts";
import { contentAcross, readAcross } from "../../../src/cloudflare/file/cross.ts";
import { MAX_FILE } from "../../../src/cloudflare/file/read.ts";
import * as file from "../../../src/cloudflare/file.ts";
import type { FileEncoding, FileStreamEvent } from "../../../src/cloudflare/types.ts";
import { events, failure, family } from "./context.ts";

const test = family();
const path = (name: string) => join(test.server.workspace, name);
const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452ff00", "hex");

/** A stream of these pieces; it fails behind them when there is an error. */
function streamOf(pieces: Uint8Array[], error?: Error): ReadableStream<Uint8Array> {
  const left = [...pieces];
  return new ReadableStream({
    pull(controller) {
      const piece = left.shift();
      if (piece) controller.enqueue(piece);
      else if (error) controller.error(error);
      else controller.close();
    },
  });
}

describe("writeFile", () => {
  it("writes text and base64, makes directories, and keeps the mode", async () => {
    const written = await file.writeFile(test.context, "new/dir/a.txt", "é\n");
    expect(written).toEqual({ success: true, path: "new/dir/a.txt", timestamp: expect.any(String), bytesWritten: 3 });
    expect(readFileSync(path("new/dir/a.txt"), "utf8")).toBe("é\n");
    writeFileSync(path("run"), "#!/bin/sh\n", { mode: 0o755 });
    await file.writeFile(test.context, path("run"), Buffer.from([0, 255, 10]).toString("base64"), {
      encoding: "base64",
    });
    expect([...readFileSync(path("run"))]).toEqual([0, 255, 10]);
    expect(statSync(path("run")).mode & 0o777).toBe(0o755);
  });

  it("writes a stream, as a whole or not at all", async () => {
    const piece = new Uint8Array(100_000).fill(7);
    const result = await file.writeFile(test.context, "streamed", streamOf(Array.from({ length: 50 }, () => piece)));
    expect(result.bytesWritten).toBe(5_000_000);
    expect(readFileSync(path("streamed")).length).toBe(5_000_000);
    await failure(file.writeFile(test.context, "streamed", streamOf([piece], new Error("the source failed"))));
    expect(readFileSync(path("streamed")).length).toBe(5_000_000);
  });

  it("says what is wrong", async () => {
    const cases = [
      ["", "x", {}, "path"],
      ["a\0b", "x", {}, "path"],
      ["p".repeat(4097), "x", {}, "path"],
      ["x", "no base64!", { encoding: "base64" }, "content"],
      ["x", "abcde", { encoding: "base64" }, "content"],
      ["x", "x", { encoding: "utf-16" }, "encoding"],
    ] as const;
    for (const [name, content, options, field] of cases) {
      const error = await failure(file.writeFile(test.context, name, content, options));
      expect(error).toBeInstanceOf(ValidationFailedError);
      expect(error.context).toMatchObject({ validationErrors: [{ field }] });
    }
    mkdirSync(path("isdir"));
    const error = await failure(file.writeFile(test.context, "isdir", "x"));
    expect(error).toMatchObject({ code: "IS_DIRECTORY", operation: "file.write", path: "isdir", httpStatus: 400 });
    const under = await failure(file.writeFile(test.context, "run/below", "x"));
    expect(under).toMatchObject({ code: "NOT_DIRECTORY" });
    expect(await failure(file.writeFile(test.context, "n".repeat(300), "x"))).toMatchObject({ code: "NAME_TOO_LONG" });
  });
});

describe("readFile", () => {
  it("gives text as text, and all else as base64", async () => {
    writeFileSync(path("t.json"), '{"é":1}\n');
    expect(await file.readFile(test.context, "t.json")).toEqual({
      success: true,
      path: "t.json",
      content: '{"é":1}\n',
      timestamp: expect.any(String),
      encoding: "utf-8",
      isBinary: false,
      mimeType: "application/json",
      size: 9,
    });
    writeFileSync(path("p.png"), PNG);
    const png = await file.readFile(test.context, "p.png");
    expect(png).toMatchObject({ encoding: "base64", isBinary: true, mimeType: "image/png", size: PNG.length });
    expect(Buffer.from(png.content, "base64")).toEqual(PNG);
    writeFileSync(path("empty"), "");
    expect(await file.readFile(test.context, "empty")).toMatchObject({ content: "", isBinary: false, size: 0 });
    writeFileSync(path("late"), Buffer.concat([Buffer.alloc(70_000, "a"), Buffer.from([0xff])]));
    expect(await file.readFile(test.context, "late")).toMatchObject({ isBinary: true, encoding: "base64" });
    expect((await file.readFile(test.context, "/proc/self/comm")).content).toMatch(/\n$/);
  });

  it("obeys the encoding that is asked for", async () => {
    const asText = await file.readFile(test.context, "p.png", { encoding: "utf8" });
    expect(asText).toMatchObject({ encoding: "utf-8", isBinary: true });
    expect(asText.content).toContain("PNG");
    const coded = await file.readFile(test.context, "t.json", { encoding: "base64" });
    expect(Buffer.from(coded.content, "base64").toString()).toBe('{"é":1}\n');
    writeFileSync(path("bom"), "\ufeffx");
    expect((await file.readFile(test.context, "bom", { encoding: "utf-8" })).content).toBe("\ufeffx");
    const error = await failure(file.readFile(test.context, "bom", { encoding: "utf-16" as "utf8" }));
    expect(error).toBeInstanceOf(ValidationFailedError);
  });

  it("streams the bytes with `none`, of any size, and refuses to keep so many in memory", async () => {
    const big = Buffer.alloc(MAX_FILE + 1, 0xfe);
    writeFileSync(path("big"), big);
    const error = await failure(file.readFile(test.context, "big"));
    expect(error).toBeInstanceOf(FileTooLargeError);
    expect(error).toMatchObject({ code: "FILE_TOO_LARGE", httpStatus: 413 });
    expect(error.context).toEqual({ path: "big", operation: "file.read", maxSize: MAX_FILE, actualSize: MAX_FILE + 1 });
    const { content, ...said } = await file.readFile(test.context, "big", { encoding: "none" });
    expect(said).toMatchObject({ success: true, size: MAX_FILE + 1, mimeType: "application/octet-stream" });
    let length = 0;
    let others = 0;
    for await (const chunk of content as unknown as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (chunk.some(byte => byte !== 0xfe)) others += 1;
    }
    expect([length, others]).toEqual([MAX_FILE + 1, 0]);
    const left = await file.readFile(test.context, "big", { encoding: "none" });
    await left.content.cancel();
  });

  it("says what is wrong, with the path as it was given", async () => {
    const missing = await failure(file.readFile(test.context, "none/such"));
    expect(missing).toBeInstanceOf(FileNotFoundError);
    expect(missing).toMatchObject({
      name: "FileNotFoundError",
      path: "none/such",
      operation: "file.read",
      httpStatus: 404,
    });
    expect(missing.context).toEqual({ path: "none/such", operation: "file.read" });
    expect(await failure(file.readFile(test.context, "/tmp"))).toMatchObject({ code: "IS_DIRECTORY" });
    symlinkSync("loop", path("loop"));
    expect(await failure(file.readFile(test.context, "loop"))).toMatchObject({ code: "TOO_MANY_LINKS" });
    expect(await failure(file.readFile(test.context, "/dev/null"))).toBeInstanceOf(FileSystemError);
  });
});

describe("content that crosses", () => {
  it("is read as a stream, and says it when that broke", async () => {
    const read = (encoding: FileEncoding) => file.readFile(test.context, "t.json", { encoding });
    expect(await readAcross(read, undefined)).toMatchObject({ content: '{"é":1}\n', encoding: "utf-8", size: 9 });
    expect(await readAcross(read, "base64")).toMatchObject({ encoding: "base64", isBinary: false });
    expect((await readAcross(read, "none")).content).toBeInstanceOf(ReadableStream);
    expect(await failure(readAcross(read, "utf-16" as FileEncoding))).toBeInstanceOf(ValidationFailedError);
    const content = streamOf([new Uint8Array(5)], new Error("the wire broke"));
    const broken = readAcross(
      async () => ({ success: true, path: "p", content, size: 10, mimeType: "a/b", timestamp: "" }),
      undefined,
    );
    expect(await failure(broken)).toMatchObject({
      code: "OPERATION_INTERRUPTED",
      message: expect.stringMatching(/the wire broke/),
      context: { retryable: true, operation: "file.read" },
    });
  });

  it("is written as a stream when it is much", async () => {
    const text = "é".repeat(2 << 20);
    const much = contentAcross(text, "utf-8");
    expect(much.content).toBeInstanceOf(ReadableStream);
    await file.writeFile(test.context, "much", much.content, much as object);
    expect(readFileSync(path("much"), "utf8")).toBe(text);
    expect(contentAcross("little", "base64")).toEqual({ content: "little", encoding: "base64" });
    expect(() => contentAcross("!".repeat(2 << 20), "base64")).toThrow(ValidationFailedError);
  });
});

describe("readFileStream", () => {
  const read = (name: string) => file.readFileStream(test.context, name);

  it("tells what it is, its pieces, and that it was all", async () => {
    writeFileSync(path("é.txt"), "é".repeat(100_000));
    const told = await events<FileStreamEvent>(await read("é.txt"));
    expect(told[0]).toEqual({
      type: "metadata",
      mimeType: "text/plain",
      size: 200_000,
      isBinary: false,
      encoding: "utf-8",
    });
    expect(told.at(-1)).toEqual({ type: "complete", bytesRead: 200_000 });
    expect(told.map(event => (event.type === "chunk" ? event.data : "")).join("")).toBe("é".repeat(100_000));
  });

  it("is read by streamFile and collectFile, every byte", async () => {
    const text = await collectFile(await read("é.txt"));
    expect(text.content).toBe("é".repeat(100_000));
    const bytes = Buffer.alloc(300_001, "\x89PNG\r\n\x1a\n\0\xff", "latin1");
    writeFileSync(path("b.png"), bytes);
    const binary = await collectFile(await read("b.png"));
    expect(binary.metadata).toEqual({ mimeType: "image/png", size: 300_001, isBinary: true, encoding: "base64" });
    expect(Buffer.from(binary.content as Uint8Array).equals(bytes)).toBe(true);
    const mixed = Buffer.concat([Buffer.from("é".repeat(90_001)), Buffer.from([0xc3])]);
    writeFileSync(path("mixed"), mixed);
    const odd = await collectFile(await read("mixed"));
    expect(odd.metadata).toMatchObject({ isBinary: true, mimeType: "application/octet-stream" });
    expect(Buffer.from(odd.content as Uint8Array).equals(mixed)).toBe(true);
    writeFileSync(path("empty"), "");
    expect((await collectFile(await read("empty"))).content).toBe("");
    const pieces = streamFile(await read("b.png"));
    expect((await pieces.next()).value).toBeInstanceOf(Uint8Array);
    await pieces.return({ mimeType: "", size: 0, isBinary: true, encoding: "base64" });
  });

  it("rejects before there is a stream when there is no file, and tells a cut", async () => {
    expect(await failure(read("none"))).toBeInstanceOf(FileNotFoundError);
    const cut = new Response(
      'data: {"type":"metadata","mimeType":"a/b","size":1,"isBinary":false,"encoding":"utf-8"}\n\n',
    );
    expect(await failure(collectFile(cut.body as ReadableStream<Uint8Array>))).toMatchObject({
      code: "OPERATION_INTERRUPTED",
    });
    const failed = new Response('data: {"type":"error","error":"no more"}\n\n');
    expect(await failure(collectFile(failed.body as ReadableStream<Uint8Array>))).toMatchObject({
      code: "FILESYSTEM_ERROR",
    });
  });
});

describe("directories and names", () => {
  it("makes directories", async () => {
    const made = await file.mkdir(test.context, "d/e/f", { recursive: true });
    expect(made).toEqual({ success: true, path: "d/e/f", recursive: true, timestamp: expect.any(String) });
    expect(statSync(path("d/e/f")).isDirectory()).toBe(true);
    await file.mkdir(test.context, "d/e/f", { recursive: true });
    expect(await failure(file.mkdir(test.context, "d/e/f"))).toBeInstanceOf(FileExistsError);
    expect(await failure(file.mkdir(test.context, "q/r"))).toBeInstanceOf(FileNotFoundError);
  });

  it("removes files, and no directories", async () => {
    writeFileSync(path("gone"), "");
    symlinkSync("d", path("link"));
    await file.deleteFile(test.context, "gone");
    await file.deleteFile(test.context, "link");
    expect(statSync(path("d")).isDirectory()).toBe(true);
    const error = await failure(file.deleteFile(test.context, "d"));
    expect(error).toBeInstanceOf(FileSystemError);
    expect(error).toMatchObject({ code: "IS_DIRECTORY", path: "d", operation: "file.delete" });
    expect(await failure(file.deleteFile(test.context, "gone"))).toBeInstanceOf(FileNotFoundError);
  });

  it("renames and moves", async () => {
    writeFileSync(path("one"), "1");
    expect(await file.renameFile(test.context, "one", "two")).toMatchObject({
      success: true,
      path: "one",
      newPath: "two",
    });
    expect(readFileSync(path("two"), "utf8")).toBe("1");
    await file.moveFile(test.context, "two", "d");
    expect(readFileSync(path("d/two"), "utf8")).toBe("1");
    await file.moveFile(test.context, "d/two", "d/three");
    expect(readFileSync(path("d/three"), "utf8")).toBe("1");
    for (const move of [file.renameFile, file.moveFile]) {
      expect(await failure(move(test.context, "none", "x"))).toMatchObject({ code: "FILE_NOT_FOUND", path: "none" });
      expect(await failure(move(test.context, "d/three", ""))).toBeInstanceOf(ValidationFailedError);
    }
  });

  it("says whether there is something", async () => {
    expect(await file.exists(test.context, "d")).toEqual({
      success: true,
      path: "d",
      exists: true,
      timestamp: expect.any(String),
    });
    expect((await file.exists(test.context, "none")).exists).toBe(false);
    expect((await file.exists(test.context, "d/three/x")).exists).toBe(false);
  });

  it("lists names with anything in them", async () => {
    mkdirSync(path("list/sub"), { recursive: true });
    const odd = "tab\there\nand 'there'";
    writeFileSync(path(`list/${odd}`), "xy", { mode: 0o640 });
    writeFileSync(path("list/.hidden"), "");
    writeFileSync(path("list/sub/deep"), "");
    symlinkSync("none", path("list/link"));
    const { files, count, ...said } = await file.listFiles(test.context, "list/");
    expect(said).toEqual({ success: true, path: "list/", timestamp: expect.any(String) });
    expect(count).toBe(files.length);
    expect(files.map(({ name, type }) => [name, type])).toEqual([
      ["link", "symlink"],
      ["sub", "directory"],
      [odd, "file"],
    ]);
    expect(files.at(-1)).toEqual({
      name: odd,
      absolutePath: path(`list/${odd}`),
      relativePath: odd,
      type: "file",
      size: 2,
      modifiedAt: new Date(Math.floor(statSync(path(`list/${odd}`)).mtimeMs)).toISOString(),
      mode: "rw-r-----",
      permissions: { readable: true, writable: true, executable: false },
    });
    const all = await file.listFiles(test.context, path("list"), { recursive: true, includeHidden: true });
    expect(all.files.map(({ relativePath }) => relativePath).sort()).toEqual(
      [".hidden", "link", "sub", "sub/deep", odd].sort(),
    );
    expect(all.files.find(({ name }) => name === "deep")?.absolutePath).toBe(path("list/sub/deep"));
    expect(await failure(file.listFiles(test.context, "d/three"))).toMatchObject({ code: "NOT_DIRECTORY" });
    expect(await failure(file.listFiles(test.context, "none"))).toMatchObject({
      code: "FILE_NOT_FOUND",
      operation: "directory.list",
    });
  });

  it("takes relative paths from the directory of the session, and does not wait for what runs in it", async () => {
    await exec(test.context, "cd d");
    expect((await file.exists(test.context, "three")).exists).toBe(true);
    expect((await file.exists(test.sessionless, "three")).exists).toBe(false);
    expect((await file.exists(test.sessionless, "three", "sandbox-test")).exists).toBe(true);
    const ended = exec(test.context, "until test -e ../go; do sleep 0.01; done; cd ..");
    await file.writeFile(test.context, "beside", "x");
    await file.writeFile(test.sessionless, "go", "");
    await ended;
    expect((await file.readFile(test.context, "d/beside")).content).toBe("x");
  });
});
