/** Hearing of it when an open file is changed by somebody else. */

import { useEffect, useRef } from "preact/hooks";
import { isAsleep } from "../../app/asleep.ts";
import type { Client } from "../../app/client.ts";
import { toWire } from "./paths.ts";

/** Calls `check` at once, and whenever the file may be another. Nothing is watched without a path. */
export function useWatchedFile(
  client: Pick<Client, "watch">,
  path: string | undefined,
  check: () => Promise<void>,
): void {
  const newest = useRef(check);
  newest.current = check;
  useEffect(() => {
    if (path === undefined) return undefined;
    const stop = new AbortController();
    const watch = async () => {
      // Before the watch stood somebody may have changed it.
      const changes = await client.watch(toWire(path), { recursive: false, signal: stop.signal });
      await newest.current();
      for await (const _ of changes) await newest.current();
    };
    watch()
      // Nobody looks any more, or the sandbox sleeps: then asking would wake it.
      .catch((error: unknown) => (stop.signal.aborted || isAsleep(error) ? undefined : newest.current()))
      .catch(() => {});
    return () => stop.abort();
  }, [client, path]);
}
