/** The Worker of `relay.ts`: the relay, and beside it the least that a relay in JavaScript can do. */

import { DurableObject } from "cloudflare:workers";
import { Relaying } from "../test/relay/worker/main.ts";

export { Relaying };

interface Env {
  readonly RELAY: DurableObjectNamespace<Relaying>;
  readonly BARE: DurableObjectNamespace<Bare>;
  readonly UPSTREAM: string;
}

/** One client, one upstream connection, and every message handed on as it is. */
export class Bare extends DurableObject<Env> {
  #upstream: WebSocket | undefined;
  #client: WebSocket | undefined;

  override async fetch(): Promise<Response> {
    const headers = { Upgrade: "websocket", "Sec-WebSocket-Protocol": "sandwire.v1" };
    const { webSocket } = await fetch(`${this.env.UPSTREAM}/v1/connect`, { headers });
    if (!webSocket) throw new Error("no upstream");
    webSocket.binaryType = "arraybuffer";
    webSocket.accept();
    webSocket.addEventListener("message", ({ data }) => this.#client?.send(data));
    this.#upstream = webSocket;
    const [theirs, ours] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.ctx.acceptWebSocket(ours);
    this.#client = ours;
    return new Response(null, { status: 101, webSocket: theirs, headers: { "Sec-WebSocket-Protocol": "sandwire.v1" } });
  }

  override webSocketMessage(_: WebSocket, message: ArrayBuffer): void {
    this.#upstream?.send(message);
  }

  override webSocketClose(socket: WebSocket): void {
    this.#upstream?.close(1000, "");
    socket.close(1000, "");
  }
}

export default {
  /** `/bare/…` is the bare one; any other first part of the path names an object with a relay. */
  fetch(request: Request, { RELAY, BARE }: Env): Promise<Response> {
    const name = new URL(request.url).pathname.split("/")[1] ?? "";
    return (name.startsWith("bare") ? BARE.getByName(name) : RELAY.getByName(name)).fetch(request);
  },
} satisfies ExportedHandler<Env>;
