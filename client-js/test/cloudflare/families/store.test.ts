/** Content of unknown length into a real S3 server: in bounded memory, again when a part fails, and nothing is left of a failure. */

import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { s3Store } from "../../../src/cloudflare/store/s3.ts";
import { PART_SIZE, type Store, write } from "../../../src/cloudflare/store/store.ts";
import { S3 } from "../../harness/s3.ts";

let s3: S3;
let store: Store;
beforeAll(async () => {
  s3 = await S3.start();
  await s3.createBucket("data");
  store = s3Store({ endpoint: s3.endpoint, bucket: "data", accessKeyId: "a", secretAccessKey: "b" });
});
afterAll(() => s3?.stop());

/** So many bytes in pieces of 1 MiB, and how many were taken. */
function source(size: number, end?: Error) {
  const taken = { bytes: 0 };
  const content = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const length = Math.min(1 << 20, size - taken.bytes);
        if (length > 0) controller.enqueue(new Uint8Array(length).fill(taken.bytes >> 20));
        else if (end) controller.error(end);
        else controller.close();
        taken.bytes += length;
      },
    },
    { highWaterMark: 0 },
  );
  return { content, taken };
}

const digest = async (bytes: Uint8Array) =>
  Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(bytes))).toString("hex");

it.each([0, 1, PART_SIZE, PART_SIZE + 1, 3 * PART_SIZE - 1])("writes %i bytes as they are", async size => {
  const { content } = source(size);
  const { etag } = await write(store, "some/object", content);
  const stored = await store.get("some/object");
  expect({ size: stored?.size, etag: stored?.etag }).toEqual({ size, etag });
  const bytes = new Uint8Array(await new Response(stored?.body).arrayBuffer());
  const expected = new Uint8Array(await new Response(source(size).content).arrayBuffer());
  expect(await digest(bytes)).toBe(await digest(expected));
});

it("takes no more from the source than a few parts while the bucket does not answer", async () => {
  const { content, taken } = source(6 * PART_SIZE);
  const begun = { parts: 0 };
  const slow: Store = {
    ...store,
    async upload(key) {
      const upload = await store.upload(key);
      return {
        ...upload,
        part(number, bytes) {
          begun.parts += 1;
          // From here on nothing is answered.
          if (begun.parts === 1) s3.hold(true);
          return upload.part(number, bytes);
        },
      };
    },
  };
  const writing = write(slow, "large", content);
  let before = -1;
  await expect
    .poll(async () => {
      const same = taken.bytes === before && begun.parts > 0;
      before = taken.bytes;
      return same;
    })
    .toBe(true);
  expect(taken.bytes).toBeLessThanOrEqual(3 * PART_SIZE + (1 << 20));
  s3.hold(false);
  expect((await writing).size).toBe(6 * PART_SIZE);
  await store.delete("large");
});

it("takes as much memory as the parts have, and no more to gather them", async () => {
  const quiet: Store = {
    ...store,
    put: async () => "",
    upload: async () => ({ part: async () => {}, complete: async () => "", abort: async () => {} }),
  };
  const Bytes = globalThis.Uint8Array;
  const spent = async (size: number) => {
    // Pieces that fit nowhere, whose own memory does not count.
    const piece = new Bytes(700_001);
    let left = size;
    const content = new ReadableStream<Uint8Array>({
      pull(controller) {
        const length = Math.min(piece.length, left);
        left -= length;
        if (length > 0) controller.enqueue(piece.subarray(0, length));
        else controller.close();
      },
    });
    let allocated = 0;
    const counting = new Proxy(Bytes, {
      construct(target, args) {
        if (typeof args[0] === "number") allocated += args[0];
        return Reflect.construct(target, args, target);
      },
    });
    vi.stubGlobal("Uint8Array", counting);
    await write(quiet, "key", content).finally(() => vi.unstubAllGlobals());
    return allocated;
  };
  expect(await spent(3 * PART_SIZE)).toBeLessThan(3.5 * PART_SIZE);
  expect(await spent(100_000)).toBeLessThan(200_000);
});

it("tries a part again, and leaves nothing when it fails for good or the source does", async () => {
  let failures = 0;
  const failing = (most: number): Store => ({
    ...store,
    async upload(key) {
      const upload = await store.upload(key);
      return {
        ...upload,
        part(number, bytes) {
          if (number !== 2 || failures >= most) return upload.part(number, bytes);
          failures += 1;
          return Promise.reject(new Error("the network is away"));
        },
      };
    },
  });
  await write(failing(2), "again", source(3 * PART_SIZE).content);
  expect(failures).toBe(2);
  failures = 0;
  await expect(write(failing(99), "never", source(3 * PART_SIZE).content)).rejects.toThrow("the network is away");
  const broken = source(2 * PART_SIZE, new Error("the source broke"));
  await expect(write(store, "broken", broken.content)).rejects.toThrow("the source broke");
  expect(await s3.keys("data")).toEqual(["again", "some/object"]);
  expect(await s3.uploads("data")).toBe(0);
});

it("lists what there is, whatever it is called", async () => {
  const names = ["a b", "a&b", "a+b", "ä/%41", "c"].sort();
  for (const name of names) await store.put(`list/${name}`, new TextEncoder().encode(name));
  const found: { key: string; size: number }[] = [];
  for await (const { key, size } of store.list("list/")) found.push({ key, size });
  const bytes = (name: string) => new TextEncoder().encode(name).length;
  expect(found).toEqual(names.map(name => ({ key: `list/${name}`, size: bytes(name) })));
  expect(await store.get("list/none")).toBeUndefined();
  await store.delete("list/none");
  await expect(
    s3Store({ endpoint: s3.endpoint, bucket: "none", accessKeyId: "a", secretAccessKey: "b" }).put(
      "x",
      new Uint8Array(1),
    ),
  ).rejects.toThrow(/404 NoSuchBucket/);
});
