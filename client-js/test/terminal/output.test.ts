/** How much is on its way into xterm.js. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { Output } from "../../src/terminal/output.ts";

/** A screen that draws when it is told to. */
class SlowScreen {
  drawn: number[] = [];
  readonly waiting: { data: Uint8Array; drawn: () => void }[] = [];

  write(data: Uint8Array, drawn: () => void): void {
    this.waiting.push({ data, drawn });
  }

  draw(): void {
    const next = this.waiting.shift();
    if (next === undefined) return;
    for (const byte of next.data) this.drawn.push(byte);
    next.drawn();
  }

  get bytes(): number {
    return this.waiting.reduce((sum, { data }) => sum + data.length, 0);
  }
}

test("a bounded number of bytes is on its way, everything is drawn once and in order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 8 }), async lengths => {
      const screen = new SlowScreen();
      const output = new Output(screen);
      const sent = lengths.map((length, index) => new Uint8Array(length).fill(index));
      let taken = false;
      const all = (async () => {
        for (const data of sent) await output.draw(data);
        await output.drained();
        taken = true;
      })();
      while (!taken) {
        // Two pieces: what one draws while the other waits.
        expect(screen.bytes).toBeLessThanOrEqual(64 * 1024);
        screen.draw();
        await new Promise(resolve => setImmediate(resolve));
      }
      await all;
      expect(Buffer.from(screen.drawn).equals(Buffer.concat(sent))).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test("a screen that draws nothing lets nothing more be taken, until it is closed", async () => {
  const screen = new SlowScreen();
  const output = new Output(screen);
  let taken = false;
  const drawing = output.draw(new Uint8Array(1 << 20)).then(() => {
    taken = true;
  });
  await new Promise(resolve => setImmediate(resolve));
  expect(taken).toBe(false);
  expect(screen.bytes).toBe(64 * 1024);
  output.close();
  await drawing;
  expect(screen.bytes).toBe(64 * 1024);
});
