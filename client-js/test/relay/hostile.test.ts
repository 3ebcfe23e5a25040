import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { connect } from "../../src/index.ts";
import { decode, encode } from "../../src/protocol/frame/codec.ts";
import { ACK, DATA, GOAWAY, HELLO, OPEN, PING, PONG, RESET, WELCOME } from "../../src/protocol/frame/header.ts";
import { encodeHello } from "../../src/protocol/frame/payload.ts";
import type { Frame } from "../../src/protocol/frame.ts";
import { encode as encodeValue } from "../../src/protocol/msgpack.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { Server } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { BEHIND_A_RELAY, Workers } from "./workers.ts";

let server: Server;
let proxy: CuttingProxy;
let workers: Workers;

beforeAll(async () => {
  server = await Server.start({ args: BEHIND_A_RELAY });
  proxy = await CuttingProxy.start(server.address);
  workers = await Workers.start({ UPSTREAM: proxy.origin });
});

afterAll(async () => {
  await workers.stop();
  await proxy.stop();
  await server.stop();
});

const hello = (lane = 1): Uint8Array => {
  const token = crypto.getRandomValues(new Uint8Array(16));
  return encode({
    lane,
    channel: 0,
    kind: HELLO,
    payload: encodeHello({ version: 1, token, received: 0, attempt: 1, client: "hostile", window: 1 << 30 }),
  });
};
const open = (command: string): Uint8Array =>
  encode({
    lane: 1,
    channel: 1,
    kind: OPEN,
    name: "exec",
    class: 0,
    payload: encodeValue({ run: { command } }),
  });

/** A WebSocket to an object, without a client on it. */
async function raw(object: string): Promise<WebSocket> {
  const socket = new WebSocket(workers.url(object), ["sandwire.v1"], { perMessageDeflate: false });
  onTestFinished(() => socket.terminate());
  await once(socket, "open");
  return socket;
}

/** The next frame that satisfies this. */
const frame = (socket: WebSocket, wanted: (frame: Frame) => boolean): Promise<Frame> =>
  new Promise((resolve, reject) => {
    socket.on("message", (data: Buffer) => {
      const came = decode(new Uint8Array(data));
      if (wanted(came)) resolve(came);
    });
    socket.on("close", (code, reason) => reject(new Error(`closed: ${code} ${reason}`)));
  });

async function closed(socket: WebSocket): Promise<[number, string]> {
  const [code, reason] = (await once(socket, "close")) as [number, Buffer];
  return [code, reason.toString()];
}

const header = (bytes: number[]): Uint8Array => new Uint8Array(bytes);
const frames: Record<string, [said: (Uint8Array | string)[], code: number, name: string]> = {
  "a text message": [["hello"], 1002, "MALFORMED_FRAME"],
  "no frame": [[header([1, 2, 3])], 1002, "MALFORMED_FRAME"],
  "a header of another form": [[header([0x94, 1, 1, 0xce, 0, 0, 0, 0, 0xc4, 0, 0, 0])], 1002, "MALFORMED_FRAME"],
  "a frame that is too large": [[new Uint8Array((1 << 20) + 1)], 1009, "FRAME_TOO_LARGE"],
  "an unknown frame": [[hello(), header([0x94, 15, 0xce, 0, 0, 0, 1, 0xce, 0, 0, 0, 1, 0])], 1002, "UNKNOWN_FRAME"],
  "another number of elements": [
    [hello(), header([0x95, ACK, 0xce, 0, 0, 0, 1, 0xce, 0, 0, 0, 0, 0])],
    1002,
    "MALFORMED_FRAME",
  ],
  "a channel in a frame that has none": [
    [hello(), header([0x94, ACK, 0xce, 0, 0, 0, 1, 0xce, 0, 0, 0, 1, 0])],
    1002,
    "MALFORMED_FRAME",
  ],
  "a frame before HELLO": [[open("true")], 1002, "UNEXPECTED_FRAME"],
  "a second HELLO": [[hello(), hello()], 1002, "UNEXPECTED_FRAME"],
  "a second lane": [[hello(), hello(2)], 1008, "TOO_MANY_LANES"],
  "HELLO in lane 0": [[hello(0)], 1002, "UNEXPECTED_FRAME"],
  "HELLO that is none": [
    [encode({ lane: 1, channel: 0, kind: HELLO, payload: new Uint8Array([0xc1]) })],
    1002,
    "MALFORMED_FRAME",
  ],
  "what a server says": [
    [hello(), encode({ lane: 1, channel: 0, kind: WELCOME, payload: encodeValue({}) })],
    1002,
    "UNEXPECTED_FRAME",
  ],
  "what a relay says": [
    [hello(), encode({ lane: 1, channel: 0, kind: RESET, payload: encodeValue({ reason: "client-gone" }) })],
    1002,
    "UNEXPECTED_FRAME",
  ],
};

describe("a client that breaks the protocol is closed, and no other is hurt", () => {
  it.each(Object.entries(frames))("%s", async (_, [said, code, name]) => {
    await using neighbour = await connect(workers.url("hostile"));
    const command = neighbour.execStream("cat; exit 5", { stdin: true });
    const writer = command.stdin.getWriter();
    expect(await command.next()).toMatchObject({ value: { type: "start" } });
    const trunks = (await proxy.counters()).connections;
    const socket = await raw("hostile");
    const ended = closed(socket);
    for (const message of said) socket.send(message);
    const [closeCode, reason] = await ended;
    expect([closeCode, reason.split(":")[0]]).toEqual([code, name]);
    await writer.write("unhurt");
    await writer.close();
    let output = "";
    for await (const event of command) {
      if (event.type === "stdout") output += event.data;
      if (event.type === "exit") expect(event.exitCode).toBe(5);
    }
    expect(output).toBe("unhurt");
    expect((await proxy.counters()).connections).toBe(trunks);
    await until("it to be forgotten", async () => (await workers.stats("hostile")).clients === 1);
  });

  it("one whose frame has a good header and is none: its lane ends, or its connection", async () => {
    await using neighbour = await connect(workers.url("inner"));
    await neighbour.exec("true");
    const socket = await raw("inner");
    const over = frame(socket, ({ kind }) => kind === GOAWAY || kind === RESET);
    socket.send(hello());
    await frame(socket, ({ kind }) => kind === WELCOME);
    socket.send(header([0x95, DATA, 0xce, 0, 0, 0, 1, 0xce, 0, 0, 0, 1, 0xff, 0xff, 0xff]));
    expect((await over).lane).toBe(1);
    expect((await neighbour.exec("echo on")).stdout).toBe("on\n");
  });
});

/** A client that asks for a flood and reads nothing of it; how many bytes came for it since, and by how many workerd grew. */
async function unread(object: string) {
  const socket = await raw(object);
  socket.send(hello());
  await frame(socket, ({ kind }) => kind === WELCOME);
  const before = workers.rss;
  const downBefore = (await proxy.counters()).down;
  socket.pause();
  socket.send(open("yes"));
  const offered = async () => (await proxy.counters()).down - downBefore;
  await until("the first of it", async () => (await offered()) > 200 << 10);
  return { socket, offered, growth: () => workers.rss - before };
}

it("answers for its own hop", async () => {
  const socket = await raw("hop");
  const answer = frame(socket, ({ kind }) => kind === PONG);
  socket.send(encode({ lane: 0, channel: 0, kind: PING, nonce: 2 ** 40 }));
  expect(await answer).toMatchObject({ lane: 0, nonce: 2 ** 40, received: 0 });
  expect(await workers.stats("hop")).toMatchObject({ connected: false });
});

it("a client that says to have read what it does not read gets no more than a lane's worth", async () => {
  await using neighbour = await connect(workers.url("liar"));
  await neighbour.exec("true");
  const { socket, offered, growth } = await unread("liar");
  // It acknowledges about what was sent, and never more, which would be seen; and guesses what it was asked in between.
  for (let lie = 1; lie <= 500 && (await workers.stats("liar")).clients > 1; lie += 1) {
    const received = Math.floor((await offered()) / 66_000);
    socket.send(encode({ lane: 1, channel: 0, kind: ACK, received }));
    socket.send(encode({ lane: 1, channel: 0, kind: PONG, nonce: lie, received }));
  }
  const bytes = await offered();
  process.stdout.write(`a client that lies: ${bytes} bytes came for it, workerd grew by ${growth()}\n`);
  expect(bytes).toBeLessThan(12 << 20);
  expect(growth()).toBeLessThan(64 << 20);
  expect((await neighbour.exec("echo on")).stdout).toBe("on\n");
});

it("a client that does not read costs its own window, and hurts nobody", async () => {
  await using neighbour = await connect(workers.url("deaf"));
  await neighbour.exec("true");
  const { socket, offered, growth } = await unread("deaf");
  for (let index = 0; index < 100; index += 1) {
    expect((await neighbour.exec(`echo ${index}`)).stdout).toBe(`${index}\n`);
  }
  const bytes = await offered();
  process.stdout.write(`a client that does not read: ${bytes} bytes came for it, workerd grew by ${growth()}\n`);
  expect(bytes).toBeLessThan(6 << 20);
  expect(growth()).toBeLessThan(64 << 20);
  // What it left unread is there, whole, when it reads on.
  let lines = 0;
  socket.on("message", (data: Buffer) => {
    const came = decode(new Uint8Array(data));
    if (came.kind === DATA) lines += came.payload.length;
  });
  socket.resume();
  await until("what it left unread", () => lines > 180 << 10);
});

it("a client that goes on in a lane that ended is closed, and costs little until then", async () => {
  await using neighbour = await connect(workers.url("over"));
  await neighbour.exec("true");
  const socket = await raw("over");
  const over = frame(socket, ({ kind }) => kind === GOAWAY);
  socket.send(hello());
  await frame(socket, ({ kind }) => kind === WELCOME);
  await workers.ask("over", "sleep");
  await over;
  const ended = closed(socket);
  const said = encode({ lane: 1, channel: 1, kind: DATA, stream: 0, payload: new Uint8Array(64 << 10).fill(1) });
  const before = workers.rss;
  let bytes = 0;
  while (socket.readyState === WebSocket.OPEN && bytes < 1 << 30) {
    bytes += said.length;
    await new Promise(resolve => socket.send(said, () => setImmediate(resolve)));
  }
  expect((await ended)[0]).toBe(1008);
  process.stdout.write(
    `a client whose lane ended: ${bytes} bytes were taken of it, workerd grew by ${workers.rss - before}\n`,
  );
  expect(bytes).toBeLessThan(64 << 20);
  expect((await neighbour.exec("echo on")).stdout).toBe("on\n");
});

it("what the object's own client does not take has a bound for all its channels", async () => {
  const before = (await proxy.counters()).down;
  const taken = (await (await workers.ask("stall", "stall", "yes")).json()) as number;
  expect(taken).toBeGreaterThanOrEqual(12 * (4 << 20));
  for (let index = 0; index < 50; index += 1) {
    expect(await (await workers.ask("stall", "exec", `echo ${index}`)).json()).toEqual({
      stdout: `${index}\n`,
      exitCode: 0,
    });
  }
  const untaken = (await proxy.counters()).down - before - taken;
  process.stdout.write(`what nobody takes: ${untaken} bytes\n`);
  expect(untaken).toBeLessThan(8 << 20);
});
