/** What a Worker lets a client do, and how that narrows the client's HELLO. Pure. */

import { malformed, ValueError } from "../protocol/error.ts";
import { VERSION } from "../protocol/limits.ts";
import { decodeFields, encode, type Fields } from "../protocol/msgpack.ts";

/**
 * What one client may do. Every field narrows; `{}` is all that the relay's own token allows. The server enforces it, for
 * this client's lane alone.
 */
export interface Grant {
  /** Only these scopes, by the names of PROTOCOL.md, section 15. Default: all. */
  readonly scopes?: readonly string[] | undefined;
  /** Only these terminals, by id, at most 32: the client can use no other, and open only one of these ids. Default: all. */
  readonly terminals?: readonly string[] | undefined;
  /** Files only below these directories: absolute, at most 8. Default: everywhere. */
  readonly paths?: readonly string[] | undefined;
  /** Of the scopes only those that look and change nothing. Default: false. */
  readonly readOnly?: boolean | undefined;
}

/** The scopes that change nothing. One that a later version adds is not among them until it is known to be harmless. */
export const READING: readonly string[] = ["process-read", "pty-read", "file-read", "port-read", "info"];

/**
 * The payload of a HELLO, narrowed to a grant, and which HELLO of its lane it is. What the client itself gave up stays given
 * up; fields that are not known here stay as they are.
 *
 * @throws WireError when it is no payload of a HELLO.
 */
export function narrowed(said: Uint8Array, grant: Grant): { readonly attempt: number; readonly payload: Uint8Array } {
  try {
    const hello = decodeFields(said);
    const { version, attempt } = hello;
    const { terminals, paths } = grant;
    const scopes = grant.readOnly ? both(grant.scopes, READING) : grant.scopes;
    const payload = encode({
      ...hello,
      // A newer version may have frames that this relay cannot read.
      version: typeof version === "number" ? Math.min(version, VERSION) : version,
      ...(scopes && { scopes: both(namesOf(hello, "scopes"), scopes) }),
      ...(terminals && { terminals: both(namesOf(hello, "terminals"), terminals) }),
      ...(paths && { paths: roots(namesOf(hello, "paths"), paths) }),
      relayed: true,
    });
    return { attempt: typeof attempt === "number" ? attempt : 0, payload };
  } catch (error) {
    if (error instanceof ValueError) throw malformed("payload of HELLO");
    throw error;
  }
}

/** What stands in both lists; the first allows everything when it is not there. */
function both(asked: readonly string[] | undefined, granted: readonly string[]): readonly string[] {
  return granted.filter(name => asked?.includes(name) ?? true);
}

/**
 * The granted directories, but those of which the client asked for nothing. What it asked for inside one is not taken from it:
 * a name that lies inside may be a link that leads out of it.
 */
function roots(asked: readonly string[] | undefined, granted: readonly string[]): readonly string[] {
  return granted.filter(root => asked?.some(path => contains(path, root) || contains(root, path)) ?? true);
}

/** Whether a path is the directory or lies below it, by its name alone: one with `..` in it does not. */
function contains(directory: string, path: string): boolean {
  const outer = partsOf(directory);
  const inner = partsOf(path);
  if (!outer || !inner || directory.startsWith("/") !== path.startsWith("/")) return false;
  return outer.every((part, index) => part === inner[index]);
}

function partsOf(path: string): string[] | undefined {
  const parts = path.split("/").filter(part => part !== "" && part !== ".");
  return parts.includes("..") ? undefined : parts;
}

function namesOf(hello: Fields, field: string): readonly string[] | undefined {
  const names = hello[field] ?? undefined;
  if (names === undefined) return undefined;
  if (Array.isArray(names) && names.every(name => typeof name === "string")) return names;
  throw new ValueError(`the field ${field} has a wrong type`);
}
