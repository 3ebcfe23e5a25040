/** The built console under its policy: every page, a terminal, a reload; and that a build is the same every time. */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchChromium } from "../harness/chromium.ts";
import { Server } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { type PageServer, servePage } from "./page-server.ts";

const CONSOLE = resolve(import.meta.dirname, "../../console");
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const VITE = resolve(import.meta.dirname, "../../node_modules/vite/bin/vite.js");
const run = promisify(execFile);
const PANELS = ["terminals", "files", "processes", "commands", "ports", "metrics"];

let directory: string;
let server: Server;
let site: PageServer;
let browser: Browser;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sandwire-console-"));
  await built("page");
  server = await Server.start();
  site = await servePage(join(directory, "page"), server.origin);
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Builds the console, and gives a hash for each file. */
async function built(name: string): Promise<Record<string, string>> {
  const outDir = join(directory, name);
  // As a command: what runs tests would make it a build for tests.
  const { NODE_ENV: _, ...env } = process.env;
  await run(process.execPath, [VITE, "build", CONSOLE, "--outDir", outDir, "--logLevel", "error"], { env });
  const hashes: Record<string, string> = {};
  for (const file of (await readdir(outDir, { recursive: true, withFileTypes: true })).filter(entry =>
    entry.isFile(),
  )) {
    const path = join(file.parentPath, file.name);
    hashes[path.slice(outDir.length)] = createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
  }
  return hashes;
}

/** A page that notes what its policy had to stop, and what it asked of whom. */
async function open(options: { colorScheme: "dark" | "light"; width: number; height: number }) {
  const { width, height, colorScheme } = options;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on("pageerror", error => wrong.push(String(error)));
  page.on("console", message => {
    if (/Content.Security.Policy/i.test(message.text())) wrong.push(message.text());
  });
  page.on("request", request => {
    if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).host !== new URL(site.url).host) {
      wrong.push(`asked ${request.url()}`);
    }
  });
  await page.goto(site.url);
  return { page, wrong, close: () => context.close() };
}

/** What axe finds that is serious. */
async function serious(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(AXE, "utf8"));
  const results = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as AxeResults;
  return results.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(node => node.target).join(", ")}`);
}

/** What a terminal shows, as lines without what is blank behind them. */
async function screen(page: Page, which = 0): Promise<string> {
  const rows = await page.locator(".xterm-rows").nth(which).locator("> div").allTextContents();
  const lines = rows.map(row => row.replaceAll("\u00a0", " ").trimEnd());
  return lines.join("\n").trimEnd();
}

test("a build has the same bytes every time, and no source maps", async () => {
  const [first, second] = [await built("first"), await built("second")];
  expect(second).toEqual(first);
  expect(Object.keys(first).filter(path => path.endsWith(".map"))).toEqual([]);
});

test.each([
  { colorScheme: "dark", width: 1280, height: 800 },
  { colorScheme: "light", width: 1280, height: 800 },
  { colorScheme: "dark", width: 390, height: 844 },
] as const)("every page obeys its policy and pleases axe: $colorScheme, $width wide", async options => {
  const { page, wrong, close } = await open(options);
  for (const panel of PANELS) {
    await page.goto(`${site.url}/#/${panel}`);
    await page.locator("h1").first().waitFor({ state: "attached" });
    await until(`${panel} is there`, async () => !(await page.getByText("Loading…").isVisible()));
    expect(await serious(page), panel).toEqual([]);
  }
  expect(wrong).toEqual([]);
  await close();
});

test("a terminal shows the same after a reload, in every colour, and its keys are its own", async () => {
  const { page, wrong, close } = await open({ colorScheme: "dark", width: 1280, height: 800 });
  await page.getByRole("button", { name: "New terminal" }).first().click();
  await until("a prompt", async () => /[$#]$/m.test(await screen(page)));
  await page.keyboard.type("printf '\\e[38;2;255;120;80mtrue-%s\\e[0m\\n' colour\n");
  await until("the text", async () => /^true-colour/m.test(await screen(page)));
  // Control-K belongs to the shell, as long as it has the keys.
  await page.keyboard.type("echo rest");
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Control+k");
  expect(await page.locator("dialog[open]").count()).toBe(0);
  await page.keyboard.type("echo kept-$((1))\n");
  // The prompt behind it, too: what comes later is not on the screen that is compared.
  await until("the output", async () => /^kept-1\n.*[$#]$/m.test(await screen(page)));
  const before = await screen(page);

  await page.reload();
  await until("the same screen", async () => (await screen(page)) === before);
  expect(await serious(page)).toEqual([]);

  await page.keyboard.press("Control+Shift+P");
  await page.getByRole("combobox").fill("split right");
  await page.keyboard.press("Enter");
  await until("two terminals", async () => (await page.getByRole("tab").count()) === 2);
  await until("a shell in it", async () => /[$#]$/m.test(await screen(page, 1)));
  await page.keyboard.type("exit 7\n");
  await page.getByText("The program ended with exit code 7.").waitFor();
  expect(await serious(page)).toEqual([]);
  expect(wrong).toEqual([]);
  await close();
});
