/** `sandbox.*`: what the sandbox is and how it fares. */

import type { CallOptions } from "./call.ts";

/** What a sandbox and its server are. */
export interface SandboxInfo {
  /** Version of the server. */
  readonly version: string;
  /** Changes whenever the server starts. */
  readonly bootId: string;
  /** When the server started. */
  readonly startedAt: Date;
  /** Host name. */
  readonly hostname: string;
  /** Operating system and kernel release. */
  readonly os: string;
  /** Machine architecture, as `x86_64`. */
  readonly arch: string;
  /** Cores that the server may use. */
  readonly cpus: number;
  /** Memory of the sandbox in bytes: the cgroup's limit when there is one. */
  readonly memoryBytes: number;
  /** Directory from which relative paths are taken. */
  readonly workspace: string;
  /** User that commands run as. */
  readonly user: string;
  /** The default shell. */
  readonly shell: string;
  /** Kinds of channel that the server knows. */
  readonly kinds: readonly string[];
  /** Scopes that this client has. */
  readonly scopes: readonly string[];
  /** Which of a command's limits the machine can hold, beside those of each process: `memory`, `cpu`, `pids`. */
  readonly limits: readonly string[];
  /** Upper bound of the server's own memory, in bytes. */
  readonly memoryBound: number;
}

/** How often to read. */
export interface MetricsOptions extends CallOptions {
  /** Milliseconds between two readings, at least 100. Default: 1000. */
  readonly interval?: number | undefined;
}

/** A reading. */
export interface Metrics {
  /** When. */
  readonly time: Date;
  /** CPU time used on all cores since the start, in milliseconds: the cgroup's when there is one, else the machine's. */
  readonly cpu: number;
  /** Load average of one minute. */
  readonly load1: number;
  /** Memory in use, in bytes. */
  readonly memoryUsed: number;
  /** Memory there is, in bytes. */
  readonly memoryTotal: number;
  /** Disk in use where the workspace is, in bytes. */
  readonly diskUsed: number;
  /** Disk there is, in bytes. */
  readonly diskTotal: number;
  /** Resident memory of the server itself, in bytes. */
  readonly serverMemory: number;
  /** CPU time of the server itself, in milliseconds. */
  readonly serverCpu: number;
  /** Connections now. */
  readonly connections: number;
  /** Lanes now, parked ones included. */
  readonly lanes: number;
  /** Channels now. */
  readonly channels: number;
  /** Background processes that run. */
  readonly processes: number;
  /** Terminals that live. */
  readonly terminals: number;
  /** Milliseconds since anybody did anything here. */
  readonly idle: number;
}
