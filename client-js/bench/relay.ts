/**
 * What the relay costs: the round trip and the speed of frames through it, beside those through a Durable Object that hands
 * every message on without looking, in the same workerd, in turns. Then the output of one command through a relayed lane and
 * as server-sent events through a Worker. Run it by `npm run bench:relay`, after `cargo build --release -p sandwire-server`
 * and `npm run build`.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { connect } from "sandwire";
import { WebSocket } from "ws";

/** Round trips and bytes of one turn, turns, and bytes of a command's output. */
const TRIPS = 3000;
const STREAM = 256 << 20;
const TURNS = 7;
const OUTPUT = 48 << 20;

/** Bytes of the payload of a large frame, and how many are on their way. */
const LARGE = 64 << 10;
const IN_FLIGHT = 8;

const programs = process.env["SANDWIRE_BIN_DIR"] ?? "../target/release";
const runtime = process.env["SANDWIRE_WORKERD"] ?? "node_modules/@cloudflare/workerd-linux-64/bin/workerd";

const HELLO = 1;
const DATA = 9;
const EVENT = 10;

/** A frame whose payload has so many bytes. The payload of HELLO is a map with its token. */
function frame(kind: number, length: number): Uint8Array<ArrayBuffer> {
  if (kind === EVENT) return Uint8Array.of(0x94, kind, 0xce, 0, 0, 0, 1, 0xce, 0, 0, 0, 1, 0xc4, 1, 0);
  const head = [0x94 + Number(kind === DATA), kind, 0xce, 0, 0, 0, 1, 0xce, 0, 0, 0, Number(kind === DATA)];
  if (kind === DATA) head.push(1, ...(length < 256 ? [0xc4, length] : [0xc6, 0, length >> 16, length >> 8, length]));
  const payload = kind === DATA ? [] : [0x81, 0xa5, ...Buffer.from("token"), 0xc4, 16, ...Array(16).fill(7)];
  if (kind === HELLO) head.push(0xc4, payload.length);
  const out = new Uint8Array(head.length + (kind === DATA ? length : payload.length));
  out.set([...head, ...payload]);
  return out;
}

/** A server that answers HELLO and PING, answers EVENT with a large frame, and sends everything else back as it is. */
const ECHO = `
  const { parentPort } = require("node:worker_threads");
  const { WebSocketServer } = require("ws");
  const welcome = Buffer.from(process.env.WELCOME, "hex");
  const large = Buffer.from(process.env.LARGE, "hex");
  let connections = 0;
  parentPort.on("message", () => parentPort.postMessage(connections));
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: () => "sandwire.v1" }, () =>
    parentPort.postMessage(server.address().port));
  server.on("connection", socket => {
    connections += 1;
    let answer;
    socket._socket.setNoDelay(true);
    socket.on("message", data => {
      if (data[1] === 1) {
        const answer = Buffer.from(welcome);
        data.copy(answer, 3, 3, 7);
        socket.send(answer);
      } else if (data[1] === 4) {
        const answer = Buffer.concat([data, Buffer.of(0)]);
        answer[0] = 0x95;
        answer[1] = 5;
        socket.send(answer);
      } else if (data[1] === 10) {
        if (answer === undefined) {
          answer = Buffer.concat([large, Buffer.alloc(${LARGE})]);
          data.copy(answer, 3, 3, 7);
        }
        socket.send(answer);
      } else socket.send(data);
    });
  });
`;

const quantile = (times: number[], part: number): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * part)] ?? 0;
const median = (values: number[]): number => quantile(values, 0.5);
const say = (text: string): boolean => process.stdout.write(`${text}\n`);

/** A client that has said HELLO, and answers for its hop. */
async function opened(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, ["sandwire.v1"], { perMessageDeflate: false });
  await once(socket, "open");
  socket.on("message", (data: Buffer) => {
    if (data[1] !== 4) return;
    const answer = Buffer.concat([data, Buffer.of(0)]);
    answer[0] = 0x95;
    answer[1] = 5;
    socket.send(answer);
  });
  // The first HELLO may come before the trunk: it is said again when the relay says so.
  for (let greeted = false; !greeted; ) {
    socket.send(frame(HELLO, 0));
    const [answer] = (await once(socket, "message")) as [Buffer];
    greeted = answer[1] === 2;
  }
  return socket;
}

/** Round trips of frames of 64 bytes, one at a time, in milliseconds. */
async function trips(socket: WebSocket): Promise<number[]> {
  const small = frame(DATA, 64 - 15);
  const times: number[] = [];
  for (let index = 0; index < TRIPS; index += 1) {
    const start = performance.now();
    const answer = once(socket, "message");
    socket.send(small);
    await answer;
    times.push(performance.now() - start);
  }
  return times;
}

/** MB/s of large frames that come, each asked for by a small one. */
async function speed(socket: WebSocket): Promise<number> {
  const ask = frame(EVENT, 1);
  const start = performance.now();
  let asked = 0;
  let bytes = 0;
  await new Promise<void>(resolve => {
    const hear = (data: Buffer): void => {
      if (data[1] !== DATA) return;
      bytes += data.length;
      if (bytes >= STREAM) {
        socket.off("message", hear);
        resolve();
      } else if (asked < STREAM) send();
    };
    const send = (): void => {
      asked += LARGE;
      socket.send(ask);
    };
    socket.on("message", hear);
    for (let index = 0; index < IN_FLIGHT; index += 1) send();
  });
  return bytes / (performance.now() - start) / 1000;
}

/** Starts workerd with the Worker, for this upstream. */
async function workers(upstream: string): Promise<{ readonly host: string; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "sandwire-bench-"));
  const { outputFiles } = await build({
    entryPoints: ["bench/relay-worker.ts"],
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["cloudflare:workers"],
    write: false,
  });
  writeFileSync(join(folder, "main.js"), outputFiles[0]?.text ?? "");
  writeFileSync(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "main.mjs", esModule = embed "main.js")],
      compatibilityDate = "2026-07-01",
      durableObjectNamespaces = [
        (className = "Relaying", uniqueKey = "relaying", enableSql = true),
        (className = "Bare", uniqueKey = "bare", enableSql = true),
      ],
      durableObjectStorage = (inMemory = void),
      bindings = [
        (name = "UPSTREAM", text = "${upstream}"),
        (name = "RELAY", durableObjectNamespace = "Relaying"),
        (name = "BARE", durableObjectNamespace = "Bare"),
      ],
    )),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`,
  );
  const child = spawn(runtime, ["serve", join(folder, "config.capnp"), "--control-fd=1"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [first] = (await once(child.stdout, "data")) as [Buffer];
  const port = /"port":(\d+)/.exec(first.toString())?.[1];
  return {
    host: `127.0.0.1:${port}`,
    stop: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
      rmSync(folder, { recursive: true });
    },
  };
}

async function frames(): Promise<void> {
  const { encode } = await import("../src/protocol/frame/codec.ts");
  const { encodeWelcome } = await import("../src/protocol/conn/server.ts");
  const payload = encodeWelcome({
    version: 1,
    resumed: false,
    received: 0,
    bootId: "b",
    server: "echo",
    laneTtlMs: 120_000,
    maxChannels: 100,
    retain: 4 << 20,
  });
  const welcome = Buffer.from(encode({ lane: 1, channel: 0, kind: 2, payload })).toString("hex");
  const head = Buffer.from(frame(DATA, LARGE).subarray(0, -LARGE)).toString("hex");
  const echo = new Worker(ECHO, { eval: true, env: { ...process.env, WELCOME: welcome, LARGE: head } });
  const [port] = (await once(echo, "message")) as [number];
  const { host, stop } = await workers(`http://127.0.0.1:${port}`);
  const sockets = {
    direct: await opened(`ws://127.0.0.1:${port}/`),
    bare: await opened(`ws://${host}/bare/connect`),
    relay: await opened(`ws://${host}/relay/connect`),
  };
  const names = ["direct", "bare", "relay"] as const;
  const figures = Object.fromEntries(
    names.map(name => [name, { p50: [] as number[], p99: [] as number[], speed: [] as number[] }]),
  );
  for (let turn = -1; turn < TURNS; turn += 1) {
    // The order turns too, so that nobody always comes after the same.
    for (let place = 0; place < names.length; place += 1) {
      const name = names[(place + turn + names.length) % names.length] ?? "direct";
      const times = await trips(sockets[name]);
      const fast = await speed(sockets[name]);
      if (turn < 0) continue;
      figures[name]?.p50.push(median(times));
      figures[name]?.p99.push(quantile(times, 0.99));
      figures[name]?.speed.push(fast);
    }
  }
  echo.postMessage("connections");
  const [connections] = (await once(echo, "message")) as [number];
  for (const socket of Object.values(sockets)) socket.terminate();
  await stop();
  await echo.terminate();
  const of = (name: (typeof names)[number], what: "p50" | "p99" | "speed"): number =>
    median(figures[name]?.[what] ?? []);
  for (const what of ["p50", "p99"] as const) {
    const [direct, bare, relay] = names.map(name => of(name, what)) as [number, number, number];
    const ratio = median(
      (figures["relay"]?.[what] ?? []).map((each, turn) => each / (figures["bare"]?.[what][turn] ?? 0)),
    );
    say(
      `17  64 B frames, round trip ${what} [ms]: direct ${direct.toFixed(3)}, bare relay ${bare.toFixed(3)}, relay ${relay.toFixed(3)}; ` +
        `added ${(bare - direct).toFixed(3)} and ${(relay - direct).toFixed(3)}; ratio ${ratio.toFixed(2)}` +
        (what === "p50" ? ` ${ratio <= 1.1 ? "PASS" : "MISS"} target <= 1.1` : ""),
    );
  }
  // Of each turn, so that a machine that is busy for a while is so for both.
  const ratio = median((figures["bare"]?.speed ?? []).map((bare, turn) => bare / (figures["relay"]?.speed[turn] ?? 0)));
  say(
    `    64 KiB frames, ${IN_FLIGHT} on their way [MB/s]: direct ${of("direct", "speed").toFixed(0)}, ` +
      `bare relay ${of("bare", "speed").toFixed(0)}, relay ${of("relay", "speed").toFixed(0)}; ` +
      `bare / relay ${ratio.toFixed(2)} ${ratio <= 1.1 ? "PASS" : "MISS"} target <= 1.1`,
  );
  say(`    upstream connections: ${connections - 2} of the relay ${connections === 3 ? "PASS" : "MISS"} target 1`);
}

/** The output of one command, through a lane and as events. */
async function output(): Promise<void> {
  const server = spawn(`${programs}/sandwire-server`, ["--listen", "127.0.0.1:0"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [first] = (await once(server.stdout, "data")) as [Buffer];
  const { host, stop } = await workers(/http:\/\/[\d.:]+/.exec(first.toString())?.[0] ?? "");
  const command = `head -c ${OUTPUT} /dev/zero | tr '\\0' 'x'`;
  const lane: number[] = [];
  const events: number[] = [];
  let onTheWire = 0;
  {
    await using sandbox = await connect(`ws://${host}/output/connect`);
    for (let turn = 0; turn < TURNS; turn += 1) {
      const start = performance.now();
      let bytes = 0;
      for await (const event of sandbox.execStream(command, { encoding: "bytes" })) {
        if (event.type === "stdout") bytes += event.data.length;
      }
      if (bytes !== OUTPUT) throw new Error(`${bytes} bytes came by the lane`);
      lane.push(bytes / (performance.now() - start) / 1000);

      const begin = performance.now();
      const answer = await fetch(`http://${host}/output/sse`, { method: "POST", body: command });
      const decoder = new TextDecoder();
      let rest = "";
      let characters = 0;
      onTheWire = 0;
      for await (const chunk of answer.body ?? []) {
        onTheWire += chunk.length;
        const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
        rest = parts.pop() ?? "";
        for (const part of parts) {
          const event = JSON.parse(part.slice("data: ".length)) as { type: string; data: string };
          if (event.type === "stdout") characters += event.data.length;
        }
      }
      if (characters !== OUTPUT) throw new Error(`${characters} characters came as events`);
      events.push(characters / (performance.now() - begin) / 1000);
    }
  }
  const { dials } = (await (await fetch(`http://${host}/output/stats`)).json()) as { dials: number };
  await stop();
  server.kill("SIGKILL");
  say(
    `    output of a command [MB/s]: relayed lane ${median(lane).toFixed(0)}, server-sent events ${median(events).toFixed(0)} ` +
      `(${(onTheWire / OUTPUT).toFixed(2)} bytes for each); ${(median(lane) / median(events)).toFixed(1)} times as fast; ` +
      `subrequests for all of it: ${dials} ${dials === 1 ? "PASS" : "MISS"} target 1`,
  );
}

await frames();
await output();
