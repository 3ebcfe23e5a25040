/** Bytes of pictures as notebook files have them. */

/** Characters that are made at once: more arguments than that no function takes. */
const CHUNK = 0x8000;

/** Base64 as Jupyter writes it: one line, with padding, and a line break at the end. */
export function base64Of(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return `${btoa(text)}\n`;
}

/** The bytes; nothing when it is no base64. */
export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), character => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
