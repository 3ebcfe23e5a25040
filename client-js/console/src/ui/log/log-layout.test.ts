import { expect, test } from "vitest";
import { LogLayout } from "./log-layout.ts";
import { LogWindow } from "./log-window.ts";

function log(text: string): LogWindow {
  const window = new LogWindow();
  window.append(0, 1, new TextEncoder().encode(text));
  return window;
}

test("without wrapping every line is one row", () => {
  const layout = new LogLayout(log(`${"x".repeat(500)}\ny\n`).entries, undefined);
  expect([layout.rows, layout.top(1), layout.at(1.5), layout.at(99)]).toEqual([2, 1, 1, 1]);
});

test("wrapped lines take what they need", () => {
  const layout = new LogLayout(log(`${"x".repeat(25)}\n\n${"y".repeat(10)}\nz`).entries, 10);
  expect([0, 1, 2, 3, 4].map(i => layout.top(i))).toEqual([0, 3, 4, 5, 6]);
  expect([0, 2, 3, 4, 5, 9].map(row => layout.at(row))).toEqual([0, 0, 1, 2, 3, 3]);
});

test("an empty log has no rows", () => {
  const layout = new LogLayout([], 80);
  expect([layout.rows, layout.at(0)]).toEqual([0, 0]);
});
