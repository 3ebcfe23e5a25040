/**
 * What happens to a mirror when things go wrong, under real workerd: nothing is removed in the bucket that nobody removed,
 * nothing that was written is left behind, and it goes on by itself.
 */

import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { CuttingProxy } from "../harness/proxy.ts";
import { S3 } from "../harness/s3.ts";
import { until } from "../harness/until.ts";
import { Platform } from "./platform.ts";

let platform: Platform;
let s3: S3;
let proxy: CuttingProxy;
let bucket: Awaited<ReturnType<Platform["bucket"]>>;
beforeAll(async () => {
  s3 = await S3.start();
  await s3.createBucket("data");
  proxy = await CuttingProxy.start(new URL(s3.endpoint).host);
  platform = await Platform.start({
    unprivileged: true,
    buckets: ["DATA"],
    variables: { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" },
  });
  bucket = await platform.bucket("DATA");
});
afterAll(async () => {
  await platform?.stop();
  await proxy?.stop();
  await s3?.stop();
});

const mount = (id: string, path: string, options: object = {}, sandbox: object = {}) =>
  platform.call("mount", {
    id,
    args: ["DATA", path, JSON.stringify({ prefix: `/${id}`, ...options })],
    options: sandbox,
  });
const mountS3 = (id: string, path: string) => {
  const options = { endpoint: proxy.origin, credentialProxy: true, prefix: `/${id}` };
  return platform.call("mount", { id, args: ["data", path, JSON.stringify(options)] });
};
const unmount = (id: string, path: string) => platform.call("unmount", { id, args: [path] });
const exec = (id: string, command = "true") => platform.call("exec", { id, args: [command] });
const evict = (id: string) => platform.call("evict", { id });
const there = async (key: string) => (await bucket.get(key))?.text();
const read = (path: string) =>
  statSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path, "utf8") : undefined;
const keys = async (id: string) =>
  (await bucket.list({ prefix: `${id}/` })).objects.map(({ key }) => key.slice(id.length + 1));

/** Some objects, mounted. Returns their names and the directory. */
async function mounted(id: string, sandbox: object = {}): Promise<{ names: string[]; path: string }> {
  const names = Array.from({ length: 12 }, (_, i) => `file-${String(i).padStart(2, "0")}`);
  await Promise.all(names.map(name => bucket.put(`${id}/${name}`, name)));
  const path = join(platform.folder, id);
  await mount(id, path, {}, sandbox);
  return { names, path };
}

/** Whoever else carries files of that directory has seen it by then, too. */
async function settled(id: string, path: string): Promise<void> {
  await mount(id, path);
  writeFileSync(join(path, "later"), "");
  await until("it is carried", () => bucket.head(`${id}/later`));
  rmSync(join(path, "later"));
  await until("that is carried", async () => !(await bucket.head(`${id}/later`)));
}

it("removes nothing from the bucket when the first call after an eviction unmounts it", async () => {
  const { names, path } = await mounted("evict-unmount");
  await evict("evict-unmount");
  await unmount("evict-unmount", path);
  expect(readdirSync(path)).toEqual([]);
  await settled("evict-unmount", path);
  expect(await keys("evict-unmount")).toEqual(names);
});

it("removes nothing from the bucket when it is unmounted behind several first calls at once", async () => {
  const { names, path } = await mounted("evict-calls");
  await evict("evict-calls");
  await Promise.all([exec("evict-calls"), exec("evict-calls"), exec("evict-calls")]);
  await unmount("evict-calls", path);
  await settled("evict-calls", path);
  expect(await keys("evict-calls")).toEqual(names);
});

it("does not take for removed what it may not look at, and names it when it cannot be unmounted for that", async () => {
  const path = join(platform.folder, "unreadable");
  const sub = join(path, "sub");
  await bucket.put("unreadable/sub/deep", "kept");
  await bucket.put("unreadable/sub/a", "kept");
  await mount("unreadable", path);
  chmodSync(sub, 0o000);
  for (const name of ["one", "two"]) {
    writeFileSync(join(path, name), "");
    // What is looked at in one go is carried in one go.
    await until("it is carried", () => bucket.head(`unreadable/${name}`));
  }
  await expect(unmount("unreadable", path)).rejects.toMatchObject({
    code: "BUCKET_UNMOUNT_ERROR",
    message: expect.stringMatching(/stays mounted.* sub\/(a|deep): /),
  });
  expect(await keys("unreadable")).toEqual(["one", "sub/a", "sub/deep", "two"]);
  // It does stay mounted.
  writeFileSync(join(path, "three"), "");
  await until("it is carried", () => bucket.head("unreadable/three"));
  chmodSync(sub, 0o755);
  writeFileSync(join(sub, "a"), "changed");
  await unmount("unreadable", path);
  expect(await there("unreadable/sub/a")).toBe("changed");
  expect(await keys("unreadable")).toEqual(["one", "sub/a", "sub/deep", "three", "two"]);
});

it("carries what was not carried before the sandbox sleeps, though nobody called since the object was evicted", async () => {
  const { path } = await mounted("sleep", { sleepAfter: 3 });
  await evict("sleep");
  writeFileSync(join(path, "new"), "not carried");
  writeFileSync(join(path, "file-00"), "changed");
  await until("sleep", async () => (await platform.info("sleep")).state === "asleep");
  expect([await there("sleep/new"), await there("sleep/file-00")]).toEqual(["not carried", "changed"]);
});

it("does the same before it is destroyed", async () => {
  const { path } = await mounted("destroy");
  await evict("destroy");
  writeFileSync(join(path, "new"), "not carried");
  await platform.call("destroy", { id: "destroy" });
  expect(await there("destroy/new")).toBe("not carried");
  expect((await keys("destroy")).length).toBe(13);
});

it("goes on in a directory that was replaced, and has what was in the one before", async () => {
  const { names, path } = await mounted("replaced");
  renameSync(path, `${path}-before`);
  mkdirSync(path);
  await until("the files are back", () => names.every(name => read(join(path, name)) === name));
  writeFileSync(join(path, "new"), "new");
  await until("it is carried", async () => (await there("replaced/new")) === "new");
  expect(await keys("replaced")).toEqual([...names, "new"]);
  await unmount("replaced", path);
});

it("goes on when a bucket answers again, and with the others meanwhile", async () => {
  const away = join(platform.folder, "away");
  const other = join(platform.folder, "other");
  await s3.put("data", "away/file", "kept");
  await mountS3("away", away);
  await mount("away", other);
  await proxy.refuse();
  await proxy.cut();
  await evict("away");
  writeFileSync(join(away, "new"), "of the one");
  writeFileSync(join(other, "new"), "of the other");
  await exec("away");
  await until("the other is carried", async () => (await there("away/new")) === "of the other");
  await proxy.accept();
  // Nobody calls.
  await until("it is carried", async () => (await s3.get("data", "away/new"))?.toString() === "of the one");
  expect(await s3.keys("data")).toEqual(["away/file", "away/new"]);

  // What cannot be unmounted stays mounted, and is carried again.
  await proxy.refuse();
  await proxy.cut();
  writeFileSync(join(away, "last"), "last");
  await expect(unmount("away", away)).rejects.toMatchObject({ code: "BUCKET_UNMOUNT_ERROR" });
  await proxy.accept();
  await until("it is carried", async () => (await s3.get("data", "away/last"))?.toString() === "last");
  await unmount("away", away);
  expect(readdirSync(away)).toEqual([]);
  expect(await s3.keys("data")).toEqual(["away/file", "away/last", "away/new"]);
});

it("leaves in the bucket what cannot be a file, and has the rest", async () => {
  const path = join(platform.folder, "names");
  const names = ["a", "a/b", "fine", "x".repeat(256)].sort();
  for (const name of names) await bucket.put(`names/${name}`, name);
  await mount("names", path);
  expect(read(join(path, "fine"))).toBe("fine");
  writeFileSync(join(path, "new"), "new");
  await until("it is carried", () => bucket.head("names/new"));
  // One of the two has its place when the other has left it.
  const [gone, comes] = read(join(path, "a")) === "a" ? ["a", "a/b"] : ["a/b", "a"];
  rmSync(join(path, "a"), { recursive: true });
  await until("the other is there", () => read(join(path, comes)) === comes);
  await unmount("names", path);
  expect(readdirSync(path, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())).toEqual([]);
  expect(await keys("names")).toEqual([...names.filter(name => name !== gone), "new"].sort());
});

it("is not put into another one", async () => {
  const { names, path } = await mounted("nested");
  for (const inner of [join(path, "inner"), platform.folder]) {
    await expect(mount("nested", inner, { prefix: "/elsewhere" })).rejects.toMatchObject({
      code: "INVALID_MOUNT_CONFIG",
    });
  }
  await unmount("nested", path);
  expect(await keys("nested")).toEqual(names);
});
