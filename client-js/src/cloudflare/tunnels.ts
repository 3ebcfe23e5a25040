/** Tunnels: the methods are in their place, and say that they are not there yet. */

import { later } from "./later.ts";
import type { TunnelInfo, TunnelOptions } from "./types.ts";

/** The tunnels of a sandbox. */
export interface TunnelsHandler {
  /** The tunnel of a port: made when there is none. */
  get(port: number, options?: TunnelOptions): Promise<TunnelInfo>;
  /** All of them. */
  list(): Promise<TunnelInfo[]>;
  /** Ends one. */
  destroy(portOrInfo: number | TunnelInfo): Promise<void>;
}

/** Every method rejects with `NOT_SUPPORTED`: `exposePort` gives addresses without one. */
export const TUNNELS: TunnelsHandler = {
  get: () => later("tunnels.get"),
  list: () => later("tunnels.list"),
  destroy: () => later("tunnels.destroy"),
};
