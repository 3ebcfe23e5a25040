/** Backups of the drop-in under real workerd: into R2 by its binding, into a real S3 server by signed requests, and back. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { S3 } from "../harness/s3.ts";
import { until } from "../harness/until.ts";
import { Platform } from "./platform.ts";

interface Backup {
  readonly id: string;
  readonly dir: string;
  readonly localBucket?: boolean;
}

let platform: Platform;
let bucket: Awaited<ReturnType<Platform["bucket"]>>;
beforeAll(async () => {
  platform = await Platform.start({ buckets: ["BACKUP_BUCKET"] });
  bucket = await platform.bucket("BACKUP_BUCKET");
});
afterAll(() => platform?.stop());

const create = (id: string, options: object, on: Platform = platform) =>
  on.call<Backup>("createBackup", { id, args: [JSON.stringify(options)] });
const restore = (id: string, backup: object, on: Platform = platform) =>
  on.call<object>("restoreBackup", { id, args: [JSON.stringify(backup)] });
/** An object of JSON. */
const json = async (key: string) => (await (await bucket.get(key))?.json()) as { readonly sizeBytes: number };
const keys = async () => (await bucket.list()).objects.map(({ key }) => key);

/** A directory with files in it, one of which does not compress. */
function directory(name: string, mebibytes = 0, on: Platform = platform): string {
  const path = join(on.folder, name);
  mkdirSync(join(path, "deep/er"), { recursive: true });
  writeFileSync(join(path, "deep/er/file"), `content of ${name}`);
  writeFileSync(join(path, "a.log"), "");
  const bytes = Buffer.alloc(mebibytes << 20);
  for (let i = 0; i < bytes.length; i += 65_536) crypto.getRandomValues(bytes.subarray(i, i + 65_536));
  writeFileSync(join(path, "random"), bytes);
  return path;
}

describe("into R2", () => {
  it("goes and comes back, with what is said of it", async () => {
    const dir = directory("there", 9);
    const random = readFileSync(join(dir, "random"));
    const backup = await create("r2", { dir, name: "nightly", excludes: ["*.log"], compression: { format: "zstd" } });
    expect(backup).toEqual({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), dir });
    const meta = await json(`backups/${backup.id}/meta.json`);
    expect(meta).toMatchObject({ id: backup.id, dir, name: "nightly", ttl: 259_200, createdAt: expect.any(String) });
    // In two parts.
    expect((await bucket.head(`backups/${backup.id}/data.tar`))?.size).toBe(meta.sizeBytes);
    expect(meta.sizeBytes).toBeGreaterThan(8 << 20);

    writeFileSync(join(dir, "random"), "changed");
    writeFileSync(join(dir, "later"), "");
    expect(await restore("r2", backup)).toEqual({ success: true, dir, id: backup.id });
    expect(readFileSync(join(dir, "random")).equals(random)).toBe(true);
    expect(readdirSync(dir).sort()).toEqual(["deep", "random"]);

    // Elsewhere, and in another sandbox.
    const other = join(platform.folder, "elsewhere/below");
    expect(await restore("r2-other", { id: backup.id, dir: other })).toMatchObject({ success: true, dir: other });
    expect(readFileSync(join(other, "deep/er/file"), "utf8")).toBe("content of there");
  });

  it.each([{}, { compression: { format: "gzip", threads: 4 }, multipart: false }, { localBucket: true }])(
    "takes what the stock package takes: %o",
    async options => {
      const dir = directory("options");
      const backup = await create("r2", { dir, gitignore: true, ...options });
      expect(backup.localBucket).toBe("localBucket" in options ? true : undefined);
      writeFileSync(join(dir, "a.log"), "changed");
      await restore("r2", backup);
      expect(readFileSync(join(dir, "a.log"), "utf8")).toBe("");
    },
  );

  it("says what is wrong, and leaves nothing in the bucket", async () => {
    const before = await keys();
    const dir = directory("wrong");
    const refused: [object, string][] = [
      [{ dir: "relative" }, "INVALID_BACKUP_CONFIG"],
      [{ dir: "/etc" }, "INVALID_BACKUP_CONFIG"],
      [{ dir: `${dir}/../wrong` }, "INVALID_BACKUP_CONFIG"],
      [{ dir, name: "x".repeat(257) }, "INVALID_BACKUP_CONFIG"],
      [{ dir, name: "a\nb" }, "INVALID_BACKUP_CONFIG"],
      [{ dir, ttl: 0 }, "INVALID_BACKUP_CONFIG"],
      [{ dir, gitignore: "yes" }, "INVALID_BACKUP_CONFIG"],
      [{ dir, excludes: [1] }, "INVALID_BACKUP_CONFIG"],
      [{ dir, compression: { format: "rar" } }, "INVALID_BACKUP_CONFIG"],
      [{ dir, compression: { threads: 0 } }, "INVALID_BACKUP_CONFIG"],
      [{ dir: `${dir}/none` }, "BACKUP_CREATE_FAILED"],
    ];
    for (const [options, code] of refused) await expect(create("wrong", options)).rejects.toMatchObject({ code });
    expect(await keys()).toEqual(before);
    await expect(restore("wrong", { id: "no-uuid", dir })).rejects.toMatchObject({ code: "INVALID_BACKUP_CONFIG" });
    const id = crypto.randomUUID();
    await expect(restore("wrong", { id, dir })).rejects.toMatchObject({
      code: "BACKUP_NOT_FOUND",
      name: "BackupNotFoundError",
      context: { backupId: id },
    });
  });

  it("does not restore what has expired, is gone, is damaged, or is another's", async () => {
    const dir = directory("kept");
    const { id } = await create("r2", { dir, ttl: 59 });
    await expect(restore("r2", { id, dir })).rejects.toMatchObject({
      code: "BACKUP_EXPIRED",
      context: { backupId: id, expiredAt: expect.any(String) },
    });
    const [archive, meta] = [`backups/${id}/data.tar`, `backups/${id}/meta.json`];
    const said = await json(meta);
    const say = (change: object) => bucket.put(meta, JSON.stringify({ ...said, ttl: 1000, ...change }));
    await say({ format: undefined });
    await expect(restore("r2", { id, dir })).rejects.toMatchObject({ code: "BACKUP_RESTORE_FAILED" });
    await say({});
    const bytes = new Uint8Array((await (await bucket.get(archive))?.arrayBuffer()) ?? new ArrayBuffer(0));
    await bucket.put(archive, bytes.slice(0, -1));
    writeFileSync(join(dir, "a.log"), "mine");
    await expect(restore("r2", { id, dir })).rejects.toMatchObject({
      code: "BACKUP_RESTORE_FAILED",
      name: "BackupRestoreError",
    });
    expect(readFileSync(join(dir, "a.log"), "utf8")).toBe("mine");
    await bucket.delete(archive);
    await expect(restore("r2", { id, dir })).rejects.toMatchObject({ code: "BACKUP_NOT_FOUND" });
    expect(readFileSync(join(dir, "a.log"), "utf8")).toBe("mine");
  });

  it("is restored all the same when the sandbox is started anew in the middle", async () => {
    const dir = directory("killed", 24);
    const backup = await create("killed", { dir });
    const random = readFileSync(join(dir, "random"));
    writeFileSync(join(dir, "random"), "changed");
    const restored = restore("killed", backup);
    const staging = () => readdirSync(platform.folder).some(name => name.includes(".sandwire-restore-"));
    await until("it is unpacked", staging);
    await platform.kill("killed");
    expect(await restored).toMatchObject({ success: true });
    await until("nothing is left of the first", () => !staging());
    expect(readFileSync(join(dir, "random")).equals(random)).toBe(true);
  });

  it("is interrupted when the sandbox is destroyed, and says so", async () => {
    const dir = directory("destroyed", 32);
    const before = await keys();
    const made = create("destroyed", { dir, compression: { format: "gzip" } }).then(
      () => "it was made",
      (error: { code?: string; context?: object }) => ({ code: error.code, ...error.context }),
    );
    await until("it has begun", async () => (await platform.info("destroyed")).state === "running");
    await platform.call("destroy", { id: "destroyed" });
    expect(await made).toMatchObject({
      code: "OPERATION_INTERRUPTED",
      reason: "sandbox_lifetime_changed",
      phase: expect.any(String),
      retryable: false,
    });
    expect(await keys()).toEqual(before);
  });
});

describe("into S3", () => {
  let s3: S3;
  let other: Platform;
  beforeAll(async () => {
    s3 = await S3.start();
    await s3.createBucket("backups");
    other = await Platform.start({
      variables: {
        BACKUP_BUCKET_NAME: "backups",
        BACKUP_BUCKET_ENDPOINT: s3.endpoint,
        R2_ACCESS_KEY_ID: "of-the-worker",
        R2_SECRET_ACCESS_KEY: "secret-of-the-worker",
      },
    });
  });
  afterAll(async () => {
    await other?.stop();
    await s3?.stop();
  });

  it("goes in parts and comes back, and the sandbox sees no key", async () => {
    const dir = directory("s3", 9, other);
    const random = readFileSync(join(dir, "random"));
    const backup = await create("s3", { dir }, other);
    expect(await s3.keys("backups")).toEqual([`backups/${backup.id}/data.tar`, `backups/${backup.id}/meta.json`]);
    writeFileSync(join(dir, "random"), "");
    await restore("s3", backup, other);
    expect(readFileSync(join(dir, "random")).equals(random)).toBe(true);
    const { stdout } = await other.call<{ stdout: string }>("exec", { id: "s3", args: ["env; cat /proc/*/cmdline"] });
    expect(stdout).not.toContain("of-the-worker");
  });

  it("leaves nothing when it fails, and needs to know where to", async () => {
    const before = await s3.keys("backups");
    const dir = join(other.folder, "none");
    await expect(create("s3", { dir }, other)).rejects.toMatchObject({ code: "BACKUP_CREATE_FAILED" });
    expect([await s3.keys("backups"), await s3.uploads("backups")]).toEqual([before, 0]);
    await expect(create("s3", { dir, localBucket: true }, other)).rejects.toMatchObject({
      code: "INVALID_BACKUP_CONFIG",
    });
    expect(existsSync(dir)).toBe(false);
  });
});

it("is refused where nothing says where to", async () => {
  const bare = await Platform.start();
  try {
    await expect(create("bare", { dir: "/tmp" }, bare)).rejects.toMatchObject({
      code: "INVALID_BACKUP_CONFIG",
      message: expect.stringContaining("BACKUP_BUCKET"),
    });
  } finally {
    await bare.stop();
  }
});
