/** Waiting for conditions, never for a time. */

/** Milliseconds after which a condition is thought never to come. */
const DEADLINE = 30_000;

type Falsy = false | null | undefined | 0 | "";

/** Waits until `condition` gives something true, and gives that back; fails with `what` when it does not come. */
export async function until<T>(what: string, condition: () => T | Promise<T>): Promise<Exclude<T, Falsy>> {
  const start = performance.now();
  for (;;) {
    const value = await condition();
    if (value) return value as Exclude<T, Falsy>;
    if (performance.now() - start > DEADLINE) throw new Error(`did not come: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}
