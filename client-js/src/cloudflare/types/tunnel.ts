/** Types of tunnels, in the shape of the stock package. */

/** A tunnel with a random name at `trycloudflare.com`. */
export interface QuickTunnelInfo {
  /** Its id. */
  id: string;
  /** The port. */
  port: number;
  /** Its URL. */
  url: string;
  /** Its host name. */
  hostname: string;
  /** When it was made. */
  createdAt: string;
  /** It has none. */
  name?: never;
}

/** A tunnel with a name of its own, in one's own zone. */
export interface NamedTunnelInfo {
  /** Its id. */
  id: string;
  /** The port. */
  port: number;
  /** Its URL. */
  url: string;
  /** Its host name. */
  hostname: string;
  /** When it was made. */
  createdAt: string;
  /** Its name. */
  name: string;
}

/** A tunnel. */
export type TunnelInfo = QuickTunnelInfo | NamedTunnelInfo;

/** Which tunnel: with a name, one in one's own zone. */
export interface TunnelOptions {
  /** The first label of its host name. */
  name?: string;
}
