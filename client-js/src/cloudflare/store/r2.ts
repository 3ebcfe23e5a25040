/** A bucket by its R2 binding. */

import type { Store } from "./store.ts";

/** Whether it is the binding of a bucket. */
export function isBucket(binding: unknown): binding is R2Bucket {
  const methods = ["get", "put", "delete", "list", "createMultipartUpload"] as const;
  return (
    typeof binding === "object" &&
    binding !== null &&
    methods.every(name => typeof (binding as Partial<R2Bucket>)[name] === "function")
  );
}

/** The bucket of a binding. */
export function bucketStore(bucket: R2Bucket, name: string): Store {
  return {
    name,
    async get(key) {
      const object = await bucket.get(key);
      return object ? { body: object.body, size: object.size, etag: object.etag } : undefined;
    },
    async *list(prefix) {
      for (let cursor: string | undefined; ; ) {
        const page = await bucket.list({ prefix, ...(cursor !== undefined && { cursor }) });
        yield* page.objects.map(({ key, size, etag }) => ({ key, size, etag }));
        if (!page.truncated) return;
        cursor = page.cursor;
      }
    },
    async put(key, bytes) {
      return (await bucket.put(key, bytes))?.etag ?? "";
    },
    async upload(key) {
      const upload = await bucket.createMultipartUpload(key);
      const parts: R2UploadedPart[] = [];
      return {
        async part(number, bytes) {
          parts[number - 1] = await upload.uploadPart(number, bytes);
        },
        complete: async () => (await upload.complete(parts)).etag,
        abort: () => upload.abort(),
      };
    },
    delete: key => bucket.delete(key),
  };
}
