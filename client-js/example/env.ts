/** What `wrangler.jsonc` binds. */

import type { Sandbox } from "sandwire/cloudflare";

/** The environment of the Worker, in Hono's terms. */
export interface App {
  Bindings: {
    /** One object a sandbox. */
    Sandbox: DurableObjectNamespace<Sandbox>;
    /** The console's files. */
    ASSETS: Fetcher;
    /** What a person or a program has to know: `wrangler secret put SANDWIRE_TOKEN`. Without it nobody is let in. */
    SANDWIRE_TOKEN?: string;
    /** The host engine, in development: no Docker is needed then. */
    SANDWIRE_HOST?: string;
    /** The host engine's token, when it has one. */
    SANDWIRE_HOST_TOKEN?: string;
  };
}
