/** Waiting that has an end. */

/** Resolves when the work has settled, or its time in milliseconds is over: then the work goes on, and nobody looks. */
export function within(time: number, work: Promise<unknown>): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, time);
    const settle = () => {
      clearTimeout(timer);
      resolve();
    };
    work.then(settle, settle);
  });
}
