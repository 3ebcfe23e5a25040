/** What `port.list`, `port.watch` and `port.expose` tell: who listens, and what is exposed. */

import type { CallOptions } from "../call.ts";

/** A TCP socket that listens in the sandbox. */
export interface ListeningPort {
  readonly port: number;
  /** The address, as `127.0.0.1`, `0.0.0.0` or `::`. */
  readonly address: string;
  /** User id of who opened it. */
  readonly uid: number;
  /** Who listens: of several processes that share the socket the oldest. Absent where the server may not see it. */
  readonly pid?: number;
  /** The command line of that process, for people; a long one is cut. */
  readonly command?: string;
  /** Id of the background process to whose tree it belongs. */
  readonly process?: string;
  /** Id of the terminal in which it runs. */
  readonly terminal?: string;
}

/** A port that is reached by HTTP at a host name of its own, by whoever knows that. */
export interface ExposedPort {
  readonly port: number;
  /** What it was called. */
  readonly name?: string;
  /** Where a browser finds it. Absent, as are `host` and `token`, for who lacks the scope `port`. */
  readonly url?: string;
  /** The host name, with the server's port where it needs one. */
  readonly host?: string;
  /** What makes the host name secret. */
  readonly token?: string;
  /** Whether the program is told `localhost` as its host. */
  readonly localHost?: boolean;
  /** Since when. */
  readonly since: Date;
}

/** Which ports to tell of. */
export interface ListPortsOptions extends CallOptions {
  /** The server's own port too. Default: false. */
  readonly own?: boolean | undefined;
}

/** Who listens, and what is exposed. */
export interface PortListing {
  /** By port, then by address. */
  readonly ports: readonly ListeningPort[];
  /** By port, whether or not anybody listens. */
  readonly exposed: readonly ExposedPort[];
  /** There are more than are listed: those with the highest numbers are left out. */
  readonly truncated: boolean;
}

/** How to watch ports. */
export interface WatchPortsOptions extends ListPortsOptions {
  /** Milliseconds between two looks at who listens, at least 250. What is exposed is told at once. Default: 1000. */
  readonly interval?: number | undefined;
}

/** What changed. First all that is there is told, then `ready`, then changes; who is slow is told the difference. */
export type PortEvent =
  | ({ readonly type: "opened" | "changed" } & ListeningPort)
  | { readonly type: "closed"; readonly port: number; readonly address: string }
  | ({ readonly type: "exposed" } & ExposedPort)
  | { readonly type: "unexposed"; readonly port: number }
  | { readonly type: "ready" };

/** How to expose a port. */
export interface ExposePortOptions extends CallOptions {
  /** What it is called, for people: at most 64 characters. */
  readonly name?: string | undefined;
  /**
   * What makes the host name secret: 1 to 16 characters of `a-z`, `0-9` and `_`. Default: 16 that the server draws at random,
   * or those of before when the port is exposed already.
   */
  readonly token?: string | undefined;
  /** Tell the program that it is asked as `localhost:<port>`, as development servers want it. Default: false. */
  readonly localHost?: boolean | undefined;
}
