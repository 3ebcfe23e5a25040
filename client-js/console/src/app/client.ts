/** The client, as the console knows it. */

import type { Sandbox } from "../../../src/client.ts";

/** The client of the sandbox. */
export type Client = Sandbox;
