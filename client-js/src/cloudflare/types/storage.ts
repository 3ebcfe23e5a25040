/** Types of mounted buckets and backups, in the shape of the stock package. */

/** Who keeps a bucket. */
export type BucketProvider = "r2" | "s3" | "gcs";

/** Keys of a bucket. */
export interface BucketCredentials {
  accessKeyId: string;
  secretAccessKey: string;
}

/** A bucket by its S3 endpoint. */
export interface RemoteMountBucketOptions {
  endpoint: string;
  provider?: BucketProvider;
  credentials?: BucketCredentials;
  /** Default: false. */
  readOnly?: boolean;
  s3fsOptions?: string[];
  /** Only what is below it. Begins with `/`. */
  prefix?: string;
  /** Keep the keys out of the sandbox. Default: false. */
  credentialProxy?: boolean;
}

/** A bucket of `wrangler dev`, by its binding. */
export interface LocalMountBucketOptions {
  localBucket: true;
  prefix?: string;
  readOnly?: boolean;
}

/** A bucket by its R2 binding. */
export interface R2BindingMountBucketOptions {
  endpoint?: never;
  prefix?: string;
  readOnly?: boolean;
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
  name?: string;
  /** Seconds to keep it. Default: 259200, three days. */
  ttl?: number;
  /** Leave out what Git ignores. Default: false. */
  gitignore?: boolean;
  /** Globs to leave out. */
  excludes?: string[];
  localBucket?: boolean;
  compression?: BackupCompressionOptions;
  /** Default: true. */
  multipart?: boolean;
}

/** A backup: plain data, to be kept anywhere. */
export interface DirectoryBackup {
  readonly id: string;
  readonly dir: string;
  readonly localBucket?: boolean;
}

/** A backup that was restored. */
export interface RestoreBackupResult {
  success: boolean;
  dir: string;
  id: string;
}
