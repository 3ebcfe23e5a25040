import { expect, test, vi } from "vitest";
import type { Trees } from "../../../../src/kinds/tree.ts";
import { Documents } from "./documents.ts";

/** One file, whose content is read when a test says so. */
function file(text: string) {
  const now = { text, etag: "1" };
  const reads: (() => void)[] = [];
  const client = {
    stat: async () => ({ size: now.text.length, mode: 0o644, etag: now.etag }),
    readFile: async () => {
      const { text, etag } = now;
      await new Promise<void>(resolve => reads.push(resolve));
      const bytes = new TextEncoder().encode(text);
      const stream = new ReadableStream({
        start: controller => {
          controller.enqueue(bytes);
          controller.close();
        },
      });
      return Object.assign(stream, { info: { size: bytes.length }, result: Promise.resolve({ etag }) });
    },
  };
  const documents = new Documents(client as unknown as Trees);
  const begun = (count = 1) => vi.waitFor(() => expect(reads.length).toBe(count));
  /** Lets so many reads go on, when they have begun. */
  const read = async (count = 1) => {
    await begun(count);
    for (const go of reads.splice(0)) go();
  };
  const document = () => documents.all.value[0];
  const opened = async () => {
    documents.open("/w/a.txt");
    await read();
    await vi.waitFor(() => expect(document()?.state).toBe("ready"));
    return document()?.id ?? 0;
  };
  return { now, documents, document, begun, read, opened };
}

const text = (content: string) => ({ type: "text", text: content, lineBreak: "\n" });

test("what is written here while the file is read again is not lost", async () => {
  const { now, documents, document, begun, read, opened } = file("one\n");
  const id = await opened();
  Object.assign(now, { text: "theirs\n", etag: "2" });
  const checked = documents.check(id);
  await begun();
  documents.setDirty(id, true);
  await read();
  await checked;
  expect(document()).toMatchObject({ content: text("one\n"), etag: "1", dirty: true, conflict: "changed" });
  // A person may say that theirs holds.
  const taken = documents.reload(id);
  await read();
  await taken;
  expect(document()).toMatchObject({ content: text("theirs\n"), etag: "2", dirty: false, conflict: undefined });
});

test("each time that a file is read again is another revision, also when two are under way", async () => {
  const { now, documents, document, begun, read, opened } = file("one\n");
  const id = await opened();
  const { revision } = document() ?? { revision: 0 };
  now.text = "two\n";
  const first = documents.reload(id);
  await begun();
  now.text = "three\n";
  const second = documents.reload(id);
  await read(2);
  await Promise.all([first, second]);
  expect(document()).toMatchObject({ content: text("three\n"), revision: revision + 2 });
});
