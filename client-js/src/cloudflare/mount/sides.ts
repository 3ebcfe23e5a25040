/** What a mirror looks at on either side: the files of a directory, and the objects of a bucket that can be files. */

import type { Sandbox } from "../../client.ts";
import type { FileInfo } from "../../kinds/file/info.ts";
import type { Store } from "../store/store.ts";

/** Files at the most: all names of them are in memory at once. */
export const MAX_FILES = 20_000;

/** A file that the sandbox's server writes, before it has its name. */
const UNFINISHED = /\.sandwire-[0-9a-f]{16}$/;

/** Entity tags by the names below the directory. */
export type Side = ReadonlyMap<string, string>;

/** The regular files below a directory. Of those that cannot be looked at nothing is said. */
export function localSide(client: Sandbox, path: string): Promise<Side> {
  const files = client.iterateFiles(path, { recursive: true });
  return sideOf(files, ({ type, path: name, rawPath, etag }: FileInfo) =>
    type === "file" && rawPath === undefined && etag !== undefined && !UNFINISHED.test(name) ? [name, etag] : undefined,
  );
}

/** The objects below a prefix whose keys a file can have as its name. */
export function remoteSide(store: Store, prefix: string): Promise<Side> {
  return sideOf(store.list(prefix), ({ key, etag }) => {
    const name = key.slice(prefix.length);
    // What no file can be called, as the markers that stand for directories; and what is not looked at in the directory.
    const isName =
      name.split("/").every(part => part !== "" && part !== "." && part !== ".." && !part.includes("\0")) &&
      !UNFINISHED.test(name);
    return isName ? [name, etag] : undefined;
  });
}

async function sideOf<T>(all: AsyncIterable<T>, entry: (one: T) => [string, string] | undefined): Promise<Side> {
  const side = new Map<string, string>();
  for await (const one of all) {
    const [name, etag] = entry(one) ?? [];
    if (name === undefined || etag === undefined) continue;
    if (side.size >= MAX_FILES) throw new Error(`more than ${MAX_FILES} files cannot be mirrored: use a prefix`);
    side.set(name, etag);
  }
  return side;
}

/** Files that are carried at once: each may take the memory of an upload. */
const AT_ONCE = 2;

/** Does it with each, several at once. When some fail, with the others all the same; then it throws the first failure. */
export async function inGroups<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  let at = 0;
  const failures: unknown[] = [];
  const worker = async () => {
    while (at < all.length) {
      const one = all[at++] as T;
      await work(one).catch(error => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (failures.length > 0) throw failures[0];
}
