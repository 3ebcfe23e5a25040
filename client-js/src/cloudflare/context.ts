/** What a call in the Durable Object has in hand: the first argument of every family's functions. */

import type { Sandbox } from "../client.ts";
import type { ThisObject } from "./object.ts";

/** The sandbox, the session and the defaults of one call. */
export interface Context {
  /**
   * The connected client. Starts the sandbox when it does not run.
   *
   * @throws `ContainerUnavailableError` when it cannot be started or reached.
   */
  client(): Promise<Sandbox>;
  /** The shell session in which the call runs; absent: none, each command has a shell of its own. */
  readonly session?: string;
  /** The directory in which commands start and against which relative paths count. */
  readonly cwd: string;
  /** Id of the sandbox, for messages. */
  readonly id: string;
  /** The object in which it runs. */
  readonly object: ThisObject;
}
