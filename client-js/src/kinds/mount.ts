/** `mount.*`: buckets that speak S3, as directories. */

import { type CallOptions, fromWire, type Path, pick } from "./call.ts";
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
  /** Id of the key. Default: `AWS_ACCESS_KEY_ID` or `R2_ACCESS_KEY_ID` of the sandbox's variables. */
  readonly accessKeyId?: string | undefined;
  /** The key. It is in no process list, no log and no file that a command could read. Default: as with the id. */
  readonly secretAccessKey?: string | undefined;
  /** Token of temporary keys. */
  readonly sessionToken?: string | undefined;
  /** Nothing can be written. Default: false. */
  readonly readOnly?: boolean | undefined;
  /** Only what is below it. */
  readonly prefix?: string | undefined;
  /** More options of the file system (s3fs): `name` or `name=value`. */
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
  /** How it is, as the server said. */
  readonly state: string;
  /** When it was mounted. */
  readonly createdAt: Date;
}

/** Buckets. */
export class Mounts extends SandboxVariables {
  /**
   * Mounts a bucket at a directory, which is made when it is missing: what is in it can be used as files, by every command.
   * It is unmounted when the server ends.
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
    return mountOf(await this.call("mount.create", params, options));
  }

  /** Unmounts it. Errors: `MountNotFoundError`, `BucketUnmountError`. */
  async unmountBucket(path: Path, options?: CallOptions): Promise<void> {
    await this.call("mount.remove", { path }, options);
  }

  /** What is mounted. */
  async listMounts(options?: CallOptions): Promise<Mount[]> {
    return (await this.call<{ mounts: object[] }>("mount.list", {}, options)).mounts.map(mountOf);
  }
}

const mountOf = (wire: object): Mount => ({ readOnly: false, ...fromWire<Omit<Mount, "readOnly">>(wire) });
