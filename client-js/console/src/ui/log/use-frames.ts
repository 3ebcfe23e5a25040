/** Drawing what changes faster than the screen. */

import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";

/** A number that changes once a frame while `changed` is called, and that function. */
export function useFrames(): { frame: number; changed: () => void } {
  const frame = useSignal(0);
  const ticker = useMemo(() => {
    let asked = 0;
    return {
      changed: () => {
        asked ||= requestAnimationFrame(() => {
          asked = 0;
          frame.value += 1;
        });
      },
      stop: () => cancelAnimationFrame(asked),
    };
  }, [frame]);
  useEffect(() => ticker.stop, [ticker]);
  return { frame: frame.value, changed: ticker.changed };
}
