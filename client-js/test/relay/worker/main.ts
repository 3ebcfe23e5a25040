/** The Worker of the tests: an object that relays to the server of the test, and does what the test says. */

import { DurableObject } from "cloudflare:workers";
import { connect } from "../../../src/index.ts";
import { type Grant, Relay } from "../../../src/relay.ts";

interface Env {
  readonly RELAY: DurableObjectNamespace<Relaying>;
  /** The server, or the proxy before it: `http://127.0.0.1:PORT`. */
  readonly UPSTREAM: string;
  readonly MAX_CLIENTS?: string;
  readonly IDLE_AFTER?: string;
}

/** What outlives an object: how often one was made, subrequests, and WebSockets that were accepted. */
const counted = { made: 0, dials: 0, accepted: 0 };

/** An object with a relay and nothing else. */
export class Relaying extends DurableObject<Env> {
  readonly #relay: Relay;
  readonly #made: number;
  #opened = 0;
  readonly #stalled: unknown[] = [];

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#made = ++counted.made;
    this.#relay = new Relay(ctx, {
      dial: () => this.#dial(),
      onActive: () => {
        this.#opened += 1;
      },
      ...(env.MAX_CLIENTS !== undefined && { maxClients: Number(env.MAX_CLIENTS) }),
      ...(env.IDLE_AFTER !== undefined && { idleAfter: Number(env.IDLE_AFTER) }),
    });
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname.split("/")[2]) {
      case "connect":
        counted.accepted += 1;
        return this.#relay.accept(request, JSON.parse(searchParams.get("grant") ?? "{}") as Grant);
      case "exec": {
        const { stdout, exitCode } = await (await this.#relay.client()).exec(await request.text());
        return Response.json({ stdout, exitCode });
      }
      case "sse":
        return this.#stream(await request.text());
      case "stall":
        return Response.json(await this.#stall(await request.text()));
      case "abort":
        this.ctx.abort("the test says so");
        break;
      case "sleep":
        this.#relay.sleep("asleep");
        break;
      default:
    }
    const { connected, clients } = this.#relay;
    return Response.json({ ...counted, connected, clients, made: this.#made, opened: this.#opened });
  }

  override webSocketMessage(socket: WebSocket, message: ArrayBuffer | string): void {
    this.#relay.webSocketMessage(socket, message);
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string): void {
    this.#relay.webSocketClose(socket, code, reason);
  }

  override webSocketError(socket: WebSocket): void {
    this.#relay.webSocketError(socket);
  }

  async #dial(): Promise<WebSocket> {
    counted.dials += 1;
    const { webSocket, status } = await fetch(`${this.env.UPSTREAM}/v1/connect`, {
      headers: { Upgrade: "websocket", "Sec-WebSocket-Protocol": "sandwire.v1" },
    });
    if (!webSocket) throw new Error(`the server answered ${status}`);
    webSocket.accept();
    return webSocket;
  }

  /** Reads 4 MiB of each of 12 such commands, as fast as they come, and then no more. Returns how many bytes that were. */
  async #stall(command: string): Promise<number> {
    const own = await this.#relay.client();
    const taken = Array.from({ length: 12 }, async () => {
      const output = own.execStream(command);
      this.#stalled.push(output);
      let bytes = 0;
      while (bytes < 4 << 20) {
        const { value, done } = await output.next();
        if (done) break;
        if (value.type === "stdout") bytes += value.data.length;
      }
      return bytes;
    });
    return (await Promise.all(taken)).reduce((sum, bytes) => sum + bytes, 0);
  }

  /** The output of a command as the events of other SDKs: a line of JSON for each piece. */
  async #stream(command: string): Promise<Response> {
    const output = (await this.#relay.client()).execStream(command);
    const encoder = new TextEncoder();
    const events = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { value, done } = await output.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(`data: ${JSON.stringify(value)}\n\n`));
      },
      cancel: () => void output.return(),
    });
    return new Response(events, { headers: { "Content-Type": "text/event-stream" } });
  }
}

/** A command over a WebSocket that the Worker itself got from a fetch, as from a container's, with no object between. */
async function own(command: string, upstream: string): Promise<Response> {
  const headers = { Upgrade: "websocket", "Sec-WebSocket-Protocol": "sandwire.v1" };
  const { webSocket } = await fetch(`${upstream}/v1/connect`, { headers });
  if (!webSocket) throw new Error("the server did not upgrade");
  webSocket.accept();
  await using sandbox = await connect(webSocket);
  const { stdout, exitCode } = await sandbox.exec(command);
  return Response.json({ stdout, exitCode });
}

export default {
  /**
   * The first part of the path names the object. Without one, what is counted is told, and no object is touched; nor is one by
   * `/v1/connect`, which is passed through, and by `/own`.
   */
  async fetch(request: Request, { RELAY, UPSTREAM }: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/") return Response.json(counted);
    if (pathname === "/v1/connect") return fetch(`${UPSTREAM}${pathname}`, request);
    if (pathname === "/own") return own(await request.text(), UPSTREAM);
    return RELAY.getByName(new URL(request.url).pathname.split("/")[1] ?? "").fetch(request);
  },
} satisfies ExportedHandler<Env>;
