/** The client, as the console knows it. */

import type { State, Stats } from "../../../src/state.ts";

/** The client of the sandbox. */
export interface Client {
  readonly state: State;
  readonly stats: Stats;
  onStateChange(listener: (state: State) => void): () => void;
  close(): Promise<void>;
}
