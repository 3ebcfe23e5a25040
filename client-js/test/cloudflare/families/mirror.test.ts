/**
 * Mirrors and backups over a real server, into R2 in workerd and a real S3 server: while both sides change, when the bucket's
 * answer stalls, and over a connection that is cut again and again.
 */

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Headers, Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBackup, restoreBackup } from "../../../src/cloudflare/backup.ts";
import { Known } from "../../../src/cloudflare/mount/known.ts";
import { Mirror, type MirrorOptions } from "../../../src/cloudflare/mount/mirror.ts";
import { mountBucket, unmountBucket } from "../../../src/cloudflare/mount.ts";
import { bucketStore } from "../../../src/cloudflare/store/r2.ts";
import { s3Store } from "../../../src/cloudflare/store/s3.ts";
import { ConflictError, PART_SIZE, type Store } from "../../../src/cloudflare/store/store.ts";
import { CuttingProxy } from "../../harness/proxy.ts";
import { S3 } from "../../harness/s3.ts";
import { until } from "../../harness/until.ts";
import { family, thisObject } from "./context.ts";

type Binding = Parameters<typeof bucketStore>[0];

const KEYS = { bucket: "data", accessKeyId: "a", secretAccessKey: "b" };

let s3: S3;
let miniflare: Miniflare;
let r2: Binding;
beforeAll(async () => {
  s3 = await S3.start();
  await s3.createBucket("data");
  miniflare = new Miniflare({ cf: false, modules: true, script: "export default {}", r2Buckets: ["DATA"] });
  r2 = inWorkerd(await miniflare.getR2Bucket("DATA"));
});
afterAll(async () => {
  await miniflare?.dispose();
  await s3?.stop();
});

/** The binding, from outside of workerd: headers go in as its own. */
function inWorkerd(bucket: Awaited<ReturnType<Miniflare["getR2Bucket"]>>): Binding {
  const put = (key: string, value: string, options: { onlyIf?: object } = {}) => {
    const { onlyIf } = options;
    const said = onlyIf instanceof globalThis.Headers ? new Headers([...onlyIf]) : onlyIf;
    return bucket.put(key, value, said && { onlyIf: said });
  };
  const proxy = new Proxy(bucket, { get: (_, name) => (name === "put" ? put : Reflect.get(bucket, name)) });
  return proxy as unknown as Binding;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = async (store: Store, key: string) => {
  const stored = await store.get(key);
  return stored && (await new Response(stored.body).text());
};
const keysIn = async (store: Store, prefix: string) => {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key.slice(prefix.length));
  return keys;
};

/** A directory, and a mirror of it for each turn: what was alike is known to the next one. */
function mirrored(path: string, store: Store, prefix: string, options: Partial<MirrorOptions> = {}) {
  const { storage } = thisObject();
  return (change: Partial<MirrorOptions> = {}): Mirror =>
    new Mirror({
      client: real.client,
      path,
      store,
      prefix,
      readOnly: false,
      known: new Known(storage, "test"),
      sameRun: true,
      ...options,
      ...change,
    });
}

/** The names and contents of a directory, without what makes names of copies differ. */
function filesIn(path: string): Record<string, string> {
  const entries = readdirSync(path).map(name => {
    const content = readFileSync(join(path, name), "utf8");
    return [name.replace(/conflict-.*/, "conflict"), content.slice(0, 10)];
  });
  return Object.fromEntries(entries);
}

const real = family();

describe.each(["R2", "S3"] as const)("into %s", kind => {
  let store: Store;
  beforeAll(() => {
    store = kind === "R2" ? bucketStore(r2, "DATA") : s3Store({ endpoint: s3.endpoint, ...KEYS });
  });

  it("does a write only when that is there which it is for", async () => {
    const first = await store.put("if/key", bytes("first"), null);
    await expect(store.put("if/key", bytes("x"), null)).rejects.toThrow(ConflictError);
    const second = await store.put("if/key", bytes("second"), first);
    expect(second).not.toBe(first);
    await expect(store.put("if/key", bytes("x"), first)).rejects.toThrow(ConflictError);
    await expect(store.put("if/none", bytes("x"), first)).rejects.toThrow(ConflictError);
    await expect(store.delete("if/key", first)).rejects.toThrow(ConflictError);
    const upload = await store.upload("if/key", first);
    await upload.part(1, new Uint8Array(PART_SIZE));
    await expect(upload.complete()).rejects.toThrow(ConflictError);
    await upload.abort();
    expect(await text(store, "if/key")).toBe("second");
    const parts = await store.upload("if/key", second);
    await parts.part(1, bytes("third"));
    await store.delete("if/key", await parts.complete());
    expect(await keysIn(store, "if/")).toEqual([]);
  });

  it("keeps what changes in the bucket between the look and the write", async () => {
    const path = join(real.server.workspace, `${kind}-between`);
    const names = ["changed", "large", "removed"];
    for (const name of names) await store.put(`between/${name}`, bytes("before"));
    const mirror = mirrored(path, store, "between/");
    const first = mirror();
    await first.begin();
    await first.stop();
    writeFileSync(join(path, "changed"), "mine");
    writeFileSync(join(path, "new"), "mine");
    writeFileSync(join(path, "large"), "mine".repeat(PART_SIZE / 4 + 1));
    rmSync(join(path, "removed"));
    let looks = 0;
    const changing: Store = {
      ...store,
      async *list(prefix) {
        yield* store.list(prefix);
        looks += 1;
        if (looks === 1) for (const name of [...names, "new"]) await store.put(`between/${name}`, bytes("theirs"));
      },
    };
    const second = mirror({ store: changing });
    await second.begin();
    await second.stop();
    const theirs = { changed: "theirs", large: "theirs", new: "theirs", removed: "theirs" };
    const mine = { "changed.conflict": "mine", "new.conflict": "mine", "large.conflict": "minemine".padEnd(10, "mi") };
    expect(filesIn(path)).toEqual({ ...theirs, ...mine });
    const kept = await Promise.all(
      (await keysIn(store, "between/")).map(async name => [
        name.replace(/conflict-.*/, "conflict"),
        (await text(store, `between/${name}`))?.slice(0, 10),
      ]),
    );
    expect(Object.fromEntries(kept)).toEqual({ ...theirs, ...mine });
  });

  it("writes nothing into a bucket that is read-only, also when the object of a changed file is gone", async () => {
    const path = join(real.server.workspace, `${kind}-read-only`);
    await store.put("read/file", bytes("before"));
    const mirror = mirrored(path, store, "read/", { readOnly: true });
    const first = mirror();
    await first.begin();
    await first.stop();
    writeFileSync(join(path, "file"), "mine");
    await store.delete("read/file");
    const second = mirror();
    await second.begin();
    await second.stop();
    expect([await keysIn(store, "read/"), filesIn(path)]).toEqual([[], { file: "mine" }]);
  });
});

describe("when the answer of a bucket stalls", () => {
  it("gives up an object of S3, and with it the mount", async () => {
    const proxy = await CuttingProxy.start(new URL(s3.endpoint).host);
    try {
      await s3.put("data", "stalls/file", new Uint8Array(32 << 20));
      const store = s3Store({ endpoint: proxy.origin, ...KEYS, idle: 300 });
      const stalling: Store = {
        ...store,
        async get(key) {
          const object = await store.get(key);
          await proxy.stall("down");
          return object;
        },
      };
      const path = join(real.server.workspace, "stalls");
      await expect(mirrored(path, stalling, "stalls/")().begin()).rejects.toThrow("no byte of stalls/file has come");
      expect(filesIn(path)).toEqual({});
    } finally {
      await proxy.stop();
    }
  });

  it("gives up an object of R2", async () => {
    await r2.put("slow", "slow");
    const cancelled: unknown[] = [];
    const stalling = new Proxy(r2, {
      get: (bucket, name) =>
        name === "get"
          ? async (key: string) => {
              const body = new ReadableStream<Uint8Array>({
                start: controller => controller.enqueue(bytes("some")),
                cancel: reason => void cancelled.push(reason),
              });
              return { ...(await bucket.head(key)), body };
            }
          : Reflect.get(bucket, name),
    });
    const stalled = await bucketStore(stalling, "DATA", 100).get("slow");
    const reader = stalled?.body.getReader();
    expect((await reader?.read())?.value).toEqual(bytes("some"));
    await expect(reader?.read()).rejects.toThrow("no byte of slow has come for 0.1 s");
    expect(cancelled).toHaveLength(1);
  });
});

describe("over a connection that is cut again and again", () => {
  const cut = family({ cut: [400, 4_000] });

  it("carries files whole, and backups", async () => {
    const context = { ...cut.context, object: thisObject({ DATA: r2, BACKUP_BUCKET: r2 }) };
    const path = join(cut.server.workspace, "cut");
    const random = Buffer.alloc(1 << 20);
    for (let at = 0; at < random.length; at += 65_536) crypto.getRandomValues(random.subarray(at, at + 65_536));
    await r2.put("cut/down", random);
    await mountBucket(context, "DATA", path, { prefix: "/cut" });
    expect(readFileSync(join(path, "down")).equals(random)).toBe(true);
    writeFileSync(join(path, "up"), random);
    rmSync(join(path, "down"));
    await until("it is carried", async () => (await r2.head("cut/up")) && !(await r2.head("cut/down")));
    writeFileSync(join(path, "last"), "last");

    const backup = await createBackup(context, { dir: path });
    writeFileSync(join(path, "up"), "changed");
    const dir = `${path}-restored`;
    await restoreBackup(context, { ...backup, dir });
    expect(readFileSync(join(dir, "up")).equals(random)).toBe(true);
    expect(readFileSync(join(dir, "last"), "utf8")).toBe("last");

    await unmountBucket(context, path);
    expect(readdirSync(path)).toEqual([]);
    const { objects } = await r2.list({ prefix: "cut/" });
    expect(objects.map(({ key }: { readonly key: string }) => key)).toEqual(["cut/last", "cut/up"]);
    expect(await (await r2.get("cut/up"))?.text()).toBe("changed");
    expect(cut.client.stats.connections).toBeGreaterThan(3);
  });
});
