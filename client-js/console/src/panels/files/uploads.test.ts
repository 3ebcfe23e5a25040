import { expect, test, vi } from "vitest";
import { UploadQueue, type UploadSource } from "./uploads.ts";

const file = (path: string, size = 10): UploadSource => ({ path, size, content: new Blob(["x".repeat(size)]) });

async function* all(...sources: UploadSource[]): AsyncGenerator<UploadSource> {
  yield* sources;
}

/** A queue whose sends are ended by hand. */
function byHand(parallel: number) {
  const sends: {
    path: string;
    replace: boolean;
    signal: AbortSignal;
    done(error?: unknown): void;
    progress(n: number): void;
  }[] = [];
  const queue = new UploadQueue({
    parallel,
    send: (source, { replace, signal, onProgress }) =>
      new Promise((resolve, reject) => {
        const done = (error?: unknown) => (error === undefined ? resolve() : reject(error));
        signal.addEventListener("abort", () => reject(signal.reason));
        sends.push({ path: source.path, replace, signal, done, progress: onProgress });
      }),
    onChange: () => {},
  });
  const states = () => queue.uploads.map(upload => upload.state).join(" ");
  return { queue, sends, states };
}

const exists = Object.assign(new Error("there is something"), { code: "FILE_EXISTS" });

test("so many at once, in order, and the next when one is done", async () => {
  const { queue, sends, states } = byHand(2);
  queue.add(all(file("a"), file("b"), file("c")));
  await vi.waitFor(() => expect(states()).toBe("sending sending waiting"));
  sends[0]?.progress(4);
  expect(queue.totals()).toMatchObject({ files: 3, sent: 4, bytes: 30, active: true });
  sends[1]?.done();
  await vi.waitFor(() => expect(states()).toBe("sending done sending"));
  sends[0]?.done();
  sends[2]?.done();
  await vi.waitFor(() => expect(queue.totals()).toMatchObject({ done: 3, sent: 30, active: false }));
});

test("what failed is told and can be tried again, what was cancelled stops", async () => {
  const { queue, sends, states } = byHand(1);
  queue.add(all(file("a"), file("b"), file("c")));
  await vi.waitFor(() => expect(sends.length).toBe(1));
  sends[0]?.done(new Error("no room"));
  await vi.waitFor(() => expect(states()).toBe("failed sending waiting"));
  expect(queue.uploads[0]?.error).toEqual(new Error("no room"));
  queue.cancel(queue.uploads[1]?.id ?? 0);
  expect(sends[1]?.signal.aborted).toBe(true);
  await vi.waitFor(() => expect(states()).toBe("failed cancelled sending"));
  queue.retry(queue.uploads[0]?.id ?? 0);
  sends[2]?.done();
  await vi.waitFor(() => expect(states()).toBe("sending cancelled done"));
  sends[3]?.done();
  await vi.waitFor(() => expect(queue.totals()).toMatchObject({ files: 2, done: 2, active: false }));
  queue.clearEnded();
  expect(queue.totals()).toMatchObject({ files: 0, bytes: 0 });
});

test("a file that is there already waits for a word; one word can stand for all", async () => {
  const { queue, sends, states } = byHand(1);
  queue.add(all(file("a"), file("b"), file("c")));
  for (let i = 0; i < 2; i += 1) {
    await vi.waitFor(() => expect(sends.length).toBe(i + 1));
    sends[i]?.done(exists);
  }
  await vi.waitFor(() => expect(states()).toBe("exists exists sending"));
  expect(queue.totals().undecided).toBe(2);
  queue.decide(queue.uploads[1]?.id ?? 0, "skip");
  expect(states()).toBe("exists cancelled sending");
  queue.decide(queue.uploads[0]?.id ?? 0, "replace", true);
  sends[2]?.done(exists);
  await vi.waitFor(() => expect(sends.length).toBe(4));
  expect(sends[3]).toMatchObject({ path: "a", replace: true });
  sends[3]?.done();
  await vi.waitFor(() => expect(sends.length).toBe(5));
  expect(sends[4]).toMatchObject({ path: "c", replace: true });
});

test("a source of many is taken as it is sent, and cancelling stops it", async () => {
  let given = 0;
  let stopped = false;
  async function* endless(): AsyncGenerator<UploadSource> {
    try {
      for (;;) {
        given += 1;
        yield file(`f${given}`);
      }
    } finally {
      stopped = true;
    }
  }
  const { queue, sends } = byHand(2);
  queue.add(endless());
  await vi.waitFor(() => expect(given).toBeGreaterThanOrEqual(50));
  expect(given).toBeLessThanOrEqual(60);
  for (let i = 0; i < 300; i += 1) {
    await vi.waitFor(() => expect(sends.length).toBeGreaterThan(i));
    sends[i]?.done();
  }
  await vi.waitFor(() => expect(queue.totals().done).toBe(300));
  expect(queue.uploads.length).toBeLessThanOrEqual(160);
  queue.cancelAll();
  await vi.waitFor(() => expect(stopped).toBe(true));
  expect(queue.totals().active).toBe(false);
});

test("a folder that cannot be read is told", async () => {
  async function* broken(): AsyncGenerator<UploadSource> {
    yield file("a");
    throw Object.assign(new Error("not readable"), { path: "dir" });
  }
  const { queue, states } = byHand(1);
  queue.add(broken());
  await vi.waitFor(() => expect(states()).toBe("sending failed"));
  expect(queue.uploads[1]).toMatchObject({ path: "dir", error: new Error("not readable") });
});
