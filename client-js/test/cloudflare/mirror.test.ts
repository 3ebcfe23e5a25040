/**
 * Buckets that the object mirrors, by R2 bindings and by S3 with the keys in the Worker, under real workerd: what changes on
 * either side is on the other, and nothing is lost.
 */

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { S3 } from "../harness/s3.ts";
import { until } from "../harness/until.ts";
import { Platform } from "./platform.ts";

let platform: Platform;
let s3: S3;
let bucket: Awaited<ReturnType<Platform["bucket"]>>;
beforeAll(async () => {
  s3 = await S3.start();
  platform = await Platform.start({
    buckets: ["DATA"],
    variables: { AWS_ACCESS_KEY_ID: "of-the-worker", AWS_SECRET_ACCESS_KEY: "secret-of-the-worker" },
  });
  bucket = await platform.bucket("DATA");
});
afterAll(async () => {
  await platform?.stop();
  await s3?.stop();
});

const mount = (id: string, path: string, options: object = {}, name = "DATA") =>
  platform.call("mount", { id, args: [name, path, JSON.stringify(options)] });
const unmount = (id: string, path: string) => platform.call("unmount", { id, args: [path] });
const there = async (key: string) => (await bucket.get(key))?.text();
const read = (path: string) => (existsSync(path) ? readFileSync(path, "utf8") : undefined);

it("carries what is written, changed and removed on either side to the other", async () => {
  const path = join(platform.folder, "mirrored");
  const at = (name: string) => join(path, name);
  await bucket.put("one/a.txt", "from the bucket");
  await bucket.put("one/deep/er/b.txt", "below");
  await bucket.put("other", "not this");
  await mount("mirror", path, { prefix: "/one", localBucket: true });
  expect([read(at("a.txt")), read(at("deep/er/b.txt")), read(at("other"))]).toEqual([
    "from the bucket",
    "below",
    undefined,
  ]);

  // More than one part.
  const large = Buffer.alloc(9 << 20, "0123456789abcdef");
  writeFileSync(at("large"), large);
  writeFileSync(at("a.txt"), "from the sandbox");
  rmSync(at("deep"), { recursive: true });
  await until("the bucket has it all", async () => {
    const changed = (await there("one/a.txt")) === "from the sandbox" && !(await bucket.head("one/deep/er/b.txt"));
    return changed && (await bucket.head("one/large"))?.size === large.length;
  });
  const stored = await (await bucket.get("one/large"))?.arrayBuffer();
  expect(large.equals(Buffer.from(stored ?? new ArrayBuffer(0)))).toBe(true);

  await bucket.put("one/a.txt", "again");
  await bucket.delete("one/large");
  await until("the sandbox has it", () => read(at("a.txt")) === "again" && !existsSync(at("large")));
  writeFileSync(at("last"), "just before");
  await unmount("mirror", path);
  expect(existsSync(at("a.txt"))).toBe(false);
  expect([await there("one/a.txt"), await there("one/last"), await there("other")]).toEqual([
    "again",
    "just before",
    "not this",
  ]);
});

it("keeps both when both have changed, and a bucket as it is when it is read-only", async () => {
  const path = join(platform.folder, "both");
  await bucket.put("both/file", "first");
  writeFileSync(join(platform.folder, "elsewhere"), "the sandbox's");
  await mount("both", path, { prefix: "/both" });
  await unmount("both", path);
  await platform.call("exec", {
    id: "both",
    args: [`mkdir -p ${path} && cp ${platform.folder}/elsewhere ${path}/file`],
  });
  await mount("both", path, { prefix: "/both" });
  expect(read(join(path, "file"))).toBe("first");
  const [other = ""] = readdirSync(path).filter(name => name !== "file");
  expect(read(join(path, other))).toBe("the sandbox's");
  await until("it is in the bucket", async () => (await there(`both/${other}`)) === "the sandbox's");
  await unmount("both", path);

  await mount("both", path, { prefix: "/both", readOnly: true });
  writeFileSync(join(path, "mine"), "stays here");
  rmSync(join(path, other));
  await bucket.put("both/file", "second");
  await until("it is told", () => read(join(path, "file")) === "second");
  await unmount("both", path);
  expect([await there("both/mine"), await there(`both/${other}`)]).toEqual([undefined, "the sandbox's"]);
  expect(read(join(path, "mine"))).toBe("stays here");
});

it("goes on when the object was evicted, and takes nothing for removed that a new run does not have", async () => {
  const path = join(platform.folder, "evicted");
  const at = (name: string) => join(path, name);
  await bucket.put("evicted/kept", "kept");
  await bucket.put("evicted/removed", "removed");
  await mount("evicted", path, { prefix: "/evicted" });
  await fetch(platform.url("evict", { id: "evicted" })).then(response => response.text());
  rmSync(at("removed"));
  writeFileSync(at("new"), "new");
  // A call wakes the object, and it sees what happened while it was away.
  await platform.call("exec", { id: "evicted", args: ["true"] });
  await until(
    "the bucket knows",
    async () => (await there("evicted/new")) === "new" && !(await there("evicted/removed")),
  );

  await platform.kill("evicted");
  await until("the run is over", async () => {
    const { status } = await platform.call<{ status: string }>("state", { id: "evicted" });
    return status.startsWith("stopped");
  });
  rmSync(path, { recursive: true });
  await mount("evicted", path, { prefix: "/evicted" });
  expect([read(at("kept")), read(at("new"))]).toEqual(["kept", "new"]);
  await platform.call("destroy", { id: "evicted" });
  expect([await there("evicted/kept"), await there("evicted/new")]).toEqual(["kept", "new"]);
});

it("mirrors a bucket by S3 whose keys the sandbox never sees", async () => {
  const path = join(platform.folder, "s3");
  await s3.createBucket("data");
  const names = ["plain", "sp ace", "ü+&=%", "deep/er"];
  for (const name of names) await s3.put("data", `in/${name.split("/").map(encodeURIComponent).join("/")}`, name);
  await mount("s3", path, { endpoint: s3.endpoint, credentialProxy: true, prefix: "/in/" }, "data");
  expect(names.map(name => read(join(path, name)))).toEqual(names);
  const large = Buffer.alloc((9 << 20) + 1, "x");
  writeFileSync(join(path, "la'rge (1)"), large);
  rmSync(join(path, "plain"));
  await until("it is there", async () => {
    const stored = await s3.get("data", "in/la'rge%20(1)");
    return stored?.equals(large) === true && (await s3.get("data", "in/plain")) === undefined;
  });
  expect(await s3.uploads("data")).toBe(0);
  const { stdout } = await platform.call<{ stdout: string }>("exec", { id: "s3", args: ["env; cat /proc/*/cmdline"] });
  expect(stdout).not.toContain("of-the-worker");
  await unmount("s3", path);
});

it("refuses what cannot be mounted", async () => {
  const refused = async (code: string, ...args: Parameters<typeof mount>) =>
    expect(mount(...args)).rejects.toMatchObject({ code });
  const endpoint = s3.endpoint;
  await refused("INVALID_MOUNT_CONFIG", "refused", "/tmp/x", {}, "NONE");
  await refused("INVALID_MOUNT_CONFIG", "refused", "/tmp/x", { localBucket: true }, "NONE");
  await refused("INVALID_MOUNT_CONFIG", "refused", "relative");
  await refused("INVALID_MOUNT_CONFIG", "refused", "/");
  await refused("INVALID_MOUNT_CONFIG", "refused", "/tmp/../etc");
  await refused("INVALID_MOUNT_CONFIG", "refused", "/tmp/x", { prefix: "no-slash" });
  await refused("INVALID_MOUNT_CONFIG", "refused", "/tmp/x", { endpoint }, "bucket:prefix");
  await refused("INVALID_MOUNT_CONFIG", "refused", "/tmp/x", { endpoint }, "No_Bucket");
  await refused("INVALID_MOUNT_CONFIG", "refused", "/tmp/x", { endpoint: "no url" }, "bucket");
  expect((await platform.info("refused")).state).toBe("absent");
  await refused(
    "BUCKET_MOUNT_ERROR",
    "refused",
    join(platform.folder, "x"),
    { endpoint, credentialProxy: true },
    "gone",
  );
  const path = join(platform.folder, "twice");
  await mount("refused", path, { prefix: "/twice" });
  await refused("INVALID_MOUNT_CONFIG", "refused", `${path}/`, { prefix: "/other" });
  await unmount("refused", path);
});
