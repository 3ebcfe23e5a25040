/**
 * Types of requests and answers that the stock package names. Its container takes them over HTTP; ours has no such requests.
 * They are here so that code which uses them for its own purposes compiles.
 */

import type { ExecutionError, OutputMessage, Result } from "./interpreter.ts";

/** What every answer says. */
export interface BaseApiResponse {
  /** Whether it was done. */
  success: boolean;
  /** When: ISO 8601. */
  timestamp: string;
}

/** A request that may name its session. */
export interface SessionRequest {
  /** The session. */
  sessionId?: string;
}

/** Run a command. */
export interface ExecuteRequest extends SessionRequest {
  /** The command. */
  command: string;
  /** Whether nobody waits for it. */
  background?: boolean;
  /** Milliseconds that it has. */
  timeoutMs?: number;
  /** Variables. */
  env?: Record<string, string | undefined>;
  /** The directory. */
  cwd?: string;
  /** Who wants it. */
  origin?: "user" | "internal";
}

/** How a command ended. */
export interface CommandExecuteResponse extends BaseApiResponse {
  /** What it wrote to standard output. */
  stdout: string;
  /** What it wrote to standard error. */
  stderr: string;
  /** How it ended. */
  exitCode: number;
  /** The command. */
  command: string;
}

/** Start a process. */
export interface StartProcessRequest extends SessionRequest {
  /** The command. */
  command: string;
  /** The process. */
  processId?: string;
  /** Milliseconds that it has. */
  timeoutMs?: number;
  /** Variables. */
  env?: Record<string, string | undefined>;
  /** The directory. */
  cwd?: string;
  /** How its content is told. */
  encoding?: string;
  /** Whether it is forgotten at its end. */
  autoCleanup?: boolean;
  /** Who wants it. */
  origin?: "user" | "internal";
}

/** Make a directory. */
export interface MkdirRequest extends SessionRequest {
  /** The path, as it was given. */
  path: string;
  /** Whether missing parents are made. */
  recursive?: boolean;
}

/** Write a file. */
export interface WriteFileRequest extends SessionRequest {
  /** The path, as it was given. */
  path: string;
  /** The content. */
  content: string;
  /** How its content is told. */
  encoding?: string;
}

/** Read a file. */
export interface ReadFileRequest extends SessionRequest {
  /** The path, as it was given. */
  path: string;
  /** How its content is told. */
  encoding?: string;
}

/** Remove, rename or move a file. */
export interface FileOperationRequest extends SessionRequest {
  /** The path, as it was given. */
  path: string;
  /** The new path, as it was given. */
  newPath?: string;
}

/** Check a repository out. */
export interface GitCheckoutRequest extends SessionRequest {
  /** The repository. */
  repoUrl: string;
  /** The branch. */
  branch?: string;
  /** The directory that it goes to. */
  targetDir?: string;
  /** Only so many commits. */
  depth?: number;
  /** Milliseconds that it has. */
  timeoutMs?: number;
}

/** Make a session. */
export interface CreateSessionRequest {
  /** Its id. */
  id: string;
  /** Variables. */
  env?: Record<string, string | undefined>;
  /** The directory. */
  cwd?: string;
  /** Milliseconds that a command has which says no time. */
  commandTimeoutMs?: number;
}

/** A session that was made. */
export interface CreateSessionResponse extends BaseApiResponse {
  /** Its id. */
  id: string;
  /** What was said. */
  message: string;
  /** Where the container is; `null` when it does not say. */
  containerPlacementId?: string | null;
}

/** End a session. */
export interface DeleteSessionRequest {
  /** The session. */
  sessionId: string;
}

/** A session that was ended. */
export interface DeleteSessionResponse extends BaseApiResponse {
  /** The session. */
  sessionId: string;
}

/** A sign of life. */
export interface PingResponse extends BaseApiResponse {
  /** What was said. */
  message: string;
  /** Seconds since the start. */
  uptime?: number;
}

/** Commands that there are. */
export interface CommandsResponse extends BaseApiResponse {
  /** The commands. */
  availableCommands: string[];
  /** How many there are. */
  count: number;
}

/** What is called while code runs. */
export interface ExecutionCallbacks {
  /** Called with standard output. */
  onStdout?: (output: OutputMessage) => void | Promise<void>;
  /** Called with standard error. */
  onStderr?: (output: OutputMessage) => void | Promise<void>;
  /** Called with each result. */
  onResult?: (result: Result) => void | Promise<void>;
  /** Called with what the code raised. */
  onError?: (error: ExecutionError) => void | Promise<void>;
}
