/** The log of a process as a {@link LogSource}. */

import type { LogEvent, LogPosition } from "../../../../src/kinds/process/log.ts";
import type { Processes } from "../../../../src/kinds/process.ts";
import type { LogPiece, LogSource, LogStart } from "../../ui/log/log-reader.ts";
import { saveBlob } from "../../ui/save.ts";
import { exitText } from "./process-table.ts";

/** What of the client is needed. */
export type LogClient = Pick<Processes, "getProcess" | "streamProcessLogs">;

/** Reads the log of the process with this id. */
export function processLog(client: LogClient, id: string): LogSource {
  return {
    async *read(from, follow, signal) {
      let begun = false;
      if (follow && (await isAtEnd(client, id, from, signal))) {
        // Nothing may come for a long time, and that is worth knowing.
        yield { type: "begin", offset: "offset" in from ? from.offset : 0 };
        begun = true;
      }
      const events = client.streamProcessLogs(id, { from, follow, signal, encoding: "bytes" });
      for await (const event of events) {
        if (!begun && event.type !== "restarted") {
          yield { type: "begin", offset: beginOf(event) };
          begun = true;
        }
        const piece = pieceOf(event);
        if (piece !== undefined) yield piece;
      }
    },
  };
}

/** Saves a whole log, both outputs in the order in which they were read. Missing bytes stand in it as a line. */
export async function downloadLog(client: LogClient, id: string): Promise<void> {
  const from: LogPosition = "start";
  const parts: BlobPart[] = [];
  for await (const event of client.streamProcessLogs(id, { from, follow: false, encoding: "bytes" })) {
    if (event.type === "stdout" || event.type === "stderr") parts.push(event.data.slice());
    else if (event.type === "gap") parts.push(`\n[${event.to - event.from} bytes lost]\n`);
  }
  saveBlob(new Blob(parts, { type: "text/plain" }), `${id}.log`);
}

async function isAtEnd(client: LogClient, id: string, from: LogStart, signal: AbortSignal): Promise<boolean> {
  const process = await client.getProcess(id, { signal });
  return process !== null && process.info.logEnd <= ("offset" in from ? from.offset : 0);
}

function beginOf(event: LogEvent<"bytes">): number {
  if (event.type === "gap") return event.from;
  if (event.type === "stdout" || event.type === "stderr") return event.offset - event.data.length;
  return event.type === "end" ? event.offset : 0;
}

function pieceOf(event: LogEvent<"bytes">): LogPiece | undefined {
  if (event.type === "gap") return event;
  if (event.type === "restarted") {
    const text = `Started again as process ${event.pid}. The run before: ${exitText(event.exit).detail}`;
    return { type: "note", text, tone: event.exit.success ? "plain" : "warning" };
  }
  if (event.type === "end") {
    if (event.exit === undefined) return undefined;
    return { type: "note", text: exitText(event.exit).detail, tone: event.exit.success ? "plain" : "warning" };
  }
  return {
    type: "data",
    stream: event.type === "stdout" ? 1 : 2,
    offset: event.offset - event.data.length,
    bytes: event.data,
    time: event.time.getTime(),
  };
}
