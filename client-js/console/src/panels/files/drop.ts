/** What a person drops or chooses, as a source of uploads: whole folders are walked as they are sent. */

import { join } from "./paths.ts";
import type { UploadSource } from "./uploads.ts";

/** Whether what is dragged are files, not text or a link. */
export function hasFiles(data: DataTransfer | null): boolean {
  return data?.types.includes("Files") ?? false;
}

/**
 * The files of a drop, to be put in `dir`. The browser gives them only while the event is handled, so this must be called
 * then. `onFolder` is told of each folder before what is in it: an empty one would be lost otherwise.
 */
export function dropped(
  data: DataTransfer,
  dir: string,
  onFolder: (path: string) => Promise<void>,
): AsyncGenerator<UploadSource> {
  const files = [...data.files];
  const entries = [...data.items].map(item => item.webkitGetAsEntry()).filter(entry => entry !== null);
  // What comes from no disk, as a picture out of another page, is a file without an entry.
  return entries.length === 0 ? chosen(files, dir) : walk(entries, dir, onFolder);
}

/** The files of an `<input type="file">`, to be put in `dir`; of a chosen folder with their paths in it. */
export async function* chosen(files: readonly File[], dir: string): AsyncGenerator<UploadSource> {
  for (const file of files) {
    yield { path: join(dir, file.webkitRelativePath || file.name), size: file.size, content: file };
  }
}

async function* walk(
  entries: readonly FileSystemEntry[],
  dir: string,
  onFolder: (path: string) => Promise<void>,
): AsyncGenerator<UploadSource> {
  for (const entry of entries) {
    const path = join(dir, entry.name);
    if (entry instanceof FileSystemFileEntry || entry.isFile) {
      const file = await new Promise<File>((resolve, reject) =>
        (entry as FileSystemFileEntry).file(resolve, reject),
      ).catch((error: Error) => Promise.reject(Object.assign(new Error(`cannot be read: ${error.message}`), { path })));
      yield { path, size: file.size, content: file };
    } else {
      await onFolder(path);
      const reader = (entry as FileSystemDirectoryEntry).createReader();
      // A reader gives its entries in parts, and an empty part at the end.
      for (let part = await readPart(reader); part.length > 0; part = await readPart(reader))
        yield* walk(part, path, onFolder);
    }
  }
}

function readPart(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}
