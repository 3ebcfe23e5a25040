/** A channel that we opened: {@link Channel} on a lane. */

import type { Channel, Item } from "./channel.ts";
import { AbortError, errorOf, messageOf, SandwireError } from "./error.ts";
import type { Item as RawItem } from "./protocol/channel.ts";
import { type Failure, ValueError } from "./protocol/error.ts";
import type { Stream } from "./protocol/frame.ts";
import type { Lane } from "./protocol/lane.ts";
import { MAX_EVENT } from "./protocol/limits.ts";
import { decode, encode } from "./protocol/msgpack.ts";

/** What a call needs of the link that it is on. */
export interface Host {
  /** Does something to the lane, then wakes whoever has news. */
  with<T>(work: (lane: Lane) => T): T;
  /** Nobody waits for this channel any more. */
  forget(id: number): void;
}

/** Something to be sent. Does as much as there is room for; whether it is done. Throws when the channel takes no more. */
type Sending = (lane: Lane) => boolean;

interface Waiting {
  readonly advance: Sending;
  resolve(): void;
  reject(error: unknown): void;
}

const SENT = /* @__PURE__ */ Promise.resolve();

/** The opener's end of a channel. Made by {@link Link.open}. */
export class Call<Up, Down, Result> implements Channel<Up, Down, Result> {
  readonly id: number;
  readonly result: Promise<Result>;
  readonly #host: Host;
  #settle!: { resolve(result: Result): void; reject(error: unknown): void };
  /** Items that the lane has for us. */
  #readable = 0;
  #reader: { resolve(item: Item<Down> | undefined): void } | undefined;
  /** What waits for room, in order. As long as its callers make it. */
  #sending: Waiting[] = [];
  /** Set at the end: why nothing more can be sent. */
  #over: SandwireError | undefined;

  constructor(host: Host, id: number) {
    this.#host = host;
    this.id = id;
    this.result = new Promise<Result>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Who does not ask for the result is not told of its failure.
    this.result.catch(() => {});
  }

  recv(): Promise<Item<Down> | undefined> {
    if (this.#reader !== undefined) return Promise.reject(new Error("recv twice at once"));
    const item = this.#take();
    if (item !== undefined || this.#over !== undefined) return Promise.resolve(item);
    return new Promise(resolve => {
      this.#reader = { resolve };
    });
  }

  write(stream: number, data: Uint8Array): Promise<void> {
    let rest = data;
    return this.#send(lane => {
      while (rest.length > 0) {
        const room = lane.room(this.id) ?? fail();
        if (room === 0) return false;
        if (lane.send(this.id, stream as Stream, rest.subarray(0, room)) !== undefined) fail();
        rest = rest.subarray(room);
      }
      return true;
    });
  }

  event(event: Up): Promise<void> {
    let payload: Uint8Array;
    try {
      payload = encode(event as object);
      if (payload.length > MAX_EVENT) throw new ValueError(`an event has at most ${MAX_EVENT} bytes`);
    } catch (error) {
      return Promise.reject(invalid(error));
    }
    return this.#send(lane => {
      const blocked = lane.event(this.id, payload);
      if (blocked === "done") fail();
      if (blocked === "window") lane.wantRoom(this.id);
      return blocked === undefined;
    });
  }

  end(stream: number): void {
    // It takes its turn behind what waits; on a channel that is over there is nothing left to end.
    this.#send(lane => {
      lane.end(this.id, stream as Stream);
      return true;
    }).catch(() => {});
  }

  cancel(): void {
    if (this.#over !== undefined) return;
    this.#host.with(lane => lane.release(this.id));
    this.#finish(new AbortError("the channel was given up"));
    this.#answer(undefined);
  }

  /** The lane has an item more for this channel. */
  handleReadable(): void {
    this.#readable += 1;
    if (this.#reader === undefined) {
      this.#takeClose();
    } else {
      const item = this.#take();
      if (item !== undefined || this.#over !== undefined) this.#answer(item);
    }
  }

  /** There may be room for what waits. */
  handleWritable(): void {
    for (let next = this.#sending[0]; next !== undefined; next = this.#sending[0]) {
      const { advance } = next;
      try {
        if (!this.#host.with(advance)) return;
        next.resolve();
      } catch (error) {
        next.reject(error);
      }
      this.#sending.shift();
    }
  }

  #send(advance: Sending): Promise<void> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    if (this.#sending.length === 0) {
      try {
        if (this.#host.with(advance)) return SENT;
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return new Promise((resolve, reject) => {
      this.#sending.push({ advance, resolve, reject });
    });
  }

  /** The next item that the lane has. CLOSE is none: it ends the channel. */
  #take(): Item<Down> | undefined {
    if (this.#over !== undefined || this.#readable === 0) return undefined;
    const raw = this.#host.with(lane => lane.recv(this.id));
    if (raw === undefined) return undefined;
    this.#readable -= 1;
    const item = this.#open(raw);
    // Later, so that the result does not overtake this item on its way to the user.
    if (this.#readable === 1 && item !== undefined) SENT.then(() => this.#takeClose());
    return item;
  }

  /** When nothing but CLOSE is left, nobody has to ask for it. */
  #takeClose(): void {
    if (this.#readable === 1 && this.#host.with(lane => lane.state(this.id)) === "closed") this.#take();
  }

  #open(raw: RawItem): Item<Down> | undefined {
    try {
      switch (raw.type) {
        case "data":
          return { type: "data", stream: raw.stream, data: raw.data };
        case "end":
          return { type: "end", stream: raw.stream };
        case "event":
          return { type: "event", event: decode(raw.payload) as Down };
        case "close":
          if (raw.ok) {
            this.#settle.resolve(decode(raw.payload) as Result);
            this.#finish();
          } else {
            this.#finish(failure(decode(raw.payload)));
          }
          return undefined;
      }
    } catch (cause) {
      this.#host.with(lane => lane.release(this.id));
      this.#finish(invalid(cause, "the server said what cannot be read: "));
      return undefined;
    }
  }

  /** The channel is over: with its result, or with this error. */
  #finish(error?: SandwireError): void {
    this.#over = error ?? ended();
    if (error !== undefined) this.#settle.reject(error);
    this.#host.forget(this.id);
    for (const waiting of this.#sending.splice(0)) waiting.reject(this.#over);
  }

  #answer(item: Item<Down> | undefined): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.resolve(item);
  }
}

/** The channel takes nothing more. */
function fail(): never {
  throw ended();
}

function ended(): SandwireError {
  return new SandwireError("CANCELLED", "the channel has ended");
}

/** What the server said in CLOSE, whatever it looks like. */
function failure(said: unknown): SandwireError {
  const { code, message, details } = (said ?? {}) as Partial<Failure>;
  return errorOf(String(code ?? "UNKNOWN_ERROR"), String(message ?? ""), { ...details });
}

/** An error of a value that cannot be written or read. */
export function invalid(cause: unknown, what = ""): SandwireError {
  return new SandwireError("VALIDATION_FAILED", what + messageOf(cause), {}, { cause });
}
