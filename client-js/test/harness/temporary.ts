/** One folder for all temporary files of a test run: also what a worker leaves that is ended in its midst is gone then. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Before all tests; what it returns runs after them. */
export function setup(): () => void {
  // Short: names of sockets below it have at most 107 bytes.
  const folder = mkdtempSync(join(tmpdir(), "swjs-"));
  Object.assign(process.env, { TMPDIR: folder });
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
