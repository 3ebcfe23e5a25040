/** Asking again and again while somebody looks. */

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

/** The pause of what need not be asked again while somebody looks. */
export const ONCE = 2 ** 31 - 1;

/** What the last answer was. */
export interface Poll<T> {
  /** The newest answer. It stays while a later one fails. */
  readonly data: T | undefined;
  /** What went wrong the last time. */
  readonly error: unknown;
  /** Whether the first answer is still to come. */
  readonly loading: boolean;
  /** Asks now. */
  refresh(): void;
}

/**
 * Calls `ask` at once and then `pause` milliseconds after each answer, while `enabled` and while the page is seen. A
 * lost connection only makes an answer late. `ask` may close over the component's newest state.
 */
export function usePoll<T>(enabled: boolean, pause: number, ask: (signal: AbortSignal) => Promise<T>): Poll<T> {
  const answer: Signal<{ data?: T; error?: unknown }> = useSignal({});
  const newest = useRef(ask);
  newest.current = ask;
  const wake = useRef<() => void>(() => {});

  useEffect(() => {
    if (!enabled) return undefined;
    const stop = new AbortController();
    void run(stop.signal, pause, wake, async () => {
      try {
        const data = await newest.current(stop.signal);
        if (!stop.signal.aborted) answer.value = { data };
      } catch (error) {
        if (!stop.signal.aborted) answer.value = { ...answer.peek(), error };
      }
    });
    return () => stop.abort();
  }, [enabled, pause, answer]);

  const { data, error } = answer.value;
  return { data, error, loading: data === undefined && error === undefined, refresh: () => wake.current() };
}

async function run(
  stop: AbortSignal,
  pause: number,
  wake: { current: () => void },
  ask: () => Promise<void>,
): Promise<void> {
  while (!stop.aborted) {
    let early = false;
    wake.current = () => {
      early = true;
    };
    await ask();
    // Nor is there anything to wait for when nobody looks any more: `wake` may be the next one's by now.
    if (early || stop.aborted) continue;
    await new Promise<void>(resolve => {
      const timer = setInterval(() => {
        if (!document.hidden) done();
      }, pause);
      const onVisible = () => {
        if (!document.hidden) done();
      };
      const done = () => {
        clearInterval(timer);
        document.removeEventListener("visibilitychange", onVisible);
        stop.removeEventListener("abort", done);
        resolve();
      };
      wake.current = done;
      document.addEventListener("visibilitychange", onVisible);
      stop.addEventListener("abort", done);
    });
  }
}
