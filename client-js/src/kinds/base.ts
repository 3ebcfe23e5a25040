/** What the families rest on: something that opens channels. */

import type { Opener } from "../channel.ts";

/** Bytes of output that a result keeps, unless told otherwise. */
export const DEFAULT_MAX_OUTPUT: number = 64 << 20;

/** What opens channels, and knows which start of the server it talks to. */
export interface Endpoint extends Opener {
  /** Changes whenever the server starts; absent before it greeted. */
  readonly bootId?: string | undefined;
}

/**
 * The surface of a sandbox is one class in layers, a family of calls each: {@link Base}, `Commands`, `Terminals`, `Processes`,
 * `Files`, `Trees`, `TerminalControl`, `Ports`, `Git`, and so on. A `Sandbox` is all of them, with the connection; a `Session`
 * those to `Git`, with a shell that lives on. Only the first is there from the beginning: the others are loaded when they are
 * used first.
 */
export class Base {
  /** Opens channels. */
  protected readonly endpoint: Endpoint;
  /** The session that commands run in, unless they say another. */
  protected readonly session: string | undefined;

  /** Not for users: a `Sandbox` comes from `connect`, a `Session` from `createSession`. */
  constructor(endpoint: Endpoint, session?: string) {
    this.endpoint = endpoint;
    this.session = session;
  }
}
