import { expect, test } from "vitest";
import { idProblem } from "./id-problem.ts";

test("ids", () => {
  expect(idProblem("")).toBeUndefined();
  expect(idProblem("a.b_C-9")).toBeUndefined();
  expect(idProblem("a b")).toBeDefined();
  expect(idProblem("x".repeat(129))).toBeDefined();
});
