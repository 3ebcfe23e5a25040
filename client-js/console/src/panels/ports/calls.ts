/** The calls for ports. */

import type { Endpoint } from "../../../../src/kinds/base.ts";
import { type CallOptions, fromWire, unary } from "../../../../src/kinds/call.ts";
import type { Client } from "../../app/client.ts";
import type { Exposed, Listening } from "./port-list.ts";

/** Who listens, and what is exposed. */
export interface PortListing {
  readonly ports: readonly Listening[];
  readonly exposed: readonly Exposed[];
  /** There are more. */
  readonly truncated?: boolean;
}

const endpointOf = (client: Client): Endpoint => (client as unknown as { readonly endpoint: Endpoint }).endpoint;

/** Who listens, and what is exposed. */
export async function listPorts(client: Client, options: CallOptions = {}): Promise<PortListing> {
  return fromWire(await unary(endpointOf(client), "port.list", {}, options));
}

/** Exposes a port. */
export async function exposePort(client: Client, port: number, localHost: boolean): Promise<Exposed> {
  return fromWire(await unary(endpointOf(client), "port.expose", { port, local_host: localHost || undefined }));
}

/** Exposes it no more. */
export async function unexposePort(client: Client, port: number): Promise<void> {
  await unary(endpointOf(client), "port.unexpose", { port });
}
