/** Types of tunnels, in the shape of the stock package. */

/** A tunnel with a random name at `trycloudflare.com`. */
export interface QuickTunnelInfo {
  id: string;
  port: number;
  url: string;
  hostname: string;
  createdAt: string;
  name?: never;
}

/** A tunnel with a name of its own, in one's own zone. */
export interface NamedTunnelInfo {
  id: string;
  port: number;
  url: string;
  hostname: string;
  createdAt: string;
  name: string;
}

/** A tunnel. */
export type TunnelInfo = QuickTunnelInfo | NamedTunnelInfo;

/** Which tunnel: with a name, one in one's own zone. */
export interface TunnelOptions {
  name?: string;
}
