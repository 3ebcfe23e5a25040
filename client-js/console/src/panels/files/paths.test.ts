import fc from "fast-check";
import { expect, test } from "vitest";
import {
  breadcrumbs,
  copyName,
  fromWire,
  isWithin,
  join,
  modeText,
  nameOf,
  nameProblem,
  normal,
  parentOf,
  shown,
  toWire,
} from "./paths.ts";

test("any bytes come back as they were", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
      const back = toWire(fromWire(bytes));
      expect(typeof back === "string" ? new TextEncoder().encode(back) : back).toEqual(bytes);
    }),
  );
  expect(toWire(fromWire(Uint8Array.of(0x61, 0xff, 0xf0, 0x9f, 0x98, 0x80)))).toEqual(
    Uint8Array.of(0x61, 0xff, 0xf0, 0x9f, 0x98, 0x80),
  );
  expect(toWire("😀")).toBe("😀");
  expect(shown(fromWire(Uint8Array.of(0x61, 0xff, 0x0a)))).toBe("a\ufffd\u240a");
});

test("parts of a path", () => {
  expect(join("/", "a")).toBe("/a");
  expect(join("/a", "b/c")).toBe("/a/b/c");
  expect(parentOf("/a/b")).toBe("/a");
  expect(parentOf("/a")).toBe("/");
  expect(parentOf("/")).toBe("/");
  expect(nameOf("/a/b")).toBe("b");
  expect(nameOf("/")).toBe("/");
  expect(normal("/a//b/./../c/")).toBe("/a/c");
  expect(normal("/../..")).toBe("/");
  expect(breadcrumbs("/a/b").map(crumb => crumb.path)).toEqual(["/", "/a", "/a/b"]);
  expect(breadcrumbs("/").map(crumb => crumb.path)).toEqual(["/"]);
});

test("in a directory, but not beside it", () => {
  expect(isWithin("/a", "/a/b")).toBe(true);
  expect(isWithin("/a", "/a")).toBe(true);
  expect(isWithin("/a", "/ab")).toBe(false);
  expect(isWithin("/", "/x")).toBe(true);
});

test("names that can be given", () => {
  expect(nameProblem("ok.txt")).toBeUndefined();
  for (const bad of ["", ".", "..", "a/b", "a\0", "é".repeat(128)]) expect(nameProblem(bad)).toBeDefined();
  const taken = new Set(["a copy.txt", "a copy 2.txt", ".env copy"]);
  expect(copyName("a.txt", name => taken.has(name))).toBe("a copy 3.txt");
  expect(copyName(".env", name => taken.has(name))).toBe(".env copy 2");
});

test("modes as ls writes them", () => {
  expect(modeText(0o755)).toBe("rwxr-xr-x");
  expect(modeText(0o4755)).toBe("rwsr-xr-x");
  expect(modeText(0o1777)).toBe("rwxrwxrwt");
  expect(modeText(0o6644)).toBe("rwSr-Sr--");
});
