import { expect, test } from "vitest";
import { compileQuery, LogSearch, MOST_MATCHES, matchesIn } from "./log-search.ts";
import { LogWindow } from "./log-window.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const plain = { regexp: false, matchCase: false };

function search(text: string, options: Partial<typeof plain> = {}): LogSearch {
  const pattern = compileQuery({ text, ...plain, ...options });
  if (pattern === undefined) throw new Error("an empty query");
  return new LogSearch(pattern);
}

function log(text: string): LogWindow {
  const window = new LogWindow();
  window.append(0, 1, bytes(text));
  return window;
}

test("text is taken as it is, a regular expression as one", () => {
  const window = log("a.b\naxb\nA.B\n");
  const count = (text: string, options: Partial<typeof plain>) => {
    const found = search(text, options);
    found.update(window);
    return found.matches.length;
  };
  expect(count("a.b", {})).toBe(2);
  expect(count("a.b", { matchCase: true })).toBe(1);
  expect(count("a.b", { regexp: true })).toBe(3);
  expect(() => compileQuery({ ...plain, text: "(", regexp: true })).toThrow(SyntaxError);
  expect(compileQuery({ ...plain, text: "" })).toBeUndefined();
});

test("matches are places in the text without its colours", () => {
  const found = search("error");
  found.update(log("\x1b[31mer\x1b[1mror\x1b[0m and error\n"));
  expect(found.matches.map(({ from, to }) => [from, to])).toEqual([
    [0, 5],
    [10, 15],
  ]);
});

test("new lines are found, lines that went are forgotten, an unfinished line is looked at again", () => {
  const window = new LogWindow({ bytes: 1000, entries: 10 });
  const found = search("x");
  window.append(0, 1, bytes("x\nno\nhal"));
  found.update(window);
  expect(found.matches.length).toBe(1);
  window.append(window.end, 1, bytes("f x\n"));
  found.update(window);
  expect(found.matches.length).toBe(2);
  found.update(window);
  expect(found.matches.length).toBe(2);
  window.append(window.end, 1, bytes("x\n".repeat(9)));
  found.update(window);
  const lines = window.entries.length;
  expect(found.matches.length).toBe(lines);
  expect(found.matches[0]?.key).toBe(window.entries[0]?.key);
});

test("older lines are found in front", () => {
  const window = new LogWindow();
  window.reset(100);
  window.append(100, 1, bytes("two\n"));
  const found = search("o");
  found.update(window);
  const older = new LogWindow();
  older.reset(96);
  older.append(96, 1, bytes("one\n"));
  window.prepend(older);
  found.update(window);
  expect(found.matches.map(match => match.key)).toEqual(window.entries.map(entry => entry.key));
  expect(found.from(window.entries[1]?.key ?? 0)).toBe(1);
});

test("empty matches do not count, and too many are not kept", () => {
  expect(matchesIn(/x*/gu, "axa")).toEqual([{ from: 1, to: 2 }]);
  const found = search("x");
  found.update(log(`${"x".repeat(15_000)}\n${"x".repeat(15_000)}\n`));
  expect(found.more).toBe(true);
  expect(found.matches.length).toBe(MOST_MATCHES);
});
