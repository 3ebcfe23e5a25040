/** Chromium, servers with the page that is built into them, and visitors who notice everything that goes wrong. */

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import type { AxeResults } from "axe-core";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { expect } from "vitest";
import { launchChromium } from "../harness/chromium.ts";
import { Server, type ServerOptions } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/** Where the pictures of the pages are put. Git takes no notice of them. */
export const SHOTS = resolve(import.meta.dirname, "shots");

/** The page as it is in the source. */
const SOURCE = resolve(import.meta.dirname, "../../../server/src/http/page");
/** Where somebody who works on the page builds it: it is shown instead of the server's own, under the same policy. */
const { SANDWIRE_PAGE_DIR: PAGE } = process.env;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Milliseconds for anything that a test waits for, on a slow machine. */
const PATIENCE = 40_000;

/** Reports what the page's policy forbade, where a test hears it. */
const REPORT_VIOLATIONS = `document.addEventListener("securitypolicyviolation", event => {
  console.error(\`policy: \${event.effectiveDirective} forbids \${event.blockedURI} in \${event.sourceFile}:\${event.lineNumber}\`);
});`;

/** How somebody visits. */
export interface VisitOptions extends BrowserContextOptions {
  /** Where they go, behind the origin. Default: `/`. */
  readonly path?: string;
  /** What the browser may complain about: the network that a test takes away, the refusals that it asks for. */
  readonly expected?: readonly RegExp[];
  /** Hosts beside the page's own that may be asked. */
  readonly hosts?: RegExp;
}

/** The browser, and a server that asks for no token. */
export class Bench {
  readonly browser: Browser;
  readonly server: Server;

  private constructor(browser: Browser, server: Server) {
    this.browser = browser;
    this.server = server;
  }

  /** Starts both. */
  static async start(options: ServerOptions = {}): Promise<Bench> {
    mkdirSync(SHOTS, { recursive: true });
    const server = await Server.start({ ...options, env: { SHELL: "/bin/bash", PS1: "$ ", ...options.env } });
    if (PAGE === undefined) await expectPresentPage(server.origin);
    const browser = await launchChromium();
    return new Bench(browser, server);
  }

  /** Somebody new comes: with no cookies, and nothing remembered. */
  visit(options: VisitOptions = {}, origin: string = this.server.origin): Promise<Visitor> {
    return Visitor.come(this.browser, origin, options);
  }

  /** Ends both. */
  async stop(): Promise<void> {
    await this.browser.close();
    await this.server.stop();
  }
}

/** Somebody who looks at the page. */
export class Visitor implements AsyncDisposable {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly origin: string;
  /** What went wrong so far: must be empty at the end. */
  readonly wrong: string[] = [];
  /** What the page has asked for so far. */
  readonly requests: string[] = [];
  readonly #left = { yet: false };

  private constructor(context: BrowserContext, page: Page, origin: string, options: VisitOptions) {
    this.context = context;
    this.page = page;
    this.origin = origin;
    const { expected = [], hosts } = options;
    const note = (what: string) => {
      if (!this.#left.yet && !expected.some(one => one.test(what))) this.wrong.push(what);
    };
    page.on("pageerror", error => note(`error: ${error.stack ?? error}`));
    page.on("console", message => {
      const from = message.location().url;
      // A program's page in a preview may say what it likes.
      if (hosts !== undefined && URL.canParse(from) && hosts.test(new URL(from).host)) return;
      if (message.type() === "error" || message.type() === "warning") note(`${message.type()}: ${message.text()}`);
    });
    const asked = (url: string) => {
      this.requests.push(url);
      if (/^(data|blob|about):/.test(url)) return;
      const { host } = new URL(url);
      if (host !== new URL(origin).host && !hosts?.test(host)) note(`asked another host: ${url}`);
    };
    context.on("request", request => asked(request.url()));
    page.on("websocket", socket => asked(socket.url()));
  }

  static async come(browser: Browser, origin: string, options: VisitOptions): Promise<Visitor> {
    const { path = "/", expected: _, hosts: __, ...rest } = options;
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      colorScheme: "dark",
      // A page that did not come over the network is one of nobody's, and may not ask this machine by itself.
      permissions: ["clipboard-read", "clipboard-write", ...(PAGE === undefined ? [] : ["local-network-access"])],
      ...rest,
    });
    context.setDefaultTimeout(PATIENCE);
    await context.addInitScript(REPORT_VIOLATIONS);
    if (PAGE !== undefined) await showPage(context, origin, PAGE);
    const page = await context.newPage();
    const visitor = new Visitor(context, page, origin, options);
    await page.goto(origin + path);
    return visitor;
  }

  /** Goes to a section, by the link that is there for it. */
  async go(
    section: "Terminals" | "Files" | "Notebooks" | "Processes" | "Commands" | "Sessions" | "Ports" | "Metrics",
  ): Promise<void> {
    await this.page.getByRole("navigation", { name: "Sections" }).getByRole("link", { name: section }).click();
    await this.settled();
  }

  /** Waits until the section has come, and what it shows is read. */
  async settled(): Promise<void> {
    await this.page.locator("h1").first().waitFor({ state: "attached" });
    await this.page.locator(".empty > .spinner:visible").first().waitFor({ state: "detached" });
  }

  /** Takes an action of the palette, by the keyboard. */
  async act(title: string): Promise<void> {
    await this.connection("Connected");
    await this.page.keyboard.press("Control+Shift+P");
    const field = this.page.getByRole("combobox", { name: "Action" });
    await field.fill(title);
    // The actions of a section are known when it has come.
    await this.page.getByRole("option", { name: title }).first().waitFor();
    await this.page.keyboard.press("Enter");
    await field.waitFor({ state: "detached" });
  }

  /** Waits until the connection is as the status bar says it. */
  async connection(is: "Connected" | "Reconnecting…"): Promise<void> {
    await this.page.locator(".status").getByText(is, { exact: true }).waitFor();
  }

  /** The same where there is no status bar. */
  async connectedOnPhone(): Promise<void> {
    await this.page.getByRole("button", { name: /^Actions.*Connected/ }).waitFor();
  }

  /** Takes a picture of the page, and lets axe look at it: nothing serious. */
  async picture(name: string): Promise<void> {
    await this.page.screenshot({ path: `${SHOTS}/${name}.png`, animations: "disabled", caret: "hide" });
    expect(await this.#serious(), `what axe says of ${name}`).toEqual([]);
  }

  /** The same, in dark and in light. */
  async pictures(name: string): Promise<void> {
    for (const colours of ["light", "dark"] as const) {
      await this.page.emulateMedia({ colorScheme: colours });
      await until(`the page is ${colours}`, () => this.page.evaluate(themed, colours));
      await this.picture(`${name}-${colours}`);
    }
  }

  /** Leaves, and says what went wrong. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#left.yet = true;
    await this.context.close();
    expect(this.wrong, "what the browser complained about").toEqual([]);
  }

  async #serious(): Promise<string[]> {
    await this.page.evaluate(AXE);
    const options = "{ resultTypes: ['violations'], iframes: false }";
    const { violations } = (await this.page.evaluate(`axe.run(document, ${options})`)) as AxeResults;
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.target} ${node.failureSummary}`));
  }
}

/** Whether a page has the colours that the system wants; one without a choice of its own has them at once. */
function themed(wanted: string): boolean {
  return [null, wanted].includes(document.documentElement.getAttribute("data-theme"));
}

/** Shows the page of a folder in the place of the server's; what is not in it is still the server's. */
async function showPage(context: BrowserContext, origin: string, folder: string): Promise<void> {
  const mine = (url: URL) => url.origin === origin && url.search === "" && /^\/(assets\/[^/]+)?$/.test(url.pathname);
  await context.route(mine, async route => {
    const file = join(folder, new URL(route.request().url()).pathname);
    if (file.includes("assets")) return existsSync(file) ? route.fulfill({ path: file }) : route.continue();
    const response = await route.fetch({ maxRedirects: 0 });
    if (response.status() !== 200) return route.fulfill({ response });
    const nonce = /csp-nonce" content="([^"]*)/.exec(await response.text())?.[1] ?? "";
    const body = readFileSync(join(folder, "index.html"), "utf8").replaceAll("__CSP_NONCE__", nonce);
    return route.fulfill({ response, body });
  });
}

/** The page is built into the server: an old one there would be tested instead of the one that is in the source. */
async function expectPresentPage(origin: string): Promise<void> {
  const nonce = /(<meta name="csp-nonce" content=")[^"]*/;
  const served = await (await fetch(origin)).text();
  const source = readFileSync(resolve(SOURCE, "index.html"), "utf8");
  // The files that it names have the hashes of their content in their names.
  if (served.replace(nonce, "$1") !== source.replace(nonce, "$1")) {
    throw new Error(
      `the server was built with another page than the one in ${SOURCE}: build it again with \`cargo build --bins\`, or set SANDWIRE_BIN_DIR to where a newer one is`,
    );
  }
}
