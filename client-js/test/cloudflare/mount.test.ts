/** Buckets by their S3 endpoint from a Worker, under real workerd, by real s3fs in the sandbox and a real S3 server. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { S3 } from "../harness/s3.ts";
import { Platform } from "./platform.ts";

let platform: Platform;
let s3: S3;
beforeAll(async () => {
  s3 = await S3.start();
  await s3.createBucket("data");
  platform = await Platform.start({
    variables: { R2_ACCESS_KEY_ID: "id-of-the-worker", R2_SECRET_ACCESS_KEY: "secret-of-the-worker" },
  });
});
afterAll(async () => {
  await platform?.stop();
  await s3?.stop();
});

const mount = (id: string, path: string, options: object = {}, bucket = "data", on = platform) =>
  on.call("mount", { id, args: [bucket, path, JSON.stringify({ endpoint: s3.endpoint, ...options })] });
const unmount = (id: string, path: string) => platform.call("unmount", { id, args: [path] });
const mounted = () => readFileSync("/proc/mounts", "utf8");

it("is mounted with the Worker's keys or those of the call, used, and unmounted", async () => {
  const [path, part] = [join(platform.folder, "whole"), join(platform.folder, "part")];
  await s3.put("data", "in/hello.txt", "hello");
  await mount("remote", path);
  expect(readFileSync(join(path, "in/hello.txt"), "utf8")).toBe("hello");
  writeFileSync(join(path, "in/back.txt"), "back");
  await expect.poll(async () => (await s3.get("data", "in/back.txt"))?.toString()).toBe("back");
  const credentials = { accessKeyId: "id-of-the-call", secretAccessKey: "secret-of-the-call" };
  await mount("remote", part, { prefix: "/in/", readOnly: true, credentials, s3fsOptions: ["stat_cache_expire=1"] });
  expect(readFileSync(join(part, "back.txt"), "utf8")).toBe("back");
  expect(() => writeFileSync(join(part, "new"), "")).toThrow(/EROFS/);
  const { stdout } = await platform.call<{ stdout: string }>("exec", {
    id: "remote",
    args: ["env; cat /proc/*/cmdline /proc/mounts | tr '\\0' ' '"],
  });
  expect(stdout).not.toMatch(/secret-of/);
  await unmount("remote", `${part}/`);
  expect(existsSync(join(part, "back.txt"))).toBe(false);
  await expect(unmount("remote", part)).rejects.toMatchObject({ code: "INVALID_MOUNT_CONFIG" });

  await platform.call("destroy", { id: "remote" });
  expect(mounted()).not.toContain(path);
});

it("says what is wrong in the stock package's classes", async () => {
  const path = join(platform.folder, "wrong");
  await expect(mount("wrong", path, {}, "no-such-bucket")).rejects.toMatchObject({
    name: "S3FSMountError",
    code: "S3FS_MOUNT_ERROR",
  });
  await expect(mount("wrong", path, { s3fsOptions: ["passwd_file=/etc/passwd"] })).rejects.toMatchObject({
    name: "InvalidMountConfigError",
  });
  mkdirSync(path);
  writeFileSync(join(path, "mine"), "");
  await expect(mount("wrong", path)).rejects.toMatchObject({ name: "BucketMountError", code: "BUCKET_MOUNT_ERROR" });
  const bare = await Platform.start();
  try {
    await expect(mount("bare", join(bare.folder, "x"), {}, "data", bare)).rejects.toMatchObject({
      name: "MissingCredentialsError",
      code: "MISSING_CREDENTIALS",
    });
  } finally {
    await bare.stop();
  }
});
