/** Waiting for the next picture, for what comes faster than a person can see. */

/** Comes with the next frame; at once while the page is hidden: nothing is painted then, so there is nothing to wait for. */
export function nextFrame(): Promise<void> {
  return new Promise(resolve => {
    if (document.hidden) {
      resolve();
      return;
    }
    const done = () => {
      cancelAnimationFrame(frame);
      document.removeEventListener("visibilitychange", done);
      resolve();
    };
    const frame = requestAnimationFrame(done);
    // A page that is hidden meanwhile gets no frame until it is seen again.
    document.addEventListener("visibilitychange", done);
  });
}
