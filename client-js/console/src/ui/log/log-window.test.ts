import fc from "fast-check";
import { expect, test } from "vitest";
import { type LogStream, LogWindow, lineText, MAX_LINE } from "./log-window.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function texts(window: LogWindow): string[] {
  return window.entries.map(entry =>
    entry.type === "note" ? `[${entry.text}]` : `${entry.stream}:${lineText(entry)}`,
  );
}

/** Appends one text after the other. */
function feed(window: LogWindow, ...chunks: [LogStream, string][]): LogWindow {
  for (const [stream, text] of chunks) window.append(window.end, stream, bytes(text));
  return window;
}

test("lines are put together from chunks, each stream by itself", () => {
  const window = feed(new LogWindow(), [1, "one\ntw"], [2, "err"], [1, "o\nthree"], [2, "or\n"]);
  expect(texts(window)).toEqual(["1:one", "1:two", "2:error", "1:three"]);
  expect(window.entries.map(entry => entry.type === "line" && entry.open)).toEqual([false, false, false, true]);
});

test("a character that was cut by a chunk is whole", () => {
  const window = new LogWindow();
  const euro = bytes("€\n");
  window.append(0, 1, euro.subarray(0, 1));
  window.append(1, 1, euro.subarray(1));
  expect(texts(window)).toEqual(["1:€"]);
});

test("what is held already is skipped", () => {
  const window = feed(new LogWindow(), [1, "abc\n"]);
  window.append(2, 1, bytes("c\nde\n"));
  window.append(0, 1, bytes("abc\n"));
  expect(texts(window)).toEqual(["1:abc", "1:de"]);
  expect(window.end).toBe(7);
});

test("a gap ends what was open, and the offsets go on behind it", () => {
  const window = feed(new LogWindow(), [1, "half"]);
  window.note("96 bytes lost", "warning", 100);
  window.append(100, 1, bytes("new\n"));
  expect(texts(window)).toEqual(["1:half", "[96 bytes lost]", "1:new"]);
  expect(window.end).toBe(104);
});

test("a colour goes on in the lines of its own stream", () => {
  const window = feed(new LogWindow(), [1, "\x1b[31mred\n"], [2, "plain\n"], [1, "red still\x1b[0m\nplain\n"]);
  expect(window.entries.map(entry => entry.type === "line" && entry.sgr.fg)).toEqual([
    undefined,
    undefined,
    1,
    undefined,
  ]);
});

test("a line without end is cut", () => {
  const window = feed(new LogWindow(), [1, "x".repeat(MAX_LINE * 2 + 5)]);
  expect(window.entries.map(entry => (entry.type === "line" ? entry.size : 0))).toEqual([MAX_LINE, MAX_LINE, 5]);
});

test("old lines go when there are too many, and come back in front", () => {
  const window = new LogWindow({ bytes: 1000, entries: 10 });
  for (let i = 0; i < 30; i += 1) feed(window, [1, `line ${i}\n`]);
  expect(window.entries.length).toBeLessThanOrEqual(10);
  expect(texts(window).at(-1)).toBe("1:line 29");
  const first = window.entries[0]?.key ?? 0;
  const older = new LogWindow({ bytes: 1e9, entries: 1e9 });
  feed(older, ...Array.from({ length: 30 }, (_, i): [LogStream, string] => [1, `line ${i}\n`]));
  const page = new LogWindow({ bytes: 1e9, entries: 1e9 });
  for (const entry of older.entries) {
    const part = entry.type === "line" ? entry.parts[0] : undefined;
    if (part !== undefined && part.offset < window.start) page.append(part.offset, 1, part.bytes);
  }
  window.prepend(page);
  expect(texts(window)[0]).toBe("1:line 0");
  expect(window.entries.length).toBeLessThanOrEqual(10);
  expect(window.entries[0]?.key).toBeLessThan(first);
});

/** Chunks of both streams, with newlines now and then. */
const chunks = fc.array(
  fc.record({
    stream: fc.constantFrom<LogStream>(1, 2),
    text: fc.string({ unit: fc.constantFrom("a", "b", "c", "\n"), minLength: 1, maxLength: 12 }),
  }),
  { minLength: 1, maxLength: 60 },
);

test("wherever it begins and whatever went: every byte once, in its place, and whole lines", () => {
  fc.assert(
    fc.property(chunks, fc.array(fc.nat(40)), fc.nat(40), (log, steps, most) => {
      let at = 0;
      const offsets = log.map(chunk => {
        at += chunk.text.length;
        return at - chunk.text.length;
      });
      const all = log.map(chunk => chunk.text).join("");
      const window = new LogWindow({ bytes: 20 + most, entries: 8 });
      const read = (target: LogWindow, from: number, to: number) => {
        log.forEach((chunk, i) => {
          const begin = offsets[i] as number;
          const text = chunk.text.slice(Math.max(0, from - begin), Math.max(0, to - begin));
          if (text !== "") target.append(Math.max(begin, from), chunk.stream, bytes(text));
        });
      };
      const check = () => {
        const parts = window.entries.flatMap(entry => (entry.type === "line" ? entry.parts : []));
        parts.sort((a, b) => a.offset - b.offset);
        const held = parts.map(part => new TextDecoder().decode(part.bytes)).join("");
        expect(held).toBe(all.slice(window.start, window.end));
        expect(window.bytes).toBe(held.length);
        // The rest of a line of each stream may be beyond the bound.
        const longest = Math.max(0, ...window.entries.map(entry => (entry.type === "line" ? entry.size : 0)));
        expect(window.bytes).toBeLessThanOrEqual(20 + most + 2 * longest);
        expect(window.entries.length).toBeLessThanOrEqual(10);
        const keys = window.entries.map(entry => entry.key);
        expect(keys).toEqual([...keys].sort((a, b) => a - b));
        for (const entry of window.entries) {
          if (entry.type !== "line") continue;
          const text = entry.parts.map(part => new TextDecoder().decode(part.bytes)).join("");
          expect(text.slice(0, -1)).not.toContain("\n");
          expect(text.endsWith("\n")).toBe(!entry.open);
        }
      };
      for (const step of steps) {
        if (step % 2 === 0) read(window, window.end, Math.min(all.length, window.end + step + 1));
        else {
          const page = new LogWindow({ bytes: 1e9, entries: 1e9 });
          page.reset(Math.max(0, window.start - step));
          read(page, page.end, window.start);
          window.prepend(page);
        }
        check();
      }
    }),
    {
      numRuns: 300,
      // What went twice from the front, after a line of the other stream that had gone on beyond the first time.
      examples: [
        [
          [
            { stream: 1, text: "a" },
            { stream: 2, text: "\na\na" },
            { stream: 1, text: "\n\na" },
            { stream: 1, text: "\n\n\na" },
            { stream: 1, text: "\na" },
          ],
          [12, 6, 3, 12],
          0,
        ],
      ],
    },
  );
});

test("read backwards in pages, the lines are those of reading forwards", () => {
  fc.assert(
    fc.property(chunks, fc.integer({ min: 1, max: 30 }), (log, page) => {
      const big = { bytes: 1e9, entries: 1e9 };
      const forwards = feed(new LogWindow(big), ...log.map((c): [LogStream, string] => [c.stream, c.text]));
      const flat = log.flatMap(chunk => [...chunk.text].map(text => ({ stream: chunk.stream, text })));
      const backwards = new LogWindow(big);
      backwards.reset(flat.length);
      while (backwards.start > 0) {
        const older = new LogWindow(big);
        older.reset(Math.max(0, backwards.start - page));
        for (const piece of flat.slice(older.start, backwards.start)) feed(older, [piece.stream, piece.text]);
        backwards.prepend(older);
      }
      expect(texts(backwards)).toEqual(texts(forwards));
    }),
    { numRuns: 300 },
  );
});
