/** Running commands in a session, from other panels. */

import { signal } from "@preact/signals";
import { navigate } from "../../app/routes.ts";

/** The session that the panel is to choose as soon as it is there. */
export const wantedSession = signal<string | undefined>(undefined);

/** Goes to the commands, where what is run next runs in a session. */
export function commandsIn(session: string): void {
  wantedSession.value = session;
  navigate("commands");
}
