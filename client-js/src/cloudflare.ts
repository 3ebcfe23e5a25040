/**
 * sandwire for Cloudflare Workers: the Durable Object of a sandbox, and what a Worker does with it. A Worker that was written
 * for `@cloudflare/sandbox` imports this instead.
 *
 * @packageDocumentation
 */

export { ContainerProxy } from "@cloudflare/containers";
export { CommandClient, PortClient, ProcessClient } from "./cloudflare/client/commands.ts";
export { BackupClient, FileClient, GitClient } from "./cloudflare/client/files.ts";
export { InterpreterClient } from "./cloudflare/client/interpreter.ts";
export type {
  ContainerStub,
  RequestConfig,
  ResponseHandler,
  SandboxClientOptions,
} from "./cloudflare/client/options.ts";
export { SandboxClient, UtilityClient } from "./cloudflare/client/sandbox.ts";
export * from "./cloudflare/errors/classes.ts";
export { asyncIterableToSSEStream, parseSSEStream, responseToAsyncIterable } from "./cloudflare/events.ts";
export { collectFile, streamFile } from "./cloudflare/file/collect.ts";
export { type Connections, getSandbox } from "./cloudflare/get-sandbox.ts";
export type { CommandHooks } from "./cloudflare/hooks.ts";
export { CodeInterpreter } from "./cloudflare/interpreter.ts";
export type { SandboxConfiguration } from "./cloudflare/options.ts";
export { isDurableObjectCodeUpdateReset, isPlatformTransientError, isSandboxError } from "./cloudflare/platform.ts";
export type { ExposedPort, ExposeOptions } from "./cloudflare/ports.ts";
export { proxyToSandbox, type SandboxEnv } from "./cloudflare/proxy.ts";
export { Sandbox } from "./cloudflare/sandbox.ts";
export { proxyTerminal } from "./cloudflare/surface.ts";
export type { TunnelsHandler } from "./cloudflare/tunnels.ts";
export * from "./cloudflare/types.ts";
export type { Grant } from "./relay/grant.ts";
