/** Changes of files: told as they come, or asked for after a while. */

import type { Sandbox } from "../client.ts";
import type { WatchEvent } from "../kinds/tree.ts";
import type { Context } from "./context.ts";
import { invalid, sandboxError } from "./errors.ts";
import { at } from "./file.ts";
import { eventStream } from "./stream.ts";
import type { CheckChangesOptions, CheckChangesResult, FileWatchSSEEvent, WatchOptions } from "./types.ts";

/** What nobody wants to be told of, unless they say what they want. */
const EXCLUDED = [".git", "node_modules", ".DS_Store"];

/** Bytes of a listing that are gathered before they go into the fingerprint. */
const GATHERED = 64 << 10;

/**
 * Watches a file or a directory, anywhere in the sandbox. Resolves when every change from then on will be told, as
 * server-sent events, each a `FileWatchSSEEvent`; paths are absolute. A rename is `move_from` and `move_to`. When changes
 * were lost, by a storm of them or a connection that was away for too long, an `error` event says so, and the watch goes on.
 * Who cancels the stream ends the watch, and so does the signal, which says it from the Worker when no change comes.
 *
 * @throws FileNotFoundError; ValidationFailedError when both `include` and `exclude` are given; SandboxError
 * `WATCH_START_ERROR`.
 */
export function watch(
  context: Context,
  path: string,
  options: WatchOptions & { readonly signal?: AbortSignal } = {},
): Promise<ReadableStream<Uint8Array>> {
  const { recursive, signal } = options;
  return at(context, path, "file.stat", options, async (client, full) => {
    const globs = globsOf(options);
    const base = full.replace(/\/+$/, "") || "/";
    const changes = await client.watch(base, { recursive, signal, ...globs });
    const events = told(changes, base, path, signal);
    return eventStream({
      next: async () => (await events.next()).value ?? undefined,
      cancel: async () => void (await changes.return()),
    });
  });
}

async function* told(
  changes: AsyncIterable<WatchEvent>,
  base: string,
  path: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<FileWatchSSEEvent, void> {
  const full = (below: string) => (below === "" ? base : `${base === "/" ? "" : base}/${below}`);
  yield { type: "watching", path: base, watchId: `watch-${crypto.randomUUID()}` };
  try {
    for await (const change of changes) {
      if (change.type === "overflow") {
        yield { type: "error", error: `changes below ${path} were lost: look at everything again; the watch goes on` };
        continue;
      }
      const { type, isDirectory } = change;
      const about = { isDirectory, timestamp: new Date().toISOString() };
      if (type === "rename") {
        if (change.from !== undefined) {
          yield { type: "event", eventType: "move_from", path: full(change.from), ...about };
        }
        yield { type: "event", eventType: "move_to", path: full(change.path), ...about };
      } else {
        yield { type: "event", eventType: type === "remove" ? "delete" : type, path: full(change.path), ...about };
      }
    }
    yield { type: "stopped", reason: "the watch has ended" };
  } catch (error) {
    // Who gave it up hears no more of it.
    if (signal?.aborted) return;
    const { message } = sandboxError(error, { path });
    yield { type: "error", error: message };
    yield { type: "stopped", reason: message };
  }
}

/**
 * Whether anything changed since an earlier call. The version is a fingerprint of names, sizes, modes and times, so nothing
 * has to be kept: it holds however long nobody asked, through an eviction of the object and a sleep of the sandbox. The
 * first call, without `since`, says `unchanged`, and the version to begin with.
 *
 * `resync` says that nobody knows: `expired` when the version is not one of this path with these options, `restarted` when
 * the sandbox was started anew and things look different since.
 *
 * @throws FileNotFoundError; ValidationFailedError when both `include` and `exclude` are given.
 */
export function checkChanges(
  context: Context,
  path: string,
  options: CheckChangesOptions = {},
): Promise<CheckChangesResult> {
  return at(context, path, "directory.list", options, async (client, full) => {
    const globs = globsOf(options);
    const { recursive = true, since } = options;
    const question = await digest(JSON.stringify([full, recursive, globs]));
    const boot = bootOf(client);
    const now = { question: question.slice(0, 12), print: await fingerprint(client, full, recursive, globs), boot };
    const told = {
      success: true as const,
      version: `watch-${now.question}-${now.boot}:${now.print}`,
      timestamp: new Date().toISOString(),
    };
    if (since === undefined) return { ...told, status: "unchanged" };
    const before = /^watch-([0-9a-f]+)-([^:]*):([0-9a-f]+)$/.exec(since);
    if (before?.[1] !== now.question) return { ...told, status: "resync", reason: "expired" };
    if (before[3] === now.print) return { ...told, status: "unchanged" };
    return before[2] === now.boot ? { ...told, status: "changed" } : { ...told, status: "resync", reason: "restarted" };
  });
}

/** What is there, as one number; gathered page by page, so that a tree of any size needs little memory. */
async function fingerprint(
  client: Sandbox,
  path: string,
  recursive: boolean,
  globs: { readonly include?: string[]; readonly exclude?: string[] },
): Promise<string> {
  const { type, ...itself } = await client.stat(path);
  let print = "";
  let gathered = [JSON.stringify(itself)];
  let length = 0;
  if (type === "directory") {
    for await (const entry of client.iterateFiles(path, { recursive, ...globs })) {
      const line = JSON.stringify({ ...entry, rawPath: entry.rawPath && Array.from(entry.rawPath) });
      gathered.push(line);
      length += line.length;
      if (length < GATHERED) continue;
      print = await digest(print + gathered.join("\n"));
      gathered = [];
      length = 0;
    }
  }
  return (await digest(print + gathered.join("\n"))).slice(0, 32);
}

/** @throws ValidationFailedError when both are given. */
function globsOf({ include, exclude }: WatchOptions): { include?: string[]; exclude?: string[] } {
  if (include?.length && exclude?.length) throw invalid("include", "give either include or exclude, not both");
  return include?.length ? { include } : { exclude: exclude ?? EXCLUDED };
}

async function digest(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");
}

const bootOf = ({ state }: Sandbox): string => (state.status === "connected" ? state.bootId.replaceAll(":", "") : "");
