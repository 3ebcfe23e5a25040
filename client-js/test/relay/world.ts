/** A relay's machine whose outside is written down. */

import { expect } from "vitest";
import { decode, encode } from "../../src/protocol/frame/codec.ts";
import { CLOSE, DATA, HELLO, OPEN } from "../../src/protocol/frame/header.ts";
import { encodeHello } from "../../src/protocol/frame/payload.ts";
import type { Frame } from "../../src/protocol/frame.ts";
import { encode as encodeValue } from "../../src/protocol/msgpack.ts";
import type { Client } from "../../src/relay/client.ts";
import { Lanes } from "../../src/relay/lanes.ts";

/** What a client is known by here. */
export interface Socket {
  readonly id: number;
  readonly heard: Frame[];
  closed?: { readonly code: number; readonly reason: string };
}

/** A relay whose outside is written down. */
export class World {
  readonly trunk: Frame[] = [];
  readonly sockets: Socket[] = [];
  readonly clients = new Map<number, Client<Socket>>();
  dials = 0;
  up = false;
  #random = 0;
  readonly lanes: Lanes<Socket> = new Lanes<Socket>({
    toTrunk: frame => {
      expect(this.up, "there is a trunk").toBe(true);
      this.trunk.push(decode(frame));
    },
    toClient: (socket, frame) => {
      expect(socket.closed, "a client is there").toBeUndefined();
      socket.heard.push(decode(frame));
    },
    close: (socket, code, reason) => {
      socket.closed = { code, reason };
      this.clients.delete(socket.id);
    },
    dial: () => {
      expect(this.up, "there is no trunk").toBe(false);
      this.dials += 1;
    },
    keep: (_, kept) => {
      expect(structuredClone(kept)).toEqual(kept);
    },
    opened: () => {},
    random: () => ++this.#random,
  });

  join(): Client<Socket> {
    const socket: Socket = { id: this.sockets.length, heard: [] };
    this.sockets.push(socket);
    const client = this.lanes.add(socket, {});
    this.clients.set(socket.id, client);
    return client;
  }

  connect(): void {
    this.up = true;
    this.lanes.handleConnected();
  }

  disconnect(): void {
    this.up = false;
    this.lanes.handleDisconnected();
  }

  /** A client says a frame. */
  say(client: Client<Socket>, frame: Frame): void {
    this.lanes.handleClient(client, encode(frame));
  }

  hello(client: Client<Socket>, lane = 1, attempt = 1): void {
    const token = new Uint8Array(16).fill(client.socket.id);
    const payload = encodeHello({ version: 1, token, received: 0, attempt, client: `${client.socket.id}` });
    this.say(client, { lane, channel: 0, kind: HELLO, payload });
  }

  /** The server says a frame. */
  answer(frame: Frame): void {
    this.lanes.handleTrunk(encode(frame));
  }
}

/** DATA on stream 1. */
export const data = (lane: number, channel: number, text: string): Frame => ({
  lane,
  channel,
  kind: DATA,
  stream: 1,
  payload: new TextEncoder().encode(text),
});
/** OPEN of a command. */
export const open = (lane: number, channel: number): Frame => ({
  lane,
  channel,
  kind: OPEN,
  name: "exec",
  class: 0,
  payload: encodeValue({}),
});
/** CLOSE with an empty result. */
export const close = (lane: number, channel: number): Frame => ({
  lane,
  channel,
  kind: CLOSE,
  ok: true,
  payload: encodeValue({}),
});
