/** The families under workerd: their streams across the RPC of a Durable Object, their terminals as its WebSockets. */

import { existsSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { parseSSEStream } from "../../../src/cloudflare/events.ts";
import { MAX_UNHEARD } from "../../../src/cloudflare/terminal/outgoing.ts";
import type { ExecEvent, FileWatchSSEEvent } from "../../../src/cloudflare/types.ts";
import { Server } from "../../harness/server.ts";
import { until } from "../../harness/until.ts";

const PACKAGE = fileURLToPath(new URL("../../..", import.meta.url));

let server: Server;
let miniflare: Miniflare;
let url: URL;

beforeAll(async () => {
  server = await Server.start();
  const { outputFiles } = await build({
    absWorkingDir: PACKAGE,
    entryPoints: ["test/cloudflare/families/worker/app.ts"],
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["cloudflare:*"],
    write: false,
    logLevel: "error",
  });
  miniflare = new Miniflare({
    cf: false,
    modules: [{ type: "ESModule", path: "app.mjs", contents: outputFiles[0]?.text ?? "" }],
    compatibilityDate: "2026-07-01",
    durableObjects: { Families: { className: "Families", useSQLite: true } },
    bindings: { SERVER: server.url, WORKSPACE: server.workspace },
  });
  url = await miniflare.ready;
});
afterAll(async () => {
  await miniflare.dispose();
  await server.stop();
});

/** Asks the Worker. */
function ask(path: string, ...args: string[]): Promise<Response> {
  const asked = new URL(path, url);
  for (const arg of args) asked.searchParams.append("arg", arg);
  return fetch(asked);
}

/** A stream over HTTP that reads from its connection no more than somebody reads from it, which `fetch` of Node does not promise. */
function call(...args: string[]): Promise<ReadableStream<Uint8Array>> {
  const asked = new URL("/call", url);
  for (const arg of args) asked.searchParams.append("arg", arg);
  return new Promise((resolve, reject) => {
    const request = get(asked, response => {
      const chunks: AsyncIterator<Uint8Array> = response[Symbol.asyncIterator]();
      if (response.statusCode !== 200) return reject(new Error(`it failed: ${response.statusCode}`));
      const stream = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const { done, value } = await chunks.next();
            if (done) controller.close();
            else controller.enqueue(value);
          },
          cancel: () => void request.destroy(),
        },
        { highWaterMark: 0 },
      );
      return resolve(stream);
    });
    request.on("error", reject);
  });
}

describe("streams", () => {
  it("come whole", async () => {
    let length = 0;
    let exitCode: number | undefined;
    const stream = await call("s", "exec", "head -c 20000000 /dev/zero | tr '\\0' x; exit 3");
    for await (const event of parseSSEStream<ExecEvent>(stream)) {
      length += event.data?.length ?? 0;
      exitCode = event.exitCode ?? exitCode;
    }
    expect([length, exitCode]).toEqual([20_000_000, 3]);
    const bytes = Buffer.alloc(5_000_001, "\xff\0\x80", "latin1");
    writeFileSync(join(server.workspace, "bytes"), bytes);
    expect(Buffer.from(await new Response(await call("s", "read", "bytes")).arrayBuffer()).equals(bytes)).toBe(true);
    writeFileSync(join(server.workspace, "text"), "é".repeat(70_000));
    expect(await new Response(await call("s", "file", "text")).text()).toContain(
      '{"type":"complete","bytesRead":140000}',
    );
    const log = await new Response(await call("s", "logs", "echo a; exit 4")).text();
    expect(log).toMatch(/"data":"a\\n".*"type":"exit".*"exitCode":4/s);
  });

  it("keep the command waiting while nobody reads, and end it when they are cancelled", async () => {
    const stream = await call("s", "exec", "echo $$ > pid; head -c 400000000 /dev/zero | tr '\\0' x; touch through");
    const events = parseSSEStream<ExecEvent>(stream);
    expect((await events.next()).value).toMatchObject({ type: "start" });
    let seen = -1;
    await until("nothing more comes", async () => {
      const before = seen;
      await new Promise(resolve => setTimeout(resolve, 50));
      seen = (await (await ask("/bytes")).json()) as number;
      return seen === before;
    });
    expect(existsSync(join(server.workspace, "through"))).toBe(false);
    await events.return();
    await until("it has ended", async () => {
      const told = await new Response(await call("s", "logs", "kill -0 $(cat pid) 2>&1 || echo it is gone")).text();
      return told.includes("it is gone");
    });
    expect(existsSync(join(server.workspace, "through"))).toBe(false);
  });

  it("tell changes as they come", async () => {
    const events = parseSSEStream<FileWatchSSEEvent>(await call("s", "watch", "."));
    expect((await events.next()).value).toMatchObject({ type: "watching" });
    writeFileSync(join(server.workspace, "seen"), "");
    expect((await events.next()).value).toMatchObject({ eventType: "create", path: join(server.workspace, "seen") });
    await events.return();
  });
});

it("errors are of their class again on the other side", async () => {
  const missing = (await (await ask("/failure", "s", "read", "none")).json()) as object;
  expect(missing).toMatchObject({
    code: "FILE_NOT_FOUND",
    name: "FileNotFoundError",
    is: "FileNotFoundError",
    context: { path: "none", operation: "file.read" },
    httpStatus: 404,
  });
  const empty = (await (await ask("/failure", "s", "exec", " ")).json()) as object;
  expect(empty).toMatchObject({ code: "VALIDATION_FAILED", context: { validationErrors: [{ field: "command" }] } });
});

describe("a terminal", () => {
  const open = (session: string) => {
    const socket = new WebSocket(new URL(`/terminal/${session}`, url).href.replace("http", "ws"));
    const viewer = { socket, text: "", bytes: 0, controls: [] as { type: string; code?: number }[], closed: 0 };
    socket.on("message", (data: Buffer, binary) => {
      if (!binary) viewer.controls.push(JSON.parse(data.toString()));
      else {
        viewer.bytes += data.length;
        viewer.text = (viewer.text + data.toString()).slice(-100_000);
      }
    });
    socket.on("close", code => {
      viewer.closed = code;
    });
    return viewer;
  };

  it("speaks the stock package's protocol", async () => {
    const viewer = open("one");
    await until("it is ready", () => viewer.controls.some(({ type }) => type === "ready"));
    viewer.socket.send(Buffer.from("stty size; echo é-$((6*7))\r"));
    await until("it shows what was typed", () => viewer.text.includes("20 90") && viewer.text.includes("é-42"));
    viewer.socket.send(JSON.stringify({ type: "resize", cols: 44, rows: 12 }));
    viewer.socket.send(Buffer.from("stty size\r"));
    await until("it has the new size", () => viewer.text.includes("12 44"));
    const second = open("one");
    await until("the second sees the screen", () => second.text.includes("é-42"));
    viewer.socket.send(Buffer.from("exit 5\r"));
    await until("both are told of the end", () => viewer.closed === 1000 && second.closed === 1000);
    expect([viewer.controls.at(-1), second.controls.at(-1)]).toEqual([
      { type: "exit", code: 5 },
      { type: "exit", code: 5 },
    ]);
  });

  it("refuses what is no WebSocket", async () => {
    const response = await fetch(new URL("/terminal/none", url));
    expect(response.status).toBe(426);
  });

  it("does not heap up what a viewer does not read", async () => {
    const viewer = open("flood");
    await until("it is ready", () => viewer.controls.some(({ type }) => type === "ready"));
    const before = (await (await ask("/bytes")).json()) as number;
    viewer.socket.pause();
    viewer.socket.send(Buffer.from("yes 01234567890123456789012345678901234567890123456789\r"));
    let seen = -1;
    await until("nothing more comes from the sandbox", async () => {
      const last = seen;
      await new Promise(resolve => setTimeout(resolve, 50));
      seen = (await (await ask("/bytes")).json()) as number;
      return seen === last && seen - before > 1 << 18;
    });
    // What may wait in the object, and what the terminal's channel may have sent that nobody took.
    expect(seen - before).toBeLessThan(MAX_UNHEARD + (6 << 20));
    viewer.socket.terminate();
  });
});
