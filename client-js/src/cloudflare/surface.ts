/** The methods of a sandbox and its sessions in the Worker: callbacks and signals work here, which cannot cross to the object. */

import { aliasesOf } from "./aliases.ts";
import type { Caller, Stub } from "./caller.ts";
import { runCode, runCodeStream } from "./code/cross.ts";
import { parseSSEStream } from "./events.ts";
import { contentAcross, readAcross } from "./file/cross.ts";
import { followExec } from "./follow.ts";
import { checkCommandOptions, defaultSession } from "./options.ts";
import { processOf, startProcess } from "./processes.ts";
import { withRoute } from "./route.ts";
import type {
  ExecOptions,
  ExecResult,
  ExecutionSession,
  FileEncoding,
  Process,
  PtyOptions,
  RunCodeOptions,
} from "./types.ts";

/** Methods by name. */
export type Methods = Record<string, (...args: never[]) => unknown>;

/** The methods that lead to the object as they are. */
const PLAIN = [
  "killProcess",
  "killAllProcesses",
  "cleanupCompletedProcesses",
  "getProcessLogs",
  "mkdir",
  "deleteFile",
  "renameFile",
  "moveFile",
  "listFiles",
  "exists",
  "checkChanges",
  "gitCheckout",
  "createCodeContext",
  "listCodeContexts",
  "deleteCodeContext",
  "mountBucket",
  "unmountBucket",
  "createBackup",
  "restoreBackup",
] as const;

/** What a sandbox and its sessions both have. */
export function sharedMethods(caller: Caller): Methods {
  const plain = PLAIN.map(name => [name, (...args: unknown[]) => caller.call(name, args)]);
  const methods = {
    ...Object.fromEntries(plain),
    exec: (command: string, options?: ExecOptions) => exec(caller, command, options),
    execStream: (command: string, options?: object) =>
      withEvents(caller.abortable("execStream", [command, options], 1)),
    readFile: (path: string, options: { encoding?: FileEncoding } = {}) =>
      readAcross(encoding => caller.call("readFile", [path, { ...options, encoding }]), options.encoding),
    writeFile: async (
      path: string,
      given: string | ReadableStream<Uint8Array>,
      { encoding, ...options }: { encoding?: string } = {},
    ) => {
      const { content, ...how } = contentAcross(given, encoding);
      return caller.call("writeFile", [path, content, { ...options, ...how }]);
    },
    readFileStream: (path: string, options?: object) => caller.abortable("readFileStream", [path, options], 1),
    watch: (path: string, options?: object) => caller.abortable("watch", [path, options], 1),
    streamProcessLogs: (id: string, options?: object) =>
      withEvents(caller.abortable("streamProcessLogs", [id, options], 1)),
    runCode: (code: string, options?: RunCodeOptions) => runCode(caller, code, options),
    runCodeStream: (code: string, options?: RunCodeOptions) => runCodeStream(caller, code, options),
    startProcess: (...args: Parameters<ExecutionSession["startProcess"]>) => startProcess(caller, ...args),
    listProcesses: async (...args: unknown[]) => {
      const all = (await caller.call("listProcesses", args)) as Process[];
      return all.map(one => processOf(caller, one));
    },
    getProcess: async (...args: unknown[]) => {
      const one = (await caller.call("getProcess", args)) as Process | null;
      return one && processOf(caller, one);
    },
  };
  return { ...methods, ...aliasesOf(methods as unknown as Parameters<typeof aliasesOf>[0]) };
}

/** The promise of a stream, over whose events one may also loop at once. */
function withEvents(stream: Promise<unknown>): Promise<unknown> & AsyncIterable<unknown> {
  return Object.assign(stream, {
    async *[Symbol.asyncIterator]() {
      yield* parseSSEStream((await stream) as ReadableStream<Uint8Array>);
    },
  });
}

/** A session, from its caller. */
export function sessionMethods(caller: Caller, id: string): ExecutionSession {
  return {
    id,
    ...sharedMethods(caller),
    setEnvVars: (variables: unknown) => caller.call("setEnvVars", [variables]),
    terminal: (request: Request, options?: PtyOptions) => terminalRequest(caller, request, options),
  } as unknown as ExecutionSession;
}

/** The request for a terminal in the caller's session. */
export function terminalRequest(caller: Caller, request: Request, options: PtyOptions = {}): Promise<Response> {
  return proxyTerminal(caller.stub, caller.session ?? defaultSession(caller.name), request, options);
}

/** The stubs behind sandboxes of `getSandbox`, whose own `fetch` takes away what says where a request leads. */
export const STUBS: WeakMap<object, Stub> = new WeakMap();

/**
 * Answers a WebSocket upgrade with a terminal in a session, for a Worker that has only the object's stub.
 *
 * @param stub - the stub of the sandbox's object, or a sandbox of `getSandbox`.
 * @param sessionId - the session.
 */
export function proxyTerminal(
  stub: { fetch: (request: Request) => Promise<Response> },
  sessionId: string,
  request: Request,
  options: PtyOptions = {},
): Promise<Response> {
  const object = STUBS.get(stub) ?? stub;
  return object.fetch(withRoute(request, { to: "terminal", options: { ...options }, session: sessionId }));
}

/** With a callback the command's output is followed here; without one the object waits for its end. */
async function exec(caller: Caller, command: string, options: ExecOptions = {}): Promise<unknown> {
  checkCommandOptions(options);
  const { hooks } = caller;
  const { onOutput, onComplete, onError, stream, ...rest } = options;
  const tell: ExecOptions["onOutput"] = (name, data) => {
    onOutput?.(name, data);
    hooks.onOutput?.(name, data, command);
  };
  try {
    hooks.onCommandStart?.(command, []);
    const follows = stream === true || onOutput !== undefined || hooks.onOutput !== undefined;
    const result = (
      follows ? await followExec(caller, command, rest, tell) : await caller.abortable("exec", [command, rest], 1)
    ) as ExecResult;
    onComplete?.(result);
    const { success, exitCode, stdout, stderr } = result;
    hooks.onCommandComplete?.(success, exitCode, stdout, stderr, command);
    return result;
  } catch (error) {
    if (error instanceof Error) {
      onError?.(error);
      hooks.onError?.(error.message, command);
    }
    throw error;
  }
}
