/** Terminals: shells, full-screen programs, sizes, reloads, a lost network, floods, two viewers. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { CuttingProxy } from "../harness/proxy.ts";
import { until } from "../harness/until.ts";
import type { Bench } from "./bench.ts";
import { enter, hasKeys, lines, newTerminal, PROMPT, pick, ready, screen, shows } from "./screen.ts";

/** Registers the tests. */
export function terminalTests(bench: () => Bench): void {
  test("a shell answers, vim edits a file, top draws its screen", async () => {
    const file = join(bench().server.workspace, "poem.txt");
    writeFileSync(file, "first line\n");
    await using visitor = await bench().visit();
    const { page } = visitor;
    await visitor.connection("Connected");
    await visitor.pictures("terminals-empty");
    await newTerminal(page);
    // Nobody waits for the editor who does not edit.
    expect(visitor.requests.filter(url => /editor/.test(url))).toEqual([]);
    await enter(page, "echo answer-$((6 * 7)); printf 'wide: \\u4f60\\u597d \\u2603\\n'");
    await shows(page, /^answer-42\nwide: 你好 ☃/m);

    await enter(page, "vim -u NONE -N poem.txt");
    await shows(page, /^first line\n~/m);
    await page.keyboard.type("osecond, from the browser");
    await page.keyboard.press("Escape");
    await shows(page, /^second, from the browser$/m);
    await visitor.pictures("terminals-vim");
    await page.keyboard.type(":wq\n");
    await shows(page, PROMPT);
    expect(readFileSync(file, "utf8")).toBe("first line\nsecond, from the browser\n");
    // The screen is the one from before vim.
    await shows(page, /^answer-42$/m);

    await enter(page, "top");
    await shows(page, /load average[\s\S]*PID USER/);
    await visitor.pictures("terminals-top");
    await page.keyboard.type("q");
    await shows(page, PROMPT);
    await enter(page, "exit 3");
    await page.getByText("The program ended with exit code 3.").waitFor();
    await visitor.pictures("terminals-ended");
  });

  test("stty size follows the window", async () => {
    await using visitor = await bench().visit();
    const { page } = visitor;
    await newTerminal(page);
    const sizes = new Set<string>();
    for (const viewport of [
      { width: 1280, height: 800 },
      { width: 900, height: 500 },
      { width: 1500, height: 1000 },
    ]) {
      await page.setViewportSize(viewport);
      // What xterm.js draws, and what the program is told, become the same.
      const size = await until("the program's size is the one that is drawn", async () => {
        await enter(page, "clear; echo size-$(stty size)-");
        const said = /size-(\d+) (\d+)-/.exec(await shows(page, /size-\d+ \d+-/));
        const drawn = (await lines(page)).length;
        return Number(said?.[1]) === drawn && !sizes.has(`${said?.[1]} ${said?.[2]}`) && `${said?.[1]} ${said?.[2]}`;
      });
      sizes.add(size);
    }
    const numbers = [...sizes].map(size => size.split(" ").map(Number));
    const [usual = [], small = [], large = []] = numbers;
    for (const at of [0, 1]) {
      expect(small[at]).toBeLessThan(usual[at] ?? 0);
      expect(large[at]).toBeGreaterThan(usual[at] ?? 0);
    }
  });

  test("a reload finds the same tabs, splits and screens", async () => {
    await using visitor = await bench().visit();
    const { page } = visitor;
    await newTerminal(page);
    await enter(page, "echo left; seq 1 60");
    await shows(page, /^60$/m);
    await page.keyboard.press("Control+Shift+D");
    await ready(page, 1);
    await enter(page, "echo above-right");
    await shows(page, /^above-right$/m, 1);
    await page.keyboard.press("Control+Shift+S");
    await ready(page, 2);
    await enter(page, "echo -e 'below \\e[1;32mgreen\\e[0m'");
    await shows(page, /^below green$/m, 2);
    // What is found is marked until the search is ended, also when the person ends it in another terminal.
    const marks = () => page.locator(".xterm-decoration").count();
    await page.keyboard.press("Control+Shift+F");
    await page.getByLabel("Find in this terminal").fill("below");
    await until("it is marked", async () => (await marks()) > 0);
    // The field goes along.
    await page.locator(".terminals-group .xterm:visible").first().click();
    await page.locator(".terminals-group").first().getByRole("button", { name: "End the search" }).click();
    await until("nothing is marked", async () => (await marks()) === 0);
    await pick(page, 2);
    // Another tab in the group below.
    await page.keyboard.press("Control+Shift+Enter");
    await until("four tabs", async () => (await page.getByRole("tab").count()) === 4);
    await ready(page, 2);
    await enter(page, "vim -u NONE -N -c 'set ruler' fresh.txt");
    await shows(page, /"fresh.txt"/, 2);
    await page.keyboard.type("inever saved");
    await shows(page, /^never saved$/m, 2);
    await visitor.pictures("terminals-splits");
    await page.getByRole("button", { name: "Terminal menu" }).last().click();
    await page.getByRole("menuitem", { name: "Split right" }).waitFor();
    await visitor.pictures("terminals-menu");
    await page.keyboard.press("Escape");
    await pick(page, 2);
    const before = await layoutOf(page);
    expect(before.screens).toHaveLength(3);

    await page.reload();
    await until(
      "the same layout and screens",
      async () => JSON.stringify(await layoutOf(page)) === JSON.stringify(before),
    );
    // vim is still in insert mode, and the tab behind it has kept its screen, too.
    await hasKeys(page, 2);
    await page.keyboard.type(" but kept");
    await shows(page, /^never saved but kept$/m, 2);
    await page.keyboard.press("Control+Shift+ArrowLeft");
    await shows(page, /^below green$/m, 2);
  });

  test("while the network is away the page says so, and nothing is lost", async () => {
    const proxy = await CuttingProxy.start(bench().server.address);
    try {
      await using visitor = await bench().visit(
        { expected: [/WebSocket connection/, /net::ERR_/, /status of 426/] },
        proxy.origin,
      );
      const { page } = visitor;
      await newTerminal(page);
      const count = (from: number, to: number) => `for i in $(seq ${from} ${to}); do echo number $i; sleep 0.02; done`;
      // Without echo: what is typed would stand in the middle of a number's line.
      await enter(
        page,
        `clear; stty -echo; ${count(1, 200)}; read -r line; echo heard $line; ${count(201, 400)}; stty echo; echo end-$((1 + 1))`,
      );
      await shows(page, /^number 50$/m);
      await proxy.refuse();
      await proxy.cut();
      await visitor.connection("Reconnecting…");
      await page.getByText("The connection is lost and is being made again").waitFor();
      await visitor.pictures("reconnecting");
      await page.keyboard.type("typed while nobody listens\n");
      await proxy.accept();
      await visitor.connection("Connected");
      // Cut in the middle of what comes, again and again.
      for (let times = 0; times < 3; times += 1) {
        const { connections } = await proxy.counters();
        await proxy.cutAfter("down", 200, times % 2 === 0 ? "reset" : "finish");
        await until("another connection", async () => (await proxy.counters()).connections > connections);
      }
      await shows(page, /^end-2$/m);
      const all = (await scrollback(page)).filter(line => /^(number|heard) /.test(line));
      expect(all[200]).toBe("heard typed while nobody listens");
      expect(all.toSpliced(200, 1)).toEqual(Array.from({ length: 400 }, (_, i) => `number ${i + 1}`));
      expect((await proxy.counters()).cuts).toBeGreaterThanOrEqual(4);
    } finally {
      await proxy.stop();
    }
  });

  test("a flood leaves the page and the other shells alive, and Ctrl-C ends it", async () => {
    await using visitor = await bench().visit();
    const { page } = visitor;
    await newTerminal(page);
    await page.keyboard.press("Control+Shift+D");
    await ready(page, 1);
    await enter(page, "yes a flood of lines");
    await shows(page, /^(a flood of lines\n){5}/m, 1);
    // It goes on being drawn, and frames come all the while.
    await page.evaluate(
      () =>
        new Promise<void>(done => {
          let frames = 0;
          const count = () => {
            frames += 1;
            if (frames < 60) requestAnimationFrame(count);
            else done();
          };
          requestAnimationFrame(count);
        }),
    );
    await pick(page, 0);
    await enter(page, "echo alive-$((2 + 3))");
    await shows(page, /^alive-5$/m, 0);
    expect(await screen(page, 1)).toMatch(/^a flood of lines$/m);
    await pick(page, 1);
    await page.keyboard.press("Control+c");
    await shows(page, PROMPT, 1);
    await enter(page, "echo over-$((1 + 1))");
    await shows(page, /^over-2$/m, 1);
  });

  test("two viewers see the same, and one who only looks cannot type", async () => {
    await using first = await bench().visit();
    await newTerminal(first.page);
    const mark = `shared-${process.pid}`;
    await enter(first.page, `printf '\\e]0;${mark}\\a'; echo seen-by-$((1 + 1))`);
    await shows(first.page, /^seen-by-2$/m);

    await using second = await bench().visit();
    await second.act("All terminals");
    const row = second.page.getByRole("listitem").filter({ hasText: mark });
    await row.waitFor();
    await second.pictures("terminals-list");
    await row.getByRole("button", { name: "Attach" }).click();
    await shows(second.page, /^seen-by-2$/m);
    await hasKeys(second.page);
    await enter(second.page, "echo from-the-second");
    await shows(first.page, /^from-the-second$/m);
    await enter(first.page, "echo from-the-first");
    await shows(second.page, /^from-the-first$/m);
    await until("the same on both", async () => (await screen(first.page)) === (await screen(second.page)));

    await using third = await bench().visit();
    await third.act("All terminals");
    await third.page
      .getByRole("listitem")
      .filter({ hasText: mark })
      .getByRole("button", { name: /Look only/ })
      .click();
    await shows(third.page, /^from-the-first$/m);
    await pick(third.page, 0);
    await enter(third.page, "echo from-the-third");
    await enter(first.page, "echo behind-it");
    await shows(third.page, /^behind-it$/m);
    expect(await screen(third.page)).not.toContain("from-the-third");
    await third.picture("terminals-read-only");
  });
}

/** Which tabs there are, which are chosen, and what the terminals that are seen show. */
async function layoutOf(page: Page): Promise<{ tabs: unknown; screens: string[] }> {
  const groups = page.locator(".terminals-group:visible");
  const screens: string[] = [];
  for (let at = 0; at < (await groups.count()); at += 1) screens.push(await screen(page, at).catch(() => ""));
  const boxes = await groups.evaluateAll(all =>
    all.map(group => {
      const { x, y, width, height } = group.getBoundingClientRect();
      const tabs = [...group.querySelectorAll("[role=tab]")].map(tab => tab.getAttribute("aria-selected"));
      return { box: [x, y, width, height].map(Math.round), tabs };
    }),
  );
  return { tabs: boxes, screens };
}

/** All lines of the first terminal, those above its screen, too: read page by page, as a person would. */
async function scrollback(page: Page): Promise<string[]> {
  await pick(page, 0);
  const pages = [await lines(page)];
  for (;;) {
    const below = pages[0]?.join("\n");
    await page.keyboard.press("Shift+PageUp");
    // xterm.js draws with the next frame.
    await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));
    const above = await lines(page);
    if (above.join("\n") === below) break;
    pages.unshift(above);
  }
  return joined(pages);
}

/** Pages that overlap, as one text. */
function joined(pages: readonly string[][]): string[] {
  const [first = [], ...rest] = pages;
  const all = [...first];
  for (const next of rest) {
    let overlap = Math.min(next.length, all.length);
    while (overlap > 0 && all.slice(-overlap).join("\n") !== next.slice(0, overlap).join("\n")) overlap -= 1;
    all.push(...next.slice(overlap));
  }
  return all;
}
