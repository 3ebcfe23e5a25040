/** Background processes in the Worker: an id and what was known of it, from which every call goes to the object anew. */

import type { Caller } from "./caller.ts";
import { parseSSEStream } from "./events.ts";
import type { LogEvent, Process, ProcessOptions } from "./types.ts";

/** The process with its methods. They go on working however long the object sleeps in between. */
export function processOf(caller: Caller, known: Process): Process {
  const { id } = known;
  const ask = (method: string, ...args: unknown[]) => caller.onProcess(id, method, args);
  return {
    ...known,
    kill: signal => caller.call("killProcess", [id, signal]) as Promise<void>,
    getStatus: () => ask("getStatus") as ReturnType<Process["getStatus"]>,
    getLogs: async () => {
      const { stdout, stderr } = (await caller.call("getProcessLogs", [id])) as { stdout: string; stderr: string };
      return { stdout, stderr };
    },
    waitForLog: (...args) => ask("waitForLog", ...args) as ReturnType<Process["waitForLog"]>,
    waitForPort: (...args) => ask("waitForPort", ...args) as Promise<void>,
    waitForExit: (...args) => ask("waitForExit", ...args) as ReturnType<Process["waitForExit"]>,
  };
}

/** Starts a process. With callbacks its log is followed here, as long as the Worker lives. */
export async function startProcess(caller: Caller, command: string, options: ProcessOptions = {}): Promise<Process> {
  const { onStart, onOutput, onExit, onError, ...rest } = options;
  try {
    const process = processOf(caller, (await caller.call("startProcess", [command, rest])) as Process);
    onStart?.(process);
    if (onOutput !== undefined || onExit !== undefined) {
      follow(caller, process.id, options).catch(error => onError?.(error));
    }
    return process;
  } catch (error) {
    if (error instanceof Error) onError?.(error);
    throw error;
  }
}

async function follow(caller: Caller, id: string, { onOutput, onExit }: ProcessOptions): Promise<void> {
  const stream = (await caller.abortable("streamProcessLogs", [id, {}], 1)) as ReadableStream<Uint8Array>;
  for await (const event of parseSSEStream<LogEvent>(stream)) {
    if (event.type === "stdout" || event.type === "stderr") onOutput?.(event.type, event.data);
    else if (event.type === "exit") return onExit?.(event.exitCode ?? null);
    else if (event.type === "error") throw new Error(event.data);
  }
  throw new Error(`the connection ended before the process ${id} did`);
}
