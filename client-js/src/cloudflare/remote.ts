/**
 * A call from the Worker to the object, as it crosses: options without what cannot cross, a name by which it can be called
 * off, and an answer that says an error with all its fields, whatever the Worker's compatibility date makes of exceptions.
 */

import { SandwireError } from "../error.ts";
import { BucketMountError, errorFrom, responseOf, SandboxError } from "./errors.ts";
import { passOn } from "./stream.ts";
import { type ErrorResponse, type ExecutionSession, isProcess } from "./types.ts";

/** A call of a method of the object, or of a session in it. */
export interface Call {
  /** The method's name. */
  readonly method: string;
  /** Its arguments, without callbacks and signals. */
  readonly args: readonly unknown[];
  /** Name of the sandbox, as the Worker has it. */
  readonly name?: string;
  /** The session; `null`: none, also not the default one. Absent: the default one. */
  readonly session?: string | null;
  /** The process whose method it is. */
  readonly process?: string;
  /** Names the call for {@link Operations.cancel}. */
  readonly operation?: string;
  /** Which argument is the options that take a signal. */
  readonly signalAt?: number;
}

/** The answer. */
export type Reply = { readonly value: unknown } | { readonly error: ErrorResponse };

/**
 * The value of a reply.
 *
 * @throws SandboxError of the class that its code has.
 */
export function unwrapped(reply: Reply): unknown {
  if ("error" in reply) throw errorFrom(reply.error);
  return reply.value;
}

/** Calls that are under way in the object, by name, and what ends them. */
export class Operations {
  readonly #open = new Map<string, AbortController>();

  /** Runs a call on what `find` gives, and answers it. A stream that it returns counts as under way until it ended. */
  async run(call: Call, find: () => Promise<object>): Promise<Reply> {
    const { method, args, operation, signalAt } = call;
    const controller = new AbortController();
    if (operation !== undefined) this.#open.set(operation, controller);
    const end = () => operation !== undefined && this.#open.delete(operation);
    let streams = false;
    try {
      const target = await find();
      const run: unknown = Reflect.get(target, method);
      if (typeof run !== "function") throw new TypeError(`there is no method ${method}`);
      const full = [...args];
      if (signalAt !== undefined) full[signalAt] = { ...(full[signalAt] as object), signal: controller.signal };
      const value: unknown = await run.apply(target, full);
      if (value instanceof ReadableStream) {
        streams = true;
        return { value: tracked(value as ReadableStream<Uint8Array>, end) };
      }
      return { value: crossing(value) };
    } catch (error) {
      // What a Worker's own class throws stays what it is.
      const ours = [SandboxError, BucketMountError, SandwireError].some(Class => error instanceof Class);
      if (!ours) throw error;
      return { error: responseOf(error, method) };
    } finally {
      if (!streams) end();
    }
  }

  /** Ends a call. Not an error when it has ended. */
  cancel(operation: string): void {
    this.#open.get(operation)?.abort(new DOMException("the caller gave up", "AbortError"));
  }
}

/** What can cross: data as it is; of processes and sessions the data, from which the Worker makes them anew. */
function crossing(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(crossing);
  if (isProcess(value)) {
    const { id, pid, command, status, startTime, endTime, exitCode, sessionId } = value;
    return { id, pid, command, status, startTime, endTime, exitCode, sessionId };
  }
  const session = value as Partial<ExecutionSession> | null | undefined;
  return typeof session?.exec === "function" ? { id: session.id } : value;
}

/** The stream, with a call when it ended, was cancelled, or failed. */
function tracked(source: ReadableStream<Uint8Array>, end: () => void): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  return new ReadableStream<Uint8Array>({
    pull: controller => passOn(reader, controller, end),
    cancel(reason) {
      end();
      return reader.cancel(reason);
    },
  });
}
