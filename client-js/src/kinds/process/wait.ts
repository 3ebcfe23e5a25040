/** Waiting for what a background process says, and for what it serves. */

import { SandwireError } from "../../error.ts";
import type { Endpoint } from "../base.ts";
import { type CallOptions, unary } from "../call.ts";
import type { OutputStream } from "../command.ts";
import { followLog, type LogPosition, wireFrom } from "./log.ts";

/** Where to look for a line. After `timeout` milliseconds it rejects with a `TimeoutError`; the process goes on. */
export interface WaitForLogOptions extends CallOptions {
  /** Only this stream. Default: both. */
  readonly stream?: OutputStream | undefined;
  /** Where to begin. Default: the oldest byte. */
  readonly from?: LogPosition | undefined;
}

/** A line of a log that matches. */
export interface LogMatch {
  /** The line, without its newline. */
  readonly line: string;
  /** The match and its groups; `undefined` for a group that took no part. */
  readonly match: readonly (string | undefined)[];
  /** Named groups of a RegExp. */
  readonly groups?: Readonly<Record<string, string | undefined>>;
  /** Where it stood. */
  readonly stream: OutputStream;
  /** Offset behind the chunk in which the match was complete. */
  readonly offset: number;
}

/** What counts as an answer of a port. After `timeout` milliseconds it rejects with a `TimeoutError`. */
export interface WaitForPortOptions extends CallOptions {
  /** `"tcp"`: a connection is enough. `"http"`: an answer to a request, with an expected status. Default: `"tcp"`, or `"http"` when `path` or `status` is given. */
  readonly mode?: "tcp" | "http" | undefined;
  /** Path of the request. Default: `/`. */
  readonly path?: string | undefined;
  /** The status that is expected, or its bounds. Default: 200 to 399. */
  readonly status?: number | { readonly min: number; readonly max: number } | undefined;
  /** The host, as seen from the sandbox. Default: `localhost`; others need the server's `tcp_hosts` setting. */
  readonly host?: string | undefined;
}

/** A port that answered. */
export interface PortReady {
  /** The status, with `"http"`. */
  readonly status?: number;
  /** How long it took, in milliseconds. */
  readonly waited: number;
}

/** Characters of an unfinished line that are kept to match in. */
const WINDOW = 64 << 10;

/** The code of a wait that took too long. */
const LATE = "PROCESS_READY_TIMEOUT";

/** Waits for a line: text is looked for by the server, a RegExp matched here, line by line. */
export async function waitForLog(
  endpoint: Endpoint,
  id: string,
  pattern: string | RegExp,
  options: WaitForLogOptions,
): Promise<LogMatch> {
  if (typeof pattern === "string") {
    const { groups, output, ...found } = await unary<{
      line: string;
      groups: (string | null)[];
      output: OutputStream;
      offset: number;
    }>(
      endpoint,
      "process.wait_log",
      {
        id,
        pattern: pattern.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"),
        output: options.stream,
        from: options.from && wireFrom(options.from),
      },
      options,
      LATE,
    );
    return { ...found, match: groups.map(group => group ?? undefined), stream: output };
  }
  // A match must not depend on where the one before it ended.
  const regexp = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
  const unfinished = { stdout: "", stderr: "" };
  for await (const event of followLog(endpoint, id, options, {}, LATE)) {
    if (event.type === "stdout" || event.type === "stderr") {
      const lines = (unfinished[event.type] + event.data).split("\n");
      unfinished[event.type] = (lines.at(-1) ?? "").slice(-WINDOW);
      for (const line of lines) {
        const match = regexp.exec(line);
        if (match) {
          const { groups } = match;
          return { line, match, ...(groups && { groups }), stream: event.type, offset: event.offset };
        }
      }
    } else if (event.type === "end") {
      const how = event.exit ? ` with ${event.exit.signal ?? `code ${event.exit.exitCode}`}` : "";
      throw new SandwireError(
        "PROCESS_EXITED_BEFORE_READY",
        `process ${id} ended${how} before its log matched ${pattern}; see its log`,
        { id, ...(event.exit?.exitCode != null && { exitCode: event.exit.exitCode }) },
      );
    } else {
      unfinished.stdout = unfinished.stderr = "";
    }
  }
  throw new SandwireError("INTERNAL_ERROR", `the log of ${id} did not say that it ends`);
}

/** Waits for a port; with an id, only as long as that process runs. */
export async function waitForPort(
  endpoint: Endpoint,
  id: string | undefined,
  port: number,
  options: WaitForPortOptions,
): Promise<PortReady> {
  const { path, status, host, mode = path !== undefined || status !== undefined ? "http" : "tcp" } = options;
  const { min, max } = typeof status === "number" ? { min: status, max: status } : (status ?? { min: 200, max: 399 });
  const http = mode === "http" ? { path: path ?? "/", min_status: min, max_status: max } : undefined;
  const { waited_ms, ...ready } = await unary<{ status?: number; waited_ms: number }>(
    endpoint,
    "process.wait_port",
    { id, port, host, http },
    options,
    LATE,
  );
  return { ...ready, waited: waited_ms };
}
