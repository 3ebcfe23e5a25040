/** What the examples are bound to, and what one is. */

import type { Sandbox } from "sandwire/cloudflare";

/** The Worker's environment. */
export interface Env {
  readonly Sandbox: DurableObjectNamespace<Sandbox>;
  /** Variables of the sandboxes: where kernels are found. */
  readonly VARIABLES?: Readonly<Record<string, string>>;
  /** States of builds. */
  readonly BUILDS: KVNamespace;
  /** Data that is worked on. */
  readonly DATA_BUCKET: R2Bucket;
  /** What somebody should look at. */
  readonly ALERTS: Queue;
}

/** What an example is given. */
export interface Given {
  readonly env: Env;
  readonly request: Request;
  /** What the test says: a port that is free, an address. */
  readonly args: readonly string[];
}

/** Examples by name. What they return is what they would have shown. */
export type Examples = Readonly<Record<string, (given: Given) => Promise<unknown>>>;
