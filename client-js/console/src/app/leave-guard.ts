/** Asking before the page is left with what would be lost. */

import { useEffect } from "preact/hooks";

/** Makes the browser ask while `guarded`. */
export function useLeaveGuard(guarded: boolean): void {
  useEffect(() => {
    if (!guarded) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [guarded]);
}
