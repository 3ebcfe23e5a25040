/** Frames by their names and fields, as the vectors show them. */

import * as header from "../../src/protocol/frame/header.ts";
import type { Frame, Stream, Uint } from "../../src/protocol/frame.ts";
import type { Class } from "../../src/protocol/schedule.ts";

/** Names of frames, by number. */
const NAMES = [
  "",
  "HELLO",
  "WELCOME",
  "ACK",
  "PING",
  "PONG",
  "GOAWAY",
  "RESET",
  "OPEN",
  "DATA",
  "EVENT",
  "CREDIT",
  "END",
  "CLOSE",
  "CANCEL",
];

const CLASSES = [null, "interactive", "bulk"];

/** The class of that name, 0 for none. */
export function classNamed(name: unknown): Class {
  const cls = CLASSES.indexOf((name ?? null) as string | null);
  if (cls < 0) throw new Error(`no class is called ${name}`);
  return cls as Class;
}

/** The frame of that name with these fields, whose values are those of the wire. */
export function frameOf(name: string, fields: Record<string, unknown>): Frame {
  const lane = fields["lane"] as number;
  const channel = fields["channel"] as number;
  const kind = NAMES.indexOf(name);
  const payload = (field = "payload") => fields[field] as Uint8Array;
  const stream = () => fields["stream"] as Stream;
  switch (kind) {
    case header.HELLO:
    case header.WELCOME:
    case header.GOAWAY:
    case header.RESET:
    case header.EVENT:
      return { lane, channel, kind, payload: payload() };
    case header.ACK:
      return { lane, channel, kind, received: fields["received"] as Uint };
    case header.PING:
      return { lane, channel, kind, nonce: fields["nonce"] as Uint };
    case header.PONG:
      return { lane, channel, kind, nonce: fields["nonce"] as Uint, received: fields["received"] as Uint };
    case header.OPEN: {
      const cls = classNamed(fields["class"]);
      return { lane, channel, kind, name: fields["kind"] as string, class: cls, payload: payload("params") };
    }
    case header.DATA:
      return { lane, channel, kind, stream: stream(), payload: payload("data") };
    case header.CREDIT:
      return { lane, channel, kind, bytes: fields["bytes"] as number };
    case header.END:
      return { lane, channel, kind, stream: stream() };
    case header.CLOSE:
      return "error" in fields
        ? { lane, channel, kind, ok: false, payload: payload("error") }
        : { lane, channel, kind, ok: true, payload: payload("result") };
    case header.CANCEL:
      return { lane, channel, kind };
    default:
      throw new Error(`no frame is called ${name}`);
  }
}
