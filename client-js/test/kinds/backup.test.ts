/** Backups against the real server: there and back, through a network that cuts, and what does not restore. */

import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import {
  BackupDamagedError,
  type BackupProgress,
  connect,
  DirectoryNotEmptyError,
  NotFoundError,
} from "../../src/index.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { failure, served } from "./served.ts";

const test = served();
let made = 0;
let name = "";
const at = (...path: string[]) => join(test.server.workspace, ...path);

beforeEach(() => {
  made += 1;
  name = `kept-${made}`;
  mkdirSync(at(name, "deep/er"), { recursive: true });
  mkdirSync(at(name, "empty"));
  writeFileSync(at(name, "deep/er/file"), "content");
  writeFileSync(at(name, "run"), "#!/bin/sh\n");
  chmodSync(at(name, "run"), 0o755);
  symlinkSync("deep/er/file", at(name, "link"));
});

/** Everything that a directory has in it. */
const seen = (directory: string): string[] =>
  readdirSync(at(directory), { recursive: true, encoding: "utf8" })
    .sort()
    .map(path => {
      const found = statSync(at(directory, path));
      return `${path} ${found.mode.toString(8)} ${found.isFile() ? readFileSync(at(directory, path), "base64") : ""}`;
    });

/** All bytes of an archive. */
const bytesOf = async (archive: AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk);
  return Buffer.concat(chunks);
};

/** A file that does not compress. */
const random = (path: string, mebibytes: number) => {
  const bytes = Buffer.alloc(mebibytes << 20);
  for (let i = 0; i < bytes.length; i += 65_536) crypto.getRandomValues(bytes.subarray(i, i + 65_536));
  writeFileSync(path, bytes);
};

describe("a backup", () => {
  it.each(["zstd", "gzip", "none"] as const)("comes back as it was, packed by %s", async compression => {
    const told: BackupProgress[] = [];
    const archive = test.sandbox.createBackup(name, { compression, onProgress: progress => told.push(progress) });
    const bytes = await bytesOf(archive);
    const { entries, bytes: content, archiveBytes, sha256, skipped } = await archive.result;
    expect({ entries, content, archiveBytes, skipped }).toEqual({
      entries: 7,
      content: 17,
      archiveBytes: bytes.length,
      skipped: [],
    });
    const digest = Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(bytes))).toString("hex");
    expect(sha256).toBe(digest);
    const restored = await test.sandbox.restoreBackup(`${name}-again/below`, bytes, { sha256 });
    expect(restored).toEqual({ entries: 7, bytes: 17, replaced: false });
    expect(seen(`${name}-again/below`)).toEqual(seen(name));
  });

  it("leaves out what it is told to", async () => {
    writeFileSync(at(name, ".gitignore"), "*.log\n");
    writeFileSync(at(name, "a.log"), "");
    const archive = test.sandbox.createBackup(name, { exclude: ["deep"], gitignore: true, level: 1 });
    await test.sandbox.restoreBackup(`${name}-again`, archive);
    expect(readdirSync(at(`${name}-again`)).sort()).toEqual([".gitignore", "empty", "link", "run"]);
  });

  it("replaces a directory only when it is told to, and then as a whole", async () => {
    const bytes = await bytesOf(test.sandbox.createBackup(name));
    const before = seen(name);
    writeFileSync(at(name, "later"), "is in no backup");
    expect(await failure(test.sandbox.restoreBackup(name, bytes))).toBeInstanceOf(DirectoryNotEmptyError);
    expect(readFileSync(at(name, "later"), "utf8")).toBe("is in no backup");
    expect(await test.sandbox.restoreBackup(name, bytes, { replace: true })).toMatchObject({ replaced: true });
    expect(seen(name)).toEqual(before);
  });

  it("that is damaged, cut short or another one changes nothing", async () => {
    random(at(name, "random"), 1);
    const bytes = await bytesOf(test.sandbox.createBackup(name));
    const before = seen(name);
    const damaged = bytes.slice();
    damaged.set([(damaged[damaged.length >> 1] ?? 0) ^ 1], damaged.length >> 1);
    const wrong: [Uint8Array, string | undefined][] = [
      [damaged, undefined],
      [bytes.slice(0, -1), undefined],
      [bytes.slice(0, bytes.length >> 1), undefined],
      [bytes, "0".repeat(64)],
    ];
    for (const [archive, sha256] of wrong) {
      const error = await failure(test.sandbox.restoreBackup(name, archive, { sha256, replace: true }));
      expect(error).toBeInstanceOf(BackupDamagedError);
    }
    async function* breaks() {
      yield bytes.slice(0, 500_000);
      throw new Error("the source broke");
    }
    expect((await failure(test.sandbox.restoreBackup(name, breaks(), { replace: true }))).message).toBe(
      "the source broke",
    );
    expect(await failure(bytesOf(test.sandbox.createBackup("no/such")))).toBeInstanceOf(NotFoundError);
    expect(seen(name)).toEqual(before);
    await expect.poll(() => readdirSync(test.server.workspace).filter(each => each.startsWith("."))).toEqual([]);
  });
});

it("ends when who is told of its progress throws, and a restore then changes nothing", async () => {
  random(at(name, "random"), 16);
  const bytes = await bytesOf(test.sandbox.createBackup(name));
  let told = () => {};
  const onProgress = () => {
    told();
    throw new Error("enough");
  };
  // There is room for two at once: one that goes on would take the place of the next.
  for (let i = 0; i < 3; i += 1) {
    const archive = test.sandbox.createBackup(name, { onProgress });
    const slowly = async () => {
      for await (const _ of archive) await new Promise(resolve => setTimeout(resolve, 300));
    };
    expect((await failure(slowly())).message).toBe("enough");
    expect((await failure(archive.result)).message).toBe("enough");
  }
  mkdirSync(at(`${name}-other`));
  writeFileSync(at(`${name}-other`, "mine"), "");
  for (let i = 0; i < 3; i += 1) {
    const heard = new Promise<void>(resolve => {
      told = resolve;
    });
    async function* halves() {
      yield bytes.subarray(0, bytes.length >> 1);
      await heard;
      yield bytes.subarray(bytes.length >> 1);
    }
    const restoring = test.sandbox.restoreBackup(`${name}-other`, halves(), { replace: true, onProgress });
    expect((await failure(restoring)).message).toBe("enough");
  }
  // One that goes through has its turn behind those that did not.
  await test.sandbox.restoreBackup(`${name}-again`, bytes);
  await expect.poll(() => readdirSync(test.server.workspace).filter(each => each.startsWith("."))).toEqual([]);
  expect(readdirSync(at(`${name}-other`))).toEqual(["mine"]);
});

it("comes and goes whole through a network that cuts", async () => {
  random(at(name, "random"), 8);
  const proxy = await CuttingProxy.start(test.server.address);
  onTestFinished(() => proxy.stop());
  await using sandbox = await connect(proxy.url);
  const cutting = (every: number) => {
    let bytes = 0;
    let cuts = 0;
    return async function* (source: AsyncIterable<Uint8Array>) {
      for await (const chunk of source) {
        bytes += chunk.length;
        if (bytes > (cuts + 1) * every) {
          cuts += 1;
          await proxy.cut(cuts % 2 === 0 ? "finish" : "reset");
        }
        yield chunk;
      }
    };
  };
  const archive = sandbox.createBackup(name, { compression: "gzip", level: 1 });
  const bytes = await bytesOf(cutting(1 << 20)(archive));
  const { archiveBytes, sha256 } = await archive.result;
  expect(bytes.length).toBe(archiveBytes);
  async function* pieces() {
    for (let i = 0; i < bytes.length; i += 100_000) yield bytes.subarray(i, i + 100_000);
  }
  await sandbox.restoreBackup(`${name}-again`, cutting(1 << 20)(pieces()), { sha256 });
  expect(seen(`${name}-again`)).toEqual(seen(name));
  expect((await proxy.counters()).cuts).toBeGreaterThan(10);
});
