/** Files and folders to the person's own disk, each with its progress, without holding them in the page's memory. */

import { type Signal, signal } from "@preact/signals";
import type { Trees } from "../../../../src/kinds/tree.ts";
import { saveBlob } from "../../ui/save.ts";
import { nameOf, shown, toWire } from "./paths.ts";

/** One download. */
export interface Download {
  readonly id: number;
  readonly path: string;
  readonly name: string;
  /** Bytes in all; not known of a folder. */
  readonly size: number | undefined;
  readonly received: number;
  readonly state: "receiving" | "done" | "failed" | "cancelled";
  readonly error?: unknown;
  /** What the person should know of a download that is done. */
  readonly note?: string | undefined;
}

/** Files from this size on are written to where the person says while they come, where the browser can do that. */
const STREAM_FROM = 512 * 1024 * 1024;
/** Chunks are put together to blobs of this size: those the browser keeps on disk when there are many. */
const PIECE = 4 * 1024 * 1024;

/** What Chromium has of the File System Access API and TypeScript's DOM does not know. */
interface SavePicker {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;
}

/** Takes what comes; `done` puts it where it belongs. */
interface Target {
  write(chunk: Uint8Array): Promise<void>;
  done(): Promise<void>;
  abort(): Promise<void>;
}

/** The downloads of the visit. */
export class Downloads {
  readonly all: Signal<readonly Download[]> = signal([]);
  readonly #client: Trees;
  readonly #stops = new Map<number, AbortController>();
  #count = 0;

  constructor(client: Trees) {
    this.#client = client;
  }

  /** Saves a file. Called while a click is handled: the browser may ask where to. */
  async file(path: string, size: number): Promise<void> {
    const name = shown(nameOf(path));
    await this.#run(path, name, size, size >= STREAM_FROM, async (write, signal) => {
      const stream = await this.#client.readFile(toWire(path), { encoding: "stream", signal });
      for await (const chunk of stream) await write(chunk);
      const { changed } = await stream.result;
      return changed ? "The file changed while it was read: what was saved may be of two states." : undefined;
    });
  }

  /** Saves a folder as a tar archive. */
  async folder(path: string): Promise<void> {
    const name = `${path === "/" ? "root" : shown(nameOf(path))}.tar`;
    await this.#run(path, name, undefined, false, async (write, signal) => {
      const stream = this.#client.downloadTree(toWire(path), { signal });
      for await (const chunk of stream) await write(chunk);
      const { skipped } = await stream.result;
      const many = skipped.length >= 100 ? "100 or more" : String(skipped.length);
      return skipped.length === 0
        ? undefined
        : `${many} entries were left out, as ${skipped[0]}: special files, or not to be read.`;
    });
  }

  cancel(id: number): void {
    this.#stops.get(id)?.abort();
  }

  /** Takes away what has ended. */
  clearEnded(): void {
    this.all.value = this.all.value.filter(download => download.state === "receiving");
  }

  async #run(
    path: string,
    name: string,
    size: number | undefined,
    large: boolean,
    read: (write: (chunk: Uint8Array) => Promise<void>, signal: AbortSignal) => Promise<string | undefined>,
  ): Promise<void> {
    const target = await targetFor(name, large);
    if (target === undefined) return;
    this.#count += 1;
    const id = this.#count;
    const stop = new AbortController();
    this.#stops.set(id, stop);
    this.all.value = [...this.all.value, { id, path, name, size, received: 0, state: "receiving" }];
    let received = 0;
    let told = 0;
    try {
      const note = await read(async chunk => {
        await target.write(chunk);
        received += chunk.length;
        // So often that it is seen to move, not with every chunk.
        if (performance.now() - told > 50) {
          told = performance.now();
          this.#set(id, { received });
        }
      }, stop.signal);
      await target.done();
      this.#set(id, { received, state: "done", note });
    } catch (error) {
      await target.abort();
      this.#set(id, stop.signal.aborted ? { state: "cancelled" } : { state: "failed", error });
    } finally {
      this.#stops.delete(id);
    }
  }

  #set(id: number, change: Partial<Download>): void {
    this.all.value = this.all.value.map(download => (download.id === id ? { ...download, ...change } : download));
  }
}

/** Where a download goes; nothing when the person changed their mind. */
async function targetFor(name: string, large: boolean): Promise<Target | undefined> {
  const { showSaveFilePicker } = window as SavePicker;
  if (!large || showSaveFilePicker === undefined) return blobTarget(name);
  try {
    const file = await (await showSaveFilePicker.call(window, { suggestedName: name })).createWritable();
    return {
      write: chunk => file.write(new Uint8Array(chunk)),
      done: () => file.close(),
      abort: () => file.abort(),
    };
  } catch (error) {
    if ((error as { name?: unknown }).name === "AbortError") return undefined;
    return blobTarget(name);
  }
}

function blobTarget(name: string): Target {
  const blobs: Blob[] = [];
  let chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  const put = () => {
    if (length > 0) blobs.push(new Blob(chunks));
    chunks = [];
    length = 0;
  };
  return {
    async write(chunk) {
      chunks.push(new Uint8Array(chunk));
      length += chunk.length;
      if (length >= PIECE) put();
    },
    async done() {
      put();
      saveBlob(new Blob(blobs), name);
    },
    async abort() {
      blobs.length = 0;
    },
  };
}
