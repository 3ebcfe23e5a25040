/** The relay of a Durable Object: `import { Relay } from "sandwire/relay"`. */

export type { Grant } from "./relay/grant.ts";
export { Relay, type RelayOptions, type SleepReason } from "./relay/relay.ts";
