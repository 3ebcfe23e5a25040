/** Text to UTF-8 and back. */

// Part of every runtime that has a WebSocket, and no I/O; ECMAScript alone does not have them.
declare const TextEncoder: new () => { encodeInto(text: string, into: Uint8Array): { readonly written: number } };
declare const TextDecoder: new (
  label: string,
  options: { readonly fatal: boolean; readonly ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

/** Texts up to this many bytes are read and written here when they are ASCII: calls out of the engine cost more than that. */
const SHORT = 32;

const encoder = /* @__PURE__ */ new TextEncoder();
// A byte order mark is a part of the text.
const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Writes the text at this place, where there is room for three times its length. Returns its length in bytes. */
export function writeText(text: string, out: Uint8Array, at: number): number {
  if (text.length > SHORT) return encoder.encodeInto(text, out.subarray(at)).written;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return encoder.encodeInto(text, out.subarray(at)).written;
    out[at + index] = code;
  }
  return text.length;
}

/** Reads the text between these places. Throws a `TypeError` when it is no UTF-8. */
export function readText(bytes: Uint8Array, from: number, to: number): string {
  if (to - from > SHORT) return decoder.decode(bytes.subarray(from, to));
  let text = "";
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] as number;
    if (byte > 0x7f) return decoder.decode(bytes.subarray(from, to));
    text += String.fromCharCode(byte);
  }
  return text;
}

/** The length of the text in bytes. */
export const utf8Length = (text: string): number => writeText(text, new Uint8Array(text.length * 3), 0);
