import { expect, onTestFinished, test, vi } from "vitest";
import { nextFrame } from "./next-frame.ts";

/** A page whose frames come by hand. */
function page() {
  const frames = new Map<number, () => void>();
  const document = Object.assign(new EventTarget(), { hidden: false });
  vi.stubGlobal("document", document);
  vi.stubGlobal("requestAnimationFrame", (run: () => void) => frames.set(frames.size + 1, run).size);
  vi.stubGlobal("cancelAnimationFrame", (frame: number) => frames.delete(frame));
  onTestFinished(() => void vi.unstubAllGlobals());
  return { frames, document };
}

test("comes with the next frame", async () => {
  const { frames } = page();
  const came = vi.fn();
  const waiting = nextFrame().then(came);
  await Promise.resolve();
  expect(came).not.toHaveBeenCalled();
  frames.get(1)?.();
  await waiting;
});

test("comes at once in a hidden page, and when the page is hidden before its frame", async () => {
  const { frames, document } = page();
  const waiting = nextFrame();
  document.hidden = true;
  document.dispatchEvent(new Event("visibilitychange"));
  await waiting;
  expect(frames.size).toBe(0);
  await nextFrame();
  expect(frames.size).toBe(0);
});
