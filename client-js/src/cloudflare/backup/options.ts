/** What `createBackup` and `restoreBackup` take, and the rules that it must keep. */

import type { CreateBackupOptions } from "../../kinds/backup.ts";
import { createError, type SandboxError } from "../errors.ts";
import type { BackupCompressionOptions, BackupOptions } from "../types.ts";

/** Directories below which a backup may be: those of the stock package. */
const ROOTS = ["/workspace", "/home", "/tmp", "/var/tmp", "/app"];

/** Seconds that a backup is kept for, unless told otherwise: three days. */
const DEFAULT_TTL = 259_200;

/** Characters of a name. */
const MAX_NAME = 256;

/** How the stock package's formats are packed here: each as fast, or as small, as it is meant. */
const COMPRESSION: Readonly<Record<string, Pick<CreateBackupOptions, "compression" | "level">>> = {
  lz4: { compression: "zstd", level: 1 },
  gzip: { compression: "gzip" },
  zstd: { compression: "zstd" },
};

/** Options that were checked, with their defaults. */
export interface CheckedOptions {
  /** The directory. */
  readonly dir: string;
  /** Its name, for people. */
  readonly name: string | null;
  /** Seconds. */
  readonly ttl: number;
  /** What the sandbox's server is told. */
  readonly pack: Pick<CreateBackupOptions, "exclude" | "gitignore" | "compression" | "level">;
}

/**
 * Checks what `createBackup` was given.
 *
 * @param workspace - the sandbox's own workspace: it may be kept wherever it is.
 * @throws InvalidBackupConfigError.
 */
export function checkedOptions(options: BackupOptions, workspace: string): CheckedOptions {
  const { dir, name, ttl = DEFAULT_TTL, gitignore = false, excludes = [], compression = {} } = options;
  checkDirectory(dir, workspace);
  if (name !== undefined && (typeof name !== "string" || name.length > MAX_NAME)) {
    throw misconfigured(`name must be a text of at most ${MAX_NAME} characters`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (name !== undefined && /[\u0000-\u001f\u007f]/.test(name)) {
    throw misconfigured("name must not contain control characters");
  }
  if (!(typeof ttl === "number" && ttl > 0)) throw misconfigured("ttl must be a positive number of seconds");
  if (typeof gitignore !== "boolean") throw misconfigured("gitignore must be a boolean");
  if (!Array.isArray(excludes) || !excludes.every(glob => typeof glob === "string")) {
    throw misconfigured("excludes must be an array of strings");
  }
  return { dir, name: name || null, ttl, pack: { exclude: excludes, gitignore, ...packing(compression) } };
}

/**
 * How the server packs what is to be compressed so.
 *
 * @throws InvalidBackupConfigError.
 */
export function packing(compression: BackupCompressionOptions): Pick<CreateBackupOptions, "compression" | "level"> {
  if (typeof compression !== "object" || compression === null) throw misconfigured("compression must be an object");
  const { format = "lz4", threads = 1 } = compression;
  const how = Object.hasOwn(COMPRESSION, format) ? COMPRESSION[format] : undefined;
  if (how === undefined) throw misconfigured("compression.format must be one of: gzip, lz4, zstd");
  if (!(Number.isInteger(threads) && threads > 0)) {
    throw misconfigured("compression.threads must be a positive integer");
  }
  return how;
}

/**
 * Checks a directory that is kept or restored.
 *
 * @throws InvalidBackupConfigError.
 */
export function checkDirectory(dir: unknown, workspace: string): asserts dir is string {
  if (typeof dir !== "string" || !dir.startsWith("/")) throw misconfigured("dir must be an absolute path");
  if (dir.includes("\0")) throw misconfigured("dir must not contain null bytes");
  if (dir.split("/").includes("..")) throw misconfigured('dir must not contain ".." path segments');
  const roots = [...ROOTS, workspace];
  if (roots.some(root => dir === root || dir.startsWith(`${root}/`))) return;
  throw misconfigured(`dir must be inside one of the supported backup roots (${[...new Set(roots)].join(", ")})`);
}

/**
 * Checks the id of a backup.
 *
 * @throws InvalidBackupConfigError.
 */
export function checkId(id: unknown): asserts id is string {
  if (typeof id === "string" && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return;
  throw misconfigured("id must be a valid UUID (e.g. from createBackup)");
}

/** A configuration or an option is not valid. */
export const misconfigured = (reason: string): SandboxError =>
  createError("INVALID_BACKUP_CONFIG", `the backup is not configured rightly: ${reason}`, { reason });
