/** In the place of a process that is not known: what is asked of it is answered as it would be. */

import { createError } from "../errors.ts";
import type { Process } from "../types.ts";

/** In the place of a process that is not known (any more). */
export function unknownProcess(processId: string): Pick<Process, "getStatus"> {
  const message = `no process ${processId} is known: it may have ended long ago`;
  const fail = () => Promise.reject(createError("PROCESS_NOT_FOUND", message, { processId }));
  return { getStatus: async () => "error" as const, ...{ waitForLog: fail, waitForPort: fail, waitForExit: fail } };
}
