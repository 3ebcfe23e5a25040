/** `backup.*`: a directory as one compressed archive that proves itself, and back: all of it or nothing. */

import type { ByteStream, Content } from "../web.ts";
import { begin, type Call, type CallOptions, fromWire, type Path, pick } from "./call.ts";
import { Mounts } from "./mount.ts";
import { readable } from "./sequence.ts";
import { feed } from "./stream.ts";

/** How far a backup or a restore is. */
export interface BackupProgress {
  /** Entries so far. */
  readonly entries: number;
  /** Bytes of file content so far. */
  readonly bytes: number;
  /** Bytes of the archive so far. */
  readonly archiveBytes: number;
}

/** What to keep, and how. */
export interface CreateBackupOptions extends CallOptions {
  /** Leave out what matches one of these globs, with all that is in it. */
  readonly exclude?: readonly string[] | undefined;
  /** Leave out what `.gitignore` leaves out. Default: false. */
  readonly gitignore?: boolean | undefined;
  /** How the archive is compressed. Default: `"zstd"`. */
  readonly compression?: "zstd" | "gzip" | "none" | undefined;
  /** How hard it tries: 1, the fastest, to 9. Default: 3 with zstd, 6 with gzip. Not with `"none"`. */
  readonly level?: number | undefined;
  /** Called while it goes on. */
  readonly onProgress?: ((progress: BackupProgress) => void) | undefined;
}

/** What an archive has in it. */
export interface BackupResult {
  /** Entries, the directory itself included. */
  readonly entries: number;
  /** Bytes of file content. */
  readonly bytes: number;
  /** Bytes of the archive. */
  readonly archiveBytes: number;
  /** SHA-256 of the archive, in hexadecimal. */
  readonly sha256: string;
  /** The first 100 paths that were left out: devices, FIFOs, sockets, what could not be read or changed meanwhile. */
  readonly skipped: readonly string[];
}

/** The archive as a stream, with what is known of it when all of it was read. */
export type BackupStream = ByteStream & {
  /** Nobody has to look; but only when it resolves is the archive whole. */
  readonly result: Promise<BackupResult>;
};

/** How to restore. */
export interface RestoreBackupOptions extends CallOptions {
  /** SHA-256 that the archive must have, in hexadecimal. Its own checksum is looked at in any case. */
  readonly sha256?: string | undefined;
  /** Replace what is in the directory now. Default: false, and `DirectoryNotEmptyError` when it has anything. */
  readonly replace?: boolean | undefined;
  /** Called while it goes on. */
  readonly onProgress?: ((progress: BackupProgress) => void) | undefined;
}

/** What was restored. */
export interface RestoreResult {
  /** Entries. */
  readonly entries: number;
  /** Bytes of file content. */
  readonly bytes: number;
  /** Whether something was there before, which is gone now. */
  readonly replaced: boolean;
}

type Down = { readonly progress?: object };

/** Backups of directories. */
export class Backups extends Mounts {
  /**
   * A directory with all that is in it, as one compressed archive: read it to its end, for it has its checksum there. Leaving
   * the stream ends it.
   *
   * @example
   * ```ts
   * await sandbox.writeFile("site/index.html", "<h1>hello</h1>", { parents: true });
   * const archive = sandbox.createBackup("site", { exclude: ["node_modules"] });
   * const { entries } = await sandbox.restoreBackup("site-again", archive);
   * console.log(entries, (await archive.result).sha256);
   * ```
   */
  createBackup(path: Path, options: CreateBackupOptions = {}): BackupStream {
    const params = { path, ...pick(options, "exclude", "gitignore", "compression", "level") };
    const call: Call<never, Down, object> = begin(this.endpoint, "backup.create", params, options);
    const result = call.result().then(end => ({ skipped: [], ...fromWire<Omit<BackupResult, "skipped">>(end) }));
    // Nobody has to look.
    result.catch(() => {});
    const next = async () => {
      for (let item = await call.next(); item; item = await call.next()) {
        if (item.type === "data") return item.data;
        tell(call, item, options.onProgress);
      }
      await call.result();
      return undefined;
    };
    return Object.assign(readable(next, call.cancel), { result });
  }

  /**
   * Puts a directory back exactly as an archive has it, in one step: when all of it was unpacked beside it and proven. An
   * archive that is cut short or damaged, a full disk, a client that leaves: then everything is as it was.
   *
   * Errors: `DirectoryNotEmptyError` without `replace`, `BackupDamagedError` when the archive is not whole.
   */
  async restoreBackup(path: Path, archive: Content, options: RestoreBackupOptions = {}): Promise<RestoreResult> {
    const params = { path, ...pick(options, "sha256", "replace") };
    const call: Call<never, Down, object> = begin(this.endpoint, "backup.restore", params, options);
    feed(call, archive);
    for (let item = await call.next(); item; item = await call.next()) tell(call, item, options.onProgress);
    return { replaced: false, ...fromWire<Omit<RestoreResult, "replaced">>(await call.result()) };
  }
}

/** Tells of progress, when it is that. What `onProgress` throws ends the work, so that nothing goes on that its caller takes for ended. */
function tell(
  call: Pick<Call<never, Down, object>, "cancel">,
  item: { readonly type: string; readonly event?: Down },
  onProgress: ((progress: BackupProgress) => void) | undefined,
): void {
  const progress = item.event?.progress;
  if (!progress) return;
  try {
    onProgress?.({ entries: 0, bytes: 0, archiveBytes: 0, ...fromWire<Partial<BackupProgress>>(progress) });
  } catch (error) {
    call.cancel(error);
    throw error;
  }
}
