/**
 * The surface of a sandbox without its weight: what a family of calls does is loaded when it is used first. After that a call
 * costs nothing more, and the calls of a family go out in the order in which they were made.
 */

import { ConnectionError } from "../error.ts";
import type { ByteSink, ByteStream } from "../web.ts";
import { Base, type Endpoint } from "./base.ts";
import type { ExecStream } from "./exec.ts";
import type { SandboxCalls } from "./sandbox.ts";
import { iterable, readable, sink } from "./sequence.ts";
import type { SessionCalls } from "./session/calls.ts";
import type { AsyncSequence, Encoding } from "./stream.ts";

type Rest = typeof import("./rest.ts");

/** What a method returns. */
const PROMISE = 0;
const SEQUENCE = 1;
const STREAM = 2;
const RUN = 3;

/** Names of methods that are loaded later, by what they return: in this order, with blanks between them. */
type Names = readonly [promises: string, sequences: string, streams: string, runs: string];

/** The names that a class of {@link Rest} has and the lists do not, or have in another one: the compiler wants none. */
type Wrong<Class, Own extends Names> = {
  [Form in 0 | 1 | 2 | 3]: Differ<Words<(typeof SHARED)[Form] | Own[Form]>, MethodsOf<Class, Form>>;
}[0 | 1 | 2 | 3];
type Differ<Said, There> = Exclude<Said, There> | Exclude<There, Said>;
type Words<Text extends string> = Text extends `${infer First} ${infer Others}`
  ? First | Words<Others>
  : Exclude<Text, "">;
type MethodsOf<Class, Form> = {
  [Name in keyof Class]: Class[Name] extends (...args: never) => infer R
    ? FormOf<R> extends Form
      ? Name
      : never
    : never;
}[keyof Class];
type FormOf<R> =
  R extends Promise<unknown>
    ? typeof PROMISE
    : R extends { readonly stdin: unknown }
      ? typeof RUN
      : R extends AsyncSequence<unknown>
        ? typeof SEQUENCE
        : typeof STREAM;

type Methods = Record<string, (...args: unknown[]) => unknown>;

const SHARED = [
  "exec createTerminal attachTerminal startProcess listProcesses getProcess killProcess killAllProcesses cleanupCompletedProcesses getProcessLogs readFile writeFile stat exists listFiles mkdir remove deleteFile renameFile moveFile copyFile chmod symlink watch uploadTree listTerminals closeTerminal resizeTerminal snapshotTerminal waitForPort listPorts exposePort unexposePort getExposedPorts isPortExposed connectPort",
  "streamProcessLogs iterateFiles search watchPorts",
  "downloadTree",
  "execStream",
] as const;

const SANDBOX = [
  "info getMetrics createSession listSessions deleteSession setEnvVars getEnvVars mountBucket unmountBucket listMounts restoreBackup",
  "metrics activity",
  "createBackup",
  "",
] as const;

const SESSION = ["info delete setEnvVars", "", "", ""] as const;

let rest: Rest | undefined;
let loading: Promise<Rest> | undefined;
/** Calls that wait for it: who comes after them does not overtake. */
let waiting = 0;

type Made<T> = new (endpoint: Endpoint, session?: string) => T;

/** A class whose methods are those of a class in {@link Rest}. */
function surface<Calls extends keyof Rest, const Own extends Names>(
  calls: Calls,
  own: [Wrong<InstanceType<Rest[Calls]>, Own>] extends [never] ? Own : Wrong<InstanceType<Rest[Calls]>, Own>,
): Made<InstanceType<Rest[Calls]>> {
  class Surface extends Base {
    static {
      for (const lists of [SHARED, own as Names]) {
        lists.forEach((names, form) => {
          for (const name of names.match(/\w+/g) ?? []) {
            (Surface.prototype as unknown as Methods)[name] = function (this: Surface, ...args) {
              return returned(form, this.#call(name, args));
            };
          }
        });
      }
    }

    async #call(name: string, args: unknown[]): Promise<unknown> {
      const { endpoint, session } = this;
      if (!rest || waiting) {
        waiting += 1;
        try {
          loading ??= import("./rest.ts");
          rest = await loading;
        } catch (cause) {
          loading = undefined;
          throw new ConnectionError("a part of sandwire could not be loaded: try again", {}, undefined, { cause });
        } finally {
          waiting -= 1;
        }
      }
      return (new rest[calls](endpoint, session) as unknown as Methods)[name]?.(...args);
    }
  }
  return Surface as unknown as Made<InstanceType<Rest[Calls]>>;
}

/** What a `Sandbox` rests on. */
export const SandboxSurface: new (endpoint: Endpoint) => SandboxCalls = /* @__PURE__ */ surface<
  "SandboxCalls",
  typeof SANDBOX
>("SandboxCalls", SANDBOX);

/** What a `Session` rests on. */
export const SessionSurface: new (endpoint: Endpoint, session: string) => SessionCalls = /* @__PURE__ */ surface<
  "SessionCalls",
  typeof SESSION
>("SessionCalls", SESSION);

function returned(form: number, made: Promise<unknown>): unknown {
  return form === PROMISE ? made : form === SEQUENCE ? sequence(made) : form === STREAM ? stream(made) : run(made);
}

/** What will be there, as if it were there. */
function sequence(made: Promise<unknown>): AsyncSequence<unknown> {
  const source = made as Promise<AsyncSequence<unknown>>;
  quiet(source);
  return iterable({ next: async () => (await source).next() }, () => quiet(source.then(it => it.return())));
}

/** The same, for a stream that has a result. */
function stream(made: Promise<unknown>): ByteStream {
  const source = made as Promise<ByteStream & { readonly result: Promise<unknown> }>;
  const reader = source.then(it => it.getReader());
  const result = source.then(it => it.result);
  quiet(reader);
  quiet(result);
  return Object.assign(
    readable(
      async () => (await (await reader).read()).value,
      () => quiet(reader.then(it => it.cancel())),
    ),
    { result },
  );
}

/** The same, for a command that runs. */
function run(made: Promise<unknown>): ExecStream<Encoding> {
  const source = made as Promise<ExecStream<Encoding>>;
  let input: ByteSink | undefined;
  const open = () => {
    const writer = source.then(it => it.stdin.getWriter());
    quiet(writer);
    return sink({
      write: async chunk => (await writer).write(chunk as Uint8Array),
      end: async () => (await writer).close(),
      cancel: () => quiet(writer.then(it => it.abort())),
    });
  };
  const kill: ExecStream["kill"] = async (...args) => (await source).kill(...args);
  return Object.defineProperty(Object.assign(sequence(made), { kill }), "stdin", {
    get: () => (input ??= open()),
  }) as unknown as ExecStream<Encoding>;
}

/** Who does not look is not told of a failure. */
function quiet(promise: Promise<unknown>): void {
  promise.catch(() => {});
}
