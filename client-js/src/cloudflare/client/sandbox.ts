/** {@link SandboxClient}: a sandbox's server without an object between, in the shape of the stock package's client. */

import type { Sandbox } from "../../client.ts";
import { attempt } from "../errors.ts";
import type { CommandHooks } from "../hooks.ts";
import { createSession, deleteSession } from "../sessions.ts";
import type { CreateSessionRequest, CreateSessionResponse, DeleteSessionResponse } from "../types.ts";
import { CommandClient, PortClient, ProcessClient } from "./commands.ts";
import { ClientConnection, ClientPart, now } from "./connection.ts";
import { BackupClient, FileClient, GitClient, WatchClient } from "./files.ts";
import { InterpreterClient } from "./interpreter.ts";
import type { SandboxClientOptions } from "./options.ts";

/** Sessions, and the server itself. */
export class UtilityClient extends ClientPart {
  /** Resolves with a word when the server answers. */
  async ping(): Promise<string> {
    await (await this.connection.client()).ping();
    return "pong";
  }

  /** The programs that commands find. */
  async getCommands(): Promise<string[]> {
    const client = await this.connection.client();
    return attempt({}, async () => {
      const { stdout } = await client.exec("compgen -c | sort -u", { shell: "/bin/bash" });
      return stdout.split("\n").filter(name => name !== "");
    });
  }

  /** Makes a session. @throws SessionAlreadyExistsError. */
  async createSession(options: CreateSessionRequest): Promise<CreateSessionResponse> {
    const id = await createSession(await this.connection.client(), options);
    return { success: true, id, message: `the session ${id} was made`, timestamp: now() };
  }

  /** Ends a session. */
  async deleteSession(sessionId: string): Promise<DeleteSessionResponse> {
    return deleteSession(await this.connection.client(), sessionId);
  }

  /** Version of the sandbox's server. */
  async getVersion(): Promise<string> {
    return (await (await this.connection.client()).info()).version;
  }

  /** The ids of the sessions. */
  async listSessions(): Promise<{ sessions: string[] }> {
    const sessions = await (await this.connection.client()).listSessions();
    return { sessions: sessions.map(({ id }) => id) };
  }
}

/**
 * A client of a sandbox's server, over one WebSocket that all its parts share: for a Worker, or a script, that has the server's
 * address or a stub, and no object: `new SandboxClient({ baseUrl: "http://localhost:7070" })`. Connects with the first call.
 */
export class SandboxClient implements CommandHooks {
  /** Archives of directories. */
  readonly backup: BackupClient;
  /** Commands. */
  readonly commands: CommandClient;
  /** Files. */
  readonly files: FileClient;
  /** Background processes. */
  readonly processes: ProcessClient;
  /** Ports. */
  readonly ports: PortClient;
  /** Repositories. */
  readonly git: GitClient;
  /** Code. */
  readonly interpreter: InterpreterClient;
  /** Sessions, and the server itself. */
  readonly utils: UtilityClient;
  /** Changes of files. */
  readonly watch: WatchClient;
  /** See {@link CommandHooks}. */
  onCommandStart?: CommandHooks["onCommandStart"];
  /** See {@link CommandHooks}. */
  onOutput?: CommandHooks["onOutput"];
  /** See {@link CommandHooks}. */
  onCommandComplete?: CommandHooks["onCommandComplete"];
  /** See {@link CommandHooks}. */
  onError?: CommandHooks["onError"];
  readonly #connection: ClientConnection;

  /** Asks nothing yet. The second argument is not for users: a connection that there is already. */
  constructor(options: SandboxClientOptions, source?: () => Promise<Sandbox>) {
    const connection = new ClientConnection(options, source);
    this.#connection = connection;
    this.backup = new BackupClient(connection);
    this.commands = new CommandClient(connection);
    this.files = new FileClient(connection);
    this.processes = new ProcessClient(connection);
    this.ports = new PortClient(connection);
    this.git = new GitClient(connection);
    this.interpreter = new InterpreterClient(connection);
    this.utils = new UtilityClient(connection);
    this.watch = new WatchClient(connection);
  }

  /** @throws always, as in the stock package: tunnels belong to a sandbox's object. */
  get tunnels(): never {
    throw new TypeError("tunnels belong to a sandbox of getSandbox: a client of its server alone has none");
  }

  /** Milliseconds for which it is tried to connect again: from the next connection on. */
  setRetryTimeoutMs(ms: number): void {
    this.#connection.options.retryTimeoutMs = ms;
  }

  /** There is one way. */
  getTransportMode(): "http" | "websocket" {
    return "websocket";
  }

  /** Whether it is connected now. */
  isWebSocketConnected(): boolean {
    return this.#connection.isConnected;
  }

  /** Connects, when it is not. @throws ContainerUnavailableError. */
  async connect(): Promise<void> {
    await this.#connection.client();
  }

  /** Ends the connection; the next call makes a new one. */
  disconnect(): void {
    this.#connection.disconnect();
  }
}
