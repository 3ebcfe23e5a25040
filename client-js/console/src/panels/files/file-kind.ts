/** What a file is for a person: text to edit, a picture, or bytes. */

/** Text beyond this is shown in part and not edited: in bytes. */
export const MOST_TEXT = 5 * 1024 * 1024;
/** Pictures beyond this are not shown: in bytes. */
export const MOST_IMAGE = 32 * 1024 * 1024;
/** What is read of a file that is too large for more, in bytes. */
export const PART = 256 * 1024;

const IMAGES: Readonly<Record<string, string>> = {
  avif: "image/avif",
  bmp: "image/bmp",
  gif: "image/gif",
  ico: "image/x-icon",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  png: "image/png",
  svg: "image/svg+xml",
  webp: "image/webp",
};

/** The media type of a picture that a browser shows; nothing for what is none by its name. */
export function imageType(name: string): string | undefined {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? undefined : IMAGES[name.slice(dot + 1).toLowerCase()];
}

/** How a text breaks its lines. `mixed`: only `\n` breaks them, `\r` is a character like others. */
export type LineBreak = "\n" | "\r\n" | "mixed";

/** Text, exactly as it stands in the file. */
export interface Text {
  readonly text: string;
  readonly lineBreak: LineBreak;
}

/** The text of a file; nothing when it is none: no UTF-8, or with NULs in it. */
export function textOf(bytes: Uint8Array): Text | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return { text, lineBreak: lineBreakOf(text) };
  } catch {
    return undefined;
  }
}

/** The same of the beginning of a file, where the last character may be cut. */
export function textOfPart(bytes: Uint8Array): Text | undefined {
  let end = bytes.length;
  // Back to before the last character, which has at most four bytes.
  for (let back = 1; back <= Math.min(4, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) break;
    if (byte >= 0xc0) {
      end = bytes.length - back;
      break;
    }
  }
  return textOf(bytes.subarray(0, end)) ?? textOf(bytes);
}

/** Rows of sixteen bytes as hex dumps have them: offset, bytes, characters. */
export function hexRows(bytes: Uint8Array): { offset: string; hex: string; text: string }[] {
  const rows: { offset: string; hex: string; text: string }[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const pairs = row.map(byte => byte.toString(16).padStart(2, "0"));
    rows.push({
      offset: at.toString(16).padStart(8, "0"),
      hex: `${pairs.slice(0, 8).join(" ")}  ${pairs.slice(8).join(" ")}`.padEnd(48),
      text: row.map(byte => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join(""),
    });
  }
  return rows;
}

function lineBreakOf(text: string): LineBreak {
  if (!text.includes("\r")) return "\n";
  return /\r(?!\n)|(?<!\r)\n/.test(text) ? "mixed" : "\r\n";
}
