import fc from "fast-check";
import { expect, it } from "vitest";
import { ACK, CLOSE, CREDIT, DATA, GOAWAY, HELLO, OPEN, RESET } from "../../src/protocol/frame/header.ts";
import { encodeGoAway } from "../../src/protocol/frame/payload.ts";
import type { Frame } from "../../src/protocol/frame.ts";
import { data, World } from "./world.ts";

/** What can happen, with numbers that the model turns into what there is. */
interface Said {
  readonly who: number;
  readonly kind: number;
  readonly channel: number;
  readonly text: string;
  /** In a lane that the client does not have. */
  readonly stray: boolean;
}
type Step =
  | { readonly type: "join" | "leave" | "connect" | "disconnect" | "sleep" | "unreachable"; readonly who: number }
  | { readonly type: "hello"; readonly who: number; readonly lane: number; readonly attempt: number }
  | ({ readonly type: "say" | "answer" } & Said)
  | { readonly type: "late"; readonly lane: number }
  | { readonly type: "garbage"; readonly who: number; readonly bytes: Uint8Array };

const who = fc.nat(6);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ type: fc.constant("join" as const), who }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constantFrom("leave", "connect", "disconnect", "sleep", "unreachable"), who }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("hello" as const),
      who,
      lane: fc.constantFrom(1, 1, 2, 0xffff_ffff),
      attempt: fc.nat(3),
    }),
  },
  ...(["say", "answer"] as const).map(type => ({
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant(type),
      who,
      kind: fc.constantFrom(ACK, OPEN, DATA, CREDIT, CLOSE, GOAWAY),
      channel: fc.integer({ min: 1, max: 9 }),
      text: fc.string({ minLength: 1, maxLength: 8 }),
      stray: fc.integer({ min: 0, max: 9 }).map(chance => chance === 0),
    }),
  })),
  { weight: 1, arbitrary: fc.record({ type: fc.constant("late" as const), lane: fc.integer({ min: 1, max: 40 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("garbage" as const), who, bytes: fc.uint8Array({ maxLength: 40 }) }),
  },
) as fc.Arbitrary<Step>;

const frameOf = (kind: number, lane: number, channel: number, text: string): Frame => {
  const payload = new TextEncoder().encode(text);
  switch (kind) {
    case ACK:
      return { lane, channel: 0, kind: ACK, received: channel };
    case OPEN:
      return { lane, channel, kind: OPEN, name: text.replace(/[^ -~]/g, "?"), class: 0, payload };
    case CREDIT:
      return { lane, channel, kind: CREDIT, bytes: channel };
    case CLOSE:
      return { lane, channel, kind: CLOSE, ok: true, payload };
    case GOAWAY:
      return { lane, channel: 0, kind: GOAWAY, payload: encodeGoAway({ reason: text, message: "" }) };
    default:
      return { lane, channel, kind: DATA, stream: 1, payload };
  }
};

it("passes every frame to the one that it is for, and to nobody else, whatever happens", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), steps => {
      const world = new World();
      /** The model: the lane on the trunk of each client that has one, by what the last HELLO there said. */
      const carried = new Map<number, { readonly own: number; readonly trunk: number }>();
      const pick = (index: number) => [...world.clients.values()][index % Math.max(1, world.clients.size)];
      for (const each of steps) {
        const before = { trunk: world.trunk.length, heard: world.sockets.map(({ heard }) => heard.length) };
        /** What may have been heard, and by whom; of everybody else nothing. */
        let mayHear: number[] = [];
        const client = "who" in each ? pick(each.who) : undefined;
        const id = client?.socket.id ?? -1;
        const lane = carried.get(id);
        switch (each.type) {
          case "join":
            world.join();
            break;
          case "leave":
            if (!client) break;
            world.lanes.remove(client);
            world.clients.delete(id);
            carried.delete(id);
            expect(world.trunk.slice(before.trunk).map(frame => [frame.kind, frame.lane])).toEqual(
              lane ? [[RESET, lane.trunk]] : [],
            );
            break;
          case "connect":
            if (world.up) break;
            world.connect();
            mayHear = world.sockets.map(socket => socket.id);
            break;
          case "disconnect":
            if (!world.up) break;
            world.disconnect();
            carried.clear();
            break;
          case "sleep":
            world.lanes.sleep({ reason: "asleep", message: "" });
            if (world.up) world.disconnect();
            carried.clear();
            mayHear = world.sockets.map(socket => socket.id);
            break;
          case "unreachable":
            if (world.up) break;
            world.lanes.handleUnreachable("nobody is there");
            mayHear = world.sockets.map(socket => socket.id);
            break;
          case "hello": {
            if (!client) break;
            world.hello(client, each.lane, each.attempt);
            const said = world.trunk.slice(before.trunk);
            if (lane) {
              expect(client.socket.closed, "a second HELLO").toBeDefined();
              expect(said.map(({ kind }) => kind)).toEqual([RESET]);
              carried.delete(id);
            } else if (world.up) {
              expect(said.map(({ kind }) => kind)).toEqual([HELLO]);
              const trunk = said[0]?.lane ?? 0;
              expect(
                [...carried.values()].map(other => other.trunk),
                "a lane of its own",
              ).not.toContain(trunk);
              carried.set(id, { own: each.lane, trunk });
            } else {
              expect(said).toEqual([]);
            }
            break;
          }
          case "say": {
            if (!client) break;
            const own = lane?.own ?? (client.lane || 1);
            world.say(client, frameOf(each.kind, each.stray ? own ^ 1024 : own, each.channel, each.text));
            const said = world.trunk.slice(before.trunk);
            const passed = lane && !each.stray;
            expect(said).toEqual(passed ? [frameOf(each.kind, lane.trunk, each.channel, each.text)] : []);
            if (each.kind === GOAWAY && !each.stray) carried.delete(id);
            break;
          }
          case "answer": {
            if (!world.up || !lane || !client) break;
            world.answer(frameOf(each.kind, lane.trunk, each.channel, each.text));
            const heard = client.socket.heard.slice(before.heard[id]);
            expect(heard).toEqual([frameOf(each.kind, lane.own, each.channel, each.text)]);
            mayHear = [id];
            if (each.kind === GOAWAY) carried.delete(id);
            break;
          }
          case "late":
            if (!world.up || [...carried.values()].some(({ trunk }) => trunk === each.lane)) break;
            world.answer(data(each.lane, 1, "late"));
            break;
          case "garbage": {
            if (!client) break;
            world.lanes.handleClient(client, each.bytes);
            if (client.socket.closed) {
              expect(world.trunk.slice(before.trunk).map(({ kind }) => kind)).toEqual(lane ? [RESET] : []);
              carried.delete(id);
            }
            mayHear = [id];
          }
        }
        for (const [index, socket] of world.sockets.entries()) {
          if (!mayHear.includes(index)) {
            expect(socket.heard.length, `client ${index} hears nothing of ${each.type}`).toBe(before.heard[index] ?? 0);
          }
        }
        expect(world.lanes.size).toBe(world.clients.size);
      }
    }),
    { numRuns: 2000 },
  );
}, 120_000);
