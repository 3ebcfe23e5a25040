/** Text to the person's clipboard. */

import { toast } from "../app/toasts.ts";

/** Copies a text. `said` is told when that went well; that it was not allowed, always, with `shown` to be copied by hand. */
export async function copyText(text: string, said?: string, shown?: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    if (said !== undefined) toast(said, { tone: "ok" });
  } catch {
    toast("The browser did not allow copying", { tone: "danger", ...(shown === undefined ? {} : { detail: shown }) });
  }
}
