/** The tree of splits and tabs. */

import { expect, test } from "vitest";
import {
  activate,
  activeTab,
  addTab,
  changeTab,
  closeTab,
  focusedGroup,
  freeNumber,
  groupsOf,
  isLayout,
  type Layout,
  moveTab,
  replaceTab,
  setRatio,
  splitWith,
  type Tab,
  tabsOf,
} from "./layout.ts";

const tab = (id: string, number?: number): Tab => ({ id, terminal: `t-${id}`, ...(number && { number }) });
const ids = (layout: Layout) => groupsOf(layout.root).map(group => group.tabs.map(({ id }) => id).join(" "));
const of = (...names: string[]) => names.reduce<Layout>((layout, name) => addTab(layout, tab(name)), {});
const group = (layout: Layout, at: number) => groupsOf(layout.root)[at]?.id ?? "";

test("tabs are added to the group that has the focus, and shown", () => {
  const layout = of("a", "b");
  expect(ids(layout)).toEqual(["a b"]);
  expect(activeTab(layout)?.id).toBe("b");
});

test("a split stands where it was asked for, and gets the focus", () => {
  const one = of("a");
  const split = splitWith(one, group(one, 0), "row", tab("b"));
  expect(ids(split)).toEqual(["a", "b"]);
  expect(focusedGroup(split)?.active).toBe("b");
  const above = splitWith(split, group(split, 1), "column", tab("c"), true);
  expect(ids(above)).toEqual(["a", "c", "b"]);
});

test("moving a tab takes it from where it was; an empty group goes", () => {
  const one = of("a", "b");
  const split = splitWith(one, group(one, 0), "row", tab("c"));
  const moved = moveTab(split, "c", group(split, 0), 1);
  expect(ids(moved)).toEqual(["a c b"]);
  expect(moved.root?.kind).toBe("group");
  expect(ids(moveTab(moved, "a", group(moved, 0), 3))).toEqual(["c b a"]);
  expect(ids(moveTab(moved, "b", group(moved, 0), 0))).toEqual(["b a c"]);
});

test("a tab alone in its group is not split from itself", () => {
  const one = of("a");
  expect(splitWith(one, group(one, 0), "row", tab("a"))).toBe(one);
});

test("closing shows the neighbour; the last one leaves nothing", () => {
  const layout = activate(of("a", "b", "c"), "b");
  expect(activeTab(closeTab(layout, "b"))?.id).toBe("c");
  expect(activeTab(closeTab(closeTab(layout, "b"), "c"))?.id).toBe("a");
  expect(closeTab(of("a"), "a")).toEqual({});
  expect(closeTab(layout, "unknown").root).toBe(layout.root);
});

test("tabs can be changed and replaced in their place", () => {
  const named = changeTab(of("a", "b"), "a", old => ({ ...old, name: "work" }));
  expect(tabsOf(named)[0]?.name).toBe("work");
  const replaced = replaceTab(activate(named, "a"), "a", tab("z"));
  expect(ids(replaced)).toEqual(["z b"]);
  expect(activeTab(replaced)?.id).toBe("z");
});

test("numbers are given again", () => {
  const layout = addTab(addTab({}, tab("a", 1)), tab("b", 3));
  expect(freeNumber(layout)).toBe(2);
  expect(freeNumber({})).toBe(1);
});

test("what was stored is taken only when it is a layout", () => {
  const one = of("a", "b");
  const layout = splitWith(one, group(one, 0), "row", tab("c"));
  expect(isLayout(JSON.parse(JSON.stringify(layout)))).toBe(true);
  expect(isLayout({})).toBe(true);
  const split = layout.root?.kind === "split" ? layout.root : undefined;
  const broken: unknown[] = [
    null,
    7,
    { root: 1 },
    { root: { kind: "group", id: "g", tabs: [], active: "a" } },
    { root: { kind: "group", id: "g", tabs: [{ id: 1 }], active: "a" } },
    { root: { ...split, ratio: 2 } },
    { root: { ...split, first: undefined } },
    { root: { ...split, direction: "diagonal" } },
  ];
  for (const value of broken) expect(isLayout(value)).toBe(false);
  expect(isLayout(setRatio(layout, split?.id ?? "", 0.3))).toBe(true);
});
