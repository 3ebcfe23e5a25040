import { expect, test } from "vitest";
import { PLAIN } from "./ansi.ts";
import { lineSpans } from "./log-spans.ts";

test("matches cut through colours", () => {
  const spans = lineSpans(
    "ab\x1b[31mcd\x1b[0mef",
    PLAIN,
    [
      { from: 1, to: 3 },
      { from: 5, to: 6 },
    ],
    { from: 5, to: 6 },
  );
  expect(spans.map(span => [span.text, span.style.fg, span.match])).toEqual([
    ["a", undefined, undefined],
    ["b", undefined, "other"],
    ["c", 1, "other"],
    ["d", 1, undefined],
    ["e", undefined, undefined],
    ["f", undefined, "current"],
  ]);
});

test("without matches the line is as it is", () => {
  expect(lineSpans("plain", PLAIN, [])).toEqual([{ text: "plain", style: {} }]);
  expect(lineSpans("", PLAIN, [])).toEqual([]);
});
