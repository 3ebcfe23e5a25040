/** A lane made awaitable: opens channels, and wakes whoever waits for news of them. */

import { Call, invalid } from "./call.ts";
import type { Channel, Opener } from "./channel.ts";
import { SandwireError } from "./error.ts";
import { classOf } from "./protocol/kind.ts";
import { type Config, type Epoch, Lane } from "./protocol/lane.ts";
import { encode } from "./protocol/msgpack.ts";

/** What the other side hears of a channel that it opens. */
const UNSERVED = { code: "UNKNOWN_KIND", message: "this client serves no channels" };

/** The lane's place on its present connection. */
interface Port {
  readonly epoch: Epoch;
  /** Tells the connection's writer that there is something to send. */
  wake(): void;
}

/** One lane and the channels that we opened in it. */
export class Link implements Opener {
  readonly #lane: Lane;
  readonly #calls = new Map<number, Call<unknown, unknown, unknown>>();
  #port: Port | undefined;
  /** Inside `with`: whoever is called from there finds its events handled by the outermost. */
  #deep = false;

  constructor(config: Partial<Config>) {
    this.#lane = new Lane("client", config);
  }

  open<Up, Down, Result>(kind: string, params: object): Channel<Up, Down, Result> {
    const id = this.#lane.open(kind, classOf(kind), false, encoded(params));
    if (id === undefined) {
      const message = "too many channels are open: let some end first";
      throw new SandwireError("LIMIT_EXCEEDED", message);
    }
    const call = new Call<Up, Down, Result>(this, id);
    this.#calls.set(id, call as Call<unknown, unknown, unknown>);
    this.with(() => {});
    return call;
  }

  /** Does something to the lane, then wakes whoever has news. */
  with<T>(work: (lane: Lane) => T): T {
    const outermost = !this.#deep;
    this.#deep = true;
    try {
      return work(this.#lane);
    } finally {
      if (outermost) {
        try {
          this.#tell();
        } finally {
          this.#deep = false;
        }
        if (this.#lane.hasTransmit()) this.#port?.wake();
      }
    }
  }

  /** Nobody waits for this channel any more. */
  forget(id: number): void {
    this.#calls.delete(id);
  }

  /**
   * A connection carries the lane from here on; the peer has received this many of its frames.
   *
   * @throws LaneError when it cannot have.
   */
  attach(peerReceived: number, wake: () => void): Epoch {
    return this.with(lane => {
      const epoch = lane.attach(peerReceived);
      this.#port = { epoch, wake };
      return epoch;
    });
  }

  /** The connection of this epoch is lost. An older one's loss changes nothing. */
  detach(epoch: Epoch): void {
    if (!this.#lane.isCurrent(epoch)) return;
    this.#lane.detach();
    this.#port = undefined;
  }

  /** The lane is gone for good: every channel ends with what is known of it. */
  fail(reason: string): void {
    this.#port = undefined;
    this.with(lane => lane.fail(reason));
  }

  /** Hands the lane's events to their channels. */
  #tell(): void {
    for (let event = this.#lane.pollEvent(); event !== undefined; event = this.#lane.pollEvent()) {
      switch (event.type) {
        case "readable":
          this.#calls.get(event.id)?.handleReadable();
          break;
        case "writable":
          this.#calls.get(event.id)?.handleWritable();
          break;
        case "opened":
          // This client serves no channels; the answer goes out with the next frames.
          this.#lane.close(event.id, { ok: false, payload: encode(UNSERVED) });
      }
    }
  }
}

function encoded(params: object): Uint8Array {
  try {
    return encode(params);
  } catch (error) {
    throw invalid(error);
  }
}
