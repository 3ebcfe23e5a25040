/** What is looked after while files are open. */

import { useEffect } from "preact/hooks";
import type { Client } from "../../app/client.ts";
import type { Documents } from "./documents.ts";
import { toWire } from "./paths.ts";

/** Looks whether the file that is seen was changed by somebody else. */
export function useWatchedDocument(client: Client, documents: Documents, active: boolean): void {
  const current = documents.get(documents.current.value);
  const watched = active && current?.state === "ready" ? current.path : undefined;
  const id = current?.id;
  useEffect(() => {
    if (watched === undefined || id === undefined) return undefined;
    const stop = new AbortController();
    const watch = async () => {
      // Before the watch stood somebody may have changed it.
      const changes = await client.watch(toWire(watched), { recursive: false, signal: stop.signal });
      await documents.check(id);
      for await (const _ of changes) await documents.check(id);
    };
    watch()
      .catch(() => documents.check(id))
      .catch(() => {});
    return () => stop.abort();
  }, [client, documents, watched, id]);
}

/** Asks before the page is left with changes that are not saved. */
export function useUnsavedGuard(documents: Documents): void {
  const unsaved = documents.all.value.some(document => document.dirty);
  useEffect(() => {
    if (!unsaved) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [unsaved]);
}
