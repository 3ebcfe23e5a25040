/** The connection that the parts of a {@link SandboxClient} share: made with the first call, made again when it is lost. */

import { connect as connectTo, type Sandbox } from "../../client.ts";
import type { WebSocketLike } from "../../platform.ts";
import type { Context } from "../context.ts";
import { unavailable } from "../engine.ts";
import { CONTROL_PORT } from "../host.ts";
import { ThisObject } from "../object.ts";
import type { SandboxClientOptions } from "./options.ts";

/** No object is behind a client, so nothing is kept. */
const NOTHING = { get: () => undefined, put: () => {}, delete: () => false, list: () => [] };

/** A connection by the options of a client. */
export class ClientConnection {
  /** What it was told. */
  readonly options: SandboxClientOptions;
  readonly #object = new ThisObject("client", {}, NOTHING as unknown as SyncKvStorage, () => true);
  #client: Promise<Sandbox> | undefined;
  #connected: Sandbox | undefined;
  #workspace = "/workspace";
  /** Counts what was ended by {@link disconnect}: what is still being made then is for nobody. */
  #ended = 0;

  readonly #source: (() => Promise<Sandbox>) | undefined;

  /** Connects to nothing yet. With a source, whose connection it is. */
  constructor(options: SandboxClientOptions = {}, source?: () => Promise<Sandbox>) {
    this.options = options;
    this.#source = source;
  }

  /** Whether it is connected now. */
  get isConnected(): boolean {
    return this.#connected?.state.status === "connected";
  }

  /** The connected client. @throws ContainerUnavailableError. */
  client(): Promise<Sandbox> {
    // A source knows itself whether it has to connect anew.
    if (this.#source && this.#connected) return this.#source();
    // It gave up for good: another one has to be made.
    if (this.#connected?.state.status === "closed") this.disconnect();
    if (this.#client) return this.#client;
    const connecting = this.#connect().catch(error => {
      if (this.#client === connecting) this.#client = undefined;
      throw unavailable(error);
    });
    this.#client = connecting;
    return connecting;
  }

  /** Ends the connection; the next call makes a new one. */
  disconnect(): void {
    if (!this.#source) this.#connected?.close().catch(() => {});
    this.#connected = undefined;
    this.#client = undefined;
    this.#ended += 1;
  }

  /** What a call of a family has in hand. */
  context(session?: string): Context {
    const workspace = () => this.#workspace;
    return {
      client: () => this.client(),
      ...(session !== undefined && { session }),
      get cwd() {
        return workspace();
      },
      id: "client",
      object: this.#object,
    };
  }

  async #connect(): Promise<Sandbox> {
    const ended = this.#ended;
    const client = this.#source ? await this.#source() : await this.#dial();
    try {
      this.#workspace = (await client.info()).workspace;
      if (this.#ended !== ended) throw new Error("the client was disconnected");
    } catch (error) {
      if (!this.#source) client.close().catch(() => {});
      throw error;
    }
    this.#connected = client;
    return client;
  }

  async #dial(): Promise<Sandbox> {
    const { stub, wsUrl, baseUrl, retryTimeoutMs, defaultHeaders = {} } = this.options;
    const [, token] = /^Bearer (.*)$/i.exec(new Headers(defaultHeaders).get("Authorization") ?? "") ?? [];
    const how = {
      ...(token !== undefined && { token }),
      ...(retryTimeoutMs !== undefined && { giveUpAfter: retryTimeoutMs }),
    };
    return stub
      ? connectTo(await this.#upgrade(stub), { ...how, redial: () => this.#upgrade(stub) })
      : connectTo(wsUrl ?? baseUrl ?? `http://localhost:${CONTROL_PORT}`, how);
  }

  async #upgrade(stub: ContainerStub): Promise<WebSocketLike> {
    const headers = new Headers(this.options.defaultHeaders);
    headers.set("Upgrade", "websocket");
    headers.set("Sec-WebSocket-Protocol", "sandwire.v1");
    const { status, webSocket } = await stub.fetch(new Request("http://sandbox/v1/connect", { headers }));
    if (!webSocket) throw new Error(`the sandbox's server answered the upgrade with ${status}`);
    webSocket.accept();
    return webSocket;
  }
}

type ContainerStub = NonNullable<SandboxClientOptions["stub"]>;

/** A part of a client, or one that stands alone. */
export class ClientPart {
  /** The connection. */
  protected readonly connection: ClientConnection;

  /** Asks nothing yet. */
  constructor(options: SandboxClientOptions | ClientConnection = {}) {
    this.connection = options instanceof ClientConnection ? options : new ClientConnection(options);
  }

  /** Milliseconds for which it is tried to connect again: from the next connection on. */
  setRetryTimeoutMs(ms: number): void {
    this.connection.options.retryTimeoutMs = ms;
  }
}

/** When, as answers say it. */
export const now = (): string => new Date().toISOString();
