/**
 * Types of requests and answers that the stock package names. Its container takes them over HTTP; ours has no such requests.
 * They are here so that code which uses them for its own purposes compiles.
 */

import type { ExecutionError, OutputMessage, Result } from "./interpreter.ts";

/** What every answer says. */
export interface BaseApiResponse {
  success: boolean;
  timestamp: string;
}

/** A request that may name its session. */
export interface SessionRequest {
  sessionId?: string;
}

/** Run a command. */
export interface ExecuteRequest extends SessionRequest {
  command: string;
  background?: boolean;
  timeoutMs?: number;
  env?: Record<string, string | undefined>;
  cwd?: string;
  origin?: "user" | "internal";
}

/** How a command ended. */
export interface CommandExecuteResponse extends BaseApiResponse {
  stdout: string;
  stderr: string;
  exitCode: number;
  command: string;
}

/** Start a process. */
export interface StartProcessRequest extends SessionRequest {
  command: string;
  processId?: string;
  timeoutMs?: number;
  env?: Record<string, string | undefined>;
  cwd?: string;
  encoding?: string;
  autoCleanup?: boolean;
  origin?: "user" | "internal";
}

/** Make a directory. */
export interface MkdirRequest extends SessionRequest {
  path: string;
  recursive?: boolean;
}

/** Write a file. */
export interface WriteFileRequest extends SessionRequest {
  path: string;
  content: string;
  encoding?: string;
}

/** Read a file. */
export interface ReadFileRequest extends SessionRequest {
  path: string;
  encoding?: string;
}

/** Remove, rename or move a file. */
export interface FileOperationRequest extends SessionRequest {
  path: string;
  newPath?: string;
}

/** Check a repository out. */
export interface GitCheckoutRequest extends SessionRequest {
  repoUrl: string;
  branch?: string;
  targetDir?: string;
  depth?: number;
  timeoutMs?: number;
}

/** Make a session. */
export interface CreateSessionRequest {
  id: string;
  env?: Record<string, string | undefined>;
  cwd?: string;
  commandTimeoutMs?: number;
}

/** A session that was made. */
export interface CreateSessionResponse extends BaseApiResponse {
  id: string;
  message: string;
  containerPlacementId?: string | null;
}

/** End a session. */
export interface DeleteSessionRequest {
  sessionId: string;
}

/** A session that was ended. */
export interface DeleteSessionResponse extends BaseApiResponse {
  sessionId: string;
}

/** A sign of life. */
export interface PingResponse extends BaseApiResponse {
  message: string;
  uptime?: number;
}

/** Commands that there are. */
export interface CommandsResponse extends BaseApiResponse {
  availableCommands: string[];
  count: number;
}

/** What is called while code runs. */
export interface ExecutionCallbacks {
  onStdout?: (output: OutputMessage) => void | Promise<void>;
  onStderr?: (output: OutputMessage) => void | Promise<void>;
  onResult?: (result: Result) => void | Promise<void>;
  onError?: (error: ExecutionError) => void | Promise<void>;
}
