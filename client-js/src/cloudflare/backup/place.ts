/** Where backups are kept: in the bucket of a binding, or in one by its S3 endpoint, as the Worker's environment says. */

import { keysIn } from "../store/keys.ts";
import { bucketStore, isBucket } from "../store/r2.ts";
import { s3Store } from "../store/s3.ts";
import type { Store } from "../store/store.ts";
import { misconfigured } from "./options.ts";

/** What the environment may say of it; the names are the stock package's. */
interface Variables {
  /** Binding of an R2 bucket. */
  readonly BACKUP_BUCKET?: unknown;
  /** Name of a bucket that is reached by its S3 endpoint. */
  readonly BACKUP_BUCKET_NAME?: unknown;
  /** Origin of the S3 endpoint. Default: that of R2 for the account; of Amazon S3 when there is none. */
  readonly BACKUP_BUCKET_ENDPOINT?: unknown;
  /** Account whose R2 it is. */
  readonly CLOUDFLARE_R2_ACCOUNT_ID?: unknown;
  /** The same. */
  readonly CLOUDFLARE_ACCOUNT_ID?: unknown;
  /** Region of the bucket, for Amazon S3. */
  readonly AWS_REGION?: unknown;
}

/**
 * The bucket for backups: `BACKUP_BUCKET` when there is such a binding, else `BACKUP_BUCKET_NAME` with keys.
 *
 * @param local - only the binding will do.
 * @throws InvalidBackupConfigError when nothing says where.
 */
export function backupStore(env: unknown, local: boolean): Store {
  const said = (env ?? {}) as Variables;
  if (isBucket(said.BACKUP_BUCKET)) return bucketStore(said.BACKUP_BUCKET, "BACKUP_BUCKET");
  if (local) throw misconfigured("Missing BACKUP_BUCKET R2 binding");
  const bucket = text(said.BACKUP_BUCKET_NAME);
  if (bucket === undefined) {
    throw misconfigured("Missing BACKUP_BUCKET R2 binding, or BACKUP_BUCKET_NAME of a bucket that has an S3 endpoint");
  }
  const keys = keysIn(env);
  if (keys === undefined) {
    throw misconfigured(
      "Missing env vars: R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    );
  }
  const region = text(said.AWS_REGION);
  return s3Store({ bucket, endpoint: endpointOf(said, region), region, ...keys });
}

function endpointOf(said: Variables, region: string | undefined): string {
  const account = text(said.CLOUDFLARE_R2_ACCOUNT_ID) ?? text(said.CLOUDFLARE_ACCOUNT_ID);
  const given = text(said.BACKUP_BUCKET_ENDPOINT);
  if (given === undefined) {
    if (account !== undefined) return `https://${account}.r2.cloudflarestorage.com`;
    if (region !== undefined) return `https://s3.${region}.amazonaws.com`;
    throw misconfigured("Missing env vars: BACKUP_BUCKET_ENDPOINT, CLOUDFLARE_R2_ACCOUNT_ID or AWS_REGION");
  }
  if (!URL.canParse(given)) throw misconfigured("BACKUP_BUCKET_ENDPOINT is not a valid URL");
  const { protocol, hostname, pathname, search, hash, origin } = new URL(given);
  // What is signed and sent in the clear could be read; on this machine there is nobody to read it.
  const here = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  if (protocol !== "https:" && !(protocol === "http:" && here)) {
    throw misconfigured("BACKUP_BUCKET_ENDPOINT must use https://");
  }
  if (pathname !== "/" || search !== "" || hash !== "") {
    throw misconfigured(
      "BACKUP_BUCKET_ENDPOINT must be only the origin, e.g. https://<account_id>.r2.cloudflarestorage.com",
    );
  }
  return origin;
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
