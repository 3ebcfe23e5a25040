/** {@link Relay}: the thin shell that a Durable Object has around the machine in `lanes.ts`. */

import { connect, type Sandbox } from "../client.ts";
import { PROTOCOL } from "../dial.ts";
import { SandwireError } from "../error.ts";
import { malformed } from "../protocol/error.ts";
import type { Client, Kept } from "./client.ts";
import type { Grant } from "./grant.ts";
import { Lanes } from "./lanes.ts";
import { pair } from "./pair.ts";
import { close, Trunk } from "./trunk.ts";

/**
 * What a relay needs of the Durable Object that it is in.
 *
 * What it costs in memory has a bound: 64 MiB for what is on its way of all clients together, both ways (320 KiB for each of
 * them when `maxClients` is above 204; who has most on its way is closed when that is reached, and can come back). The
 * object's own client has besides, for what its user has not taken yet, 64 KiB for each open channel and 4 MiB for all of
 * them, and for what it sends at most 4 MiB that is not acknowledged and 128 KiB for each channel.
 */
export interface RelayOptions {
  /**
   * Makes the trunk: a WebSocket to the sandbox's server (`/v1/connect`, subprotocol `sandwire.v1`) that is accepted and
   * open. Starts the sandbox when it must. Called while a client needs the sandbox and there is no trunk, once at a time;
   * what it throws is tried again a few times, and then told to those who wait.
   */
  dial(): Promise<WebSocket>;
  /** A client opened something: whoever puts the sandbox to sleep may want to wait. Default: nothing. */
  onActive?(): void;
  /**
   * Clients at once, beside the object's own; one more is answered `503`. Each has a lane at the server, so that this has to
   * stay below the server's `max_lanes` and `max_lanes_per_connection` (224), with room for the object's own client and for
   * lanes whose client is gone. Default: 200.
   */
  readonly maxClients?: number | undefined;
  /**
   * Milliseconds without a frame after which the trunk is given up when no channel is open, so that the object can sleep.
   * Clients stay connected, and what they open next brings it back. Default: 30 s.
   */
  readonly idleAfter?: number | undefined;
}

/** Why a sandbox is not there any more: it idled and was stopped, it was destroyed, or it ended by itself. */
export type SleepReason = "asleep" | "destroyed" | "ended";

const MESSAGES: Readonly<Record<SleepReason, string>> = {
  asleep: "the sandbox idled and sleeps",
  destroyed: "the sandbox was destroyed",
  ended: "the sandbox ended",
};

/** Marks our sockets among those of the object. */
const TAG = "sandwire.relay";

const MAX_CLIENTS = 200;
const IDLE_AFTER = 30_000;

/** Milliseconds for the object's own client to be greeted: longer than any sandbox takes to start. */
const PATIENCE = 300_000;

/** Milliseconds for the object's own client to be on a trunk again when one was lost: its sandbox may have to start. */
const GIVE_UP_AFTER = 60_000;

/**
 * Bytes that each channel of the object's own client may receive before they are taken, and by which all these windows
 * together may grow: as much as one fast reader needs. Its memory is the relay's.
 */
const WINDOW = 64 << 10;
const GROWTH = 4 << 20;

/** Whatever a client is reached by: its WebSocket, or the far end of the object's own client. */
interface Socket {
  send(message: Uint8Array | string): void;
  close(code: number, reason: string): void;
}

/**
 * Carries any number of clients over one connection to a sandbox. Made in the constructor of a Durable Object, which passes
 * its WebSocket events on; the clients' sockets hibernate, and what is known of them is kept with them.
 *
 * @example
 * ```ts
 * class Sandboxes extends DurableObject {
 *   #relay = new Relay(this.ctx, { dial: () => this.#dial() });
 *   fetch(request: Request) {
 *     return this.#relay.accept(request, { readOnly: true });
 *   }
 *   webSocketMessage(socket: WebSocket, message: ArrayBuffer | string) {
 *     this.#relay.webSocketMessage(socket, message);
 *   }
 *   webSocketClose(socket: WebSocket) {
 *     this.#relay.webSocketClose(socket);
 *   }
 *   webSocketError(socket: WebSocket) {
 *     this.#relay.webSocketError(socket);
 *   }
 * }
 * ```
 */
export class Relay {
  readonly #ctx: DurableObjectState;
  readonly #options: RelayOptions;
  readonly #trunk: Trunk;
  readonly #lanes: Lanes<Socket>;
  readonly #clients = new Map<Socket, Client<Socket>>();
  #own: Sandbox | undefined;
  #connecting: Promise<Sandbox> | undefined;

  /** A relay for this object. Finds the clients that the object had before it slept. */
  constructor(ctx: DurableObjectState, options: RelayOptions) {
    this.#ctx = ctx;
    this.#options = options;
    this.#lanes = new Lanes({
      toTrunk: frame => this.#trunk.send(frame),
      toClient: (socket, frame) => this.#send(socket, frame),
      close: (socket, code, reason) => {
        this.#clients.delete(socket);
        close(socket, code, reason);
      },
      dial: () => this.#trunk.dial(),
      keep: (socket, kept) => {
        if (isWebSocket(socket)) socket.serializeAttachment(kept);
      },
      opened: () => options.onActive?.(),
      random: () => crypto.getRandomValues(new Uint32Array(1))[0] || 1,
    });
    const { idleAfter = IDLE_AFTER } = options;
    this.#trunk = new Trunk(
      { dial: () => options.dial(), idleAfter },
      {
        handleConnected: () => this.#lanes.handleConnected(),
        handleFrame: frame => this.#lanes.handleTrunk(frame),
        handleDisconnected: () => {
          this.#lanes.handleDisconnected();
          // The timers of the object's own client would keep the object awake.
          for (const [socket, client] of this.#clients) if (!isWebSocket(socket)) this.#lanes.rest(client);
        },
        handleUnreachable: reason => this.#lanes.handleUnreachable(reason),
        isNeeded: () => this.#lanes.needsTrunk,
        isBusy: () => this.#lanes.isBusy,
      },
    );
    // Who only wants to know whether we are there is told so without waking anybody.
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    for (const socket of ctx.getWebSockets(TAG)) {
      this.#clients.set(socket, this.#lanes.restore(socket, socket.deserializeAttachment() as Kept));
    }
    // Somebody's channels may be open: they are not kept waiting. Not before the object is whole, which dials.
    if (this.#lanes.needsTrunk) Promise.resolve().then(() => this.#trunk.dial());
  }

  /** Whether the trunk stands. */
  get connected(): boolean {
    return this.#trunk.connected;
  }

  /** How many clients are connected, the object's own included. */
  get clients(): number {
    return this.#lanes.size;
  }

  /**
   * Takes a client: the upgrade of a browser or of another Worker. Nothing is dialled before it says something.
   *
   * @param grant - what it may do; it is kept with the socket.
   * @returns `101`; `426` when the request is no upgrade, `400` when it wants another subprotocol, `503` when there are too
   * many clients; these as JSON, `{"code": …, "message": …}`.
   * @throws {@link SandwireError} `VALIDATION_FAILED` when the grant is too large to be kept.
   */
  accept(request: Request, grant: Grant = {}): Response {
    if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket") {
      return refusal(426, "UPGRADE_REQUIRED", "this is a WebSocket: connect with an upgrade", { Upgrade: "websocket" });
    }
    const offered = request.headers
      .get("Sec-WebSocket-Protocol")
      ?.split(",")
      .map(name => name.trim());
    if (offered && !offered.includes(PROTOCOL)) {
      return refusal(400, "VALIDATION_FAILED", `the subprotocols have to include ${PROTOCOL}`);
    }
    const { maxClients = MAX_CLIENTS } = this.#options;
    if (this.#accepted >= maxClients) {
      return refusal(503, "LIMIT_EXCEEDED", `the relay has ${maxClients} clients: close some, or raise maxClients`);
    }
    const [theirs, ours] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.#ctx.acceptWebSocket(ours, [TAG]);
    const client = this.#lanes.add(ours, grant);
    try {
      ours.serializeAttachment(client.kept);
    } catch (cause) {
      this.#lanes.remove(client);
      close(ours, 1011, "the grant is too large");
      const message = "the grant is too large to be kept with a WebSocket: name fewer scopes, terminals and paths";
      throw new SandwireError("VALIDATION_FAILED", message, {}, { cause });
    }
    this.#clients.set(ours, client);
    const headers: HeadersInit = offered ? { "Sec-WebSocket-Protocol": PROTOCOL } : {};
    return new Response(null, { status: 101, webSocket: theirs, headers });
  }

  /**
   * The object's own client: one more lane on the trunk, with no grant to narrow it. Made when it is first asked for, and
   * again when it was closed. Nothing is dialled before something is called on it.
   */
  async client(): Promise<Sandbox> {
    if (this.#own !== undefined && this.#own.state.status !== "closed") return this.#own;
    // Who comes meanwhile gets the same one.
    this.#connecting ??= connect(this.#ownSocket(), {
      name: "sandwire-relay",
      redial: () => this.#ownSocket(),
      connectTimeout: PATIENCE,
      giveUpAfter: GIVE_UP_AFTER,
      window: WINDOW,
      growth: GROWTH,
    })
      .then(own => {
        this.#own = own;
        return own;
      })
      .finally(() => {
        this.#connecting = undefined;
      });
    return this.#connecting;
  }

  /** For the object's handler of that name. Returns whether the socket is one of the relay's. */
  webSocketMessage(socket: WebSocket, message: ArrayBuffer | string): boolean {
    const client = this.#clients.get(socket);
    // What one still says that was closed is for nobody else, either.
    if (client === undefined) return this.#ctx.getTags(socket).includes(TAG);
    if (typeof message === "string") this.#handleText(client, message);
    else this.#lanes.handleClient(client, new Uint8Array(message));
    return true;
  }

  /** For the object's handler of that name. Returns whether the socket was one of the relay's. */
  webSocketClose(socket: WebSocket, code = 1000, reason = ""): boolean {
    if (!this.#gone(socket)) return false;
    // 1005 and 1006 are names for what was not said.
    close(socket, code === 1005 || code === 1006 ? 1000 : code, reason);
    return true;
  }

  /** For the object's handler of that name. Returns whether the socket was one of the relay's. */
  webSocketError(socket: WebSocket): boolean {
    if (!this.#gone(socket)) return false;
    close(socket, 1011, "the connection failed");
    return true;
  }

  /**
   * The sandbox is stopped or destroyed, now and on purpose: to be called before that; or it ended by itself: to be called
   * when that is known. What clients have open fails with `OPERATION_INTERRUPTED`; they stay connected, and who wants
   * something anew has it dialled again.
   */
  sleep(reason: SleepReason): void {
    const message = MESSAGES[reason];
    this.#lanes.sleep({ reason: "asleep", message });
    this.#trunk.drop(1000, message);
  }

  /** How many clients came by {@link accept}: the object's own takes no place from them. */
  get #accepted(): number {
    let count = 0;
    for (const socket of this.#clients.keys()) if (isWebSocket(socket)) count += 1;
    return count;
  }

  #handleText(client: Client<Socket>, text: string): void {
    // The runtime answers those that come while nothing of ours has to be asked.
    if (text === "ping") this.#send(client.socket, "pong");
    else this.#lanes.refuse(client, malformed("a text message"));
  }

  #send(socket: Socket, message: Uint8Array | string): void {
    try {
      socket.send(message);
    } catch {
      // It is about to close; its end is told.
    }
  }

  #gone(socket: Socket): boolean {
    const client = this.#clients.get(socket);
    if (client === undefined) return false;
    this.#clients.delete(socket);
    this.#lanes.remove(client);
    return true;
  }

  #ownSocket() {
    const { near, far } = pair({
      message: message => {
        const client = this.#clients.get(far);
        if (client === undefined) return;
        if (typeof message === "string") this.#handleText(client, message);
        else this.#lanes.handleClient(client, message);
      },
      closed: () => void this.#gone(far),
    });
    this.#clients.set(far, this.#lanes.add(far, {}));
    return near;
  }
}

const isWebSocket = (socket: Socket): socket is WebSocket => socket instanceof WebSocket;

const refusal = (status: number, code: string, message: string, headers: HeadersInit = {}): Response =>
  Response.json({ code, message }, { status, headers });
