/** Calls from the Worker to the object: arguments that can cross, signals that cannot, errors that say what is known. */

import type { CommandHooks } from "./hooks.ts";
import { interruptedByPlatform } from "./platform.ts";
import { type Call, type Reply, unwrapped } from "./remote.ts";
import { passOn } from "./stream.ts";

/** The part of the object's stub that is used. */
export interface Stub {
  fetch(request: Request): Promise<Response>;
  invoke(call: Call): Promise<Reply>;
  cancelOperation(operation: string): Promise<void>;
}

/** Which session a {@link Caller} means: none at all, the default one, or one by its id. */
export type SessionChoice = null | undefined | string;

/** Calls methods of one sandbox, in one session. */
export class Caller {
  /** The object. */
  readonly stub: Stub;
  /** Id of the sandbox. */
  readonly name: string;
  /** The session of all calls. */
  readonly session: SessionChoice;
  /** Who wants to see its commands. */
  readonly hooks: CommandHooks;

  /** Calls nothing yet. */
  constructor(stub: Stub, name: string, session: SessionChoice, hooks: CommandHooks = {}) {
    this.stub = stub;
    this.name = name;
    this.session = session;
    this.hooks = hooks;
  }

  /** The same sandbox, another session. */
  in(session: SessionChoice): Caller {
    return new Caller(this.stub, this.name, session, this.hooks);
  }

  /**
   * Calls a method.
   *
   * @throws SandboxError of the class that its code has; `OperationInterruptedError` when the platform cut the call and it is
   * not known what became of it.
   */
  async call(method: string, args: readonly unknown[]): Promise<unknown> {
    return unwrapped(await this.#invoke({ method, args }));
  }

  /** Calls a method of a process. */
  async onProcess(id: string, method: string, args: readonly unknown[]): Promise<unknown> {
    return unwrapped(await this.#invoke({ method, args, process: id }));
  }

  /**
   * Calls a method that takes a signal in its options. When the caller gives up, what was begun is really ended, and the
   * call rejects with the signal's reason. A stream that comes back ends what is behind it when it is cancelled.
   */
  async abortable(method: string, args: readonly unknown[], signalAt: number): Promise<unknown> {
    const { signal, rest } = withoutSignal(args[signalAt]);
    signal?.throwIfAborted();
    const operation = crypto.randomUUID();
    const cancel = () => this.stub.cancelOperation(operation).catch(() => {});
    const onAbort = () => void cancel();
    const plain = [...args];
    plain[signalAt] = rest;
    signal?.addEventListener("abort", onAbort, { once: true });
    let value: unknown;
    try {
      value = unwrapped(await this.#invoke({ method, args: plain, operation, signalAt }));
    } catch (error) {
      signal?.removeEventListener("abort", onAbort);
      if (signal?.aborted) throw signal.reason;
      throw error;
    }
    if (value instanceof ReadableStream) {
      return cancellable(value as ReadableStream<Uint8Array>, cancel, signal, () => {
        signal?.removeEventListener("abort", onAbort);
      });
    }
    signal?.removeEventListener("abort", onAbort);
    return value;
  }

  async #invoke(call: Call): Promise<Reply> {
    const { session, name } = this;
    try {
      return await this.stub.invoke({ ...call, name, ...(session !== undefined && { session }) });
    } catch (error) {
      throw interruptedByPlatform(error, call.method) ?? error;
    }
  }
}

/** Options without what cannot cross, and the signal that was in them. */
function withoutSignal(options: unknown): { signal: AbortSignal | undefined; rest: object } {
  const { signal, ...rest } = (options ?? {}) as { signal?: AbortSignal };
  return { signal, rest };
}

/**
 * The stream, which ends what is behind it when it is cancelled: a stream that crossed tells its source only with the next
 * byte, and a command that is silent has none.
 */
function cancellable(
  source: ReadableStream<Uint8Array>,
  cancel: () => Promise<void>,
  signal: AbortSignal | undefined,
  ended: () => void,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let abort = () => {};
  const end = () => {
    signal?.removeEventListener("abort", abort);
    ended();
  };
  return new ReadableStream<Uint8Array>({
    start(controller) {
      abort = () => {
        controller.error(signal?.reason);
        void reader.cancel(signal?.reason).catch(() => {});
      };
      if (signal?.aborted) abort();
      else signal?.addEventListener("abort", abort, { once: true });
    },
    pull: controller => passOn(reader, controller, end, error => interruptedByPlatform(error, "stream") ?? error),
    async cancel(reason) {
      end();
      await cancel();
      await reader.cancel(reason).catch(() => {});
    },
  });
}
