/** Errors of mounted buckets. Like those of the stock package they are no `SandboxError`: they have a code, and a message. */

import type { StockErrorCode } from "./codes.ts";

/** A bucket could not be mounted. */
export class BucketMountError extends Error {
  override readonly name: string = "BucketMountError";
  /** The stable code. */
  readonly code: StockErrorCode;

  /** Default of the code: `BUCKET_MOUNT_ERROR`. */
  constructor(message: string, code: StockErrorCode = "BUCKET_MOUNT_ERROR") {
    super(message);
    this.code = code;
  }
}

/** s3fs could not mount it. */
export class S3FSMountError extends BucketMountError {
  override readonly name: string = "S3FSMountError";

  /** Its code is `S3FS_MOUNT_ERROR`. */
  constructor(message: string) {
    super(message, "S3FS_MOUNT_ERROR");
  }
}

/** A bucket could not be unmounted. */
export class BucketUnmountError extends BucketMountError {
  override readonly name: string = "BucketUnmountError";

  /** Its code is `BUCKET_UNMOUNT_ERROR`. */
  constructor(message: string) {
    super(message, "BUCKET_UNMOUNT_ERROR");
  }
}

/** There are no credentials for the bucket. */
export class MissingCredentialsError extends BucketMountError {
  override readonly name: string = "MissingCredentialsError";

  /** Its code is `MISSING_CREDENTIALS`. */
  constructor(message: string) {
    super(message, "MISSING_CREDENTIALS");
  }
}

/** Name, path or options of a mount are not valid. */
export class InvalidMountConfigError extends BucketMountError {
  override readonly name: string = "InvalidMountConfigError";

  /** Its code is `INVALID_MOUNT_CONFIG`. */
  constructor(message: string) {
    super(message, "INVALID_MOUNT_CONFIG");
  }
}
