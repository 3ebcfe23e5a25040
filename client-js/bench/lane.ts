/**
 * How fast the protocol is without a socket: frames each way, and whole lanes. Run it by
 * `npx esbuild bench/lane.ts --bundle --format=esm --platform=node | node --input-type=module`.
 */

import { decode, encode } from "../src/protocol/frame/codec.ts";
import { DATA } from "../src/protocol/frame/header.ts";
import type { Frame } from "../src/protocol/frame.ts";
import { Lane } from "../src/protocol/lane.ts";
import * as msgpack from "../src/protocol/msgpack.ts";
import { BULK } from "../src/protocol/schedule.ts";

/** How long each is run, in milliseconds. */
const TIME = 1000;

/** Runs this again and again, and says how often and how much. `work` returns bytes of payload. */
function measure(name: string, work: () => number): void {
  for (let warm = 0; warm < 200; warm += 1) work();
  const start = performance.now();
  let times = 0;
  let bytes = 0;
  while (performance.now() - start < TIME) {
    for (let batch = 0; batch < 50; batch += 1) bytes += work();
    times += 50;
  }
  const ms = performance.now() - start;
  const each = `${((ms * 1000) / times).toFixed(2)} µs`;
  process.stdout.write(`${name.padEnd(40)} ${each.padStart(12)} ${(bytes / ms / 1000).toFixed(0).padStart(8)} MB/s\n`);
}

for (const length of [1, 1000, 64 << 10]) {
  const frame: Frame = { lane: 1, channel: 1, kind: DATA, stream: 1, payload: new Uint8Array(length).fill(0x61) };
  const bytes = encode(frame);
  measure(`encode DATA of ${length}`, () => encode(frame).length);
  measure(`decode DATA of ${length}`, () => (decode(bytes) as typeof frame).channel + length);
}

const params = { run: { argv: ["echo", "hi"], cwd: "/tmp", env: { LANG: "C" } }, timeout_ms: 10_000 };
const encoded = msgpack.encode(params);
measure("encode the parameters of an exec", () => msgpack.encode(params).length);
measure("decode the parameters of an exec", () => (msgpack.decode(encoded) ? encoded.length : 0));

/** One lane between two sides, with frames encoded and decoded on the way. */
class Pipe {
  readonly client = new Lane("client", { recvWindow: 256 << 10 });
  readonly server = new Lane("server", { sendWindow: 256 << 10 });
  readonly #up = this.client.attach(0);
  readonly #down = this.server.attach(0);

  /** Carries all that there is, both ways. */
  carry(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (let frame = this.client.pollTransmit(this.#up); frame; frame = this.client.pollTransmit(this.#up)) {
        this.server.handleFrame(0, decode(encode(frame, 1)));
        moved = true;
      }
      for (let frame = this.server.pollTransmit(this.#down); frame; frame = this.server.pollTransmit(this.#down)) {
        this.client.handleFrame(0, decode(encode(frame, 1)));
        moved = true;
      }
    }
    while (this.client.pollEvent()) {}
    while (this.server.pollEvent()) {}
  }
}

{
  const pipe = new Pipe();
  measure("a unary call, both sides", () => {
    const id = pipe.client.open("file.stat", 1, false, encoded) ?? 0;
    pipe.carry();
    pipe.server.close(id, { ok: true, payload: encoded });
    pipe.carry();
    pipe.client.recv(id);
    return encoded.length;
  });
}

for (const length of [100, 64 << 10]) {
  const pipe = new Pipe();
  const id = pipe.client.open("file.read", BULK, false, encoded) ?? 0;
  pipe.carry();
  const data = new Uint8Array(length).fill(0x61);
  measure(`a stream in frames of ${length}, both sides`, () => {
    while (pipe.server.send(id, 1, data)) {
      while (pipe.client.recv(id)) {}
      pipe.carry();
    }
    pipe.carry();
    while (pipe.client.recv(id)) {}
    return length;
  });
}
