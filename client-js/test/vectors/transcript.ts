/** Plays a transcript on a fresh lane: what one side does and hears, and what must come of it. */

import type { Item } from "../../src/protocol/channel.ts";
import { LaneError } from "../../src/protocol/error.ts";
import { decode } from "../../src/protocol/frame/codec.ts";
import { CLOSE } from "../../src/protocol/frame/header.ts";
import type { Frame, Stream } from "../../src/protocol/frame.ts";
import { type Epoch, Lane, type LaneEvent, type Role } from "../../src/protocol/lane.ts";
import { decodeFields } from "../../src/protocol/msgpack.ts";
import { bytesOf, type Json, list, text, wireValue } from "./files.ts";
import { classNamed, frameOf } from "./frames.ts";

/** What a step says that must come of it; in `close`, `error` is what is said. */
const OUTCOMES = ["gives", "frames", "events", "error"];

/** What came of one step, and what should have. */
export interface Played {
  readonly came: Json;
  readonly expected: Json;
}

/** Plays all steps. */
export function play(file: Json): Played[] {
  const bounds = file["config"] as Record<string, number | string>;
  const number = (name: string) => bounds[name] as number;
  const lane = new Lane(bounds["role"] as Role, {
    maxChannels: number("max_channels"),
    retain: number("retain"),
    recvWindow: number("recv_window"),
    sendWindow: number("send_window"),
    growth: number("growth"),
  });
  const player = new Player(lane);
  return list(file, "steps").map(step => ({ came: player.step(step), expected: expected(step) }));
}

class Player {
  readonly #lane: Lane;
  #epoch: Epoch = -1;
  #now = 0;

  constructor(lane: Lane) {
    this.#lane = lane;
  }

  step(step: Json): Json {
    const came = this.#perform(step);
    const events: unknown[] = [];
    for (let event = this.#lane.pollEvent(); event; event = this.#lane.pollEvent()) events.push(shownEvent(event));
    return events.length > 0 ? { ...came, events } : came;
  }

  #perform(step: Json): Json {
    const lane = this.#lane;
    const id = step["channel"] as number;
    const stream = step["stream"] as Stream;
    const bytes = (name: string) => wireValue(step[name]) as Uint8Array;
    switch (step["do"]) {
      case "attach":
        return {
          gives: named(() => {
            this.#epoch = lane.attach(step["received"] as number);
          }),
        };
      case "detach":
        lane.detach();
        return {};
      case "fail":
        lane.fail(text(step, "reason"));
        return {};
      case "drain":
        lane.drain();
        return {};
      case "open": {
        const cls = classNamed(step["class"]);
        return { gives: lane.open(text(step, "kind"), cls, step["explicit"] === true, bytes("params")) ?? null };
      }
      case "send":
        return { gives: lane.send(id, stream, bytes("data")) ?? "ok" };
      case "event":
        return { gives: lane.event(id, bytes("payload")) ?? "ok" };
      case "end":
        return { gives: lane.end(id, stream) ?? "ok" };
      case "close": {
        const ok = !("error" in step);
        return { gives: lane.close(id, { ok, payload: bytes(ok ? "result" : "error") }) ?? "ok" };
      }
      case "cancel":
        lane.cancel(id);
        return {};
      case "release":
        lane.release(id);
        return {};
      case "room":
        return { gives: lane.room(id) ?? "done" };
      case "recv": {
        const item = lane.recv(id);
        return { gives: item ? shownItem(item) : null };
      }
      case "wait":
        this.#now += step["ms"] as number;
        lane.handleTimeout(this.#now);
        return {};
      case "hear": {
        const error = named(() => lane.handleFrame(this.#now, decode(bytesOf(step))));
        return error === "ok" ? {} : { error };
      }
      case "say": {
        const most = (step["most"] as number | undefined) ?? Number.POSITIVE_INFINITY;
        const frames: unknown[] = [];
        while (frames.length < most) {
          const frame = lane.pollTransmit(this.#epoch);
          if (!frame) break;
          frames.push(shownFrame({ ...frame, lane: 1 }));
        }
        return { frames };
      }
      default:
        throw new Error(`no step is called ${step["do"]}`);
    }
  }
}

function expected(step: Json): Json {
  const outcome = Object.entries(step).filter(
    ([name]) => OUTCOMES.includes(name) && (name !== "error" || step["do"] !== "close"),
  );
  return Object.fromEntries(
    outcome.map(([name, value]) => [
      name,
      name === "frames"
        ? list(step, name).map(frame =>
            shownFrame(frameOf(text(frame, "frame"), wireValue(frame["fields"]) as Record<string, unknown>)),
          )
        : wireValue(value),
    ]),
  );
}

/** The name of the error that this throws, or `ok`. */
function named(work: () => void): string {
  try {
    work();
    return "ok";
  } catch (error) {
    if (error instanceof LaneError) return error.code;
    throw error;
  }
}

function shownItem(item: Item): Json {
  switch (item.type) {
    case "data":
      return { stream: item.stream, data: item.data };
    case "event":
      return { event: item.payload };
    case "end":
      return { end: item.stream };
    case "close":
      return item.ok ? { result: item.payload } : { error: failure(item.payload) };
  }
}

function shownEvent(event: LaneEvent): Json {
  const { type, id: channel } = event;
  return event.type === "opened"
    ? { event: type, channel, kind: event.name, params: event.params }
    : { event: type, channel };
}

/** An error's message is free. */
const shownFrame = (frame: Frame): unknown =>
  frame.kind === CLOSE && !frame.ok ? { ...frame, payload: failure(frame.payload) } : frame;

/** Code and details of an error; a payload that says no more is shown as it is. */
function failure(payload: Uint8Array): unknown {
  const { message, ...rest } = decodeFields(payload);
  return Object.keys(rest).length > 0 || message !== undefined ? rest : {};
}
