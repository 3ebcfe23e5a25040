/** What a call can return at once, before it is made: a sequence, a stream, a sink. */

import { type ByteSink, type ByteStream, platform } from "../web.ts";
import type { Call } from "./call.ts";

/** Something that comes one by one, once. Leaving the loop, `return` and `await using` give it up. */
export interface AsyncSequence<T> extends AsyncIterableIterator<T> {
  /** Gives it up. */
  return(): Promise<IteratorResult<T>>;
  /** Gives it up. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A stream whose chunks are the calls of `next`; nothing is taken before somebody asks. */
export function readable(next: () => Promise<Uint8Array | undefined>, cancel: () => void): ByteStream {
  return new platform.ReadableStream(
    {
      async pull(controller) {
        const chunk = await next();
        if (chunk) controller.enqueue(chunk);
        else controller.close();
      },
      cancel: () => cancel(),
    },
    { highWaterMark: 0 },
  );
}

/** A sink for stream 0, once it has started. Closing it is END; aborting it gives the channel up. */
export const sink = (
  call: { write: Call<never, never, never>["write"]; end(): unknown; cancel(): void },
  start?: () => Promise<unknown>,
): ByteSink =>
  new platform.WritableStream({
    start,
    write: chunk => call.write(chunk),
    close: () => call.end(),
    abort: () => call.cancel(),
  });

/** An iterable of what `source` gives; leaving it calls `cancel` at once, also when it waits or was never begun. */
export function iterable<T>(source: { next(): Promise<IteratorResult<T>> }, cancel: () => void): AsyncSequence<T> {
  let left = false;
  const leave = async (): Promise<IteratorReturnResult<undefined>> => {
    left = true;
    cancel();
    return { done: true, value: undefined };
  };
  return {
    next: () => (left ? leave() : source.next()),
    return: leave,
    [Symbol.asyncDispose]: async () => void (await leave()),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
