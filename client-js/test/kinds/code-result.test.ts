/** Results of code in their forms, and charts by what their libraries say. */

import { describe, expect, it } from "vitest";
import { CodeResult } from "../../src/index.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const ABOUT = { display: false, update: false };
const result = (parts: Readonly<Record<string, string | Uint8Array>>) =>
  new CodeResult(
    Object.entries(parts).map(([mime, content]) => ({
      mime,
      bytes: typeof content === "string" ? bytes(content) : content,
    })),
    ABOUT,
  );

describe("a result", () => {
  it("has every form under its name", () => {
    const png = new Uint8Array([0x89, 0x50, 0xff]);
    const all = result({
      "text/plain": "é",
      "text/html": "<b>é</b>",
      "text/markdown": "*é*",
      "image/png": png,
      "image/jpeg": png.subarray(1),
      "image/svg+xml": "<svg/>",
      "text/latex": "$x$",
      "application/json": '{"a":[1,null]}',
      "application/javascript": "alert(1)",
    });
    expect(all).toMatchObject({
      text: "é",
      html: "<b>é</b>",
      markdown: "*é*",
      png,
      jpeg: png.subarray(1),
      svg: "<svg/>",
      latex: "$x$",
      json: { a: [1, null] },
      javascript: "alert(1)",
      chart: undefined,
    });
    const names = ["text", "html", "markdown", "png", "jpeg", "svg", "latex", "json", "javascript"];
    expect(all.formats()).toEqual(names);
    expect(all.data).toMatchObject({ "image/png": png, "application/json": { a: [1, null] }, "text/latex": "$x$" });
    expect(JSON.parse(JSON.stringify(all))).toEqual({ formats: names, text: "é" });
  });

  it("says of what has no name that it is data", () => {
    const odd = result({ "application/x-thing": new Uint8Array([1]), "application/geo+json": "{}", "text/csv": "a,b" });
    expect(odd.formats()).toEqual(["data"]);
    expect(odd.data).toEqual({
      "application/x-thing": new Uint8Array([1]),
      "application/geo+json": {},
      "text/csv": "a,b",
    });
    expect(odd.text).toBeUndefined();
    expect(result({}).formats()).toEqual([]);
  });

  it("gives what is called JSON and is none as text", () => {
    expect(result({ "application/json": "{oh" }).json).toBe("{oh");
  });
});

describe("a chart", () => {
  const PLOTLY = "application/vnd.plotly.v1+json";
  const plotly = (trace: object, layout: object = {}) =>
    result({ [PLOTLY]: JSON.stringify({ data: [trace], layout, config: { displaylogo: false } }), "text/plain": "F" });

  it.each([
    [{ type: "bar", y: [1] }, "bar"],
    [{ type: "scatter", mode: "lines+markers" }, "line"],
    [{ type: "scatter", mode: "markers" }, "scatter"],
    [{ type: "pie" }, "pie"],
    [{ type: "histogram" }, "histogram"],
    [{ type: "heatmap" }, "heatmap"],
    [{ type: "sankey" }, "unknown"],
    [{ y: [1, 2] }, "line"],
  ])("of Plotly: %o is a %s", (trace, type) => {
    const { chart } = plotly(trace, { title: { text: "Title" } });
    expect(chart).toEqual({
      type,
      library: "plotly",
      title: "Title",
      data: [trace],
      layout: { title: { text: "Title" } },
      config: { displaylogo: false },
    });
    expect(plotly(trace).formats()).toEqual(["text", "chart"]);
  });

  it.each([
    [{ mark: "line" }, "line"],
    [{ mark: { type: "point" } }, "scatter"],
    [{ mark: "bar", encoding: { x: { field: "a" } } }, "bar"],
    [{ mark: "bar", encoding: { x: { field: "a", bin: true } } }, "histogram"],
    [{ mark: { type: "arc" } }, "pie"],
    [{ mark: "rect" }, "heatmap"],
    [{ layer: [{ mark: "area" }, { mark: "rule" }] }, "line"],
    [{ hconcat: [] }, "unknown"],
  ])("of Vega-Lite: %o is a %s", (spec, type) => {
    const { chart } = result({ "application/vnd.vegalite.v6.1.0+json": JSON.stringify({ ...spec, title: "T" }) });
    expect(chart).toEqual({ type, library: "altair", title: "T", data: { ...spec, title: "T" } });
  });

  it.each(["{}", "[]", "null", "1", '{"data":5,"layout":7}', "{oh", '{"mark":{},"layer":[],"encoding":3}'])(
    "of anything, as %s, throws nothing",
    content => {
      for (const mime of [PLOTLY, "application/vnd.vegalite.v5+json", "application/vnd.vega.v5+json"]) {
        expect(result({ [mime]: content }).chart?.type).toMatch(/^(unknown|line)$/);
      }
    },
  );
});
