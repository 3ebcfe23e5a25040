/** Waiting for conditions, never for a time. */

/** Milliseconds after which a condition is thought never to come. */
const DEADLINE = 30_000;

/** Waits until `condition` gives something true, and gives that back; fails with `what` when it does not come. */
export async function until<T>(what: string, condition: () => T | Promise<T>): Promise<NonNullable<T>> {
  const start = performance.now();
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() - start > DEADLINE) throw new Error(`did not come: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}
