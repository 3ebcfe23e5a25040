/** Terminals in the stock package's protocol, and its own addon, against the real server. */

import type { AddressInfo } from "node:net";
import { SandboxAddon } from "@cloudflare/sandbox/xterm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { exec } from "../../../src/cloudflare/command.ts";
import type { Context } from "../../../src/cloudflare/context.ts";
import { MAX_BUFFERED, MAX_UNHEARD, Outgoing, type TerminalSocket } from "../../../src/cloudflare/terminal/outgoing.ts";
import { MAX_KEYS, serveTerminal } from "../../../src/cloudflare/terminal/serve.ts";
import type { PtyOptions } from "../../../src/cloudflare/types.ts";
import { until } from "../../harness/until.ts";
import { family } from "./context.ts";

const test = family();
let server: WebSocketServer;
let context: Context;
let options: PtyOptions = {};
/** What the next viewer's socket is, as the runtime has it. */
let disguise = (socket: TerminalSocket): TerminalSocket => socket;
let sessions = 0;

beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", socket => {
    socket.binaryType = "arraybuffer";
    void serveTerminal(context, disguise(socket as unknown as TerminalSocket), options);
  });
  await new Promise(resolve => server.on("listening", resolve));
});
afterAll(() => server.close());

const url = () => `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** A session of its own for each test: it has one terminal. */
function fresh(): Context {
  sessions += 1;
  context = { ...test.context, session: `term-${sessions}` };
  options = { cols: 90, rows: 20, shell: "/bin/sh" };
  disguise = socket => socket;
  return context;
}

/** A viewer that keeps what it is told. */
class Viewer {
  readonly socket = new WebSocket(url());
  readonly controls: Record<string, unknown>[] = [];
  text = "";
  bytes = 0;
  closed: { code: number; reason: string } | undefined;

  constructor() {
    this.socket.binaryType = "arraybuffer";
    this.socket.on("message", (data: ArrayBuffer | Buffer, binary) => {
      const bytes = Buffer.from(data as ArrayBuffer);
      if (!binary) this.controls.push(JSON.parse(bytes.toString()));
      else {
        this.bytes += bytes.length;
        this.text = (this.text + bytes.toString("latin1")).slice(-200_000);
      }
    });
    this.socket.on("close", (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
  }

  types = (): unknown[] => this.controls.map(({ type }) => type);
  ready = () => until("it is ready", () => this.types().includes("ready"));
  sees = (text: string) => until(`it shows ${text}`, () => this.text.includes(text));
  type = (text: string) => this.socket.send(Buffer.from(text));
  ended = () => until("it is closed", () => this.closed);
}

describe("a terminal", () => {
  it("shows the session's directory and variables, takes keys and sizes, and says its end", async () => {
    await exec(fresh(), "mkdir -p tty && cd tty && export SHOWN=variable");
    const viewer = new Viewer();
    await viewer.ready();
    viewer.type("basename $PWD; echo $SHOWN-$((6*7)); stty size\r");
    await viewer.sees("variable-42");
    await viewer.sees("tty\r\n");
    await viewer.sees("20 90");
    viewer.socket.send(JSON.stringify({ type: "resize", cols: 70, rows: 10 }));
    viewer.socket.send(JSON.stringify({ type: "resize", cols: 0, rows: 0 }));
    viewer.type("stty size\r");
    await viewer.sees("10 70");
    viewer.type("exit 7\r");
    await viewer.ended();
    expect(viewer.controls.at(-1)).toEqual({ type: "exit", code: 7 });
    expect(viewer.closed?.code).toBe(1000);
    const again = new Viewer();
    await again.ready();
    again.type("echo a-new-one; kill -9 $$\r");
    await again.sees("a-new-one\r\n");
    await again.ended();
    expect(again.controls.at(-1)).toEqual({ type: "exit", code: 137, signal: "SIGKILL" });
  });

  it("is shown to several; who comes later sees the screen, who leaves ends nothing", async () => {
    fresh();
    const first = new Viewer();
    await first.ready();
    first.type("echo one-$((1+1))\r");
    await first.sees("one-2");
    const second = new Viewer();
    await second.ready();
    expect(second.text).toContain("one-2");
    second.type("echo two-$((2+2))\r");
    await Promise.all([first.sees("two-4"), second.sees("two-4")]);
    first.socket.close();
    await first.ended();
    second.type("echo three-$((3+3))\r");
    await second.sees("three-6");
    second.type("exit\r");
    await second.ended();
  });

  it("does not wait for what runs in the session", async () => {
    const busy = fresh();
    await exec(busy, "mkdir -p busy && cd busy");
    const ended = exec(busy, "until test -e ../on; do sleep 0.01; done");
    await until("it runs", async () => (await test.client.getSession(busy.session ?? "").info()).state === "busy");
    const viewer = new Viewer();
    await viewer.ready();
    viewer.type("basename $PWD\r");
    await viewer.sees("busy\r\n");
    const second = new Viewer();
    await second.ready();
    expect((await test.client.getSession(busy.session ?? "").info()).state).toBe("busy");
    second.type("touch ../on; exit\r");
    await ended;
    await Promise.all([viewer.ended(), second.ended()]);
  });

  it("keeps every byte of keys and output", async () => {
    fresh();
    const viewer = new Viewer();
    await viewer.ready();
    viewer.type("stty raw -echo; printf 'go\\377\\200\\n'; head -c 3 | od -An -tx1; stty sane\r");
    await viewer.sees("go\xff\x80");
    viewer.type("\x00\x1b\x7f");
    await viewer.sees("00 1b 7f");
    viewer.socket.terminate();
  });

  it("answers what it does not know, and fails in words", async () => {
    fresh();
    const viewer = new Viewer();
    await viewer.ready();
    viewer.socket.send("no json");
    viewer.socket.send('{"type":"dance"}');
    await until("it answers both", () => viewer.types().filter(type => type === "error").length === 2);
    viewer.type("echo still-$((4+4))\r");
    await viewer.sees("still-8");
    viewer.socket.terminate();
    fresh();
    options = { shell: "/no/such/shell" };
    const failed = new Viewer();
    await failed.ended();
    expect(failed.controls).toEqual([{ type: "error", message: expect.stringMatching(/\/no\/such\/shell/) }]);
    expect(failed.closed?.code).toBe(1011);
  });

  it("ends a viewer that types more than the terminal takes", async () => {
    fresh();
    const viewer = new Viewer();
    await viewer.ready();
    viewer.type("stty raw -echo; echo deaf; sleep 600\r");
    await viewer.sees("deaf");
    const keys = Buffer.alloc(256 << 10, "k");
    for (let sent = 0; sent <= 2 * MAX_KEYS; sent += keys.length) viewer.socket.send(keys);
    await viewer.ended();
    expect(viewer.closed?.code).toBe(1009);
  });
});

describe("a slow viewer", () => {
  /** Output without end, of which nobody reads much. */
  const flood = "yes 0123456789012345678901234567890123456789\r";

  it("makes little wait for it where the runtime says what waits, and others go on", async () => {
    fresh();
    let most = 0;
    const sockets: { bufferedAmount?: number }[] = [];
    disguise = socket => {
      sockets.push(socket);
      return socket;
    };
    const slow = new Viewer();
    await slow.ready();
    slow.socket.pause();
    slow.type(flood);
    const other = new Viewer();
    await other.ready();
    await until("the other sees much", () => {
      most = Math.max(most, sockets[0]?.bufferedAmount ?? 0);
      return other.bytes > 20 << 20;
    });
    expect(most).toBeGreaterThan(MAX_BUFFERED / 2);
    // One frame may come on top, and its header.
    expect(most).toBeLessThanOrEqual(MAX_BUFFERED + (64 << 10) + 64);
    other.socket.terminate();
    slow.socket.terminate();
  });

  it("is asked to answer where the runtime does not say, and goes on when it does", async () => {
    fresh();
    disguise = socket => ({
      send: data => socket.send(data),
      close: (code, reason) => socket.close(code, reason),
      addEventListener: (type, listener) => socket.addEventListener(type, listener),
    });
    const viewer = new Viewer();
    await viewer.ready();
    viewer.type(flood);
    await until("it is asked", () => viewer.types().filter(type => type === "ready").length === 2);
    await until("nothing more comes without an answer", () => viewer.bytes > MAX_UNHEARD - (128 << 10));
    viewer.socket.send(JSON.stringify({ type: "resize", cols: 90, rows: 20 }));
    await until("more comes", () => viewer.bytes > MAX_UNHEARD + (1 << 20));
    viewer.socket.terminate();
  });

  it("is given up when it never answers", async () => {
    const sent: unknown[] = [];
    const socket: TerminalSocket = { send: data => sent.push(data), close: () => {}, addEventListener: () => {} };
    const out = new Outgoing(socket, 20);
    const piece = new Uint8Array(1 << 20);
    let pieces = 0;
    while (await out.bytes(piece)) pieces += 1;
    expect(pieces).toBe(MAX_UNHEARD / piece.length);
    expect(sent.filter(data => typeof data === "string")).toEqual(['{"type":"ready"}']);
  });
});

describe("the stock package's addon", () => {
  /** As much of xterm.js as the addon uses: it draws nothing, and remembers. */
  class Screen {
    readonly cols = 77;
    readonly rows = 11;
    readonly decoder = new TextDecoder();
    text = "";
    onKey = (_: string) => {};
    onSize = (_: { cols: number; rows: number }) => {};
    write = (data: Uint8Array) => {
      this.text += this.decoder.decode(data, { stream: true });
    };
    clear = () => {
      this.text = "";
    };
    focus = () => {};
    onData = (listener: (data: string) => void) => {
      this.onKey = listener;
      return { dispose: () => {} };
    };
    onResize = (listener: (size: { cols: number; rows: number }) => void) => {
      this.onSize = listener;
      return { dispose: () => {} };
    };
  }

  it("connects, types, resizes, sees the exit, and connects again", async () => {
    fresh();
    Object.assign(globalThis, { WebSocket, location: { protocol: "http:", host: url().slice(5) } });
    const screen = new Screen();
    const states: string[] = [];
    const errors: string[] = [];
    const addon = new SandboxAddon({
      getWebSocketUrl: ({ origin, sandboxId }) => `${origin}/${sandboxId}`,
      onStateChange: (state, error) => {
        states.push(state);
        if (error) errors.push(error.message);
      },
    });
    addon.activate(screen as never);
    addon.connect({ sandboxId: "test" });
    await until("it is connected", () => addon.state === "connected");
    screen.onKey("stty size; echo é-$((5+5))\r");
    await until("it shows the size it has", () => screen.text.includes("11 77") && screen.text.includes("é-10"));
    screen.onSize({ cols: 50, rows: 5 });
    screen.onKey("stty size\r");
    await until("it shows its new size", () => screen.text.includes("5 50"));
    screen.onKey("exit 3\r");
    await until("it is told of the end", () => errors.some(message => message.includes("exited with code 3")));
    await until("it connects again by itself", () => addon.state === "connected" && states.includes("disconnected"));
    screen.onKey("echo back-$((7+7))\r");
    await until("there is a new terminal", () => screen.text.includes("back-14"));
    addon.dispose();
  });
});
