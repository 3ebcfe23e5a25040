/** Backups: directories of the sandbox in a bucket of the Worker's, streamed through the object; and back, all or nothing. */

import type { Sandbox } from "../client.ts";
import { checkDirectory, checkedOptions, checkId } from "./backup/options.ts";
import { backupStore } from "./backup/place.ts";
import type { Context } from "./context.ts";
import { createError, SandboxError, sandboxError } from "./errors.ts";
import { type Store, write } from "./store/store.ts";
import type { BackupOptions, DirectoryBackup, RestoreBackupResult } from "./types.ts";

/** What is written beside an archive. The first fields are the stock package's. */
interface Metadata {
  readonly id: string;
  readonly dir: string;
  readonly name: string | null;
  readonly sizeBytes: number;
  /** Seconds. */
  readonly ttl: number;
  /** ISO 8601. */
  readonly createdAt: string;
  /** How it is packed: absent of one that is not ours. */
  readonly format?: typeof FORMAT;
  /** Of the archive, in hexadecimal. */
  readonly sha256?: string;
  /** Entries in it. */
  readonly entries?: number;
}

/** A compressed tar with a checksum of its own. */
const FORMAT = "sandwire-backup-1";

/** Milliseconds before its end at which a backup counts as expired: it would be taken away while it is read. */
const TTL_BUFFER = 60_000;

/** How often a restore is begun anew when the sandbox was started anew meanwhile. */
const MAX_RECOVERY = 2;

/** How a backup goes on that nobody interrupts. */
type Phase = "preparing" | "archiving" | "restoring" | "verifying";

/**
 * Keeps a directory in the bucket of the binding `BACKUP_BUCKET`, or in one by its S3 endpoint (`BACKUP_BUCKET_NAME` …): its
 * archive goes there in parts while it is made. When it fails nothing is left in the bucket. What is expired is not removed
 * by itself: set a lifecycle rule for `backups/`.
 *
 * @throws InvalidBackupConfigError, BackupCreateError; OperationInterruptedError when the sandbox ended meanwhile.
 */
export async function createBackup(context: Context, options: BackupOptions): Promise<DirectoryBackup> {
  const local = options.localBucket === true;
  const store = backupStore(context.object.env, local);
  const { dir, name, ttl, pack } = checkedOptions(options, context.cwd);
  return context.object.inTurn("backup", async () => {
    const id = crypto.randomUUID();
    const [archiveKey, metaKey] = keysOf(id);
    const still = fence(context, "backup.create");
    let phase: Phase = "preparing";
    try {
      const client = await context.client();
      still(phase);
      phase = "archiving";
      const archive = client.createBackup(dir, pack);
      const { size } = await write(store, archiveKey, archive as unknown as ReadableStream<Uint8Array>);
      const { sha256, entries, archiveBytes } = await archive.result;
      if (size !== archiveBytes) throw new Error(`the archive has ${archiveBytes} bytes, and ${size} were written`);
      still(phase);
      phase = "verifying";
      const createdAt = new Date().toISOString();
      const meta: Metadata = { id, dir, name, sizeBytes: size, ttl, createdAt, format: FORMAT, sha256, entries };
      await store.put(metaKey, new TextEncoder().encode(JSON.stringify(meta)));
      return { id, dir, ...(local && { localBucket: true }) };
    } catch (error) {
      await Promise.allSettled([store.delete(archiveKey), store.delete(metaKey)]);
      // Whatever it failed with then: that is why.
      still(phase);
      throw failed(error, "backup.create", phase, { dir, backupId: id });
    }
  });
}

/**
 * Puts a directory back as it was kept, in the place of what is there; `backup.dir` may be another directory than the one
 * that was kept. All of it or nothing: until everything is there and proven, nothing has changed.
 *
 * @throws InvalidBackupConfigError, BackupNotFoundError, BackupExpiredError, BackupRestoreError; OperationInterruptedError
 * when the sandbox was destroyed meanwhile, or ended again and again.
 */
export async function restoreBackup(context: Context, backup: DirectoryBackup): Promise<RestoreBackupResult> {
  const { id, dir, localBucket = false } = backup;
  const store = backupStore(context.object.env, localBucket);
  checkId(id);
  checkDirectory(dir, context.cwd);
  return context.object.inTurn("backup", async () => {
    const still = fence(context, "backup.restore");
    for (let recoveryAttempts = 0; ; recoveryAttempts += 1) {
      let phase: Phase = "preparing";
      try {
        const { sha256 } = await metadataOf(store, id, dir);
        const client = await context.client();
        still(phase);
        phase = "restoring";
        await restore(client, store, { id, dir, sha256 });
        still("verifying");
        return { success: true, dir, id };
      } catch (error) {
        still(phase);
        const failure = failed(error, "backup.restore", phase, { dir, backupId: id });
        // A restore that was cut left nothing behind, so it may be begun again.
        if (failure.code !== "OPERATION_INTERRUPTED") throw failure;
        if (recoveryAttempts < MAX_RECOVERY) continue;
        const reason = "recovery_exhausted";
        const attempts = { recoveryAttempts, maxRecoveryAttempts: MAX_RECOVERY };
        throw createError("OPERATION_INTERRUPTED", failure.message, { ...failure.context, reason, ...attempts });
      }
    }
  });
}

async function restore(
  client: Sandbox,
  store: Store,
  { id, dir, sha256 }: { readonly id: string; readonly dir: string; readonly sha256: string },
): Promise<void> {
  const archive = await store.get(keysOf(id)[0]);
  if (archive === undefined) throw notFound(id, `the archive of the backup ${id} is not in ${store.name} any more`);
  try {
    await client.restoreBackup(dir, archive.body, { sha256, replace: true });
  } catch (error) {
    await archive.body.cancel(error).catch(() => {});
    throw error;
  }
}

/** What is known of a backup that can be restored. */
async function metadataOf(store: Store, id: string, dir: string): Promise<Metadata & { readonly sha256: string }> {
  const stored = await store.get(keysOf(id)[1]);
  if (stored === undefined) throw notFound(id, `there is no backup ${id} in ${store.name}`);
  const meta = (await new Response(stored.body).json()) as Metadata;
  const createdAt = Date.parse(meta.createdAt);
  const about = { dir, backupId: id };
  if (Number.isNaN(createdAt)) {
    throw createError("BACKUP_RESTORE_FAILED", `nobody knows when the backup ${id} was made: ${meta.createdAt}`, about);
  }
  const expiresAt = createdAt + meta.ttl * 1000;
  if (Date.now() + TTL_BUFFER > expiresAt) {
    const message = `the backup ${id} of ${meta.createdAt} has expired: it was to be kept for ${meta.ttl} s`;
    throw createError("BACKUP_EXPIRED", message, { backupId: id, expiredAt: new Date(expiresAt).toISOString() });
  }
  const { sha256, format } = meta;
  if (format !== FORMAT || sha256 === undefined) {
    const message = `the backup ${id} was not made by this package, whose archives are compressed tars: make it anew`;
    throw createError("BACKUP_RESTORE_FAILED", message, about);
  }
  return { ...meta, sha256 };
}

/** Keys of the archive, and of what is said of it. */
const keysOf = (id: string): [archive: string, meta: string] => [`backups/${id}/data.tar`, `backups/${id}/meta.json`];

/** Throws from the moment on that the sandbox was destroyed: what was for the old one does not happen to the new one. */
function fence(context: Context, operation: string): (phase: Phase) => void {
  const { life } = context.object;
  return phase => {
    if (context.object.life === life) return;
    const reason = "sandbox_lifetime_changed";
    const about = { reason, operation, phase, admitted: true, retryable: false };
    throw createError("OPERATION_INTERRUPTED", "the sandbox was destroyed meanwhile", about);
  };
}

function failed(
  error: unknown,
  operation: "backup.create" | "backup.restore",
  phase: Phase,
  about: { readonly dir: string; readonly backupId: string },
): SandboxError {
  const known = sandboxError(error, { operation, path: about.dir });
  switch (known.code) {
    case "OPERATION_INTERRUPTED":
      return createError(
        "OPERATION_INTERRUPTED",
        known.message,
        { ...known.context, operation, phase },
        { cause: error },
      );
    case "CONTAINER_UNAVAILABLE":
    case "RPC_TRANSPORT_ERROR":
      return known;
    default: {
      if (error instanceof SandboxError && /^BACKUP_|^INVALID_BACKUP/.test(known.code)) return known;
      const code = operation === "backup.create" ? "BACKUP_CREATE_FAILED" : "BACKUP_RESTORE_FAILED";
      const doing = operation === "backup.create" ? "kept" : "restored";
      const message = `${about.dir} could not be ${doing}: ${known.message}`;
      return createError(code, message, { ...about, stderr: known.message }, { operation, cause: error });
    }
  }
}

const notFound = (backupId: string, message: string): SandboxError =>
  createError("BACKUP_NOT_FOUND", message, { backupId });
