/** Python's lists and dictionaries as JSON: against Python itself. */

import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { jsonOfPython } from "../../../src/cloudflare/code/literal.ts";
import { withRequire } from "../../../src/cloudflare/code/require.ts";

/** Expressions of Python. What JSON can say of them says `json.dumps`. */
const VALUES = [
  "[]",
  "{}",
  "[()]",
  "[1, -2, 0.5, 1e300, 1e-7, True, False, None]",
  "[(1,), (1, 2)]",
  "[(1, [2, {'a': (3,)}])]",
  "{'a': 1, 2: 'b', True: None, None: 'n', -1.5: []}",
  `["it's", 'say "x"', 'both \\' and "', '', 'é\\u2028\\U0001f600', 'tab\\t\\n\\r\\\\', '\\x00\\x1f\\x7f\\xa0', '] , }']`,
  "[{'Month': 'Jan', 'Sales': 10000}, {'Month': 'Feb', 'Sales': 12000}]",
  "{'__proto__': {'a': 1}, 'constructor': 2}",
  "[9007199254740991, -9007199254740991]",
];

it("is what json.dumps gives", () => {
  const script = `import json
for text in json.loads(input()): value = eval(text); print(json.dumps([repr(value), json.dumps(value)]))`;
  const said = execFileSync("python3", ["-c", script], { input: JSON.stringify(VALUES), encoding: "utf8" });
  const pairs = said
    .trim()
    .split("\n")
    .map(line => JSON.parse(line) as [string, string]);
  expect(pairs).toHaveLength(VALUES.length);
  for (const [repr, json] of pairs) expect([repr, jsonOfPython(repr)]).toEqual([repr, JSON.parse(json) as unknown]);
});

it("takes what is laid out over lines", () => {
  expect(jsonOfPython("[{'a': 1,\n  'b': [2,\n   3]},\n {'a': 4}]")).toEqual([{ a: 1, b: [2, 3] }, { a: 4 }]);
});

it.each([
  "5",
  "'text'",
  "[1, 2",
  "[1 2 3]",
  "[1, 2] and more",
  "{1, 2}",
  "[(1)]",
  "(1, 2)",
  "[9007199254740993]",
  "[nan]",
  "[1e999]",
  "[np.int64(1)]",
  "[b'bytes']",
  "[1,\n ...]",
  "[<object at 0x7f>]",
  "{'a': Timestamp('2026-01-01')}",
  "['\\U00110000']",
  `${"[".repeat(200)}${"]".repeat(200)}`,
])("says nothing of %s", text => {
  expect(jsonOfPython(text)).toBeUndefined();
});

it("gives `require` to code that mentions it, in its own first line", () => {
  expect(withRequire("const fs = require('fs');\nfs", "javascript")).toMatch(/^typeof require .*; const fs = .*\nfs$/);
  expect(withRequire("1 + 1", "javascript")).toBe("1 + 1");
  expect(withRequire("require('x')", "python")).toBe("require('x')");
});
