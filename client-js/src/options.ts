/** How to connect. */

import type { Credentials } from "./dial.ts";
import type { AbortSignalLike, WebSocketLike } from "./platform.ts";

/** How to connect, and for how long to try. */
export interface ConnectOptions extends Credentials {
  /** How the client names itself in the server's log. Default: `sandwire-js`. */
  readonly name?: string | undefined;
  /**
   * Bytes that the server may send on a channel before the first of them is taken; at least 64 KiB. Windows grow for readers
   * that keep up. Default: 256 KiB.
   */
  readonly window?: number | undefined;
  /** Bytes by which the windows of all channels together may grow; 0 or more. Default: 64 MiB. */
  readonly growth?: number | undefined;
  /** Give up rights: only these scopes, by name. What needs another one fails with `PERMISSION_DENIED`. Default: all. */
  readonly scopes?: readonly string[] | undefined;
  /** Milliseconds for one try to connect, from the name's look-up to the server's answer. Default: 10 s. */
  readonly connectTimeout?: number | undefined;
  /** Milliseconds for which a lost connection is dialled again before the client gives up and closes. Default: 10 minutes. */
  readonly giveUpAfter?: number | undefined;
  /** Gives up the first connection when it is aborted. What is connected is closed by `close`. */
  readonly signal?: AbortSignalLike | undefined;
  /**
   * Gives the next WebSocket, or URL, when a connection is lost. Default: the URL that was given; a WebSocket that was given
   * cannot be dialled again, and the client closes when it is lost.
   */
  readonly redial?: (() => WebSocketLike | string | Promise<WebSocketLike | string>) | undefined;
}
