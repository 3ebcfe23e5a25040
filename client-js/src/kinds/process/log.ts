/** Logs of background processes: followed from any place, picked up again where they were. */

import { SandwireError } from "../../error.ts";
import type { Endpoint } from "../base.ts";
import { begin, type CallOptions, isResumable, unary } from "../call.ts";
import { type Exit, exitOf, nameOf, type OutputStream, type WireExit } from "../command.ts";
import { type Data, dataOf, decoding, type Encoding, gather } from "../stream.ts";
import type { WireInfo } from "./info.ts";

/**
 * Where in a log to begin: its oldest byte that is kept, behind its newest one, an offset, its last lines, or what was read
 * since a time.
 */
export type LogPosition =
  | "start"
  | "end"
  | { readonly offset: number }
  | { readonly lines: number }
  | { readonly since: Date };

/** Which part of a log to read. */
export interface LogOptions<E extends Encoding = "utf8"> extends CallOptions {
  /** Where to begin. Default: `"start"`. */
  readonly from?: LogPosition | undefined;
  /** Only this stream. Default: both, in the order in which they were read. */
  readonly stream?: OutputStream | undefined;
  /** Text or bytes. Default: `"utf8"`. */
  readonly encoding?: E | undefined;
}

/** How to follow a log. */
export interface StreamLogsOptions<E extends Encoding = "utf8"> extends LogOptions<E> {
  /** Go on until the process ends. Default: true; else it ends at the newest byte. */
  readonly follow?: boolean | undefined;
}

/** How to collect a log. */
export interface GetLogsOptions<E extends Encoding = "utf8"> extends LogOptions<E> {
  /** Bytes to keep, both streams together; `truncated` tells of more. Default: 64 MiB. */
  readonly maxOutput?: number | undefined;
}

/** What a log says, in order. */
export type LogEvent<E extends Encoding = "utf8"> =
  | {
      /** Output. */
      readonly type: OutputStream;
      readonly data: Data<E>;
      /** Offset behind its last byte: where to go on (`from: { offset }`). */
      readonly offset: number;
      /** When the server read it. */
      readonly time: Date;
    }
  | {
      /** Bytes that the log does not have any more. */
      readonly type: "gap";
      /** Offset of the first missing byte. */
      readonly from: number;
      /** Offset behind the last missing byte. */
      readonly to: number;
    }
  | {
      /** The process was started again, as its restart policy says. */
      readonly type: "restarted";
      /** Its new process id. */
      readonly pid: number;
      /** How the run before it ended. */
      readonly exit: Exit;
    }
  | {
      /** The end of what there is to read; always the last. */
      readonly type: "end";
      /** Where to go on. */
      readonly offset: number;
      /** Whether the process has ended, so that nothing more will come. */
      readonly ended: boolean;
      /** How it ended, when it did, and the server still knows it. */
      readonly exit?: Exit;
    };

/** A log, collected. */
export interface ProcessLogs<E extends Encoding = "utf8"> {
  /** What it wrote to standard output. */
  readonly stdout: Data<E>;
  /** What it wrote to standard error. */
  readonly stderr: Data<E>;
  /** Where to go on. */
  readonly offset: number;
  /** Whether the process has ended. */
  readonly ended: boolean;
  /** Bytes that the log did not have any more, between what is here. */
  readonly missing: number;
  /** Whether there was more than `maxOutput`. */
  readonly truncated: boolean;
}

type Down = {
  readonly begin?: { readonly offset: number };
  readonly gap?: { readonly from: number; readonly to: number };
  readonly at?: { readonly offset: number; readonly time_ms: number };
  readonly restarted?: { readonly pid: number; readonly exit: WireExit };
};
type End = { readonly offset: number; readonly ended: boolean };

/**
 * Follows a log. When the lane is lost for good while the server still runs, it is picked up again at the next byte. `stop`
 * ends it at once.
 */
export async function* followLog<E extends Encoding>(
  endpoint: Endpoint,
  id: string,
  options: StreamLogsOptions<E>,
  stop: { cancel?: () => void } = {},
  late?: string,
): AsyncGenerator<LogEvent<E>, void> {
  const { follow = true, stream, encoding } = options;
  let from = wireFrom(options.from ?? "start");
  let offset = 0;
  let boot: string | undefined;
  let decode = decoding(encoding);
  for (let lost: unknown; ; ) {
    const params = { id, from, follow: follow || undefined, output: stream, timestamps: true };
    const call = begin<never, Down, End>(endpoint, "process.logs", params, options, late);
    try {
      stop.cancel = call.cancel;
      let time = new Date(0);
      for (let item = await call.next(); item; item = await call.next()) {
        if (item.type === "data") {
          offset += item.data.length;
          from = { offset };
          const data = decode(item.stream, item.data);
          if (data.length) yield { type: nameOf(item.stream), data, offset, time };
        } else if (item.type === "event") {
          const { begin: first, gap, at, restarted } = item.event;
          if (first) {
            // Another start of the server knows nothing of that process, whatever has its id now.
            if (lost && boot !== endpoint.bootId) throw lost;
            boot = endpoint.bootId;
            offset = first.offset;
            // The server begins with the oldest byte that it has: what was before is missing all the same.
            if (from === "start" && offset > 0) yield { type: "gap", from: 0, to: offset };
          }
          if (at) {
            offset = at.offset;
            time = new Date(at.time_ms);
          }
          if (gap) {
            // What follows does not belong to the half of a character that may be left.
            decode = decoding(encoding);
            yield { type: "gap", ...gap };
          }
          if (restarted) yield { type: "restarted", pid: restarted.pid, exit: exitOf(restarted.exit) };
        }
      }
      const end = await call.result();
      for (const each of [1, 2]) {
        const data = decode(each);
        if (data.length) yield { type: nameOf(each), data, offset: end.offset, time };
      }
      const exit = end.ended ? await exitOfProcess(endpoint, id, options) : undefined;
      yield { type: "end", ...end, ...(exit && { exit }) };
      return;
    } catch (error) {
      if (lost && (error as SandwireError).code === "PROCESS_NOT_FOUND") throw lost;
      if (!isResumable(error) || error === lost || boot === undefined) throw error;
      lost = error;
    } finally {
      call.cancel();
    }
  }
}

/** Collects what {@endpoint followLog} gives. */
export async function collectLog<E extends Encoding>(
  endpoint: Endpoint,
  id: string,
  options: GetLogsOptions<E>,
): Promise<ProcessLogs<E>> {
  const { encoding, maxOutput = 64 << 20 } = options;
  const kept = { stdout: gather(), stderr: gather() };
  let missing = 0;
  let room = maxOutput;
  let truncated = false;
  for await (const event of followLog(endpoint, id, { ...options, encoding: "bytes", follow: false })) {
    if (event.type === "gap") missing += event.to - event.from;
    if (event.type === "stdout" || event.type === "stderr") {
      const keep = event.data.subarray(0, room);
      truncated ||= keep.length < event.data.length;
      room -= keep.length;
      kept[event.type].add(keep);
    }
    if (event.type === "end") {
      const text = (name: OutputStream) => dataOf(kept[name].bytes(), encoding);
      const { offset, ended } = event;
      return { stdout: text("stdout"), stderr: text("stderr"), offset, ended, missing, truncated };
    }
  }
  throw new SandwireError("INTERNAL_ERROR", `the log of ${id} did not say where it ends`);
}

async function exitOfProcess(endpoint: Endpoint, id: string, { signal }: CallOptions): Promise<Exit | undefined> {
  try {
    const { exit } = await unary<WireInfo>(endpoint, "process.get", { id }, { signal });
    return exit && exitOf(exit);
  } catch (error) {
    // It may have been removed at its end.
    if ((error as SandwireError).code === "PROCESS_NOT_FOUND") return undefined;
    throw error;
  }
}

/** `process.From` on the wire. */
export function wireFrom(from: LogPosition): string | object {
  if (typeof from === "string") return from;
  return "since" in from ? { time: from.since.getTime() } : from;
}
