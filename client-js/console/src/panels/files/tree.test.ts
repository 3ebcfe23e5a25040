import { expect, test } from "vitest";
import { type Entry, type EntryType, FileTree } from "./tree.ts";

function entry(name: string, type: EntryType = "file"): Entry {
  return { name, type, size: 1, mode: 0o644, modified: 0 };
}

/** The rows as an indented list. */
function picture(tree: FileTree): string[] {
  return tree.rows().map(row => {
    const text =
      row.type === "entry"
        ? `${row.open ? "v " : ""}${row.entry.name}${row.loading ? " …" : ""}`
        : row.type === "error"
          ? `! ${row.error}`
          : `(${row.type})`;
    return "  ".repeat(row.depth) + text;
  });
}

function sample(): FileTree {
  const tree = new FileTree("/w");
  tree.loaded(
    "/w",
    [entry("b10"), entry("b9"), entry(".git", "directory"), entry("src", "directory"), entry("A", "directory")],
    false,
  );
  return tree;
}

test("directories first, numbers as a person counts, hidden names when they are asked for", () => {
  const tree = sample();
  expect(picture(tree)).toEqual(["A", "src", "b9", "b10"]);
  tree.showHidden = true;
  expect(picture(tree)).toEqual([".git", "A", "src", "b9", "b10"]);
});

test("a directory opens, loads, is empty, or fails", () => {
  const tree = sample();
  tree.open("/w/src");
  tree.loading("/w/src");
  expect(tree.needsLoading("/w/src")).toBe(false);
  expect(picture(tree)).toEqual(["A", "v src …", "b9", "b10"]);
  tree.loaded("/w/src", [entry("main.rs")], true);
  expect(picture(tree)).toEqual(["A", "v src", "  main.rs", "  (more)", "b9", "b10"]);
  tree.loadedMore("/w/src", [entry("lib.rs"), entry("main.rs")], false);
  expect(picture(tree)).toEqual(["A", "v src", "  lib.rs", "  main.rs", "b9", "b10"]);
  tree.open("/w/A");
  tree.failed("/w/A", "denied");
  expect(tree.needsLoading("/w/A")).toBe(true);
  expect(picture(tree).slice(0, 2)).toEqual(["v A", "  ! denied"]);
  tree.loaded("/w/A", [entry(".x")], false);
  expect(tree.rows()[1]).toMatchObject({ type: "empty", hidden: 1 });
  tree.close("/w/src");
  expect(picture(tree)).toEqual(["v A", "  (empty)", "src", "b9", "b10"]);
  expect(tree.visibleDirectories()).toEqual(["/w", "/w/A"]);
});

test("one entry changes in its place; what goes takes what was in it", () => {
  const tree = sample();
  tree.open("/w/src");
  tree.loaded("/w/src", [entry("x")], false);
  tree.patch("/w", "b9", undefined);
  tree.patch("/w", "b1", entry("b1"));
  tree.patch("/w", "zoo", entry("zoo", "directory"));
  expect(picture(tree)).toEqual(["A", "v src", "  x", "zoo", "b1", "b10"]);
  tree.patch("/w", "src", undefined);
  expect(picture(tree)).toEqual(["A", "zoo", "b1", "b10"]);
  tree.patch("/w", "src", entry("src", "directory"));
  expect(tree.isOpen("/w/src")).toBe(false);
});

test("loading again keeps what is open where it is still there", () => {
  const tree = sample();
  tree.open("/w/src");
  tree.loaded("/w/src", [entry("x")], false);
  tree.loaded("/w", [entry("src", "directory"), entry("new")], false);
  expect(picture(tree)).toEqual(["v src", "  x", "new"]);
  tree.loaded("/w", [entry("src")], false);
  expect(picture(tree)).toEqual(["src"]);
});

test("what is moved stays open", () => {
  const tree = sample();
  tree.open("/w/src");
  tree.loaded("/w/src", [entry("deep", "directory")], false);
  tree.open("/w/src/deep");
  tree.loaded("/w/src/deep", [entry("y")], false);
  tree.moved("/w/src", "/w/lib");
  expect(picture(tree)).toEqual(["A", "v lib", "  v deep", "    y", "b9", "b10"]);
  expect(tree.entry("/w/lib/deep")?.type).toBe("directory");
});

test("a path is shown by opening what is above it", () => {
  const tree = sample();
  expect(tree.reveal("/w/src/a/b.txt")).toEqual(["/w", "/w/src", "/w/src/a"]);
  expect(tree.isOpen("/w/src/a")).toBe(true);
  expect(tree.reveal("/elsewhere/x")).toEqual([]);
});

test("keys: to the parent, and by the first letters", () => {
  const tree = sample();
  tree.open("/w/src");
  tree.loaded("/w/src", [entry("bar"), entry("foo")], false);
  expect(tree.parentRow(3)).toBe(1);
  expect(tree.parentRow(1)).toBe(-1);
  expect(tree.typeahead(0, "b")).toBe(2);
  expect(tree.typeahead(2, "b")).toBe(4);
  expect(tree.typeahead(5, "b")).toBe(2);
  expect(tree.typeahead(0, "zz")).toBe(-1);
});

test("a link to a directory opens as one", () => {
  const tree = new FileTree("/");
  tree.loaded("/", [{ ...entry("ln", "symlink"), leadsToDirectory: true }, entry("a")], false);
  tree.open("/ln");
  tree.loaded("/ln", [entry("z")], false);
  expect(picture(tree)).toEqual(["v ln", "  z", "a"]);
});
