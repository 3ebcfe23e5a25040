/** Opening terminals, also from other panels. */

import { navigate } from "../../app/routes.ts";

/** Where and what a new terminal runs. */
export interface NewTerminal {
  /** Default: the server's workspace. */
  readonly cwd?: string;
}

/** Goes to the terminals and opens a new one there. */
export function openTerminal(_options: NewTerminal = {}): void {
  navigate("terminals");
}
