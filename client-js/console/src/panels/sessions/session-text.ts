/** What is said of a session, never more than is known. */

import type { SessionInfo } from "../../../../src/kinds/session.ts";
import type { StatusText } from "../../ui/states.tsx";
import { exitText } from "../processes/process-table.ts";

/** Where a session is in its life. */
export function stateText(session: Pick<SessionInfo, "state" | "exit" | "queued">): StatusText {
  if (session.state === "idle") return { label: "Idle", tone: "ok", detail: "It waits for a command." };
  if (session.state === "busy") {
    const { queued } = session;
    const waiting = queued === 0 ? "" : queued === 1 ? " Another one waits." : ` ${queued} more wait.`;
    return { label: "Busy", tone: "info", detail: `A command runs in it.${waiting}` };
  }
  if (session.exit === undefined) {
    return { label: "No shell", tone: "warn", detail: "Its shell has ended. The next command gets a fresh one." };
  }
  return {
    label: "Shell ended",
    tone: "danger",
    detail: `Its shell has ended, and with it directory, variables and functions. ${exitText(session.exit).detail} Unless the session was made to give a fresh one at once, the next command is told so and does not run; the one after it gets a fresh shell.`,
  };
}
