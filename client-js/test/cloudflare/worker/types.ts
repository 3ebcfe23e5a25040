/**
 * The object and the functions of the drop-in against the stock package's, by the compiler. The types of their arguments and
 * results are compared in `../families/types/stock.ts`, the names of all exports in `../names.test.ts`.
 */

import type * as stock from "@cloudflare/sandbox";
import type * as ours from "../../../src/cloudflare.ts";

/** Compiles only when the first can be used as the second. */
type Fits<_Value extends Wanted, Wanted> = true;

/** Compiles only for `never`, and names what is there otherwise. */
type None<_Names extends never> = true;

type Facade = ReturnType<typeof ours.getSandbox>;

/** Members of the stock package's class that are its own works: what a Worker calls is not among them. */
type Inner =
  // Its HTTP client to its container server.
  | "client"
  // What its own facade calls.
  | "callTunnels"
  | "setSandboxName"
  | "execWithSessionToken"
  | "execStreamWithSessionToken";

/** The class. */
export type Class = [
  Fits<ours.Sandbox, stock.ISandbox>,
  Fits<Facade, stock.ISandbox>,
  None<Exclude<keyof stock.Sandbox, keyof ours.Sandbox | Inner>>,
  Fits<ours.Sandbox, Pick<stock.Sandbox, Exclude<keyof stock.Sandbox, Inner>>>,
];

/** The functions: their arguments are taken as the stock package's are. */
export type Functions = [
  Fits<Parameters<typeof stock.getSandbox>[2], Parameters<typeof ours.getSandbox>[2]>,
  Fits<typeof ours.proxyTerminal, typeof stock.proxyTerminal>,
  Fits<typeof ours.isDurableObjectCodeUpdateReset, typeof stock.isDurableObjectCodeUpdateReset>,
  Fits<typeof ours.isPlatformTransientError, typeof stock.isPlatformTransientError>,
  Fits<ours.CodeInterpreter, Pick<stock.CodeInterpreter, keyof stock.CodeInterpreter>>,
  Fits<ReturnType<typeof ours.proxyToSandbox>, ReturnType<typeof stock.proxyToSandbox>>,
  Fits<ours.TunnelInfo, stock.TunnelInfo>,
  Fits<stock.TunnelInfo, ours.TunnelInfo>,
  Fits<stock.TunnelOptions, ours.TunnelOptions>,
];

/** A class of a Worker's own, in its environment, is what the functions take. */
declare class Own extends (null as unknown as typeof ours.Sandbox<Environment>) {
  greet(): Promise<string>;
}
interface Environment {
  readonly Sandbox: DurableObjectNamespace<Own>;
  readonly VARIABLE: string;
}

/** As it is called. */
export async function called(
  { getSandbox, proxyToSandbox }: Pick<typeof ours, "getSandbox" | "proxyToSandbox">,
  env: Environment,
  request: Request,
): Promise<Response | null> {
  const sandbox = getSandbox(env.Sandbox, "id", { sleepAfter: "5m" });
  const greeting: string = await sandbox.greet();
  const { stdout }: stock.ExecResult = await sandbox.exec(greeting);
  await sandbox.connect(request, { terminals: [stdout], readOnly: true });
  return proxyToSandbox(request, env);
}
