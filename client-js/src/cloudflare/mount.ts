/** Buckets as directories: by their S3 endpoint through s3fs in the sandbox, or mirrored by the object, which keeps the keys. */

import { SandwireError } from "../error.ts";
import type { Context } from "./context.ts";
import {
  BucketMountError,
  BucketUnmountError,
  InvalidMountConfigError,
  MissingCredentialsError,
  S3FSMountError,
  sandboxError,
} from "./errors.ts";
import { checkMount, checkPath, isRemote, keyPrefix } from "./mount/options.ts";
import { keysIn } from "./store/keys.ts";
import type { MountBucketOptions, RemoteMountBucketOptions } from "./types.ts";

/**
 * Mounts a bucket at a directory of the sandbox, until `unmountBucket`, `destroy()` or the end of the container's run. Calls
 * take turns.
 *
 * With an `endpoint` by s3fs in the sandbox, which has the keys then: those of `credentials`, else of the Worker's environment,
 * else of the sandbox's variables.
 *
 * A binding (`localBucket`, or no `endpoint`), and an endpoint with `credentialProxy`, are mirrored: the object, which alone can
 * reach the bucket, carries files from one side to the other when they change. What is written in the sandbox is in the
 * bucket about a second after, what changes in the bucket is in the sandbox within 15 seconds; what changed on both is kept
 * twice. Files are carried whole, 20,000 at the most, and take room in the sandbox; options of s3fs have no meaning there.
 *
 * @throws InvalidMountConfigError, MissingCredentialsError, S3FSMountError, BucketMountError.
 */
export async function mountBucket(
  context: Context,
  bucket: string,
  mountPath: string,
  options: MountBucketOptions = {},
): Promise<void> {
  checkMount(bucket, mountPath, options);
  const path = normal(mountPath);
  const { object } = context;
  await object.inTurn("mount", () =>
    attempt(async () => {
      if (isRemote(options) && !options.credentialProxy) return mountRemote(context, bucket, path, options);
      const { prefix, readOnly = false } = options;
      const remote = isRemote(options) ? { endpoint: options.endpoint, ...keysOf(options) } : {};
      const mirrored = { bucket, prefix: keyPrefix(prefix), readOnly, ...remote };
      object.mounts.check(mirrored);
      await object.mounts.mirror(await context.client(), path, mirrored);
    }),
  );
}

/**
 * Unmounts a bucket; of one that is mirrored, when everything was carried over.
 *
 * @throws InvalidMountConfigError when nothing is mounted there; BucketUnmountError.
 */
export async function unmountBucket(context: Context, mountPath: string): Promise<void> {
  checkPath(mountPath);
  const path = normal(mountPath);
  const { object } = context;
  await object.inTurn("mount", () =>
    attempt(async () => {
      const client = await context.client();
      if (!object.mounts.isMirror(path)) {
        await client.unmountBucket(path);
        object.mounts.note(client, path, false);
        return;
      }
      try {
        await object.mounts.unmirror(client, path);
      } catch (error) {
        const { message } = sandboxError(error, { path });
        throw new BucketUnmountError(
          `${mountPath} stays mounted, for not everything could be carried over: ${message}`,
        );
      }
    }),
  );
}

async function mountRemote(
  context: Context,
  bucket: string,
  path: string,
  options: RemoteMountBucketOptions,
): Promise<void> {
  const { endpoint, provider, readOnly, prefix, s3fsOptions, credentials } = options;
  const keys = credentials ?? keysIn(context.object.env);
  const client = await context.client();
  context.object.mounts.checkPlace(path, false);
  await client.mountBucket(bucket, path, {
    endpoint,
    provider,
    readOnly,
    ...(keyPrefix(prefix) !== "" && { prefix: keyPrefix(prefix).slice(0, -1) }),
    ...(s3fsOptions !== undefined && { options: s3fsOptions }),
    ...keys,
  });
  context.object.mounts.note(client, path, true);
}

/** The keys that a call says, to be kept with what it asks for. */
const keysOf = ({ credentials }: RemoteMountBucketOptions) => (credentials === undefined ? {} : { keys: credentials });

const normal = (path: string): string => path.replace(/\/{2,}/g, "/").replace(/(?<=.)\/+$/, "");

/** Runs it; what it throws is of the drop-in. */
async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw mountError(error);
  }
}

function mountError(error: unknown): Error {
  if (error instanceof BucketMountError) return error;
  if (!(error instanceof SandwireError)) return sandboxError(error);
  const { code, message } = error;
  switch (code) {
    case "MISSING_CREDENTIALS":
      return new MissingCredentialsError(message);
    case "INVALID_MOUNT_CONFIG":
    case "MOUNT_NOT_FOUND":
      return new InvalidMountConfigError(message);
    case "S3FS_MOUNT_ERROR":
      return new S3FSMountError(message);
    case "BUCKET_UNMOUNT_ERROR":
      return new BucketUnmountError(message);
    case "BUCKET_MOUNT_ERROR":
      return new BucketMountError(message);
    default:
      return sandboxError(error);
  }
}
