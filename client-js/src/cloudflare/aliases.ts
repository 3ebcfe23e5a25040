/** Names that people look for, and that no release of the stock package has: each leads to a call that there is. */

import { env } from "cloudflare:workers";
import { invalid } from "./errors.ts";
import { type Interpreting, interpret } from "./interpret.ts";
import type { Aliases, ISandbox, MountStorageOptions } from "./types.ts";

/** The calls that they lead to, on either side of the RPC. */
type Target = Interpreting & Pick<ISandbox, "exists" | "killProcess" | "mountBucket">;

/** The names, for what has the calls. */
export const aliasesOf = (target: Target): Aliases => ({
  pathExists: async path => (await target.exists(path)).exists,
  stopProcess: (id, signal) => target.killProcess(id, signal),
  interpret: (language, options) => interpret(target, language, options),
  mountStorage: async ({ type, bucket, mountPoint, endpoint, credentials, ...options }) =>
    target.mountBucket(
      nameOf(bucket),
      mountPoint,
      endpoint === undefined
        ? options
        : { ...options, endpoint, ...(type && { provider: type }), ...(credentials && { credentials }) },
    ),
});

/** The name of a bucket; of a binding of this Worker's the one that it has there. */
function nameOf(bucket: MountStorageOptions["bucket"]): string {
  if (typeof bucket === "string") return bucket;
  const found = Object.entries(env).find(([, value]) => value === bucket);
  if (found) return found[0];
  throw invalid("bucket", "the bucket is no binding of this Worker: give its name, as text");
}
