import { expect, test } from "vitest";
import { emptyCell, NotNotebook, parseNotebook, serializeNotebook } from "./ipynb.ts";

const PNG = "iVBORw0KGgo=\n";
const FILE = {
  cells: [
    {
      attachments: { "a.png": { "image/png": PNG } },
      cell_type: "markdown",
      id: "intro",
      metadata: { tags: ["x"], custom: { deep: [1, null] } },
      source: ["# Title\n", "text"],
    },
    {
      cell_type: "code",
      execution_count: 3,
      id: "c0de",
      metadata: { collapsed: true },
      outputs: [
        { name: "stdout", output_type: "stream", text: ["a\n", "b"] },
        {
          data: {
            "application/vnd.plotly.v1+json": { data: [] },
            "image/png": PNG,
            "text/html": ["<b>\n", "</b>"],
            "text/plain": ["x"],
          },
          execution_count: 3,
          metadata: { "image/png": { width: 3 } },
          output_type: "execute_result",
        },
        { data: { "text/plain": ["y"] }, metadata: {}, output_type: "display_data" },
        { ename: "E", evalue: "v", output_type: "error", traceback: ["\u001b[31mE\u001b[0m"] },
        { output_type: "of tomorrow", what: 1 },
      ],
      source: ["1\n", "\n", "2"],
    },
    { cell_type: "raw", id: "raw1", metadata: { format: "text/restructuredtext" }, source: [] },
  ],
  metadata: { kernelspec: { display_name: "P", language: "python", name: "python3" }, mine: { kept: true } },
  nbformat: 4,
  nbformat_minor: 5,
  unknown: { at: "the top" },
};

test("what is read is written again, with all that nobody here understands", () => {
  const text = `${JSON.stringify(FILE, undefined, 1)}\n`;
  const { raw, cells } = parseNotebook(text);
  expect(serializeNotebook(raw, cells, undefined)).toBe(text);
  expect(JSON.parse(serializeNotebook(raw, cells, { name: "other" })).metadata).toEqual({
    kernelspec: { display_name: "P", language: "python", name: "other" },
    mine: { kept: true },
  });
});

test("an older notebook gets ids, text in one string is understood, ids stand once", () => {
  const cell = { cell_type: "code", source: "a\nb", metadata: {}, outputs: [], execution_count: null };
  const { raw, cells } = parseNotebook(
    JSON.stringify({
      cells: [cell, { ...cell, id: "a" }, { ...cell, id: "a" }],
      metadata: {},
      nbformat: 4,
      nbformat_minor: 2,
    }),
  );
  expect(new Set(cells.map(({ id }) => id)).size).toBe(3);
  const written = JSON.parse(serializeNotebook(raw, cells, undefined));
  expect(written.nbformat_minor).toBe(5);
  expect(written.cells[0].source).toEqual(["a\n", "b"]);
});

test("what is no notebook is told", () => {
  expect(parseNotebook(" ").cells).toEqual([]);
  for (const text of ["{", "[]", "{}", '{"nbformat":3,"worksheets":[]}', '{"nbformat":4}']) {
    expect(() => parseNotebook(text), text).toThrow(NotNotebook);
  }
});

test("a new notebook", () => {
  const written = JSON.parse(serializeNotebook({}, [emptyCell("code", "1")], { name: "python3" }));
  expect(written).toEqual({
    cells: [
      {
        cell_type: "code",
        execution_count: null,
        id: expect.stringMatching(/^[0-9a-f]{8}$/),
        metadata: {},
        outputs: [],
        source: ["1"],
      },
    ],
    metadata: { kernelspec: { name: "python3" } },
    nbformat: 4,
    nbformat_minor: 5,
  });
});
