/** Chromium, the page of the addon's tests, and a real server behind it. */

import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launchChromium } from "../harness/chromium.ts";
import { Server, type ServerOptions } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import type { Bench, TerminalWish } from "./page/main.ts";
import { type PageServer, servePage } from "./page-server.ts";

const HERE = dirname(fileURLToPath(import.meta.url));

/** A page with terminals, and everything behind it. */
export class TerminalBench {
  readonly server: Server;
  readonly site: PageServer;
  readonly context: BrowserContext;
  readonly page: Page;
  readonly #browser: Browser;
  readonly #directory: string;

  private constructor(
    parts: { server: Server; site: PageServer; browser: Browser; context: BrowserContext; directory: string },
    page: Page,
  ) {
    this.server = parts.server;
    this.site = parts.site;
    this.context = parts.context;
    this.#browser = parts.browser;
    this.#directory = parts.directory;
    this.page = page;
  }

  /** Builds the page, starts all, and connects. */
  static async start(options: ServerOptions = {}): Promise<TerminalBench> {
    const directory = await mkdtemp(join(tmpdir(), "sandwire-page-"));
    await build({
      entryPoints: [join(HERE, "page/main.ts")],
      outdir: directory,
      bundle: true,
      format: "esm",
      target: "es2022",
      logLevel: "warning",
    });
    await cp(join(HERE, "page/index.html"), join(directory, "index.html"));
    const server = await Server.start(options);
    const site = await servePage(directory, server.origin);
    const browser = await launchChromium();
    const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
    const page = await context.newPage();
    const bench = new TerminalBench({ server, site, browser, context, directory }, page);
    await bench.load();
    return bench;
  }

  /** Loads the page (again), and connects. */
  async load(page: Page = this.page): Promise<Page> {
    await page.goto(this.site.url);
    await page.waitForFunction(() => window.bench !== undefined);
    await page.evaluate(() => window.bench.connect());
    return page;
  }

  /** Opens a terminal, and waits until it is live. */
  async open(name: string, wish: Partial<TerminalWish> = {}, page: Page = this.page): Promise<void> {
    await page.evaluate(([name, wish]) => window.bench.open(name, wish), [name, { id: name, ...wish }] as const);
    await until(`${name} is live`, async () => (await this.call("told", [name], page)).includes("live"));
  }

  /** Calls something of the page. */
  call<Name extends keyof Functions>(
    name: Name,
    args: Parameters<Functions[Name]>,
    page: Page = this.page,
  ): Promise<Awaited<ReturnType<Functions[Name]>>> {
    return page.evaluate(([name, args]) => (window.bench[name] as (...args: unknown[]) => unknown)(...args), [
      name,
      args,
    ] as const) as Promise<Awaited<ReturnType<Functions[Name]>>>;
  }

  /** Types a line with real keys, and Enter. */
  async enter(name: string, line: string, page: Page = this.page): Promise<void> {
    await this.call("focus", [name], page);
    await page.keyboard.type(`${line}\n`);
  }

  /** Waits until a whole line of the terminal matches, and gives the lines. */
  async line(name: string, wanted: RegExp, page: Page = this.page): Promise<string[]> {
    let lines: string[] = [];
    try {
      return await until(`a line ${wanted}`, async () => {
        lines = await this.call("lines", [name], page);
        return lines.some(line => wanted.test(line)) ? lines : undefined;
      });
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}; the terminal shows\n${lines.join("\n")}`);
    }
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    await this.site[Symbol.asyncDispose]();
    await this.server.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

type Functions = {
  [Name in keyof Bench as Bench[Name] extends (...args: never[]) => unknown ? Name : never]: Bench[Name];
};
