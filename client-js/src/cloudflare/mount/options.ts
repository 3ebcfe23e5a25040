/** What `mountBucket` takes, and the rules that it must keep. */

import { InvalidMountConfigError } from "../errors.ts";
import type { MountBucketOptions, RemoteMountBucketOptions } from "../types.ts";

/** A bucket that is mounted by its S3 endpoint. */
export const isRemote = (options: MountBucketOptions): options is RemoteMountBucketOptions =>
  "endpoint" in options && options.endpoint !== undefined && !("localBucket" in options && options.localBucket);

/**
 * Checks a mount.
 *
 * @throws InvalidMountConfigError.
 */
export function checkMount(bucket: unknown, mountPath: unknown, options: MountBucketOptions): void {
  const { prefix } = options;
  if (prefix !== undefined && !prefix.startsWith("/")) {
    throw new InvalidMountConfigError(`Prefix must start with '/': "${prefix}"`);
  }
  checkPath(mountPath);
  if (typeof bucket !== "string" || bucket === "") throw new InvalidMountConfigError("the bucket has no name");
  const [name, below] = bucket.split(":");
  if (below !== undefined) {
    throw new InvalidMountConfigError(
      `Bucket name cannot contain ':'. To mount a prefix, use the 'prefix' option: mountBucket('${name}', '${mountPath}', { prefix: '/${below}' })`,
    );
  }
  if (!isRemote(options)) return;
  const { endpoint } = options;
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    throw new InvalidMountConfigError(`Invalid endpoint URL: "${endpoint}". Must be a valid HTTP(S) URL.`);
  }
  if (!/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/.test(bucket)) {
    throw new InvalidMountConfigError(
      `Invalid bucket name: "${bucket}". It takes 1 to 63 lower case letters, digits, dots and hyphens, none of the last two at an edge.`,
    );
  }
}

/**
 * Checks where a bucket is mounted.
 *
 * @throws InvalidMountConfigError.
 */
export function checkPath(mountPath: unknown): asserts mountPath is string {
  const right =
    typeof mountPath === "string" && /^\/[^\0]*[^/\0]/.test(mountPath) && !mountPath.split("/").includes("..");
  if (!right) {
    throw new InvalidMountConfigError(
      `Invalid mount path: "${mountPath}". Must be an absolute path starting with /, and not / itself`,
    );
  }
}

/** A prefix as keys have it: without a slash at its begin, with one at its end; empty for all of a bucket. */
export function keyPrefix(prefix = ""): string {
  const inner = prefix.replace(/^\/+|\/+$/g, "");
  return inner === "" ? "" : `${inner}/`;
}

/** Whether one directory is the other, or in it. */
export const overlap = (one: string, other: string): boolean =>
  `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`);
