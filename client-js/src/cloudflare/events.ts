/** Server-sent events that carry JSON: `parseSSEStream` and its kin. */

import { aborted } from "./errors.ts";
import { EventReader, eventBytes } from "./sse.ts";
import { byteStream } from "./stream.ts";

/** What says that no more will come. */
const DONE = "[DONE]";

/**
 * The events of a stream, parsed. What is no JSON is skipped, and so is `[DONE]`. Leaving the loop, and the signal, cancel
 * the stream, and with it what it comes from.
 *
 * @throws an error named `AbortError` by the signal; what the stream fails with.
 *
 * @example
 * ```ts
 * const stream = await sandbox.execStream("make");
 * for await (const event of parseSSEStream<ExecEvent>(stream)) {
 *   if (event.type === "stdout") console.log(event.data);
 * }
 * ```
 */
export async function* parseSSEStream<T>(
  stream: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const reader = stream.getReader();
  const events = new EventReader();
  const giveUp = () => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", giveUp);
  try {
    if (signal?.aborted) throw aborted(signal.reason);
    for (;;) {
      const { done, value } = await reader.read();
      if (signal?.aborted) throw aborted(signal.reason);
      for (const data of done ? events.end() : events.push(value)) {
        const event = parsed<T>(data);
        if (event !== undefined) yield event;
        if (signal?.aborted) throw aborted(signal.reason);
      }
      if (done) return;
    }
  } catch (error) {
    throw signal?.aborted ? aborted(signal.reason) : error;
  } finally {
    signal?.removeEventListener("abort", giveUp);
    await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}

/**
 * The events of a response, parsed.
 *
 * @throws an error when the response is not ok, or has no body.
 */
export async function* responseToAsyncIterable<T>(
  response: Response,
  signal?: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  if (!response.ok) {
    await response.body?.cancel().catch(() => {});
    throw new Error(`Response not ok: ${response.status} ${response.statusText}`);
  }
  if (!response.body) throw new Error("No response body");
  yield* parseSSEStream<T>(response.body, signal);
}

/**
 * Events as a stream of server-sent events, and `[DONE]` at the end. The next one is asked for when the one before was read;
 * cancelling the stream, and the signal, end the iteration.
 *
 * @param options - `serialize`: what makes text of an event; by default JSON.
 */
export function asyncIterableToSSEStream<T>(
  events: AsyncIterable<T>,
  options?: { signal?: AbortSignal; serialize?: (event: T) => string },
): ReadableStream<Uint8Array> {
  const { signal, serialize = JSON.stringify } = options ?? {};
  const iterator = events[Symbol.asyncIterator]();
  // It may wait for its next event, and return only after that: nobody waits for it here.
  const leave = () => void Promise.resolve(iterator.return?.()).catch(() => {});
  let ended = false;
  let failure: Error | undefined;
  // Not Promise.race: what is raced against one promise again and again is kept until that one settles.
  let fail = (_: Error) => {};
  const giveUp = () => {
    leave();
    failure = aborted(signal?.reason);
    fail(failure);
  };
  if (signal?.aborted) giveUp();
  signal?.addEventListener("abort", giveUp);
  const settle = () => signal?.removeEventListener("abort", giveUp);
  const nextOne = () =>
    new Promise<IteratorResult<T>>((resolve, reject) => {
      if (failure) return reject(failure);
      fail = reject;
      iterator.next().then(resolve, reject);
    });
  return byteStream({
    async next() {
      if (ended) return undefined;
      try {
        const { done, value } = await nextOne();
        if (!done) return eventBytes(serialize(value));
        ended = true;
        settle();
        return eventBytes(DONE);
      } catch (error) {
        settle();
        throw error;
      }
    },
    cancel() {
      settle();
      leave();
    },
  });
}

function parsed<T>(data: string): T | undefined {
  if (data === DONE || data.trim() === "") return undefined;
  try {
    return JSON.parse(data) as T;
  } catch {
    return undefined;
  }
}
