import { describe, expect, it } from "vitest";
import { WireError } from "../../src/protocol/error.ts";
import { encode } from "../../src/protocol/frame/codec.ts";
import { ACK, DATA, GOAWAY, HELLO, OPEN, PING, PONG, RESET, WELCOME } from "../../src/protocol/frame/header.ts";
import { decodeGoAway, encodeGoAway } from "../../src/protocol/frame/payload.ts";
import type { Frame } from "../../src/protocol/frame.ts";
import { encode as encodeValue } from "../../src/protocol/msgpack.ts";
import { Lanes } from "../../src/relay/lanes.ts";
import { close, data, open, World } from "./world.ts";

const welcome = (resumed: boolean): Uint8Array =>
  encodeValue({
    version: 1,
    resumed,
    received: 0,
    boot_id: "b",
    server: "s",
    lane_ttl_ms: 1,
    max_channels: 10,
    retain: 4 << 20,
  });

describe("a relay's lanes", () => {
  it("gives each client a lane of its own, and takes it back on the way", () => {
    const world = new World();
    world.connect();
    const [a, b] = [world.join(), world.join()];
    world.hello(a, 7);
    world.hello(b, 7);
    expect(world.trunk.map(({ kind, lane }) => [kind, lane])).toEqual([
      [HELLO, 1],
      [HELLO, 2],
    ]);
    world.say(b, data(7, 1, "from b"));
    expect(world.trunk.at(-1)).toEqual(data(2, 1, "from b"));
    world.answer(data(1, 1, "to a"));
    expect(a.socket.heard).toEqual([data(7, 1, "to a")]);
    expect(b.socket.heard).toEqual([]);
  });

  it("overwrites four bytes of the very buffer that came", () => {
    let passed: Uint8Array | undefined;
    const lanes = new Lanes<number>({
      toTrunk: frame => {
        passed = frame;
      },
      toClient: (_, frame) => {
        passed = frame;
      },
      close: () => {},
      dial: () => {},
      keep: () => {},
      opened: () => {},
      random: () => 1,
    });
    lanes.handleConnected();
    const client = lanes.add(1, {});
    lanes.handleClient(client, encode({ lane: 9, channel: 0, kind: HELLO, payload: encodeValue({ attempt: 1 }) }));
    const ways: [from: number, to: number, pass: (frame: Uint8Array) => void][] = [
      [9, 1, frame => lanes.handleClient(client, frame)],
      [1, 9, frame => lanes.handleTrunk(frame)],
    ];
    for (const [from, to, pass] of ways) {
      const frame = encode(data(from, 1, "whatever it says"));
      const before = frame.slice();
      const { buffer } = frame;
      pass(frame);
      expect(passed).toBe(frame);
      expect(passed?.buffer).toBe(buffer);
      before.set([0, 0, 0, to], 3);
      expect(frame).toEqual(before);
    }
  });

  it("drops what comes late for a client that is gone, and gives its number to nobody", () => {
    const world = new World();
    world.connect();
    const a = world.join();
    world.hello(a);
    world.lanes.remove(a);
    expect(world.trunk.at(-1)).toMatchObject({ lane: 1, kind: RESET, payload: encodeValue({ reason: "client-gone" }) });
    const b = world.join();
    world.hello(b);
    world.answer(data(1, 1, "late, for a"));
    world.answer({ lane: 1, channel: 0, kind: GOAWAY, payload: encodeGoAway({ reason: "done", message: "" }) });
    expect(b.socket.heard).toEqual([]);
    world.answer(data(2, 1, "for b"));
    expect(b.socket.heard).toEqual([data(1, 1, "for b")]);
  });

  it("keeps nothing while there is no trunk, and says so", () => {
    const world = new World();
    const [asked, silent, had] = [world.join(), world.join(), world.join()];
    world.connect();
    world.hello(had);
    world.say(had, open(1, 1));
    world.disconnect();
    expect(world.dials).toBe(1);
    world.hello(asked);
    world.say(asked, open(1, 1));
    world.connect();
    expect(asked.socket.heard.map(reasonOf)).toEqual([[RESET, "no-trunk"]]);
    expect(had.socket.heard.map(reasonOf)).toEqual([[RESET, "trunk-lost"]]);
    expect(silent.socket.heard).toEqual([]);
    expect(world.trunk.filter(({ kind }) => kind === OPEN)).toEqual([open(1, 1)]);
    // What crossed RESET on its way is dropped; HELLO again begins anew.
    world.say(had, data(1, 1, "crossed"));
    world.hello(had, 1, 2);
    world.say(had, data(1, 1, "again"));
    expect(world.trunk.slice(-1)).toEqual([data(1, 1, "again")]);
  });

  it("dials for open channels, and not for who has none", () => {
    const world = new World();
    world.connect();
    const [idle, busy] = [world.join(), world.join()];
    world.hello(idle);
    world.hello(busy);
    world.say(idle, open(1, 1));
    world.answer(close(1, 1));
    expect(world.lanes.isBusy).toBe(false);
    world.disconnect();
    expect([world.dials, world.lanes.needsTrunk]).toEqual([0, false]);
    world.say(idle, { lane: 1, channel: 0, kind: ACK, received: 0 });
    expect(world.dials).toBe(0);
    world.say(idle, open(1, 3));
    expect([world.dials, world.lanes.needsTrunk]).toEqual([1, true]);
  });

  it("knows after a memory that is lost that channels may be open, until a lane is new", () => {
    const world = new World();
    const restored = world.lanes.restore({ id: 0, heard: [] }, { lane: 3, grant: {}, phase: "lost", busy: true });
    expect([world.lanes.needsTrunk, world.lanes.isBusy]).toEqual([true, true]);
    world.connect();
    expect(restored.socket.heard.map(reasonOf)).toEqual([[RESET, "trunk-lost"]]);
    world.hello(restored, 3, 5);
    world.answer({ lane: 1, channel: 0, kind: WELCOME, payload: welcome(true) });
    expect(world.lanes.isBusy).toBe(true);
    world.disconnect();
    world.connect();
    world.hello(restored, 3, 6);
    world.answer({ lane: 1, channel: 0, kind: WELCOME, payload: welcome(false) });
    expect(world.lanes.isBusy).toBe(false);
    const idle = world.lanes.restore({ id: 1, heard: [] }, { lane: 1, grant: {}, phase: "lost", busy: false });
    expect(idle.needsTrunk()).toBe(false);
  });

  it("says that the sandbox is asleep, in each lane, and lets who waits for it wait", () => {
    const world = new World();
    world.connect();
    const [a, b, fresh] = [world.join(), world.join(), world.join()];
    world.hello(a, 5);
    world.hello(b, 6);
    world.disconnect();
    world.hello(fresh);
    world.lanes.sleep({ reason: "asleep", message: "it idled" });
    const goAways = [a, b].map(({ socket }) => socket.heard.at(-1) as Frame & { payload: Uint8Array });
    expect(goAways.map(({ kind, lane }) => [kind, lane])).toEqual([
      [GOAWAY, 5],
      [GOAWAY, 6],
    ]);
    expect(goAways.map(({ payload }) => decodeGoAway(payload).reason)).toEqual(["asleep", "asleep"]);
    expect(fresh.socket.heard).toEqual([]);
    expect(world.lanes.needsTrunk).toBe(true);
    // What is said in a lane that is over wakes nobody.
    const { dials } = world;
    world.say(a, open(5, 1));
    expect(world.dials).toBe(dials);
    world.hello(a, 5);
    expect(world.dials).toBe(dials + 1);
  });

  it("tells everybody that the server drains", () => {
    const world = new World();
    world.connect();
    const clients = [world.join(), world.join()];
    for (const client of clients) world.hello(client);
    world.answer({ lane: 0, channel: 0, kind: GOAWAY, payload: encodeGoAway({ reason: "draining", message: "" }) });
    for (const { socket } of clients) expect(socket.heard.map(({ kind, lane }) => [kind, lane])).toEqual([[GOAWAY, 0]]);
  });

  it("closes who does not read what it asked for, and nobody who does", () => {
    const world = new World();
    world.connect();
    const [deaf, reader] = [world.join(), world.join()];
    world.hello(deaf);
    world.hello(reader);
    for (let index = 0; index < 200; index += 1) {
      const payload = new Uint8Array(64 << 10).fill(1);
      world.answer({ lane: 1, channel: 1, kind: DATA, stream: 1, payload });
      world.answer({ lane: 2, channel: 1, kind: DATA, stream: 1, payload });
      for (const frame of reader.socket.heard.splice(0)) {
        if (frame.kind === PING)
          world.say(reader, { lane: 0, channel: 0, kind: PONG, nonce: frame.nonce, received: 0 });
      }
    }
    expect(deaf.socket.closed?.code).toBe(1008);
    const bytes = deaf.socket.heard.length * (64 << 10);
    expect(bytes).toBeLessThan(10 << 20);
    expect(reader.socket.closed).toBeUndefined();
  });

  it("believes no proof that was guessed", () => {
    const world = new World();
    world.connect();
    const liar = world.join();
    world.hello(liar);
    for (let index = 0; index < 200 && !liar.socket.closed; index += 1) {
      world.answer({ lane: 1, channel: 1, kind: DATA, stream: 1, payload: new Uint8Array(64 << 10).fill(1) });
      world.say(liar, { lane: 0, channel: 0, kind: PONG, nonce: 77_000 + index, received: 0 });
    }
    expect(liar.socket.closed?.code).toBe(1008);
  });

  it("closes who sends more than its windows let it, faster than the server reads", () => {
    const world = new World();
    world.connect();
    const [flood, fair] = [world.join(), world.join()];
    world.hello(flood);
    world.hello(fair);
    const large = new Uint8Array(64 << 10).fill(1);
    for (let index = 0; index < 200; index += 1) {
      for (const client of [flood, fair]) {
        if (!client.socket.closed) world.say(client, { lane: 1, channel: 1, kind: DATA, stream: 0, payload: large });
      }
      for (const frame of world.trunk.splice(0)) {
        if (frame.kind === PING && frame.lane === 2) world.answer({ ...frame, kind: PONG, received: 0 });
      }
    }
    expect(flood.socket.closed?.code).toBe(1008);
    expect(fair.socket.closed).toBeUndefined();
    expect(fair.socket.heard, "answers to the relay are not for the client").toEqual([]);
    world.answer({ lane: 2, channel: 0, kind: PONG, nonce: 5, received: 0 });
    expect(fair.socket.heard).toEqual([{ lane: 1, channel: 0, kind: PONG, nonce: 5, received: 0 }]);
  });

  it("closes who goes on in a lane that ended, and not who has not heard of it", () => {
    const world = new World();
    world.connect();
    const [flood, other, honest] = [world.join(), world.join(), world.join()];
    const payload = new Uint8Array(64 << 10).fill(1);
    const said: Frame = { lane: 1, channel: 1, kind: DATA, stream: 0, payload };
    for (const client of [flood, other, honest]) world.hello(client);
    world.lanes.sleep({ reason: "asleep", message: "it idled" });
    let [passed, strange] = [0, 0];
    for (; passed < 1000 && !flood.socket.closed; passed += 1) world.say(flood, said);
    for (; strange < 1000 && !other.socket.closed; strange += 1) world.say(other, { ...said, lane: 9 });
    expect([flood.socket.closed?.code, other.socket.closed?.code]).toEqual([1008, 1008]);
    expect(Math.max(passed, strange) * payload.length).toBeLessThan(9 << 20);
    // As often as its lane ends, everything that it retains, and with that its windows, may be on its way.
    for (let round = 2; round < 6; round += 1) {
      for (let index = 0; index < 64; index += 1) world.say(honest, said);
      world.hello(honest, 1, round);
      world.disconnect();
      world.connect();
    }
    expect(honest.socket.closed).toBeUndefined();
    // HELLO that nobody answers yet is no way around it.
    world.disconnect();
    for (let round = 6; round < 100 && !honest.socket.closed; round += 1) {
      world.hello(honest, 1, round);
      for (let index = 0; index < 64; index += 1) if (!honest.socket.closed) world.say(honest, said);
    }
    expect(honest.socket.closed?.code).toBe(1008);
  });

  it("has a bound for all that do not read together, and closes none that leaves no more unread than it was paced", () => {
    const world = new World();
    world.connect();
    const paced = Array.from({ length: 140 }, () => world.join());
    const greedy = Array.from({ length: 61 }, () => world.join());
    const clients = [...paced, ...greedy];
    for (const client of clients) world.hello(client);
    const payload = new Uint8Array(64 << 10).fill(1);
    let most = 0;
    for (let round = 0; round < 40; round += 1) {
      for (const [index, client] of clients.entries()) {
        if (round >= 4 && index < paced.length) continue;
        if (!client.socket.closed) world.answer({ lane: index + 1, channel: 1, kind: DATA, stream: 1, payload });
      }
      let bytes = 0;
      for (const { socket } of clients) {
        if (socket.closed) continue;
        for (const frame of socket.heard) if (frame.kind === DATA) bytes += frame.payload.length;
      }
      most = Math.max(most, bytes);
      expect(world.lanes.onTheWay, "nothing is left out").toBeGreaterThanOrEqual(bytes);
      expect(world.lanes.onTheWay).toBeLessThanOrEqual(64 << 20);
    }
    expect(most, "it is used").toBeGreaterThan(56 << 20);
    expect(greedy.some(({ socket }) => socket.closed?.code === 1008)).toBe(true);
    expect(paced.filter(({ socket }) => socket.closed)).toEqual([]);
    for (const client of clients) if (!client.socket.closed) world.lanes.remove(client);
    expect(world.lanes.onTheWay, "it is given back").toBe(0);
  });

  it("closes none of many that read, however much", () => {
    const world = new World();
    world.connect();
    const clients = Array.from({ length: 200 }, () => world.join());
    for (const client of clients) world.hello(client);
    const payload = new Uint8Array(64 << 10).fill(1);
    for (let round = 0; round < 20; round += 1) {
      for (const [index, client] of clients.entries()) {
        world.answer({ lane: index + 1, channel: 1, kind: DATA, stream: 1, payload });
        world.say(client, { lane: 1, channel: 1, kind: DATA, stream: 0, payload });
      }
      for (const client of clients) {
        for (const frame of client.socket.heard.splice(0)) {
          if (frame.kind === PING) world.say(client, { ...frame, kind: PONG, received: 0 });
        }
      }
      for (const frame of world.trunk.splice(0)) {
        if (frame.kind === PING) world.answer({ ...frame, kind: PONG, received: 0 });
      }
    }
    expect(world.lanes.size).toBe(200);
  });

  it("says of a trunk that ended by itself what it knows: no sandbox was stopped", () => {
    const world = new World();
    world.connect();
    const own = world.join();
    world.hello(own);
    world.disconnect();
    world.lanes.rest(own);
    const said = own.socket.heard.at(-1) as Frame & { payload: Uint8Array };
    expect(decodeGoAway(said.payload)).toMatchObject({
      reason: "asleep",
      message: "the relay's connection to the sandbox ended, and nothing was open",
    });
  });

  it("ends a trunk that cannot be trusted", () => {
    const world = new World();
    world.connect();
    const client = world.join();
    world.hello(client);
    for (const bytes of [
      new Uint8Array(3),
      new Uint8Array(40),
      encode({ lane: 0, channel: 0, kind: ACK, received: 1 }),
    ]) {
      expect(() => world.lanes.handleTrunk(bytes)).toThrow(WireError);
    }
    expect(client.socket.heard).toEqual([]);
  });
});

const reasonOf = (frame: Frame): [number, string] => [
  frame.kind,
  "payload" in frame ? decodeGoAway(frame.payload).reason : "",
];
