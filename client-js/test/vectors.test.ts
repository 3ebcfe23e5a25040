/** The committed vectors, which the Rust crate passes as well: frames, hostile bytes, kinds, transcripts, tables. */

import { describe, expect, it } from "vitest";
import { decodeHello, encodeWelcome } from "../src/protocol/conn/server.ts";
import { CODES, WireError } from "../src/protocol/error.ts";
import { decode, encode } from "../src/protocol/frame/codec.ts";
import { readdress, readHeader } from "../src/protocol/frame/header.ts";
import * as payloads from "../src/protocol/frame/payload.ts";
import type { Frame } from "../src/protocol/frame.ts";
import { classOf } from "../src/protocol/kind.ts";
import * as limits from "../src/protocol/limits.ts";
import * as msgpack from "../src/protocol/msgpack.ts";
import { bytesOf, hex, type Json, list, read, readVectors, text, vectorFiles, wireValue } from "./vectors/files.ts";
import { classNamed, frameOf } from "./vectors/frames.ts";
import { play } from "./vectors/transcript.ts";

const cases = (path: string): [name: string, file: Json, vector: Json][] =>
  readVectors(path).flatMap(([name, file]) =>
    list(file, "cases").map((vector): [string, Json, Json] => [`${name}: ${text(vector, "name")}`, file, vector]),
  );

// R-FRAME-1, R-FRAME-2, R-FRAME-3, R-FRAME-5.
describe("frames", () => {
  it("have a file for each kind", () => expect(readVectors("frames").length).toBe(14));

  it.each(cases("frames"))("%s", (_, file, vector) => {
    const bytes = bytesOf(vector);
    const frame = frameOf(text(file, "frame"), wireValue(vector["fields"]) as Record<string, unknown>);
    const { lane, channel } = frame;
    expect(decode(bytes)).toEqual(frame);
    expect(hex(encode(frame))).toBe(hex(bytes));
    expect(readHeader(bytes)).toMatchObject({ kind: file["number"], lane, channel });
  });

  // R-FRAME-6.
  it("get another lane in place", () => {
    for (const [, , vector] of cases("frames")) {
      const bytes = new Uint8Array(bytesOf(vector));
      const frame = decode(bytesOf(vector));
      readdress(bytes, 0xdead_beef);
      expect(decode(bytes)).toEqual({ ...frame, lane: 0xdead_beef });
      expect(hex(encode(frame, 0xdead_beef))).toBe(hex(bytes));
    }
  });

  it("are decoded without a copy of the payload", () => {
    const bytes = encode({ lane: 1, channel: 1, kind: 9, stream: 0, payload: new Uint8Array(1000) });
    const frame = decode(bytes);
    expect("payload" in frame && frame.payload.buffer).toBe(bytes.buffer);
  });
});

// R-EVOLVE-1.
describe("payloads of frames", () => {
  const named = cases("frames").filter(([, , vector]) => "payload" in vector && "payload" in wireFields(vector));
  const wire = (frame: string, payload: Uint8Array): unknown => {
    switch (frame) {
      case "HELLO":
        return decodeHello(payload);
      case "WELCOME":
        return payloads.decodeWelcome(payload);
      case "GOAWAY":
        return payloads.decodeGoAway(payload);
      default:
        return msgpack.decodeFields(payload);
    }
  };
  const again = (frame: string, payload: Uint8Array): Uint8Array => {
    switch (frame) {
      case "HELLO":
        return payloads.encodeHello(decodeHello(payload));
      case "WELCOME":
        return encodeWelcome(payloads.decodeWelcome(payload));
      case "GOAWAY":
        return payloads.encodeGoAway(payloads.decodeGoAway(payload));
      default:
        return payload;
    }
  };

  it.each(named)("%s", (_, file, vector) => {
    const name = text(file, "frame");
    const { payload } = wireFields(vector) as { payload: Uint8Array };
    const fields = wireValue(vector["payload"]) as object;
    expect(msgpack.decodeFields(payload)).toEqual(fields);
    // In any order, with a field of a newer peer.
    const shuffled = Object.fromEntries([["zz_later", [null, new Uint8Array(1)]], ...Object.entries(fields).reverse()]);
    const decoded = wire(name, payload);
    if (name !== "RESET") expect(wire(name, msgpack.encode(shuffled))).toEqual(decoded);
    expect(wire(name, again(name, payload))).toEqual(decoded);
  });

  function wireFields(vector: Json): Record<string, unknown> {
    return wireValue(vector["fields"]) as Record<string, unknown>;
  }
});

// R-FRAME-4.
describe("hostile bytes", () => {
  it.each(cases("hostile"))("%s", (_, __, vector) => {
    const error = thrown(() => decode(bytesOf(vector)));
    expect(error).toBeInstanceOf(WireError);
    expect(error).toMatchObject({ code: vector["error"], closeCode: vector["close"] });
  });
});

describe("values of kinds", () => {
  const values = readVectors("kinds").flatMap(([file, kind]) =>
    ["params", "up", "down", "result"].flatMap(part =>
      list(kind, part).map((vector): [string, Json] => [`${file}: ${part}: ${text(vector, "name")}`, vector]),
    ),
  );

  it.each(values)("%s", (_, vector) => {
    const bytes = bytesOf(vector);
    const value = wireValue(vector["value"]);
    expect(msgpack.decode(bytes)).toEqual(value);
    expect(hex(msgpack.encode(msgpack.decode(bytes)))).toBe(text(vector, "hex"));
    expect(msgpack.decode(msgpack.encode(value))).toEqual(value);
  });
});

describe("transcripts of lanes", () => {
  it.each(readVectors("lane"))("%s", (_, file) => {
    for (const { came, expected } of play(file)) expect(came).toEqual(expected);
  });

  it("are noticed when they say something else", () => {
    for (const [name, file] of readVectors("lane")) {
      const steps = list(file, "steps");
      const last = steps.findLastIndex(step => "frames" in step && list(step, "frames").length > 0);
      if (last < 0) continue;
      const shorter = steps.map((step, index) =>
        index === last ? { ...step, frames: list(step, "frames").slice(0, -1) } : step,
      );
      const played = play({ ...file, steps: shorter })[last];
      expect(played?.came, name).not.toEqual(played?.expected);
    }
  });
});

describe("tables", () => {
  it("has every code, in order", () => {
    const [[, file] = ["", {}]] = readVectors("codes.json");
    expect(CODES).toEqual(list(file, "codes").map(row => row["code"]));
  });

  it("has every limit", () => {
    const [[, file] = ["", {}]] = readVectors("limits.json");
    const table = Object.fromEntries(list(file, "limits").map(row => [row["limit"], row["value"]]));
    expect({ ...limits }).toEqual(table);
  });

  it("has the class of every kind", () => {
    const [[, file] = ["", {}]] = readVectors("kinds.json");
    const rows = list(file, "kinds");
    expect(rows.map(row => classOf(text(row, "kind")))).toEqual(rows.map(row => classNamed(row["class"])));
    const names = readVectors("kinds").map(([name]) => name);
    expect(names).toEqual(rows.map(row => `kinds/${row["kind"]}.json`).sort());
  });
});

// The last test: the others have read what they read.
it("leaves no file unread", () => expect([...read].sort()).toEqual(vectorFiles()));

function thrown(work: () => Frame): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
