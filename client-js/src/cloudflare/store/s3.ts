/** A bucket by its S3 endpoint: requests signed in the Worker, so that the keys never reach the sandbox. */

import { AwsClient } from "aws4fetch";
import { ConflictError, checkExpected, type Expected, IDLE, lively, type Store, type Upload } from "./store.ts";

/** Where a bucket is, and its keys. */
export interface S3Options {
  /** URL of the endpoint, without the bucket. */
  readonly endpoint: string;
  /** The bucket. */
  readonly bucket: string;
  /** Id of the key. */
  readonly accessKeyId: string;
  /** The key. */
  readonly secretAccessKey: string;
  /** Token of temporary keys. */
  readonly sessionToken?: string | undefined;
  /** Default: as the endpoint says, else `auto`. */
  readonly region?: string | undefined;
  /** See {@link IDLE}. */
  readonly idle?: number | undefined;
}

/** Milliseconds that one request has. */
const TIMEOUT = 120_000;

/** Bytes of what an endpoint says when it refuses that go into a message. */
const MAX_REFUSAL = 500;

/** The bucket at an endpoint. */
export function s3Store({ endpoint, bucket, region, idle = IDLE, ...keys }: S3Options): Store {
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  const client = new AwsClient({
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    service: "s3",
    region: region ?? regionOf(endpoint),
    retries: 2,
  });
  const root = `${endpoint.replace(/\/+$/, "")}/${encodeURIComponent(bucket)}`;
  const at = (key: string, query: Readonly<Record<string, string>> = {}): string => {
    const search = new URLSearchParams(query).toString();
    return `${root}/${key.split("/").map(encoded).join("/")}${search === "" ? "" : `?${search}`}`;
  };
  const ask = async (url: string, init: RequestInit = {}, missing?: 404): Promise<Response | undefined> => {
    const response = await client.fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT) });
    if (response.ok) return response;
    const said = await response.text();
    if (response.status === missing) return undefined;
    const [, code = "", message = said.slice(0, MAX_REFUSAL)] =
      /<Code>([^<]*)<\/Code>(?:\s*<Message>([^<]*)<\/Message>)?/.exec(said) ?? [];
    throw new RefusedError(
      `${new URL(url).host} answered ${response.status} ${code}: ${message}`.trim(),
      response.status,
      code,
    );
  };
  /** What is there, or it throws. */
  const answer = async (url: string, init?: RequestInit): Promise<Response> => (await ask(url, init)) as Response;
  const check = async (key: string, expected: Expected) => {
    if (expected === undefined) return;
    const response = await ask(at(key), { method: "HEAD" }, 404);
    checkExpected(key, expected, response && etagOf(response));
  };
  return {
    name: bucket,
    async get(key) {
      const url = at(key);
      // Its time is that of the answer's head, not of all that is read from it.
      const late = new AbortController();
      const timer = setTimeout(() => late.abort(new Error(`${new URL(url).host} does not answer`)), TIMEOUT);
      const response = await client.fetch(url, { signal: late.signal }).finally(() => clearTimeout(timer));
      if (response.status === 404) {
        await response.body?.cancel();
        return undefined;
      }
      if (!response.ok || response.body === null) throw new Error(`${new URL(url).host} answered ${response.status}`);
      return {
        body: lively(response.body, key, idle),
        size: Number(response.headers.get("Content-Length")),
        etag: etagOf(response),
      };
    },
    async *list(prefix) {
      for (let token: string | undefined; ; ) {
        const url = at("", {
          "list-type": "2",
          "encoding-type": "url",
          prefix,
          ...(token !== undefined && { "continuation-token": token }),
        });
        const text = await (await answer(url)).text();
        // Whoever else answers with 200 has not said that there is nothing.
        if (!text.includes("<ListBucketResult")) throw new Error(`${new URL(url).host} gave no listing`);
        for (const [, object = ""] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
          const key = decodeURIComponent(field(object, "Key").replaceAll("+", " "));
          yield { key, size: Number(field(object, "Size")), etag: unquoted(field(object, "ETag")) };
        }
        token = field(text, "NextContinuationToken");
        if (field(text, "IsTruncated") !== "true") return;
        if (token === "") throw new Error(`${new URL(url).host} gave a part of a listing, and not how to go on`);
      }
    },
    async put(key, bytes, expected) {
      const put = async (headers: Readonly<Record<string, string>>) =>
        etagOf(await answer(at(key), { method: "PUT", body: bytes, headers }));
      try {
        return await put(conditionOf(expected));
      } catch (error) {
        if (!(error instanceof RefusedError) || expected === undefined) throw error;
        const { status, code } = error;
        if (status === 412 || status === 409 || code === "NoSuchKey") throw new ConflictError(key);
        if (status !== 501) throw error;
        // One that knows no conditions for writes.
        await check(key, expected);
        return put({});
      }
    },
    async upload(key, expected): Promise<Upload> {
      const begun = await (await answer(at(key, { uploads: "" }), { method: "POST" })).text();
      const uploadId = field(begun, "UploadId");
      if (uploadId === "") throw new Error(`${new URL(root).host} gave the upload no id`);
      const etags: string[] = [];
      return {
        async part(number, bytes) {
          const url = at(key, { partNumber: `${number}`, uploadId });
          etags[number - 1] = etagOf(await answer(url, { method: "PUT", body: bytes }));
        },
        async complete() {
          await check(key, expected);
          const parts = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`);
          const body = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
          const said = await (await answer(at(key, { uploadId }), { method: "POST", body })).text();
          // It may say 200 first, and then that it failed.
          if (!said.includes("<CompleteMultipartUploadResult")) throw new Error(said.slice(0, MAX_REFUSAL));
          return unquoted(field(said, "ETag"));
        },
        abort: async () => void (await ask(at(key, { uploadId }), { method: "DELETE" }, 404)),
      };
    },
    async delete(key, expected) {
      await check(key, expected);
      await ask(at(key), { method: "DELETE" }, 404);
    },
  };
}

/** The endpoint said no. */
class RefusedError extends Error {
  override name = "RefusedError";
  /** Of its answer. */
  readonly status: number;
  /** Its own word for it; empty when it has none. */
  readonly code: string;

  constructor(message: string, status: number, code: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** What is expected, as a write says it. */
const conditionOf = (expected: Expected): Readonly<Record<string, string>> =>
  expected === undefined ? {} : expected === null ? { "If-None-Match": "*" } : { "If-Match": `"${expected}"` };

/** The region of which an endpoint speaks; `auto` is what R2 wants, and others do not look at. */
function regionOf(endpoint: string): string {
  const { hostname } = new URL(endpoint);
  const [, region] = /^s3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com/.exec(hostname) ?? [];
  return region ?? (hostname.endsWith(".r2.cloudflarestorage.com") ? "auto" : "us-east-1");
}

const etagOf = (response: Response): string => unquoted(response.headers.get("ETag") ?? "");

const unquoted = (text: string): string => text.replaceAll("&quot;", '"').replace(/^"|"$/g, "");

/** The text of an element of XML that has only text in it; empty when there is none. */
const field = (xml: string, name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? "";

/** A part of a path, as signatures want it. */
const encoded = (part: string): string =>
  encodeURIComponent(part).replace(/[!'()*]/g, letter => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
