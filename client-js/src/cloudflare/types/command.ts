/** Types of commands, in the shape of the stock package. */

/** How a command runs. */
export interface BaseExecOptions {
  /** Milliseconds that the command has. Then it is ended, with its whole tree, and the call says so. Default: none. */
  timeout?: number;
  /** Variables for this command alone, over those of the session. `undefined` leaves one as it is. */
  env?: Record<string, string | undefined>;
  /** Its working directory, for this command alone. Default: that of the session; else `/workspace`. */
  cwd?: string;
  /** How output is told: `utf8` (the default; what is invalid is replaced), `base64`, `hex` or `latin1`, which keep all bytes. */
  encoding?: string;
}

/** How `exec` runs a command. */
export interface ExecOptions extends BaseExecOptions {
  /** Tell output by `onOutput` while the command runs. */
  stream?: boolean;
  /** Called with output as it comes, when `stream` is set. */
  onOutput?: (stream: "stdout" | "stderr", data: string) => void;
  /** Called with the result. */
  onComplete?: (result: ExecResult) => void;
  /** Called with what the call rejects with. */
  onError?: (error: Error) => void;
  /** Ends the command when it is aborted. */
  signal?: AbortSignal;
  /** Who wants it. For logs only. */
  origin?: "user" | "internal";
}

/** How a command ended, and what it said. */
export interface ExecResult {
  /** Whether it ended with code 0. */
  success: boolean;
  /** Its exit code; 128 and the signal's number when a signal ended it. Never made up. */
  exitCode: number;
  /** What it wrote to standard output, without its last newline. At most 10 MiB of both outputs are kept. */
  stdout: string;
  /** What it wrote to standard error, without its last newline. */
  stderr: string;
  /** The command. */
  command: string;
  /** Milliseconds from its start to its end, as the sandbox measured them. */
  duration: number;
  /** When it was called: ISO 8601. */
  timestamp: string;
  /** The session, when it ran in one. */
  sessionId?: string;
  /** The signal that ended it. Ours. */
  signal?: string;
  /** There was more output than is kept. Ours; absent when nothing is missing. */
  truncated?: true;
}

/** What `execStream` tells. The last is `complete` or `error`; a stream that ends without either was cut. */
export interface ExecEvent {
  /** What it tells: that it runs, output, how it ended, or why that is not known. */
  type: "start" | "stdout" | "stderr" | "complete" | "error";
  /** When: ISO 8601. */
  timestamp: string;
  /** Output, or the message of an error. */
  data?: string;
  /** The command. */
  command?: string;
  /** Its exit code, of `complete`. */
  exitCode?: number;
  /** The result, when somebody collected it. */
  result?: ExecResult;
  /** What went wrong, of `error`. */
  error?: string;
  /** The session. */
  sessionId?: string;
  /** Its process id. */
  pid?: number;
}

/** How `execStream` runs a command. */
export interface StreamOptions extends BaseExecOptions {
  /** Run in this session. Default: as `getSandbox` was told. */
  sessionId?: string;
  /** Bytes of events that may wait before somebody reads. Default: none, so that a slow reader slows the command down. */
  bufferSize?: number;
  /** Ends the command when it is aborted. */
  signal?: AbortSignal;
}
