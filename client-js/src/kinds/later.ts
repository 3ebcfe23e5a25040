/**
 * The surface of a sandbox without its weight: what a family of calls does is loaded when it is used first. After that a call
 * costs nothing more, and the calls of a family go out in the order in which they were made.
 */

import { ConnectionError } from "../error.ts";
import type { ByteSink, ByteStream } from "../web.ts";
import { Base, type Endpoint } from "./base.ts";
import type { ExecStream } from "./exec.ts";
import type { Ports } from "./port.ts";
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

/** Every method that is loaded later, and what it returns: the compiler sees to it that none is forgotten. */
type Forms<T> = { readonly [Name in keyof T]: T[Name] extends (...args: never) => infer R ? FormOf<R> : never };
type FormOf<R> =
  R extends Promise<unknown>
    ? typeof PROMISE
    : R extends { readonly stdin: unknown }
      ? typeof RUN
      : R extends AsyncSequence<unknown>
        ? typeof SEQUENCE
        : typeof STREAM;

type Methods = Record<string, (...args: unknown[]) => unknown>;

const SHARED: Forms<Omit<Ports, keyof Base>> = {
  exec: PROMISE,
  execStream: RUN,
  createTerminal: PROMISE,
  attachTerminal: PROMISE,
  startProcess: PROMISE,
  listProcesses: PROMISE,
  getProcess: PROMISE,
  killProcess: PROMISE,
  killAllProcesses: PROMISE,
  cleanupCompletedProcesses: PROMISE,
  getProcessLogs: PROMISE,
  streamProcessLogs: SEQUENCE,
  readFile: PROMISE,
  writeFile: PROMISE,
  stat: PROMISE,
  exists: PROMISE,
  listFiles: PROMISE,
  iterateFiles: SEQUENCE,
  mkdir: PROMISE,
  remove: PROMISE,
  deleteFile: PROMISE,
  renameFile: PROMISE,
  moveFile: PROMISE,
  copyFile: PROMISE,
  chmod: PROMISE,
  symlink: PROMISE,
  search: SEQUENCE,
  watch: PROMISE,
  downloadTree: STREAM,
  uploadTree: PROMISE,
  listTerminals: PROMISE,
  closeTerminal: PROMISE,
  resizeTerminal: PROMISE,
  snapshotTerminal: PROMISE,
  waitForPort: PROMISE,
  listPorts: PROMISE,
  watchPorts: SEQUENCE,
  exposePort: PROMISE,
  unexposePort: PROMISE,
  getExposedPorts: PROMISE,
  isPortExposed: PROMISE,
  connectPort: PROMISE,
};

const SANDBOX: Forms<Omit<SandboxCalls, keyof Ports>> = {
  info: PROMISE,
  getMetrics: PROMISE,
  metrics: SEQUENCE,
  activity: SEQUENCE,
  createSession: PROMISE,
  listSessions: PROMISE,
  deleteSession: PROMISE,
};

const SESSION: Forms<Omit<SessionCalls, keyof Ports>> = { info: PROMISE, delete: PROMISE };

let rest: Rest | undefined;
let loading: Promise<Rest> | undefined;
/** Calls that wait for it: who comes after them does not overtake. */
let waiting = 0;

type Made<T> = new (endpoint: Endpoint, session?: string) => T;

/** A class whose methods are those of a class in {@link Rest}. */
function surface<T>(calls: keyof Rest, own: Readonly<Record<string, number>>): Made<T> {
  class Surface extends Base {
    static {
      for (const [name, form] of Object.entries({ ...SHARED, ...own })) {
        const value = function (this: Surface, ...args: unknown[]) {
          return returned(form, this.#call(name, args));
        };
        Object.defineProperty(Surface.prototype, name, { value, writable: true, configurable: true });
      }
    }

    async #call(name: string, args: unknown[]): Promise<unknown> {
      // As they are now.
      const { endpoint, session, env } = this;
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
      return (new rest[calls](endpoint, session, env) as unknown as Methods)[name]?.(...args);
    }
  }
  return Surface as unknown as Made<T>;
}

/** What a `Sandbox` rests on. */
export const SandboxSurface: new (endpoint: Endpoint) => SandboxCalls = /* @__PURE__ */ surface(
  "SandboxCalls",
  SANDBOX,
);

/** What a `Session` rests on. */
export const SessionSurface: new (endpoint: Endpoint, session: string) => SessionCalls = /* @__PURE__ */ surface(
  "SessionCalls",
  SESSION,
);

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
