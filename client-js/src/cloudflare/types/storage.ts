/** Types of mounted buckets and backups, in the shape of the stock package. */

/** Who keeps a bucket. */
export type BucketProvider = "r2" | "s3" | "gcs";

/** Keys of a bucket. */
export interface BucketCredentials {
  /** The id of the key. */
  accessKeyId: string;
  /** The key. */
  secretAccessKey: string;
}

/** A bucket by its S3 endpoint. */
export interface RemoteMountBucketOptions {
  /** URL of the S3 endpoint. */
  endpoint: string;
  /** Who keeps it. Default: as the endpoint says. */
  provider?: BucketProvider;
  /** Its keys. Default: those of the environment. */
  credentials?: BucketCredentials;
  /** Default: false. */
  readOnly?: boolean;
  /** Options of s3fs. */
  s3fsOptions?: string[];
  /** Only what is below it. Begins with `/`. */
  prefix?: string;
  /** Keep the keys out of the sandbox. Default: false. */
  credentialProxy?: boolean;
}

/** A bucket of `wrangler dev`, by its binding. */
export interface LocalMountBucketOptions {
  /** Whether it is a binding of `wrangler dev`. */
  localBucket: true;
  /** Only what is below it. Begins with `/`. */
  prefix?: string;
  /** Default: false. */
  readOnly?: boolean;
}

/** A bucket by its R2 binding. */
export interface R2BindingMountBucketOptions {
  /** Never: it is known by the binding. */
  endpoint?: never;
  /** Only what is below it. Begins with `/`. */
  prefix?: string;
  /** Default: false. */
  readOnly?: boolean;
  /** Options of s3fs. */
  s3fsOptions?: string[];
}

/** Which bucket, and how. */
export type MountBucketOptions = RemoteMountBucketOptions | LocalMountBucketOptions | R2BindingMountBucketOptions;

/** How a backup is packed. */
export interface BackupCompressionOptions {
  /** Default: lz4. */
  format?: "gzip" | "lz4" | "zstd";
  /** Default: 8. */
  threads?: number;
}

/** What to keep. */
export interface BackupOptions {
  /** The directory, absolute. */
  dir: string;
  /** Its name, for people. */
  name?: string;
  /** Seconds to keep it. Default: 259200, three days. */
  ttl?: number;
  /** Leave out what Git ignores. Default: false. */
  gitignore?: boolean;
  /** Globs to leave out. */
  excludes?: string[];
  /** Keep it in a binding of `wrangler dev`. */
  localBucket?: boolean;
  /** How it is packed. */
  compression?: BackupCompressionOptions;
  /** Default: true. */
  multipart?: boolean;
}

/** A backup: plain data, to be kept anywhere. */
export interface DirectoryBackup {
  /** Its id. */
  readonly id: string;
  /** The directory. */
  readonly dir: string;
  /** Whether it is a binding of `wrangler dev`. */
  readonly localBucket?: boolean;
}

/** A backup that was restored. */
export interface RestoreBackupResult {
  /** Whether it was done. */
  success: boolean;
  /** The directory. */
  dir: string;
  /** Its id. */
  id: string;
}
