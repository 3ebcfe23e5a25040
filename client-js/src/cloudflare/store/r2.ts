/** A bucket by its R2 binding. */

import { ConflictError, checkExpected, type Expected, IDLE, lively, type Store } from "./store.ts";

/** Whether it is the binding of a bucket. */
export function isBucket(binding: unknown): binding is R2Bucket {
  const methods = ["get", "put", "head", "delete", "list", "createMultipartUpload"] as const;
  return (
    typeof binding === "object" &&
    binding !== null &&
    methods.every(name => typeof (binding as Partial<R2Bucket>)[name] === "function")
  );
}

/** The bucket of a binding. `idle`: see {@link IDLE}. */
export function bucketStore(bucket: R2Bucket, name: string, idle: number = IDLE): Store {
  const check = async (key: string, expected: Expected) => {
    if (expected !== undefined) checkExpected(key, expected, (await bucket.head(key))?.etag);
  };
  return {
    name,
    async get(key) {
      const object = await bucket.get(key);
      return object ? { body: lively(object.body, key, idle), size: object.size, etag: object.etag } : undefined;
    },
    async *list(prefix) {
      for (let cursor: string | undefined; ; ) {
        const page = await bucket.list({ prefix, ...(cursor !== undefined && { cursor }) });
        yield* page.objects.map(({ key, size, etag }) => ({ key, size, etag }));
        if (!page.truncated) return;
        cursor = page.cursor;
      }
    },
    async put(key, bytes, expected) {
      if (expected === undefined) return (await bucket.put(key, bytes))?.etag ?? "";
      // "None at all" can be said as a header only.
      const onlyIf = expected === null ? new Headers({ "If-None-Match": "*" }) : { etagMatches: expected };
      const object = await bucket.put(key, bytes, { onlyIf });
      if (object === null) throw new ConflictError(key);
      return object.etag;
    },
    async upload(key, expected) {
      const upload = await bucket.createMultipartUpload(key);
      const parts: R2UploadedPart[] = [];
      return {
        async part(number, bytes) {
          parts[number - 1] = await upload.uploadPart(number, bytes);
        },
        async complete() {
          await check(key, expected);
          return (await upload.complete(parts)).etag;
        },
        abort: () => upload.abort(),
      };
    },
    async delete(key, expected) {
      await check(key, expected);
      await bucket.delete(key);
    },
  };
}
