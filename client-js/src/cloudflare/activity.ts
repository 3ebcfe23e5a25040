/** Whether a sandbox may sleep: it is asked, because only it knows what runs. */

import type { Sandbox } from "../client.ts";
import { begin } from "../kinds/call.ts";

/** What `sandbox.activity` says at once, and whenever it changes. */
interface Activity {
  readonly activity?: {
    /** A command runs, a terminal is open, or a process runs that keeps the sandbox awake. */
    readonly busy: boolean;
    /** Milliseconds since anybody did anything there; looking and watching are nothing. */
    readonly idle_ms: number;
  };
}

/** Milliseconds that the sandbox has for the answer. */
const PATIENCE = 10_000;

/**
 * Whether there is work in the sandbox, or was within the last `quiet` milliseconds.
 *
 * @throws when it does not answer.
 */
export async function isAtWork(client: Sandbox, quiet: number): Promise<boolean> {
  // The client's own surface has no need of it.
  const call = begin<never, Activity, object>(client["endpoint"], "sandbox.activity", {}, { timeout: PATIENCE });
  try {
    for (let item = await call.next(); item; item = await call.next()) {
      if (item.type !== "event" || item.event.activity === undefined) continue;
      const { busy, idle_ms: idle } = item.event.activity;
      return busy || idle < quiet;
    }
    throw new Error("the sandbox did not say whether it works");
  } finally {
    call.cancel();
  }
}
