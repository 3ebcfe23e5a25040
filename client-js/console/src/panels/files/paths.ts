/**
 * Paths as the panel keeps them: strings, also where a name is no UTF-8. A byte that is none stands as a lone surrogate
 * (U+DC80 for 0x80, as Python does it), which no valid name can have, so that the way back is exact.
 */

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const ESCAPED = /[\udc80-\udcff]/;

/** A path or name as it came. */
export function fromWire(path: string | Uint8Array): string {
  if (typeof path === "string") return path;
  try {
    return STRICT.decode(path);
  } catch {
    return decodeEscaped(path);
  }
}

/** A path as it is sent: text where it is text. */
export function toWire(path: string): string | Uint8Array {
  if (!hasEscaped(path)) return path;
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const character of path) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) bytes.push(code - 0xdc00);
    else bytes.push(...encoder.encode(character));
  }
  return Uint8Array.from(bytes);
}

/** A name for people: what is no text is shown as `�`, control characters as their pictures. */
export function shown(name: string): string {
  const text = hasEscaped(name) ? [...name].map(c => (/^[\udc80-\udcff]$/.test(c) ? "\ufffd" : c)).join("") : name;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  return text.replace(/[\x00-\x1f]/g, c => String.fromCharCode(0x2400 + c.charCodeAt(0))).replace(/\x7f/g, "\u2421");
}

/** `dir` and a name or relative path in it. */
export function join(dir: string, name: string): string {
  if (name === "") return dir;
  return dir.endsWith("/") ? dir + name : `${dir}/${name}`;
}

/** The directory that a path is in; `/` is in itself. */
export function parentOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at <= 0 ? "/" : path.slice(0, at);
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path === "/" ? "/" : path.slice(path.lastIndexOf("/") + 1);
}

/** Whether `path` is `dir` or in it. */
export function isWithin(dir: string, path: string): boolean {
  return path === dir || dir === "/" || path.startsWith(`${dir}/`);
}

/** An absolute path without `.`, `..` and double slashes. Only for what a person types: the kernel resolves the rest. */
export function normal(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** The directories from `/` to a path, the path itself last. */
export function breadcrumbs(path: string): { name: string; path: string }[] {
  const crumbs = [{ name: "/", path: "/" }];
  let at = "";
  for (const name of path.split("/")) {
    if (name === "") continue;
    at += `/${name}`;
    crumbs.push({ name, path: at });
  }
  return crumbs;
}

/** What is wrong with a new name, in words, or nothing. */
export function nameProblem(name: string): string | undefined {
  if (name === "") return "A name is needed.";
  if (name === "." || name === "..") return `“${name}” stands for a directory and can be no name.`;
  if (name.includes("/")) return "A name cannot have a slash in it.";
  if (name.includes("\0")) return "A name cannot have a NUL in it.";
  if (new TextEncoder().encode(name).length > 255) return "The name is longer than 255 bytes.";
  return undefined;
}

/** A free name beside those that are taken: `report copy.txt`, `report copy 2.txt`. */
export function copyName(name: string, taken: (name: string) => boolean): string {
  const dot = name.lastIndexOf(".");
  const [stem, end] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  for (let n = 1; ; n += 1) {
    const free = `${stem} copy${n === 1 ? "" : ` ${n}`}${end}`;
    if (!taken(free)) return free;
  }
}

/** `rwxr-x---` for permission bits, with set-id and sticky bits as `ls` writes them. */
export function modeText(mode: number): string {
  const triple = (bits: number, special: boolean, letter: string) =>
    (bits & 4 ? "r" : "-") +
    (bits & 2 ? "w" : "-") +
    (special ? (bits & 1 ? letter : letter.toUpperCase()) : bits & 1 ? "x" : "-");
  return (
    triple(mode >> 6, (mode & 0o4000) !== 0, "s") +
    triple(mode >> 3, (mode & 0o2000) !== 0, "s") +
    triple(mode, (mode & 0o1000) !== 0, "t")
  );
}

function hasEscaped(text: string): boolean {
  if (!ESCAPED.test(text)) return false;
  // Low surrogates also end every pair; only lone ones are escapes.
  for (const character of text) if (character.length === 1 && ESCAPED.test(character)) return true;
  return false;
}

function decodeEscaped(bytes: Uint8Array): string {
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    text +=
      length === 0 ? String.fromCharCode(0xdc00 + (bytes[at] ?? 0)) : STRICT.decode(bytes.subarray(at, at + length));
    at += Math.max(1, length);
  }
  return text;
}

/** Bytes of the valid character at this place, 0 for none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length += 1) {
    try {
      STRICT.decode(bytes.subarray(at, at + length));
      return length;
    } catch {
      // Not yet a character, or none at all.
    }
  }
  return 0;
}
