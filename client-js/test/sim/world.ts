/** A client and a server with several lanes on one connection after another, and a record of what their users did. */

import { expect } from "vitest";
import { encodeWelcome, ServerConn } from "../../src/protocol/conn/server.ts";
import { Conn } from "../../src/protocol/conn.ts";
import { decode, encode } from "../../src/protocol/frame/codec.ts";
import { HELLO, WELCOME } from "../../src/protocol/frame/header.ts";
import { encodeHello } from "../../src/protocol/frame/payload.ts";
import type { Frame } from "../../src/protocol/frame.ts";
import type { Epoch } from "../../src/protocol/lane.ts";
import { VERSION } from "../../src/protocol/limits.ts";
import { BULK, INTERACTIVE } from "../../src/protocol/schedule.ts";
import { type End, Pair, paramsOf, shown } from "./pair.ts";

/** Lanes on the connection. */
export const LANES = 2;

/** What happens next; a `channel` is taken modulo those that there are. */
export type Act =
  | { readonly do: "open"; readonly lane: number; readonly byClient: boolean; readonly bulk: boolean }
  | {
      readonly do: "send" | "event";
      readonly lane: number;
      readonly byClient: boolean;
      readonly channel: number;
      readonly length: number;
    }
  | { readonly do: "end"; readonly lane: number; readonly byClient: boolean; readonly channel: number }
  | {
      readonly do: "take";
      readonly lane: number;
      readonly byClient: boolean;
      readonly channel: number;
      readonly times: number;
    }
  | { readonly do: "cancel" | "close"; readonly lane: number; readonly channel: number }
  | { readonly do: "carry"; readonly up: boolean; readonly frames: number }
  /** So many bytes get through, then the connection is lost: of a message that is cut, nothing arrives. */
  | { readonly do: "cut"; readonly up: boolean; readonly bytes: number }
  /** On the connection before, whose loss the server has not noticed. */
  | { readonly do: "carryOld"; readonly frames: number }
  | { readonly do: "loseAtClient" | "loseAtServer" | "dial" }
  | { readonly do: "wait"; readonly ms: number };

/** One side of a connection. */
interface Side {
  readonly conn: Conn;
  /** By lane. */
  readonly epochs: (Epoch | undefined)[];
}

/** One connection: what is on its way, and what each side thinks of it. */
interface Wire {
  readonly up: Uint8Array[];
  readonly down: Uint8Array[];
  client: Side | undefined;
  server: Side | undefined;
}

/** Everything. */
export class World {
  readonly #pairs = Array.from({ length: LANES }, () => new Pair());
  #wire: Wire = { up: [], down: [], client: undefined, server: undefined };
  /** The connection before, as far as the server still reads it. */
  #old: Wire | undefined;
  #now = 0;
  #counter = 0;
  /** Messages that were lost on their way. */
  lostInFlight = 0;

  constructor() {
    this.#dial();
  }

  step(act: Act): void {
    switch (act.do) {
      case "open":
        this.#open(act.lane, act.byClient, act.bulk);
        break;
      case "send":
      case "event":
        this.#withChannel(act, id => this.#send(act.do, this.#end(act.lane, act.byClient), id, act.length));
        break;
      case "end":
        this.#withChannel(act, id => {
          const end = this.#end(act.lane, act.byClient);
          if (!end.lane.end(id, 1)) end.note(end.put, id, "end 1");
        });
        break;
      case "take":
        this.#withChannel(act, id => {
          for (let time = 0; time < act.times; time += 1) this.#take(this.#end(act.lane, act.byClient), id);
        });
        break;
      case "cancel":
        this.#withChannel(act, id => {
          this.#end(act.lane, this.#byClient(act.lane, id)).lane.cancel(id);
          this.#pair(act.lane).cancelled.add(id);
        });
        break;
      case "close":
        this.#withChannel(act, id => this.#close(act.lane, id));
        break;
      case "carry":
        this.#carry(act.up, act.frames);
        break;
      case "cut":
        this.#cut(act.up, act.bytes);
        break;
      case "carryOld":
        this.#carryOld(act.frames);
        break;
      case "loseAtClient":
        this.#loseAtClient();
        break;
      case "loseAtServer":
        this.#loseAtServer();
        break;
      case "dial":
        this.#dial();
        break;
      case "wait":
        this.#wait(act.ms);
        break;
    }
    this.#events();
  }

  /** Runs until nothing moves: connections are made, everything is carried and taken, every channel is closed. */
  drain(): void {
    for (let round = 0; round < 2000; round += 1) {
      if (!this.#wire.server) this.#loseAtClient();
      this.#dial();
      const before = this.#progress();
      let moved = false;
      this.#carry(true, Number.POSITIVE_INFINITY);
      this.#carry(false, Number.POSITIVE_INFINITY);
      this.#pairs.forEach((pair, lane) => {
        for (const { id, byClient } of pair.ids) {
          for (const end of [pair.client, pair.server]) while (this.#take(end, id)) moved = true;
          const known = pair.server.opened.includes(id) || !byClient;
          if (known && this.#close(lane, id)) moved = true;
        }
      });
      this.#wait(1000);
      this.#events();
      if (!moved && before === this.#progress() && round > 3) return;
    }
    throw new Error("the lanes never come to rest");
  }

  /** What must be true after {@link drain}. */
  check(): void {
    for (const pair of this.#pairs) pair.check();
  }

  #pair(lane: number): Pair {
    const pair = this.#pairs[lane];
    if (!pair) throw new Error(`no lane ${lane}`);
    return pair;
  }

  #end(lane: number, client: boolean): End {
    return client ? this.#pair(lane).client : this.#pair(lane).server;
  }

  #withChannel(act: { readonly lane: number; readonly channel: number }, work: (id: number) => void): void {
    const { ids } = this.#pair(act.lane);
    const channel = ids[act.channel % ids.length];
    if (channel) work(channel.id);
  }

  #byClient(lane: number, id: number): boolean {
    return this.#pair(lane).ids.some(channel => channel.id === id && channel.byClient);
  }

  #events(): void {
    for (const { client, server } of this.#pairs) {
      client.events();
      server.events();
    }
  }

  #open(lane: number, byClient: boolean, bulk: boolean): void {
    const pair = this.#pair(lane);
    // A server opens nothing in a lane that it does not have yet.
    if (!byClient && !pair.known) return;
    const last = pair.ids.findLast(channel => channel.byClient === byClient)?.id;
    const next = last === undefined ? (byClient ? 1 : 2) : last + 2;
    const id = this.#end(lane, byClient).lane.open("exec", bulk ? BULK : INTERACTIVE, true, paramsOf(next));
    if (id === undefined) return;
    expect(id).toBe(next);
    pair.ids.push({ id, byClient });
  }

  #send(what: "send" | "event", end: End, id: number, length: number): void {
    this.#counter = (this.#counter + 1) & 0xff;
    const payload = new Uint8Array(length).fill(this.#counter);
    if (what === "event") {
      if (!end.lane.event(id, payload)) end.note(end.put, id, shown({ type: "event", payload }));
      return;
    }
    const room = end.lane.room(id) ?? 0;
    const blocked = end.lane.send(id, 1, payload);
    if (blocked === "window" && length <= room) throw new Error(`${length} fits in ${room}`);
    if (blocked || length === 0) return;
    if (length > room) throw new Error(`${length} does not fit in ${room}`);
    end.note(end.put, id, shown({ type: "data", stream: 1, data: payload }));
  }

  #close(lane: number, id: number): boolean {
    const end = this.#end(lane, !this.#byClient(lane, id));
    const outcome = { ok: true, payload: new Uint8Array([0x80]) };
    const closed = !end.lane.close(id, outcome);
    if (closed) end.note(end.put, id, shown({ type: "close", ...outcome }));
    return closed;
  }

  #take(end: End, id: number): boolean {
    const item = end.lane.recv(id);
    if (item) end.note(end.taken, id, shown(item));
    return item !== undefined;
  }

  #wait(ms: number): void {
    this.#now += ms;
    for (const { client, server } of this.#pairs) {
      client.lane.handleTimeout(this.#now);
      server.lane.handleTimeout(this.#now);
    }
  }

  /** The client makes a connection when it has none, and says HELLO in every lane. The old one goes on at the server. */
  #dial(): void {
    if (this.#wire.client) return;
    const client: Side = { conn: new Conn(this.#now), epochs: [] };
    const up: Uint8Array[] = [];
    this.#pairs.forEach((pair, index) => {
      // What the server of this world has had it keeps: that makes it younger than the server.
      const age_ms = pair.answered ? undefined : 0;
      pair.hellos += 1;
      const { received } = pair.client.lane;
      const token = new Uint8Array(16).fill(index);
      const { hellos: attempt } = pair;
      const payload = encodeHello({ version: VERSION, token, received, attempt, age_ms, client: "" });
      up.push(encode({ lane: number(index), channel: 0, kind: HELLO, payload }));
      client.conn.attach(number(index));
      if (!pair.begun) {
        // Requests go out right behind HELLO.
        pair.begun = true;
        client.epochs[index] = pair.client.lane.attach(0);
      }
    });
    const server: Side = { conn: new ServerConn(this.#now, LANES), epochs: [] };
    const old = this.#wire;
    this.#wire = { up, down: [], client, server };
    this.lostInFlight += old.down.length + (this.#old?.up.length ?? 0);
    this.#old = old;
  }

  #loseAtClient(): void {
    if (!this.#wire.client) return;
    this.#wire.client = undefined;
    for (const { client } of this.#pairs) client.lane.detach();
    this.lostInFlight += this.#wire.down.splice(0).length;
  }

  #loseAtServer(): void {
    const { server } = this.#wire;
    if (!server) return;
    this.#wire.server = undefined;
    this.#pairs.forEach((pair, index) => {
      const epoch = server.epochs[index];
      if (epoch !== undefined && pair.server.lane.isCurrent(epoch)) pair.server.lane.detach();
    });
    this.lostInFlight += this.#wire.up.splice(0).length;
  }

  /** Everything that the lanes have for this connection is put on it. */
  #transmit(): void {
    const { up, down, client, server } = this.#wire;
    this.#pairs.forEach((pair, index) => {
      this.#say(pair.client, client, index, up);
      this.#say(pair.server, server, index, down);
    });
    // What is sent to a side that is gone is lost.
    if (!client) down.length = 0;
    if (!server) this.lostInFlight += up.splice(0).length;
  }

  #say({ lane }: End, side: Side | undefined, index: number, queue: Uint8Array[]): void {
    const epoch = side?.epochs[index];
    if (epoch === undefined) return;
    for (;;) {
      const would = lane.isCurrent(epoch) && lane.hasTransmit();
      const frame = lane.pollTransmit(epoch);
      if (!frame) return;
      expect(would, "hasTransmit tells of every frame").toBe(true);
      queue.push(encode(frame, number(index)));
    }
  }

  #carry(up: boolean, frames: number): void {
    this.#transmit();
    for (let frame = 0; frame < frames; frame += 1) {
      const { client, server } = this.#wire;
      const bytes = (up ? this.#wire.up : this.#wire.down).shift();
      if (!bytes) return;
      if (!up && client) this.#hear(client, decode(bytes));
      if (up && server) this.#serve(server, this.#wire.down, decode(bytes));
    }
  }

  #cut(up: boolean, bytes: number): void {
    this.#transmit();
    let left = bytes;
    for (;;) {
      const [next] = up ? this.#wire.up : this.#wire.down;
      if (!next || next.length > left) break;
      left -= next.length;
      this.#carry(up, 1);
    }
    this.#loseAtClient();
    this.#loseAtServer();
  }

  /** The server still reads the connection before this one. */
  #carryOld(frames: number): void {
    for (let frame = 0; frame < frames; frame += 1) {
      const bytes = this.#old?.up.shift();
      if (!bytes || !this.#old?.server) return;
      this.#serve(this.#old.server, [], decode(bytes));
    }
  }

  #hear({ conn, epochs }: Side, frame: Frame): void {
    const step = conn.handleFrame(this.#now, frame);
    const at = index(frame.lane);
    const pair = this.#pair(at);
    const { lane } = pair.client;
    const epoch = epochs[at];
    if (step.type === "welcome") {
      const { resumed, received } = step.welcome;
      pair.answered = true;
      if (epoch !== undefined) {
        expect([resumed, received], "the first HELLO made the lane").toEqual([false, 0]);
      } else {
        expect(resumed, "wherever the connections were cut, nothing is lost").toBe(true);
        epochs[at] = lane.attach(received);
      }
    } else if (step.type !== "lane") {
      throw new Error(`an unexpected ${step.type}`);
    } else if (epoch !== undefined && lane.isCurrent(epoch)) {
      lane.handleFrame(this.#now, frame);
      pair.client.events();
    }
  }

  /** What the server does with a frame of this connection. */
  #serve({ conn, epochs }: Side, down: Uint8Array[], frame: Frame): void {
    const step = conn.handleFrame(this.#now, frame);
    const at = index(frame.lane);
    const pair = this.#pair(at);
    const { lane } = pair.server;
    const epoch = epochs[at];
    if (step.type === "hello") {
      // R-HELLO-9
      if (step.hello.attempt <= pair.attempt) return;
      pair.attempt = step.hello.attempt;
      // Nothing of an older connection counts from here on.
      lane.detach();
      // R-HELLO-11
      const resumed = pair.known || (step.hello.attempt > 1 && step.hello.age_ms !== undefined);
      pair.known = true;
      const welcome = { version: VERSION, resumed, received: lane.received, ...GREETING };
      down.push(encode({ lane: frame.lane, channel: 0, kind: WELCOME, payload: encodeWelcome(welcome) }));
      epochs[at] = lane.attach(step.hello.received);
      conn.attach(frame.lane);
    } else if (step.type === "lane") {
      if (epoch === undefined || !lane.isCurrent(epoch)) return;
      lane.handleFrame(this.#now, frame);
      pair.server.events();
    } else if (step.type !== "done") {
      // "done": what stands behind a HELLO that was refused.
      throw new Error(`an unexpected ${step.type}`);
    }
  }

  #progress(): string {
    return this.#pairs.map(({ client, server }) => `${client.lane.received} ${server.lane.received}`).join();
  }
}

const GREETING = { bootId: "b", server: "s", laneTtlMs: 120_000, maxChannels: 6, retain: 1 << 20 };

/** The number of a lane on the wire, and back. */
const number = (index: number): number => index * 7 + 1;
const index = (lane: number): number => (lane - 1) / 7;
