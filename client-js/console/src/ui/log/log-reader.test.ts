import { expect, test, vi } from "vitest";
import { type LogPiece, LogReader, type LogSource, type LogStart } from "./log-reader.ts";
import { lineText } from "./log-window.ts";

/** A log in memory, which keeps its last `keep` bytes. */
class Log implements LogSource {
  bytes = new Uint8Array(0);
  ended = false;
  keep = Number.POSITIVE_INFINITY;
  /** Bytes that readers took. */
  taken = 0;
  #waiting: (() => void)[] = [];

  add(text: string): void {
    const more = new TextEncoder().encode(text);
    const all = new Uint8Array(this.bytes.length + more.length);
    all.set(this.bytes);
    all.set(more, this.bytes.length);
    this.bytes = all;
    this.#wake();
  }

  end(): void {
    this.ended = true;
    this.#wake();
  }

  async *read(from: LogStart, follow: boolean, signal: AbortSignal): AsyncGenerator<LogPiece> {
    let at = "offset" in from ? from.offset : this.#lastLines(from.lines);
    yield { type: "begin", offset: at };
    while (!signal.aborted) {
      const oldest = Math.max(0, this.bytes.length - this.keep);
      if (at < oldest) {
        yield { type: "gap", from: at, to: oldest };
        at = oldest;
      } else if (at < this.bytes.length) {
        const bytes = this.bytes.subarray(at, at + 2000);
        this.taken += bytes.length;
        yield { type: "data", stream: 1, offset: at, bytes };
        at += bytes.length;
      } else if (this.ended || !follow) return;
      else
        await new Promise<void>(resolve => {
          this.#waiting.push(resolve);
          signal.addEventListener("abort", () => resolve());
        });
    }
  }

  #lastLines(lines: number): number {
    let at = this.bytes.length;
    for (let n = 0; at > 0 && n <= lines; at -= 1) if (this.bytes[at - 2] === 10) n += 1;
    return at;
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`).join("");

function open(log: LogSource, bounds = { bytes: 20_000, entries: 3000 }) {
  const reader = new LogReader(log, () => {}, { bounds, nextFrame: () => Promise.resolve() });
  reader.start();
  const texts = () => reader.window.entries.map(entry => (entry.type === "note" ? entry.text : lineText(entry)));
  return { reader, texts };
}

test("shows the end, then what comes, then that there will be no more", async () => {
  const log = new Log();
  log.add(lines(0, 10));
  const { reader, texts } = open(log);
  await vi.waitFor(() => expect(texts().at(-1)).toBe("line 9"));
  log.add("more\n");
  await vi.waitFor(() => expect(texts().at(-1)).toBe("more"));
  expect(reader.status).toBe("live");
  log.end();
  await vi.waitFor(() => expect(reader.status).toBe("ended"));
  expect(reader.hasOlder).toBe(false);
});

test("whoever does not follow keeps what is seen, and no more is read than fits", async () => {
  const log = new Log();
  log.add(lines(0, 100));
  const { reader, texts } = open(log);
  await vi.waitFor(() => expect(texts().at(-1)).toBe("line 99"));
  reader.follow(false);
  const first = texts()[0];
  log.add(lines(100, 20_000));
  await vi.waitFor(() => expect(reader.status).toBe("idle"));
  expect(log.taken).toBeLessThan(30_000);
  expect(texts()[0]).toBe(first);
  expect(reader.hasNewer).toBe(true);
  reader.follow(true);
  await vi.waitFor(() => expect(texts().at(-1)).toBe("line 19999"));
  expect(reader.window.entries.length).toBeLessThanOrEqual(3000);
  reader.stop();
});

test("back to the beginning and forth to the end, each line in its place", async () => {
  const log = new Log();
  log.add(lines(0, 60_000));
  const { reader, texts } = open(log, { bytes: 400_000, entries: 1e6 });
  await vi.waitFor(() => expect(texts().at(-1)).toBe("line 59999"));
  reader.follow(false);
  const check = () => {
    const all = texts().slice(1);
    const first = Number(all[0]?.slice(5));
    expect(all.join("\n")).toBe(Array.from({ length: all.length }, (_, i) => `line ${first + i}`).join("\n"));
  };
  let turns = 0;
  while (reader.hasOlder) {
    await reader.loadOlder();
    check();
    turns += 1;
  }
  expect(turns).toBeGreaterThan(1);
  expect(texts()[0]).toBe("line 0");
  expect(texts().at(-1)).not.toBe("line 59999");
  await vi.waitFor(
    async () => {
      await reader.loadNewer();
      expect(texts().at(-1)).toBe("line 59999");
    },
    { interval: 1 },
  );
  check();
  reader.follow(true);
  log.add("still live\n");
  await vi.waitFor(() => expect(texts().at(-1)).toBe("still live"));
  reader.stop();
});

test("what is read in one direction is given up for the other, and that is no failure", async () => {
  const log = new Log();
  log.add(lines(0, 60_000));
  // As the client does it: what is stopped rejects.
  const source: LogSource = {
    async *read(from, follow, signal) {
      for await (const piece of log.read(from, follow, signal)) {
        signal.throwIfAborted();
        yield piece;
      }
      signal.throwIfAborted();
    },
  };
  const { reader } = open(source, { bytes: 400_000, entries: 1e6 });
  await vi.waitFor(() => expect(reader.status).toBe("live"));
  reader.follow(false);
  await reader.loadOlder();
  await reader.loadOlder();
  expect(reader.hasNewer).toBe(true);
  const { start } = reader.window;
  await Promise.all([reader.loadNewer(), reader.loadOlder()]);
  expect(reader.error).toBeUndefined();
  expect(reader.window.start).toBeLessThan(start);
  // Nor when the newest lines are wanted meanwhile.
  const older = reader.loadOlder();
  reader.follow(true);
  await older;
  expect(reader.error).toBeUndefined();
  await vi.waitFor(() => expect(reader.status).toBe("live"));
  reader.stop();
});

test("what is gone is told, and nothing older is looked for", async () => {
  const log = new Log();
  log.keep = 50_000;
  log.add(lines(0, 20_000));
  const { reader, texts } = open(log, { bytes: 1e6, entries: 1e6 });
  await vi.waitFor(() => expect(texts().at(-1)).toBe("line 19999"));
  while (reader.hasOlder) await reader.loadOlder();
  expect(reader.window.start).toBe(log.bytes.length - 50_000);
  expect(reader.window.bytes).toBe(50_000);
  reader.stop();
});

test("a failure is told, and what was read stays", async () => {
  const broken: LogSource = {
    async *read() {
      yield { type: "begin", offset: 0 };
      yield { type: "data", stream: 1, offset: 0, bytes: new TextEncoder().encode("one\n") };
      throw new Error("no such process");
    },
  };
  const reader = new LogReader(broken, () => {});
  reader.start();
  await vi.waitFor(() => expect(reader.status).toBe("failed"));
  expect(reader.error).toEqual(new Error("no such process"));
  expect(reader.window.entries.length).toBe(1);
});
