/** The files that are open: what was read of each, whether it was changed, and how it is saved. */

import { type Signal, signal } from "@preact/signals";
import type { Trees } from "../../../../src/kinds/tree.ts";
import type { Conflict } from "./file-conflict.tsx";
import { imageType, type LineBreak, MOST_IMAGE, MOST_TEXT, PART, textOf, textOfPart } from "./file-kind.ts";
import { isWithin, nameOf, toWire } from "./paths.ts";

/** What is shown of a file. */
export type Content =
  | { readonly type: "text"; readonly text: string; readonly lineBreak: LineBreak }
  /** Too large to be edited: its beginning. */
  | { readonly type: "part"; readonly text: string }
  | { readonly type: "image"; readonly url: string }
  /** Its first bytes. */
  | { readonly type: "binary"; readonly bytes: Uint8Array };

/** A file that is open. */
export interface Document {
  /** Unique for the visit. */
  readonly id: number;
  readonly path: string;
  readonly state: "loading" | "ready" | "failed";
  readonly error?: unknown;
  readonly content?: Content;
  readonly size: number;
  readonly mode: number;
  /** Entity tag of what was read or written last. */
  readonly etag: string;
  /** What stands in the editor is not in the file. */
  readonly dirty: boolean;
  readonly saving: boolean;
  /** The file is another now, or gone, and there are changes here: a person must say which one holds. */
  readonly conflict?: Conflict | undefined;
  /** Grows when the content was read anew: the editor takes it. */
  readonly revision: number;
}

/** Files open at once; of more the one that was not looked at for the longest goes, if it has no changes. */
const MOST_OPEN = 12;
/** What a hex dump shows, in bytes. */
const HEX = 4096;

/** The documents, and which one is seen. */
export class Documents {
  readonly all: Signal<readonly Document[]> = signal([]);
  readonly current: Signal<number | undefined> = signal(undefined);
  readonly #client: Trees;
  #count = 0;
  /** Least lately seen first. */
  #seen: number[] = [];

  constructor(client: Trees) {
    this.#client = client;
  }

  get(id: number | undefined): Document | undefined {
    return this.all.value.find(document => document.id === id);
  }

  /** Shows a file; reads it when it is not open. */
  open(path: string): void {
    const known = this.all.value.find(document => document.path === path);
    if (known !== undefined) {
      this.show(known.id);
      return;
    }
    this.#count += 1;
    const made: Document = {
      id: this.#count,
      path,
      state: "loading",
      size: 0,
      mode: 0,
      etag: "",
      dirty: false,
      saving: false,
      revision: 0,
    };
    this.all.value = [...this.all.value, made];
    this.show(made.id);
    this.#closeOldest();
    void this.reload(made.id);
  }

  show(id: number): void {
    this.#seen = [...this.#seen.filter(other => other !== id), id];
    this.current.value = id;
  }

  /** Closes a document, with its changes. The one that was seen before is seen then. */
  close(id: number): void {
    release(this.get(id)?.content);
    this.#seen = this.#seen.filter(other => other !== id);
    this.all.value = this.all.value.filter(document => document.id !== id);
    if (this.current.value === id) this.current.value = this.#seen.at(-1);
  }

  /** Reads the file again; changes here are lost. */
  async reload(id: number): Promise<void> {
    await this.#read(id, () => true);
  }

  /** The file may be another now: one without changes is read again, for others a person is asked. */
  async check(id: number): Promise<void> {
    const document = this.get(id);
    if (document === undefined || document.saving || document.state === "loading") return;
    const now = await this.#client.stat(toWire(document.path)).catch((error: unknown) => error as { code?: unknown });
    const before = this.get(id);
    if (before === undefined || before.saving || before.etag !== document.etag) return;
    if ("code" in now) {
      if (now.code === "FILE_NOT_FOUND" && document.state === "ready") this.#set(id, { conflict: "gone" });
    } else if ("etag" in now && (now.etag ?? "") !== document.etag) {
      if (before.dirty) this.#set(id, { conflict: "changed" });
      else await this.#read(id, document => !document.dirty);
    } else if (before.conflict !== undefined) this.#set(id, { conflict: undefined });
  }

  setDirty(id: number, dirty: boolean): void {
    if (this.get(id)?.dirty !== dirty) this.#set(id, { dirty });
  }

  /**
   * Writes a text in the file's place: atomically, and only when it is still what was read; else the document has a
   * conflict. With `force` whatever is there is replaced. Whether it was written. `unchanged` is asked afterwards
   * whether the editor still has that text.
   */
  async save(id: number, text: string, force: boolean, unchanged: () => boolean): Promise<boolean> {
    const document = this.get(id);
    if (document === undefined || document.saving) return false;
    this.#set(id, { saving: true });
    try {
      const { etag, bytes } = await this.#client.writeFile(
        toWire(document.path),
        text,
        force ? {} : { ifMatch: document.etag },
      );
      this.#set(id, { etag, size: bytes, conflict: undefined, dirty: !unchanged() });
      return true;
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code === "PRECONDITION_FAILED") this.#set(id, { conflict: "changed" });
      else if (code === "FILE_NOT_FOUND" && !force) this.#set(id, { conflict: "gone" });
      else throw error;
      return false;
    } finally {
      this.#set(id, { saving: false });
    }
  }

  /** Something has another path. */
  moved(from: string, to: string): void {
    this.all.value = this.all.value.map(document =>
      isWithin(from, document.path) ? { ...document, path: to + document.path.slice(from.length) } : document,
    );
  }

  /** Something is gone: documents without changes close. */
  removed(path: string): void {
    for (const document of this.all.value) {
      if (!isWithin(path, document.path)) continue;
      if (document.dirty) this.#set(document.id, { conflict: "gone" });
      else this.close(document.id);
    }
  }

  /** Reads the file. `mayReplace` is asked when that is done: there may be changes here by then. */
  async #read(id: number, mayReplace: (document: Document) => boolean): Promise<void> {
    const path = this.get(id)?.path;
    if (path === undefined) return;
    let change: Partial<Document>;
    try {
      change = { ...(await readDocument(this.#client, path)), state: "ready", error: undefined };
    } catch (error) {
      change = { state: "failed", error };
    }
    const now = this.get(id);
    if (now !== undefined && mayReplace(now)) {
      if (change.state === "ready") {
        release(now.content);
        change = { ...change, dirty: false, conflict: undefined, revision: now.revision + 1 };
      }
      this.#set(id, change);
      return;
    }
    release(change.content);
    this.#set(id, { conflict: "changed" });
  }

  #closeOldest(): void {
    if (this.all.value.length <= MOST_OPEN) return;
    const oldest = this.#seen.find(id => id !== this.current.value && this.get(id)?.dirty === false);
    if (oldest !== undefined) this.close(oldest);
  }

  #set(id: number, change: Partial<Document>): void {
    this.all.value = this.all.value.map(document => (document.id === id ? { ...document, ...change } : document));
  }
}

/** A picture takes memory until its address is taken back. */
function release(content: Content | undefined): void {
  if (content?.type === "image") URL.revokeObjectURL(content.url);
}

async function readDocument(
  client: Trees,
  path: string,
): Promise<Pick<Document, "content" | "size" | "mode" | "etag">> {
  const wire = toWire(path);
  const { size, mode } = await client.stat(wire);
  const image = imageType(nameOf(path));
  const length = image !== undefined && size <= MOST_IMAGE ? size : size <= MOST_TEXT ? MOST_TEXT + 1 : PART;
  const stream = await client.readFile(wire, { encoding: "stream", length });
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of stream) chunks.push(new Uint8Array(chunk));
  const { etag = "" } = await stream.result;
  const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
  return { content: contentOf(bytes, stream.info.size, image), size: stream.info.size, mode, etag };
}

function contentOf(bytes: Uint8Array<ArrayBuffer>, size: number, image: string | undefined): Content {
  if (image !== undefined && bytes.length >= size) {
    return { type: "image", url: URL.createObjectURL(new Blob([bytes], { type: image })) };
  }
  const whole = bytes.length >= size;
  const text = whole ? textOf(bytes) : textOfPart(bytes);
  if (text === undefined) return { type: "binary", bytes: bytes.slice(0, HEX) };
  return whole ? { type: "text", ...text } : { type: "part", text: text.text };
}
