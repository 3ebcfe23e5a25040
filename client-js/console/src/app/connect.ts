/** Makes the client. */

import { connect } from "../../../src/client.ts";
import type { Client } from "./client.ts";

/** Connects; the connection comes back by itself when it is lost. */
export function connectTo(url: string): Promise<Client> {
  return connect(url);
}
