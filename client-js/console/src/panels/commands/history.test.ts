import { expect, test } from "vitest";
import { History } from "./history.ts";

test("back and forth, and what was being written comes back", () => {
  let history = new History(["ls", "make"]).add("git status");
  const steps: string[] = [];
  for (let step = history.older(""); step !== undefined; step = history.older(steps.at(-1) ?? "")) {
    history = step.history;
    steps.push(step.text);
  }
  expect(steps).toEqual(["git status", "make", "ls"]);
  for (let step = history.newer(); step !== undefined; step = history.newer()) {
    history = step.history;
    steps.push(step.text);
  }
  expect(steps.slice(3)).toEqual(["make", "git status", ""]);
});

test("only what begins like the line that was written", () => {
  const step = new History(["git add", "ls", "git push"]).older("git");
  expect(step?.text).toBe("git push");
  const next = step?.history.older(step.text);
  expect(next?.text).toBe("git add");
  expect(next?.history.older(next.text)).toBeUndefined();
  expect(next?.history.newer()?.text).toBe("git push");
  expect(step?.history.newer()?.text).toBe("git");
});

test("a command stands once, as the newest; empty ones are not remembered; there is a bound", () => {
  const history = new History(["a", "b"]).add(" a ").add("  ");
  expect(history.commands).toEqual(["b", "a"]);
  let many = new History([]);
  for (let i = 0; i < 500; i += 1) many = many.add(`c${i}`);
  expect(many.commands.length).toBe(200);
  expect(many.commands.at(-1)).toBe("c499");
});
