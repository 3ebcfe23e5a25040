/** The client, as the console knows it. */

export type { Sandbox as Client } from "../../../src/index.ts";
