/** `mount.*`: buckets that speak S3, as directories. */

import { type CallOptions, fromWire, type Path, pick } from "./call.ts";
import { type Exit, exitOf, type WireExit } from "./command.ts";
import { SandboxVariables } from "./env.ts";

/** Who keeps a bucket: it decides what is told to the file system. */
export type BucketProvider = "r2" | "s3" | "gcs" | "other";

/** How to mount a bucket. */
export interface MountBucketOptions extends CallOptions {
  /** URL of the S3 endpoint. Default: that of Amazon S3, for the region. */
  readonly endpoint?: string | undefined;
  /** Who keeps it. Default: as the endpoint says. */
  readonly provider?: BucketProvider | undefined;
  /** Its region. Default: as the provider has it. */
  readonly region?: string | undefined;
  /**
   * Id of the key; given with the key, or not at all. Default: from the sandbox's variables, for R2 `R2_ACCESS_KEY_ID` and
   * `R2_SECRET_ACCESS_KEY`, then for all `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
   */
  readonly accessKeyId?: string | undefined;
  /** The key. It is in no process list and in no log. */
  readonly secretAccessKey?: string | undefined;
  /** Token of temporary keys. */
  readonly sessionToken?: string | undefined;
  /** Nothing can be written. Default: false. */
  readonly readOnly?: boolean | undefined;
  /** Only what is below it. */
  readonly prefix?: string | undefined;
  /** Options of the file system (s3fs), `name` or `name=value`. One that names a file, a program or a key is refused. */
  readonly options?: readonly string[] | undefined;
}

/** A mounted bucket. */
export interface Mount {
  /** The directory. */
  readonly path: string;
  /** The bytes of its name, when they are no UTF-8. */
  readonly rawPath?: Uint8Array;
  /** The bucket. */
  readonly bucket: string;
  /** URL of the S3 endpoint. */
  readonly endpoint: string;
  /** Who keeps it. */
  readonly provider: BucketProvider;
  /** Whether nothing can be written. */
  readonly readOnly: boolean;
  /** Only what is below it is there. */
  readonly prefix?: string;
  /** Whether the file system for it serves it; when it has ended, every use of the directory fails until it is unmounted. */
  readonly state: "mounted" | "ended";
  /** When it was mounted. */
  readonly createdAt: Date;
  /** How the file system's program ended, when it has. */
  readonly exit?: Exit;
}

/** Buckets. */
export class Mounts extends SandboxVariables {
  /**
   * Mounts a bucket at a directory, which is made when it is missing, and else must be empty: what is in the bucket can be
   * used as files, by every command. It is unmounted when the server ends.
   *
   * Errors: `MissingCredentialsError`, `InvalidMountConfigError`, `S3fsMountError`, `BucketMountError`.
   */
  async mountBucket(bucket: string, path: Path, options: MountBucketOptions = {}): Promise<Mount> {
    const params = {
      bucket,
      path,
      ...pick(
        options,
        "endpoint",
        "provider",
        "region",
        "access_key_id",
        "secret_access_key",
        "session_token",
        "read_only",
        "prefix",
        "options",
      ),
    };
    return mountOf(await this.call<{ readonly exit?: WireExit }>("mount.create", params, options));
  }

  /** Unmounts it. Errors: `MountNotFoundError`, `BucketUnmountError`. */
  async unmountBucket(path: Path, options?: CallOptions): Promise<void> {
    await this.call("mount.remove", { path }, options);
  }

  /** What is mounted. */
  async listMounts(options?: CallOptions): Promise<Mount[]> {
    return (await this.call<{ mounts: { readonly exit?: WireExit }[] }>("mount.list", {}, options)).mounts.map(mountOf);
  }
}

const mountOf = ({ exit, ...wire }: { readonly exit?: WireExit }): Mount => ({
  ...fromWire<Omit<Mount, "exit">>(wire),
  ...(exit && { exit: exitOf(exit) }),
});
