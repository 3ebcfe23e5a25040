import { expect, test } from "vitest";
import { envLines, parseEnv } from "./env.ts";

test("an environment as lines", () => {
  expect(parseEnv("A=1\n\n# no\nB_2=x=y \nEMPTY=")).toEqual({ env: { A: "1", B_2: "x=y", EMPTY: "" } });
  expect(parseEnv("A").problem).toContain("Line 1");
  expect(parseEnv("=x").problem).toContain("Line 1");
  expect(parseEnv("A=1\n2B=x").problem).toContain("line 2");
});

test("and back", () => {
  const env = { A: "1", B_2: "x=y", EMPTY: "" };
  expect(parseEnv(envLines(env))).toEqual({ env });
  expect(envLines({})).toBe("");
});
