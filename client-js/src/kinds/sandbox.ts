/** `sandbox.*`: what the sandbox is and how it fares. */

import { Backups } from "./backup.ts";
import { begin, type Call, type CallOptions, fromWire, isResumable, pick } from "./call.ts";
import { iterable } from "./sequence.ts";
import { SessionCalls, sessionOf, type WireSession } from "./session/calls.ts";
import { type CreateSessionOptions, type DeleteSessionOptions, Session, type SessionInfo } from "./session.ts";
import type { AsyncSequence } from "./stream.ts";

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

/** What goes on in a sandbox, for whoever decides whether it may sleep. Connections, viewers and watches do not count. */
export interface Activity {
  /** Whether there is work that sleep would end: any of `commands`, `terminals` and `kept` is not 0. */
  readonly busy: boolean;
  /** Commands that run, whether or not their client is connected. */
  readonly commands: number;
  /** Terminals that live. */
  readonly terminals: number;
  /** Background processes that were started with `keepAlive` and have not ended. */
  readonly kept: number;
  /** Milliseconds since anybody did anything, as in {@link Metrics}. */
  readonly idle: number;
}

/** What only the sandbox as a whole can do. */
export class SandboxCalls extends Backups {
  /** What the sandbox and its server are. */
  async info(options?: CallOptions): Promise<SandboxInfo> {
    return fromWire(await this.call("sandbox.info", {}, options));
  }

  /** CPU, memory and disk now. */
  async getMetrics(options?: CallOptions): Promise<Metrics> {
    return fromWire(await this.call("sandbox.metrics", {}, options));
  }

  /**
   * CPU, memory and disk again and again, until the loop is left.
   *
   * @example
   * ```ts
   * let before: number | undefined;
   * for await (const { cpu, time, memoryUsed } of sandbox.metrics({ interval: 200 })) {
   *   console.log(time.toISOString(), memoryUsed, "bytes");
   *   if (before !== undefined) {
   *     console.log(cpu - before, "ms of CPU since then");
   *     break;
   *   }
   *   before = cpu;
   * }
   * ```
   */
  metrics({ interval = 1000, ...options }: MetricsOptions = {}): AsyncSequence<Metrics> {
    return this.#told("sandbox.metrics", { interval_ms: interval }, "sample", options);
  }

  /**
   * Tells what goes on now, and whenever that changes, until the loop is left. To ask counts as nothing that goes on.
   *
   * @example
   * ```ts
   * for await (const { busy, commands, terminals } of sandbox.activity()) {
   *   console.log(busy, commands, terminals); // false 0 0
   *   break;
   * }
   * ```
   */
  activity(options: CallOptions = {}): AsyncSequence<Activity> {
    return this.#told("sandbox.activity", {}, "activity", options);
  }

  /**
   * Makes a session: a shell that lives from one `exec` to the next, with its directory, variables and functions. What the
   * session object starts, starts there. With `reuse` one of that id that is there already.
   *
   * @example
   * ```ts
   * const session = await sandbox.createSession({ id: "work", cwd: "/tmp", env: { NAME: "world" } });
   * await session.exec("cd / && greet() { echo hello $NAME; }");
   * const { stdout } = await session.exec("greet; pwd");
   * console.log(stdout); // "hello world\n/\n"
   * await session.delete();
   * ```
   */
  async createSession(options: CreateSessionOptions = {}): Promise<Session> {
    const params = pick(options, "id", "shell", "cwd", "env", "clear_env", "user", "timeout_ms", "reuse", "renew");
    const created = await this.call<{ session: { id: string } }>("session.create", params, { signal: options.signal });
    return new Session(this.endpoint, created.session.id);
  }

  /** The sessions, oldest first. */
  async listSessions(options?: CallOptions): Promise<SessionInfo[]> {
    return (await this.call<{ sessions: WireSession[] }>("session.list", {}, options)).sessions.map(sessionOf);
  }

  /** Ends a session, its shell and what its commands left behind; see {@link Session.delete}. */
  deleteSession(id: string, options?: DeleteSessionOptions): Promise<void> {
    return new SessionCalls(this.endpoint, id).delete(options);
  }

  /** The events of this name, of one call after the other. */
  #told<T>(kind: string, params: object, event: string, options: CallOptions): AsyncSequence<T> {
    type Events = Call<never, Readonly<Record<string, unknown>>, object>;
    const start = (): Events => begin(this.endpoint, kind, params, options);
    let call = start();
    async function* events(): AsyncGenerator<T, void> {
      for (;;) {
        for (let item = await call.next(); item; item = await call.next()) {
          if (item.type === "event" && item.event[event]) yield fromWire(item.event[event]);
        }
        try {
          await call.result();
          return;
        } catch (error) {
          if (!isResumable(error)) throw error;
          call = start();
        }
      }
    }
    return iterable(events(), () => call.cancel());
  }
}
