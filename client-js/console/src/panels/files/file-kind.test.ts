import { expect, test } from "vitest";
import { hexRows, imageType, textOf, textOfPart } from "./file-kind.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("text is UTF-8 without NUL, with the line breaks that it has", () => {
  expect(textOf(bytes("a\nb"))).toEqual({ text: "a\nb", lineBreak: "\n" });
  expect(textOf(bytes("a\r\nb\r\n"))?.lineBreak).toBe("\r\n");
  expect(textOf(bytes("a\r\nb\n"))?.lineBreak).toBe("mixed");
  expect(textOf(bytes("50%\r100%\n"))?.lineBreak).toBe("mixed");
  expect(textOf(bytes("\ufeffbom"))?.text).toBe("\ufeffbom");
  expect(textOf(bytes(""))).toEqual({ text: "", lineBreak: "\n" });
  expect(textOf(bytes("a\0b"))).toBeUndefined();
  expect(textOf(Uint8Array.of(0xff, 0xfe))).toBeUndefined();
});

test("the beginning of a text may be cut in a character", () => {
  const all = bytes("aé€😀");
  for (let end = 1; end <= all.length; end += 1) {
    const text = textOfPart(all.subarray(0, end))?.text ?? "none";
    expect("aé€😀".startsWith(text)).toBe(true);
  }
  expect(textOfPart(Uint8Array.of(0x61, 0xff, 0x62))).toBeUndefined();
});

test("pictures by their name", () => {
  expect(imageType("a.PNG")).toBe("image/png");
  expect(imageType("a.b.svg")).toBe("image/svg+xml");
  expect(imageType("png")).toBeUndefined();
  expect(imageType("a.txt")).toBeUndefined();
});

test("a hex dump", () => {
  expect(hexRows(bytes("0123456789abcdef\n"))).toEqual([
    { offset: "00000000", hex: "30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66", text: "0123456789abcdef" },
    { offset: "00000010", hex: "0a".padEnd(48), text: "." },
  ]);
});
