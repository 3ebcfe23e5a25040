/** Media types, by what content is and what its name says. */

/** Bytes by which content is known, from an offset on. */
const MAGIC: readonly (readonly [type: string, offset: number, bytes: string])[] = [
  ["image/png", 0, "\x89PNG\r\n\x1a\n"],
  ["image/jpeg", 0, "\xff\xd8\xff"],
  ["image/gif", 0, "GIF8"],
  ["image/webp", 8, "WEBP"],
  ["image/bmp", 0, "BM"],
  ["image/tiff", 0, "II*\0"],
  ["image/tiff", 0, "MM\0*"],
  ["image/x-icon", 0, "\0\0\x01\0"],
  ["image/avif", 4, "ftypavif"],
  ["application/pdf", 0, "%PDF-"],
  ["application/zip", 0, "PK\x03\x04"],
  ["application/zip", 0, "PK\x05\x06"],
  ["application/gzip", 0, "\x1f\x8b"],
  ["application/zstd", 0, "\x28\xb5\x2f\xfd"],
  ["application/x-bzip2", 0, "BZh"],
  ["application/x-xz", 0, "\xfd7zXZ\0"],
  ["application/x-7z-compressed", 0, "7z\xbc\xaf\x27\x1c"],
  ["application/x-tar", 257, "ustar"],
  ["application/x-executable", 0, "\x7fELF"],
  ["application/wasm", 0, "\0asm"],
  ["application/vnd.sqlite3", 0, "SQLite format 3\0"],
  ["audio/mpeg", 0, "ID3"],
  ["audio/mpeg", 0, "\xff\xfb"],
  ["audio/ogg", 0, "OggS"],
  ["audio/flac", 0, "fLaC"],
  ["audio/x-wav", 8, "WAVE"],
  ["video/mp4", 4, "ftyp"],
  ["video/webm", 0, "\x1aE\xdf\xa3"],
  ["font/woff", 0, "wOFF"],
  ["font/woff2", 0, "wOF2"],
];

/** Types of text, by the end of the name. */
const TEXT: Readonly<Record<string, string>> = {
  c: "text/x-c",
  cc: "text/x-c++",
  cjs: "application/javascript",
  cpp: "text/x-c++",
  css: "text/css",
  csv: "text/csv",
  go: "text/x-go",
  h: "text/x-c",
  htm: "text/html",
  html: "text/html",
  ipynb: "application/json",
  java: "text/x-java",
  js: "application/javascript",
  json: "application/json",
  jsx: "application/javascript",
  map: "application/json",
  md: "text/markdown",
  mjs: "application/javascript",
  py: "text/x-python",
  rb: "text/x-ruby",
  rs: "text/x-rust",
  sh: "text/x-shellscript",
  svg: "image/svg+xml",
  toml: "text/x-toml",
  ts: "text/x-typescript",
  tsv: "text/tab-separated-values",
  tsx: "text/x-typescript",
  xml: "application/xml",
  yaml: "text/x-yaml",
  yml: "text/x-yaml",
};

/** Types of Office documents, which are ZIP archives. */
const ZIPPED: Readonly<Record<string, string>> = {
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  epub: "application/epub+zip",
  jar: "application/java-archive",
  pptx: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
};

/** Bytes of the beginning of a file that are looked at. */
export const SNIFFED: number = 64 << 10;

/** What content is. */
export interface Kind {
  /** Its media type. */
  readonly mimeType: string;
  /** Whether it is no text: not UTF-8, or with NULs in it. */
  readonly isBinary: boolean;
}

/**
 * What a file is. Its content decides whether it is text; the name decides which text.
 *
 * @param head - Its first bytes; more than {@link SNIFFED} are not looked at.
 */
export function kindOf(path: string, head: Uint8Array): Kind {
  const bytes = head.subarray(0, SNIFFED);
  const ending = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  if (bytes.length === 0) return { mimeType: own(TEXT, ending) ?? "inode/x-empty", isBinary: false };
  if (isText(bytes))
    return { mimeType: own(TEXT, ending) ?? (isScript(bytes) ? "text/x-shellscript" : "text/plain"), isBinary: false };
  const known = MAGIC.find(([, offset, magic]) => has(bytes, offset, magic))?.[0] ?? "application/octet-stream";
  return { mimeType: (known === "application/zip" && own(ZIPPED, ending)) || known, isBinary: true };
}

/** How many of the bytes are UTF-8, without a character that is cut at the end; -1 when it is no UTF-8. */
export function textLength(bytes: Uint8Array): number {
  const length = bytes.length - cutLength(bytes);
  return isUtf8(bytes.subarray(0, length)) ? length : -1;
}

/** Whether it is UTF-8, as a whole. */
export const isUtf8 = (bytes: Uint8Array): boolean => utf8Of(bytes) !== undefined;

/** The text, when it is UTF-8 as a whole. */
export function utf8Of(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Bytes at the end that begin a character which is not complete: at most three. */
function cutLength(bytes: Uint8Array): number {
  for (let cut = 1; cut <= 3 && cut <= bytes.length; cut += 1) {
    const byte = bytes[bytes.length - cut] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return cut < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? cut : 0;
  }
  return 0;
}

const isText = (bytes: Uint8Array): boolean => !bytes.includes(0) && textLength(bytes) >= 0;
const isScript = (bytes: Uint8Array): boolean =>
  has(bytes, 0, "#!") && /^#!.*sh\b/.test(String.fromCharCode(...bytes.subarray(0, 64)));
const own = (table: Readonly<Record<string, string>>, key: string) =>
  Object.hasOwn(table, key) ? table[key] : undefined;

function has(bytes: Uint8Array, offset: number, magic: string): boolean {
  for (let at = 0; at < magic.length; at += 1) if (bytes[offset + at] !== magic.charCodeAt(at)) return false;
  return true;
}
