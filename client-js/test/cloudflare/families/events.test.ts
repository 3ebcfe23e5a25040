/** Server-sent events: read from any bytes, written as the standard has them. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asyncIterableToSSEStream, parseSSEStream, responseToAsyncIterable } from "../../../src/cloudflare/events.ts";
import { EventReader, eventBytes } from "../../../src/cloudflare/sse.ts";
import { events } from "./context.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** A stream of these pieces, and whether it was cancelled. */
function streamOf(pieces: Uint8Array[], { open = false } = {}) {
  const left = [...pieces];
  const state = { cancelled: false, pulled: 0 };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        state.pulled += 1;
        const piece = left.shift();
        if (piece) controller.enqueue(piece);
        else if (!open) controller.close();
      },
      cancel() {
        state.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, state };
}

describe("reading", () => {
  it("takes every line end, several lines, comments, other fields and a BOM", () => {
    const reader = new EventReader();
    const text =
      "\ufeffdata: 1\n\n: comment\nevent: x\nid: 7\ndata:2\r\n\r\ndata: a\rdata: b\r\rdata\n\nretry: 5\n\ndata:  two\n\n";
    expect(reader.push(bytes(text))).toEqual(["1", "2", "a\nb", "", " two"]);
    expect(reader.end()).toEqual([]);
  });

  it("gives the same however the bytes are cut", () => {
    const text = 'data: {"a":"é😀"}\r\n\r\ndata: x\r\rdata: one\ndata: two\r\n\n: c\n\ndata: last';
    const whole = new EventReader();
    const expected = [...whole.push(bytes(text)), ...whole.end()];
    expect(expected).toEqual(['{"a":"é😀"}', "x", "one\ntwo", "last"]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), sizes => {
        const reader = new EventReader();
        const all = bytes(text);
        const told: string[] = [];
        for (let at = 0, turn = 0; at < all.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          told.push(...reader.push(all.subarray(at, at + size)));
          at += size;
        }
        expect([...told, ...reader.end()]).toEqual(expected);
      }),
    );
  });

  it("refuses an event without end instead of keeping it all", () => {
    const reader = new EventReader();
    const piece = new Uint8Array(8 << 20).fill(0x61);
    expect(() => {
      for (let at = 0; at < 12; at += 1) reader.push(piece);
    }).toThrow(RangeError);
  });

  it("reads a long event in time that grows with its length", () => {
    const reader = new EventReader();
    const told: string[] = [];
    for (let at = 0; at < 200_000; at += 1) told.push(...reader.push(bytes(at === 0 ? "data: x" : "xxxxxxxx")));
    told.push(...reader.push(bytes("\n\n")));
    expect(told[0]?.length).toBe(1 + 199_999 * 8);
  });
});

describe("parseSSEStream", () => {
  it("gives JSON, and skips what is none, and the end mark", async () => {
    const { stream } = streamOf([
      bytes('data: {"a":1}\n\ndata: nonsense\n\ndata: [DONE]\n\ndata: 2\n\ndata:\n\ndata: "end"'),
    ]);
    const told: unknown[] = [];
    for await (const event of parseSSEStream(stream)) told.push(event);
    expect(told).toEqual([{ a: 1 }, 2, "end"]);
  });

  it("cancels the stream when the loop is left", async () => {
    const { stream, state } = streamOf([bytes("data: 1\n\ndata: 2\n\n")], { open: true });
    for await (const event of parseSSEStream(stream)) {
      expect(event).toBe(1);
      break;
    }
    expect([state.cancelled, stream.locked]).toEqual([true, false]);
  });

  it("ends with the signal, while it waits, before it began, and between two events", async () => {
    for (const abortAt of ["before", "between", "waiting"]) {
      const controller = new AbortController();
      const { stream, state } = streamOf([bytes("data: 1\n\ndata: 2\n\n")], { open: true });
      if (abortAt === "before") controller.abort();
      const iterator = parseSSEStream(stream, controller.signal)[Symbol.asyncIterator]();
      if (abortAt !== "before") expect((await iterator.next()).value).toBe(1);
      if (abortAt === "between") controller.abort();
      if (abortAt === "waiting") {
        expect((await iterator.next()).value).toBe(2);
        const waiting = iterator.next();
        controller.abort();
        await expect(waiting).rejects.toMatchObject({ name: "AbortError", message: "Operation was aborted" });
      } else {
        await expect(iterator.next()).rejects.toMatchObject({ name: "AbortError", code: "CANCELLED" });
      }
      expect([abortAt, state.cancelled]).toEqual([abortAt, true]);
    }
  });

  it("passes on what the stream fails with", async () => {
    const broken = new ReadableStream<Uint8Array>({
      pull: controller => controller.error(new Error("the wire broke")),
    });
    await expect(events(broken)).rejects.toThrow("the wire broke");
  });
});

describe("responseToAsyncIterable", () => {
  it("reads the body, and refuses what is not ok", async () => {
    const told: unknown[] = [];
    for await (const event of responseToAsyncIterable(new Response("data: 1\n\n"))) told.push(event);
    expect(told).toEqual([1]);
    const refused = responseToAsyncIterable(new Response("no", { status: 503, statusText: "Busy" }))[
      Symbol.asyncIterator
    ]();
    await expect(refused.next()).rejects.toThrow("Response not ok: 503 Busy");
    const empty = responseToAsyncIterable(new Response(null))[Symbol.asyncIterator]();
    await expect(empty.next()).rejects.toThrow("No response body");
  });
});

describe("asyncIterableToSSEStream", () => {
  /** Counts from 1, and tells how far it came, and whether it was left. */
  function counting(to: number) {
    const state = { at: 0, left: false };
    async function* count() {
      try {
        for (let at = 1; at <= to; at += 1) {
          state.at = at;
          yield { at };
        }
      } finally {
        state.left = true;
      }
    }
    return { state, source: count() };
  }

  it("writes what parseSSEStream reads, and the end mark", async () => {
    const { source } = counting(3);
    const text = await new Response(asyncIterableToSSEStream(source)).text();
    expect(text).toBe('data: {"at":1}\n\ndata: {"at":2}\n\ndata: {"at":3}\n\ndata: [DONE]\n\n');
    expect(await events(asyncIterableToSSEStream(counting(3).source))).toEqual([{ at: 1 }, { at: 2 }, { at: 3 }]);
    const own = asyncIterableToSSEStream(counting(1).source, { serialize: ({ at }) => `line ${at}\r\nmore\rend` });
    expect(await new Response(own).text()).toBe("data: line 1\ndata: more\ndata: end\n\ndata: [DONE]\n\n");
    expect(new EventReader().push(eventBytes("a\nb\r\nc"))).toEqual(["a\nb\nc"]);
  });

  it("asks for the next one when the one before was read, and leaves when it is cancelled", async () => {
    const { source, state } = counting(1000);
    const reader = asyncIterableToSSEStream(source).getReader();
    expect(state.at).toBe(0);
    await reader.read();
    await reader.read();
    expect(state.at).toBe(2);
    await reader.cancel();
    await Promise.resolve();
    expect(state.left).toBe(true);
  });

  it("ends with the signal, also while the iteration waits", async () => {
    const controller = new AbortController();
    async function* waits() {
      yield 1;
      await new Promise(() => {});
    }
    const reader = asyncIterableToSSEStream(waits(), { signal: controller.signal }).getReader();
    await reader.read();
    const waiting = reader.read();
    controller.abort();
    await expect(waiting).rejects.toThrow("Operation was aborted");
    const before = asyncIterableToSSEStream(waits(), { signal: controller.signal }).getReader();
    await expect(before.read()).rejects.toThrow("Operation was aborted");
  });

  it("passes on what the iteration fails with", async () => {
    // biome-ignore lint/correctness/useYield: it fails before it has anything
    async function* fails() {
      throw new Error("the source broke");
    }
    await expect(asyncIterableToSSEStream(fails()).getReader().read()).rejects.toThrow("the source broke");
  });
});
