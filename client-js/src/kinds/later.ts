/**
 * The surface of a sandbox without its weight: what a family of calls does is loaded when it is used first. After that a call
 * costs nothing more, and the calls of a family go out in the order in which they were made.
 */

import { ConnectionError } from "../error.ts";
import type { ByteSink, ByteStream, StreamWriter } from "../web.ts";
import { Base, type Endpoint } from "./base.ts";
import type { ExecStream } from "./exec.ts";
import type { SandboxCalls } from "./sandbox.ts";
import { iterable, readable, sink } from "./sequence.ts";
import type { SessionCalls } from "./session/calls.ts";
import type { AsyncSequence, Encoding } from "./stream.ts";

type Rest = typeof import("./rest.ts");

/** What a method returns: the digit before its name. Without one a promise. */
const SEQUENCE = "1";
const STREAM = "2";
const RUN = "3";

/** What a class of {@link Rest} has and its lists do not, or have otherwise: the compiler wants none. */
type Wrong<Class, Own extends string> = Differ<Words<typeof SHARED | Own>, EntriesOf<Class>>;
type Differ<Said, There> = Exclude<Said, There> | Exclude<There, Said>;
type Words<Text extends string> = Text extends `${infer First} ${infer Others}` ? First | Words<Others> : Text;
type EntriesOf<Class> = {
  [Name in keyof Class]: Class[Name] extends (...args: never) => infer R ? `${FormOf<R>}${Name & string}` : never;
}[keyof Class];
type FormOf<R> =
  R extends Promise<unknown>
    ? ""
    : R extends { readonly stdin: unknown }
      ? typeof RUN
      : R extends AsyncSequence<unknown>
        ? typeof SEQUENCE
        : typeof STREAM;

type Methods = Record<string, (...args: unknown[]) => unknown>;

const SHARED =
  "exec createTerminal attachTerminal startProcess listProcesses getProcess killProcess killAllProcesses cleanupCompletedProcesses getProcessLogs readFile writeFile stat exists listFiles mkdir remove deleteFile renameFile moveFile copyFile chmod symlink watch uploadTree listTerminals closeTerminal resizeTerminal snapshotTerminal waitForPort listPorts exposePort unexposePort getExposedPorts isPortExposed connectPort gitCheckout 1streamProcessLogs 1iterateFiles 1search 1watchPorts 2downloadTree 3execStream";

const SANDBOX =
  "info getMetrics createSession listSessions deleteSession setEnvVars getEnvVars mountBucket unmountBucket listMounts restoreBackup createCodeContext getCodeContext listCodeContexts deleteCodeContext restartCodeContext interruptCodeContext listKernelSpecs runCode 1metrics 1activity 1runCodeStream 2createBackup";

const SESSION = "info delete setEnvVars";

let rest: Rest | undefined;
let loading: Promise<Rest> | undefined;
/** Calls that wait for it: who comes after them does not overtake. */
let waiting = 0;

type Made<T> = new (endpoint: Endpoint, session?: string) => T;

/** A class whose methods are those of a class in {@link Rest}. */
function surface<Calls extends keyof Rest, Own extends string>(
  calls: Calls,
  own: [Wrong<InstanceType<Rest[Calls]>, Own>] extends [never] ? Own : Wrong<InstanceType<Rest[Calls]>, Own>,
): Made<InstanceType<Rest[Calls]>> {
  class Surface extends Base {
    static {
      for (const entry of `${SHARED} ${own}`.split(" ")) {
        const name = entry.replace(/^\d/, "");
        (Surface.prototype as unknown as Methods)[name] = function (this: Surface, ...args) {
          return returned(entry[0], this.#call(name, args));
        };
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
          throw new ConnectionError("sandwire could not be loaded: try again", {}, undefined, { cause });
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

function returned(form: string | undefined, made: Promise<unknown>): unknown {
  return form === SEQUENCE ? sequence(made) : form === STREAM ? stream(made) : form === RUN ? run(made) : made;
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
    let writer: StreamWriter<Uint8Array | string>;
    return sink(
      { write: chunk => writer.write(chunk as Uint8Array), end: () => writer.close(), cancel: () => writer.abort() },
      async () => {
        writer = (await source).stdin.getWriter();
      },
    );
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
