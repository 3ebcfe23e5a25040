import { expect, test } from "vitest";
import { afterReturn, PLAIN, paletteColour, parseAnsi, stripAnsi } from "./ansi.ts";

const E = "\x1b";

test("text without sequences is one plain span", () => {
  expect(parseAnsi("hello\tworld")).toEqual({ spans: [{ text: "hello\tworld", style: {} }], end: PLAIN });
  expect(parseAnsi("").spans).toEqual([]);
});

test("colours and attributes hold until they are taken back", () => {
  const { spans, end } = parseAnsi(`a${E}[1;31mb${E}[22mc${E}[39md${E}[7;4me${E}[mf`);
  expect(spans).toEqual([
    { text: "a", style: {} },
    { text: "b", style: { bold: true, fg: 1 } },
    { text: "c", style: { fg: 1 } },
    { text: "d", style: {} },
    { text: "e", style: { inverse: true, underline: true } },
    { text: "f", style: {} },
  ]);
  expect(end).toBe(PLAIN);
});

test("bright, palette and true colours, with semicolons and with colons", () => {
  const style = (codes: string) => parseAnsi(`${E}[${codes}mx`).spans[0]?.style;
  expect(style("94")).toEqual({ fg: 12 });
  expect(style("107")).toEqual({ bg: 15 });
  expect(style("38;5;208")).toEqual({ fg: 208 });
  expect(style("48;2;1;2;255")).toEqual({ bg: "#0102ff" });
  expect(style("38:2::10:20:30;1")).toEqual({ fg: "#0a141e", bold: true });
  expect(style("38;5;999;3")).toEqual({ italic: true });
  expect(style("38;2;300;0;0")).toEqual({ fg: "#ff0000" });
});

test("the look goes on in the next line", () => {
  const { end } = parseAnsi(`${E}[32mgreen`);
  expect(parseAnsi("still", end).spans).toEqual([{ text: "still", style: { fg: 2 } }]);
});

test("what is no colour is left out and becomes nothing", () => {
  const link = `${E}]8;;https://example.com${E}\\text${E}]8;;${E}\\`;
  expect(stripAnsi(link)).toBe("text");
  expect(stripAnsi(`${E}]0;title\x07x${E}[2J${E}[10;5Hy${E}[?25lz${E}(B${E}=!\x08\x00`)).toBe("xyz!");
  expect(stripAnsi(`a${E}`)).toBe("a");
  expect(stripAnsi(`a${E}[`)).toBe("a");
  expect(stripAnsi(`a${E}Pq#0;2;0`)).toBe("a");
  expect(stripAnsi("<img src=x onerror=alert(1)>")).toBe("<img src=x onerror=alert(1)>");
});

test("a carriage return begins the line anew", () => {
  expect(afterReturn("10%\r20%\r30%")).toBe("30%");
  expect(afterReturn("done\r")).toBe("done");
  expect(afterReturn("a\rb\r\r")).toBe("b");
  expect(afterReturn("\r")).toBe("");
  expect(afterReturn("plain")).toBe("plain");
});

test("the palette of xterm", () => {
  expect(paletteColour(16)).toBe("#000000");
  expect(paletteColour(208)).toBe("#ff8700");
  expect(paletteColour(231)).toBe("#ffffff");
  expect(paletteColour(255)).toBe("#eeeeee");
});
