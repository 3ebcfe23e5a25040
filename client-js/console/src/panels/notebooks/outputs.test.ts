import { expect, test } from "vitest";
import { CodeResult } from "../../../../src/kinds/code/result.ts";
import type { CodeEvent } from "../../../../src/kinds/code/run.ts";
import { displayOf, Outputs, Room } from "./outputs.ts";

const out = (text: string): CodeEvent => ({ type: "stdout", text });
const shown = (text: string, displayId?: string, update = false) =>
  new CodeResult([{ mime: "text/plain", bytes: new TextEncoder().encode(text) }], {
    display: true,
    update,
    ...(displayId !== undefined && { displayId }),
  });
const texts = (outputs: Outputs) =>
  outputs.all.map(output => {
    if (output.type === "stream") return `${output.name}:${output.text}`;
    const plain = output.type === "display" ? output.parts.get("text/plain") : undefined;
    return plain?.type === "text" ? plain.text : output.type;
  });

test("text of one stream is one output, and a carriage return writes a line anew", () => {
  const outputs = new Outputs(new Room(1e6));
  for (const text of ["a", "b\n", "10 %\r", "20 %", "\r30 %\r\n", "end"]) outputs.take(out(text));
  outputs.take({ type: "stderr", text: "oh" });
  outputs.take(out("again"));
  expect(texts(outputs)).toEqual(["stdout:ab\n30 %\nend", "stderr:oh", "stdout:again"]);
});

test("clear, at once and with the next thing", () => {
  const outputs = new Outputs(new Room(1e6));
  outputs.take(out("a"));
  expect(outputs.take({ type: "clear", wait: true })).toBe(false);
  expect(texts(outputs)).toEqual(["stdout:a"]);
  outputs.take(out("b"));
  expect(texts(outputs)).toEqual(["stdout:b"]);
  outputs.take({ type: "clear", wait: false });
  expect(outputs.all).toEqual([]);
});

test("what is shown under a name is replaced there", () => {
  const outputs = new Outputs(new Room(1e6));
  outputs.take({ type: "result", result: shown("one", "name") });
  outputs.take({ type: "result", result: shown("two") });
  expect(outputs.replace(displayOf(shown("three", "name", true)))).toBe(true);
  expect(outputs.replace(displayOf(shown("four", "other", true)))).toBe(false);
  expect(texts(outputs)).toEqual(["three", "two"]);
});

test("there are bounds: of text the end is kept, results have a room, and it says so", () => {
  const room = new Room(4000);
  const outputs = new Outputs(room);
  for (let i = 0; i < 400; i += 1) outputs.take(out(`${"x".repeat(9999)}\n`));
  const [stream] = outputs.all;
  if (stream?.type !== "stream") throw new Error("no stream");
  expect(stream.text.length).toBeLessThanOrEqual(2 * 1024 * 1024);
  expect(stream.text.length + stream.dropped).toBe(4_000_000);
  expect(room.used).toBe(stream.text.length);
  outputs.clear();
  expect(room.used).toBe(0);
  for (let i = 0; i < 10; i += 1) outputs.take({ type: "result", result: shown("y".repeat(1000)) });
  expect(texts(outputs).filter(text => text === "dropped")).toEqual(["dropped"]);
  expect(room.used).toBeLessThanOrEqual(4000);
});

test("why a cell failed is kept, however much it said before", () => {
  const outputs = new Outputs(new Room(1e9));
  const error: CodeEvent = { type: "error", name: "ValueError", message: "no", traceback: [] };
  for (let i = 0; i < 1500; i += 1) outputs.take({ type: "result", result: shown("x") });
  outputs.take(error);
  expect(texts(outputs).slice(-3)).toEqual(["x", "dropped", "error"]);
  for (let i = 0; i < 1500; i += 1) outputs.take(i % 2 === 0 ? error : out("y"));
  expect(outputs.all.length).toBeLessThan(1010);
});

test("a cell that is taken away gives its room to others, and has it again when it is back", () => {
  const room = new Room(4000);
  const one = new Outputs(room);
  one.take({ type: "result", result: shown("y".repeat(3000)) });
  const { used } = room;
  one.release();
  one.release();
  expect(room.used).toBe(0);
  const other = new Outputs(room);
  other.take({ type: "result", result: shown("y".repeat(3000)) });
  expect(texts(other)).not.toContain("dropped");
  one.hold();
  expect(room.used).toBe(2 * used);
  one.clear();
  other.release();
  other.clear();
  other.hold();
  expect(room.used).toBe(0);
});
