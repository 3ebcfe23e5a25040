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

/** What can be seen of a class: what it keeps to itself makes it one that no other is. */
type Seen<Class> = Pick<Class, keyof Class>;

/** The class. */
export type Class = [
  Fits<ours.Sandbox, stock.ISandbox>,
  Fits<Facade, stock.ISandbox>,
  None<Exclude<keyof stock.Sandbox, keyof ours.Sandbox>>,
  // Not `client`: that package's classes have private members, so that no other class can be one of them. The next line has
  // all of it that can be seen.
  Fits<ours.Sandbox, Pick<stock.Sandbox, Exclude<keyof stock.Sandbox, "client">>>,
  Fits<Parts<ours.Sandbox["client"]>, Parts<stock.SandboxClient>>,
];

/** The parts of the client, each as it can be seen. */
type Parts<Client> = {
  [Name in keyof stock.SandboxClient & keyof Client]: Client[Name] extends (...args: never) => unknown
    ? Client[Name]
    : Seen<Client[Name]>;
};

/** The clients to a server. */
export type Clients = [
  None<Exclude<keyof stock.SandboxClient, keyof ours.SandboxClient>>,
  Fits<Seen<ours.BackupClient>, Seen<stock.BackupClient>>,
  Fits<Seen<ours.CommandClient>, Seen<stock.CommandClient>>,
  Fits<Seen<ours.FileClient>, Seen<stock.FileClient>>,
  Fits<Seen<ours.GitClient>, Seen<stock.GitClient>>,
  Fits<Seen<ours.InterpreterClient>, Seen<stock.InterpreterClient>>,
  Fits<Seen<ours.PortClient>, Seen<stock.PortClient>>,
  Fits<Seen<ours.ProcessClient>, Seen<stock.ProcessClient>>,
  Fits<Seen<ours.UtilityClient>, Seen<stock.UtilityClient>>,
  Fits<ours.ContainerStub, stock.ContainerStub>,
  Fits<stock.ContainerStub, ours.ContainerStub>,
  Fits<ours.RequestConfig, stock.RequestConfig>,
  Fits<stock.RequestConfig, ours.RequestConfig>,
  Fits<ours.ResponseHandler<string>, stock.ResponseHandler<string>>,
  Fits<ours.SandboxClientOptions, stock.SandboxClientOptions>,
  // What a client of the stock package is made with. Not `transport`, which is its own and speaks its own protocol, nor
  // `logger`, for nothing is logged here: who gives one is told by the compiler, rather than that it is left aside in silence.
  Fits<Omit<stock.SandboxClientOptions, "logger" | "transport">, ours.SandboxClientOptions>,
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
