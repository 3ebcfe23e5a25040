/** Opening terminals, also from other panels. */

import { signal } from "@preact/signals";
import { navigate } from "../../app/routes.ts";

/** What a new terminal runs, and where. */
export interface NewTerminal {
  /** Default: the server's workspace. */
  readonly cwd?: string;
  /** A line for the shell. Default: the user's login shell. */
  readonly command?: string;
  /** Begin with directory, exported variables and user of this session. */
  readonly session?: string;
}

/** What the panel is to open as soon as it is there. */
export const wanted = signal<NewTerminal | undefined>(undefined);

/** Goes to the terminals and opens a new one there. */
export function openTerminal(options: NewTerminal = {}): void {
  wanted.value = options;
  navigate("terminals");
}
