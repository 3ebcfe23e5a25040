/** The two ends of a lane with a record of what their users did, and what must be true of it in the end. */

import { expect } from "vitest";
import type { Item } from "../../src/protocol/channel.ts";
import type { Config, Role } from "../../src/protocol/lane.ts";
import { MIN_RETAIN } from "../../src/protocol/limits.ts";
import { MeasuredLane } from "./measured.ts";

/** Narrow bounds, so that they are met. */
export const CONFIG: Config = {
  maxChannels: 6,
  retain: MIN_RETAIN,
  recvWindow: 64 << 10,
  sendWindow: 64 << 10,
  growth: 300_000,
};

/** An item in a line: what two lists of them are compared by. */
export function shown(item: Item): string {
  switch (item.type) {
    case "data":
      return `data ${item.stream} ${bytes(item.data)}`;
    case "event":
      return `event ${bytes(item.payload)}`;
    case "end":
      return `end ${item.stream}`;
    case "close":
      return item.ok ? `result ${bytes(item.payload)}` : "error";
  }
}

/** Payloads here are one byte, again and again. */
function bytes(payload: Uint8Array): string {
  const [first] = payload;
  return `${payload.length} × ${payload.every(byte => byte === first) ? first : "broken"}`;
}

/** One end of a lane, and what its user has done and seen. */
export class End {
  readonly lane: MeasuredLane;
  /** What was put into each channel, as the peer's user must see it. */
  readonly put = new Map<number, string[]>();
  readonly taken = new Map<number, string[]>();
  readonly opened: number[] = [];
  readonly #told: number[] = [];

  constructor(role: Role) {
    this.lane = new MeasuredLane(role, CONFIG);
  }

  /** Adds to a record. */
  note(record: Map<number, string[]>, id: number, item: string): void {
    const items = record.get(id) ?? [];
    items.push(item);
    record.set(id, items);
  }

  /** Takes all that the lane tells, and looks at its bounds. */
  events(): void {
    for (let event = this.lane.pollEvent(); event; event = this.lane.pollEvent()) {
      if (event.type === "opened") {
        expect(event.name).toBe("exec");
        expect(event.params).toEqual(paramsOf(event.id));
        expect(this.opened, "OPEN took effect twice").not.toContain(event.id);
        this.opened.push(event.id);
      } else if (event.type === "cancelled") {
        expect(this.#told, "cancelled twice").not.toContain(event.id);
        this.#told.push(event.id);
      }
    }
    const { lane } = this;
    if (lane.retained > CONFIG.retain + (64 << 10) + 128) throw new Error(`${lane.retained} bytes are retained`);
    if (lane.buffered() > lane.channels * (64 << 10) + CONFIG.growth) throw new Error(`${lane.buffered()} bytes wait`);
  }
}

/** What each OPEN carries: that it is this one. */
export const paramsOf = (id: number): Uint8Array => new Uint8Array([0xce, 0, 0, id >> 8, id]);

/** Both ends of one lane. */
export class Pair {
  readonly client = new End("client");
  readonly server = new End("server");
  /** Channels with who opened them. */
  readonly ids: { readonly id: number; readonly byClient: boolean }[] = [];
  readonly cancelled = new Set<number>();
  /** Whether the server has ever had a HELLO of this lane. */
  known = false;
  /** HELLOs said, and the last that the server has had. */
  hellos = 0;
  attempt = 0;
  /** Whether the client has had a connection for it before. */
  begun = false;
  /** Whether the client has had a WELCOME. */
  answered = false;

  /** What must be true when nothing moves any more. */
  check(): void {
    for (const { id, byClient } of this.ids) this.#checkChannel(id, byClient);
    for (const byClient of [true, false]) {
      const opened = (byClient ? this.server : this.client).opened;
      const ids = this.ids.filter(channel => channel.byClient === byClient).map(({ id }) => id);
      expect(opened, "every OPEN arrives once, in order").toEqual(ids);
    }
    for (const { lane } of [this.client, this.server]) {
      expect(lane.channels, "ended channels are forgotten").toBe(0);
      expect(lane.growth, "grown windows come back").toBe(CONFIG.growth);
      expect([lane.buffered(), lane.queued(), lane.retained]).toEqual([0, 0, 0]);
    }
    expect(this.client.lane.sent).toBe(this.server.lane.received);
    expect(this.server.lane.sent).toBe(this.client.lane.received);
  }

  #checkChannel(id: number, byClient: boolean): void {
    const [opener, acceptor] = byClient ? [this.client, this.server] : [this.server, this.client];
    const down = acceptor.put.get(id) ?? [];
    const taken = opener.taken.get(id) ?? [];
    if (this.cancelled.has(id)) {
      // What was queued and not sent at the CANCEL is thrown away; the rest is in order.
      let rest = 0;
      for (const item of taken) {
        rest = down.indexOf(item, rest) + 1;
        expect(rest, `channel ${id}: not in order`).toBeGreaterThan(0);
      }
    } else {
      expect(taken, `channel ${id} down`).toEqual(down);
    }
    const closes = taken.filter(item => item.startsWith("result") || item === "error");
    expect(closes, `channel ${id} has one CLOSE`).toHaveLength(1);
    expect(taken.at(-1), `channel ${id} ends with CLOSE`).toBe(closes[0]);
    // Up, the acceptor may have closed while data was on its way: a prefix arrives, in order.
    const up = acceptor.taken.get(id) ?? [];
    expect(opener.put.get(id)?.slice(0, up.length) ?? [], `channel ${id} up`).toEqual(up);
  }
}
