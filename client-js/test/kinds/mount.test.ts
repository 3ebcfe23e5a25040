/** Buckets as directories, by real s3fs and a real S3 server on loopback. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import {
  BucketMountError,
  connect,
  InvalidMountConfigError,
  MissingCredentialsError,
  type MountBucketOptions,
  MountNotFoundError,
  S3fsMountError,
} from "../../src/index.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { S3 } from "../harness/s3.ts";
import { failure, served } from "./served.ts";

const test = served();
let s3: S3;
let keys: MountBucketOptions;
beforeAll(async () => {
  s3 = await S3.start();
  await s3.createBucket("data");
  keys = { endpoint: s3.endpoint, accessKeyId: "the-id-of-a-key", secretAccessKey: "the-key-itself" };
});
afterAll(async () => {
  await s3?.stop();
});

const at = (...path: string[]) => join(test.server.workspace, ...path);

it("mounts a bucket: its objects are files for every command, and files are objects", async () => {
  await s3.put("data", "in/hello.txt", "hello");
  const mount = await test.sandbox.mountBucket("data", "whole", keys);
  expect(mount).toMatchObject({ path: at("whole"), bucket: "data", endpoint: s3.endpoint, provider: "other" });
  expect(mount).toMatchObject({ readOnly: false, state: "mounted", createdAt: expect.any(Date) });
  expect((await test.sandbox.exec("cat whole/in/hello.txt && echo back > whole/in/back.txt")).stdout).toBe("hello");
  await expect.poll(async () => (await s3.get("data", "in/back.txt"))?.toString()).toBe("back\n");

  await test.sandbox.mountBucket("data", "part", { ...keys, prefix: "in", readOnly: true });
  expect(readdirSync(at("part")).sort()).toEqual(["back.txt", "hello.txt"]);
  expect((await test.sandbox.exec("echo x > part/new")).exitCode).not.toBe(0);
  expect((await test.sandbox.listMounts()).map(({ path, prefix, readOnly }) => ({ path, prefix, readOnly }))).toEqual([
    { path: at("part"), prefix: "in", readOnly: true },
    { path: at("whole"), prefix: undefined, readOnly: false },
  ]);
  const { stdout } = await test.sandbox.exec("cat /proc/*/cmdline /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; mount");
  expect(stdout).not.toContain("the-key-itself");

  await test.sandbox.unmountBucket("part");
  await test.sandbox.unmountBucket("whole");
  expect(await test.sandbox.listMounts()).toEqual([]);
  expect(existsSync(at("whole/in"))).toBe(false);
});

it("takes keys from the sandbox's variables", async () => {
  const { endpoint } = keys;
  expect(await failure(test.sandbox.mountBucket("data", "keyless", { endpoint }))).toBeInstanceOf(
    MissingCredentialsError,
  );
  await test.sandbox.setEnvVars({ AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" });
  await test.sandbox.mountBucket("data", "keyless", { endpoint });
  await test.sandbox.setEnvVars({ AWS_ACCESS_KEY_ID: null, AWS_SECRET_ACCESS_KEY: null });
  await test.sandbox.unmountBucket("keyless");
});

it("refuses what cannot be mounted, and leaves no directory", async () => {
  mkdirSync(at("full"));
  writeFileSync(at("full/file"), "mine");
  expect(await failure(test.sandbox.mountBucket("data", "full", keys))).toBeInstanceOf(BucketMountError);
  const wrong: [string, string, MountBucketOptions][] = [
    ["data", "wrong", { ...keys, endpoint: "no url" }],
    ["data", "wrong", { ...keys, options: ["passwd_file=/etc/passwd"] }],
    ["", "wrong", keys],
  ];
  for (const [bucket, path, options] of wrong) {
    const error = await failure(test.sandbox.mountBucket(bucket, path, options));
    expect(error, JSON.stringify(options)).toBeInstanceOf(InvalidMountConfigError);
  }
  expect(await failure(test.sandbox.mountBucket("no-such-bucket", "wrong", keys))).toBeInstanceOf(S3fsMountError);
  expect(await failure(test.sandbox.unmountBucket("wrong"))).toBeInstanceOf(MountNotFoundError);
  expect(existsSync(at("wrong"))).toBe(false);
  expect(readFileSync(at("full/file"), "utf8")).toBe("mine");
});

it("is asked for once, however often the connection is cut", async () => {
  const proxy = await CuttingProxy.start(test.server.address);
  onTestFinished(() => proxy.stop());
  await using sandbox = await connect(proxy.url);
  const mounting = sandbox.mountBucket("data", "cut", keys);
  await proxy.cut();
  expect((await mounting).state).toBe("mounted");
  const unmounting = sandbox.unmountBucket("cut");
  await proxy.cut("finish");
  await unmounting;
  expect(await sandbox.listMounts()).toEqual([]);
});
