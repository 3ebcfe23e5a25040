/**
 * Errors across the RPC of Durable Objects, which carries an error's name and message, and little else: class, code and
 * context would be lost. So an error crosses as plain data, as a value, and is made anew on the other side.
 */

import type { ErrorResponse, SandboxError } from "./base.ts";
import { sandboxError } from "./convert.ts";
import { createError, errorFromResponse } from "./create.ts";
import {
  BucketMountError,
  BucketUnmountError,
  InvalidMountConfigError,
  MissingCredentialsError,
  S3FSMountError,
} from "./mount.ts";

/** The error as plain data: structured clone and JSON carry it whole. What is no error of the drop-in is made one. */
export function responseOf(error: unknown, operation?: string): ErrorResponse {
  if (error instanceof BucketMountError) return createError(error.code, error.message, {}).errorResponse;
  const { errorResponse } = sandboxError(error);
  if (errorResponse.code !== "OPERATION_INTERRUPTED" || operation === undefined) return errorResponse;
  return { ...errorResponse, context: { ...errorResponse.context, operation } };
}

/** The error that was made plain data: an instance of its class, with everything but its cause. */
export function errorFrom(response: ErrorResponse): SandboxError | BucketMountError {
  const { code, message } = response;
  switch (code) {
    case "BUCKET_MOUNT_ERROR":
      return new BucketMountError(message);
    case "S3FS_MOUNT_ERROR":
      return new S3FSMountError(message);
    case "BUCKET_UNMOUNT_ERROR":
      return new BucketUnmountError(message);
    case "MISSING_CREDENTIALS":
      return new MissingCredentialsError(message);
    case "INVALID_MOUNT_CONFIG":
      return new InvalidMountConfigError(message);
    default:
      return errorFromResponse(response);
  }
}
