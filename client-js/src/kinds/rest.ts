/** What is loaded when something of it is used first: all families but commands and terminals. */

export { SandboxCalls } from "./sandbox.ts";
export { SessionCalls } from "./session/calls.ts";
