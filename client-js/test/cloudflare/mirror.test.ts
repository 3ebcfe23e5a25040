/** Buckets that the object mirrors, by their R2 bindings, under real workerd: what changes on either side is on the other. */

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { until } from "../harness/until.ts";
import { Platform } from "./platform.ts";

let platform: Platform;
let bucket: Awaited<ReturnType<Platform["bucket"]>>;
beforeAll(async () => {
  platform = await Platform.start({ buckets: ["DATA"] });
  bucket = await platform.bucket("DATA");
});
afterAll(() => platform?.stop());

const mount = (id: string, path: string, options: object = {}) =>
  platform.call("mount", { id, args: ["DATA", path, JSON.stringify(options)] });
const unmount = (id: string, path: string) => platform.call("unmount", { id, args: [path] });
const there = async (key: string) => (await bucket.get(key))?.text();

it("carries what is written, changed and removed on either side to the other", async () => {
  const path = join(platform.folder, "mirrored");
  const at = (name: string) => join(path, name);
  await bucket.put("one/a.txt", "from the bucket");
  await bucket.put("one/deep/er/b.txt", "below");
  await bucket.put("other", "not this");
  await mount("mirror", path, { prefix: "/one", localBucket: true });
  expect(readFileSync(at("a.txt"), "utf8")).toBe("from the bucket");
  expect(readFileSync(at("deep/er/b.txt"), "utf8")).toBe("below");
  expect(existsSync(at("other"))).toBe(false);

  // More than one part.
  const large = Buffer.alloc(20 << 20, "0123456789abcdef");
  writeFileSync(at("large"), large);
  writeFileSync(at("a.txt"), "from the sandbox");
  rmSync(at("deep"), { recursive: true });
  await until("the bucket has it all", async () => {
    const size = (await bucket.head("one/large"))?.size;
    return (
      size === large.length &&
      (await there("one/a.txt")) === "from the sandbox" &&
      !(await bucket.head("one/deep/er/b.txt"))
    );
  });
  const stored = await (await bucket.get("one/large"))?.arrayBuffer();
  expect(large.equals(Buffer.from(stored ?? new ArrayBuffer(0)))).toBe(true);

  await bucket.put("one/a.txt", "again");
  await bucket.delete("one/large");
  await until("the sandbox has it", () => readFileSync(at("a.txt"), "utf8") === "again" && !existsSync(at("large")));
  await unmount("mirror", path);
  expect(existsSync(at("a.txt"))).toBe(false);
  expect([await there("one/a.txt"), await there("other")]).toEqual(["again", "not this"]);
});
