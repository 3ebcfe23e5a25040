import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Pace } from "../../src/pace.ts";

const FRAME = 64 << 10;

interface Way {
  /** Milliseconds to the other side and back. */
  readonly rtt: number;
  /** Bytes per millisecond that the narrowest place lets through. */
  readonly rate: number;
}

/** Bulk over a way with one queue, on a made-up clock. */
class Flood {
  readonly #pace = new Pace();
  #now = 0;
  /** When the narrowest place has let through all that is before it. */
  #free = 0;
  readonly #pongs: { readonly at: number; readonly nonce: number }[] = [];

  /**
   * Sends for so many milliseconds over this way. Returns which share of what the way could carry arrived in the second half,
   * and how long a key would have waited in the queue at most then, in milliseconds.
   */
  run({ rtt, rate }: Way, time: number): { share: number; waited: number } {
    const end = this.#now + time;
    const half = this.#now + time / 2;
    let arrived = 0;
    let waited = 0;
    for (; this.#now < end; this.#now += 1) {
      for (let pong = this.#pongs[0]; pong !== undefined && pong.at <= this.#now; pong = this.#pongs[0]) {
        this.#pongs.shift();
        this.#pace.handlePong(pong.nonce, this.#now);
      }
      while (!this.#pace.isFull()) {
        this.#free = Math.max(this.#free, this.#now) + FRAME / rate;
        if (this.#free < end && this.#now > half) arrived += FRAME;
        const nonce = this.#pace.handleSent(FRAME, this.#now);
        if (nonce !== undefined) this.#pongs.push({ at: this.#free + rtt, nonce });
      }
      if (this.#now > half) waited = Math.max(waited, this.#free - this.#now);
    }
    return { share: arrived / ((time / 2) * rate), waited };
  }
}

describe("the pace", () => {
  it.each([
    { rtt: 1, rate: 1 << 10, name: "1 MiB/s, near" },
    { rtt: 20, rate: 8 << 10, name: "8 MiB/s at 20 ms" },
    { rtt: 100, rate: 4 << 10, name: "4 MiB/s at 100 ms" },
    { rtt: 200, rate: 20 << 10, name: "20 MiB/s at 200 ms" },
  ])("fills the way, and little more: $name", way => {
    const { share, waited } = new Flood().run(way, 60_000);
    expect(share).toBeGreaterThan(0.8);
    // The patience, the last step of the budget, and the least that is on its way.
    expect(waited).toBeLessThan(150 + (192 << 10) / way.rate);
  });

  it("follows a way that becomes another one", () => {
    const flood = new Flood();
    flood.run({ rtt: 5, rate: 20 << 10 }, 20_000);
    expect(flood.run({ rtt: 5, rate: 1 << 10 }, 60_000).waited).toBeLessThan(400);
    expect(flood.run({ rtt: 5, rate: 20 << 10 }, 60_000).share).toBeGreaterThan(0.8);
    // A longer way looks like a queue until the shorter one is forgotten.
    flood.run({ rtt: 150, rate: 20 << 10 }, 60_000);
    expect(flood.run({ rtt: 150, rate: 20 << 10 }, 60_000).share).toBeGreaterThan(0.8);
  });

  it("never stops for good, whatever the way does", () => {
    const way = fc.record({ rtt: fc.integer({ min: 0, max: 2000 }), rate: fc.integer({ min: 64, max: 1 << 17 }) });
    fc.assert(
      fc.property(fc.array(way, { minLength: 1, maxLength: 5 }), ways => {
        const flood = new Flood();
        for (const way of ways) flood.run(way, 3000);
        // Time for the slowest of them to bring what is under way.
        expect(flood.run({ rtt: 1, rate: 1 << 10 }, 120_000).share).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  });
});
