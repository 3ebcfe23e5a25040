/** What runs in a terminal, so that closing it need not ask when nothing does. */

import type { Client } from "../../app/client.ts";

/** Whether something runs in a terminal beside its first program. */
export interface Foreground {
  readonly running: boolean;
  /** For a person: `sleep`, or `Something` when it is not known. */
  readonly name: string;
}

/** Asks the kernel for the children of the terminal's first program. When that cannot be known, something runs. */
export async function foregroundOf(client: Client, terminal: string): Promise<Foreground> {
  try {
    const info = (await client.listTerminals()).find(candidate => candidate.id === terminal);
    if (info === undefined || info.exit !== undefined) return { running: false, name: "" };
    const children = await client.readFile(`/proc/${info.pid}/task/${info.pid}/children`);
    const first = children.trim().split(/\s+/).filter(Boolean)[0];
    if (first === undefined) return { running: false, name: "" };
    const name = await client.readFile(`/proc/${first}/comm`);
    return { running: true, name: name.trim() || "Something" };
  } catch {
    return { running: true, name: "Something" };
  }
}
