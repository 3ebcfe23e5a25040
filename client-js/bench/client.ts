/**
 * The client in Node against a release server: a command, one at a time, beside the same from Rust; and a stream, beside a
 * bare `ws` client that takes messages of 64 KiB from a bare `ws` server. In turns, on this machine. Run it by `npm run bench`,
 * after `cargo build --release -p sandwire-server -p sandwire-tests` and `npm run build`.
 */

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { connect } from "sandwire";
import { WebSocket } from "ws";

/** Commands of one turn, bytes of one stream, and turns. */
const COMMANDS = 1000;
const STREAM = 256 << 20;
const TURNS = 3;

const programs = process.env["SANDWIRE_BIN_DIR"] ?? "../target/release";

/** A server that sends as many messages of 64 KiB as it was asked for, no faster than the socket takes them. */
const BARE = `
  const { parentPort } = require("node:worker_threads");
  const { WebSocketServer } = require("ws");
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, () => parentPort.postMessage(server.address().port));
  server.on("connection", socket => socket.on("message", async count => {
    const piece = Buffer.alloc(65536, 97);
    for (let left = Number(count); left > 0; left--) {
      await new Promise(sent => socket.send(piece, sent));
    }
  }));
`;

const quantile = (times: number[], part: number): number =>
  times.sort((a, b) => a - b)[Math.floor(times.length * part)] ?? 0;

const median = (values: number[]): number => quantile(values, 0.5);

async function commands(sandbox: Awaited<ReturnType<typeof connect>>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < COMMANDS; i += 1) {
    const start = performance.now();
    const { stdout } = await sandbox.exec("echo hi", { shell: "/bin/sh" });
    times.push(performance.now() - start);
    if (stdout !== "hi\n") throw new Error(`it said ${JSON.stringify(stdout)}`);
  }
  return median(times);
}

async function stream(sandbox: Awaited<ReturnType<typeof connect>>): Promise<number> {
  const start = performance.now();
  let bytes = 0;
  for await (const event of sandbox.execStream(`head -c ${STREAM} /dev/zero`, { encoding: "bytes" })) {
    if (event.type === "stdout") bytes += event.data.length;
  }
  if (bytes !== STREAM) throw new Error(`${bytes} bytes came`);
  return bytes / (performance.now() - start) / 1000;
}

async function bare(port: number): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
  await once(socket, "open");
  const start = performance.now();
  let bytes = 0;
  socket.send(String(STREAM / 65536));
  await new Promise<void>(resolve => {
    socket.on("message", (data: Buffer) => {
      bytes += data.length;
      if (bytes === STREAM) resolve();
    });
  });
  const speed = bytes / (performance.now() - start) / 1000;
  socket.close();
  return speed;
}

/** The same command from Rust, as the benchmark of the whole measures it. */
function rust(): number {
  const report = execFileSync(`${programs}/sandwire-bench`, [
    ..."--only 1 --contender sandwire --rounds 1 --json".split(" "),
  ]);
  type Rows = { metrics: { metric: string; contenders: Record<string, { value: number }> }[] }[];
  const p50 = (JSON.parse(report.toString()) as Rows)[0]?.metrics.find(({ metric }) => metric === "p50");
  const value = p50?.contenders["sandwire"]?.value;
  if (value === undefined) throw new Error(`no p50 in ${report}`);
  return value;
}

const server = spawn(`${programs}/sandwire-server`, ["--listen", "127.0.0.1:0"], {
  stdio: ["ignore", "pipe", "inherit"],
});
const [first] = (await once(server.stdout, "data")) as [Buffer];
const url = /http:\/\/[\d.:]+/.exec(first.toString())?.[0];
if (url === undefined) throw new Error(`the server said ${first}`);
const worker = new Worker(BARE, { eval: true });
const [port] = (await once(worker, "message")) as [number];

const figures = { rust: [] as number[], commands: [] as number[], bare: [] as number[], stream: [] as number[] };
{
  await using sandbox = await connect(url);
  for (let turn = 0; turn < TURNS; turn += 1) {
    figures.rust.push(rust());
    figures.commands.push(await commands(sandbox));
    figures.bare.push(await bare(port));
    figures.stream.push(await stream(sandbox));
  }
}
await worker.terminate();
server.kill();

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const more = median(figures.commands) - median(figures.rust);
say(
  `19  exec in Node ${process.version}, p50 [ms]: Rust ${median(figures.rust).toFixed(3)}, JavaScript ${median(figures.commands).toFixed(3)}; ${more <= 0.15 ? "PASS" : "MISS"} target <= Rust + 0.15`,
);
const ratio = median(figures.stream) / median(figures.bare);
say(
  `    stream [MB/s]: bare ws ${median(figures.bare).toFixed(0)}, sandwire ${median(figures.stream).toFixed(0)}; ratio ${ratio.toFixed(2)} ${ratio >= 0.8 ? "PASS" : "MISS"} target >= 0.8`,
);
