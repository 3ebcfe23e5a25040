/** The addon in Chromium, on a real server and a real bash. */

import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { until } from "../harness/until.ts";
import { TerminalBench } from "./browser.ts";

let bench: TerminalBench;
beforeAll(async () => {
  bench = await TerminalBench.start();
});
afterAll(() => bench.stop());

afterEach(async () => {
  await bench.call("clear", []);
  expect(await bench.page.evaluate(() => window.bench.violations)).toEqual([]);
});

describe("keys", () => {
  test("what is typed reaches the shell, in every script", async () => {
    await bench.open("keys");
    await bench.enter("keys", "echo $((6 * 7))");
    await bench.line("keys", /^42$/);
    await bench.page.keyboard.insertText("echo größe 日本語 🎉");
    await bench.page.keyboard.press("Enter");
    await bench.line("keys", /^größe 日本語 🎉$/);
  });

  test("arrows are what the program asked for, and Control-D ends the shell with its code", async () => {
    await bench.open("arrows");
    await bench.enter("arrows", "(exit 5)");
    await bench.enter("arrows", "echo one-$((1 + 1))");
    await bench.line("arrows", /^one-2$/);
    await bench.page.keyboard.press("ArrowUp");
    await bench.page.keyboard.press("Home");
    await bench.page.keyboard.type("FOO=1 ");
    await bench.page.keyboard.press("Enter");
    await until("the line twice", async () => {
      return (await bench.call("lines", ["arrows"])).filter(line => line === "one-2").length === 2;
    });
    await bench.enter("arrows", "(exit 5)");
    await bench.page.keyboard.press("Control+d");
    await until("the end", async () => (await bench.call("status", ["arrows"])).is === "ended");
    expect(await bench.call("status", ["arrows"])).toEqual({ is: "ended", exitCode: 5, signal: null });
  });

  test("the title and the bell are told", async () => {
    await bench.open("title");
    await bench.enter("title", "printf '\\e]0;my title\\a'; printf '\\a'; echo end$((1))");
    await bench.line("title", /^end1$/);
    const told = await bench.call("told", ["title"]);
    expect(told).toContain("title my title");
    expect(told.filter(event => event === "bell")).toHaveLength(1);
  });

  test("mouse reports that are not UTF-8 arrive as they are", async () => {
    await bench.open("mouse", {
      width: 1100,
      command: "stty raw -echo; printf '\\e[?1000h'; echo ready; stdbuf -o0 od -An -tx1 -w1 -v",
    });
    await bench.line("mouse", /^ready$/);
    await until("mouse mode", async () => (await bench.call("modes", ["mouse"])).mouseTrackingMode === "vt200");
    // Column 110 is the byte 32 + 1 + 110 = 0x8f, which alone is no UTF-8.
    const { x, y } = await bench.call("cell", ["mouse", 110, 2]);
    await bench.page.mouse.click(x, y);
    const lines = await bench.line("mouse", /^\s*8f$/);
    const bytes = lines
      .join(" ")
      .match(/\b[0-9a-f]{2}\b/g)
      ?.slice(0, 6);
    expect(bytes).toEqual(["1b", "5b", "4d", "20", "8f", "23"]);
  });
});

describe("size", () => {
  test("the terminal has the size of its element", async () => {
    await bench.open("size");
    const before = await bench.call("size", ["size"]);
    await bench.enter("size", "stty size");
    await bench.line("size", new RegExp(`^${before.rows} ${before.cols}$`));

    await bench.call("resize", ["size", 400, 200]);
    const after = await until("another size", async () => {
      const size = await bench.call("size", ["size"]);
      return size.cols !== before.cols ? size : undefined;
    });
    expect(after.cols).toBeLessThan(before.cols);
    expect(after.rows).toBeLessThan(before.rows);
    await until("the server knows", async () => {
      await bench.enter("size", "clear; stty size");
      return (await bench.call("lines", ["size"])).includes(`${after.rows} ${after.cols}`);
    });
  });

  test("an element that cannot be seen changes nothing", async () => {
    await bench.open("hidden");
    const before = await bench.call("size", ["hidden"]);
    await bench.call("hide", ["hidden", true]);
    const frames = await bench.call("frames", []);
    await until("some frames", async () => (await bench.call("frames", [])) > frames + 20);
    await bench.call("type", ["hidden", "stty size\r"]);
    await bench.line("hidden", new RegExp(`^${before.rows} ${before.cols}$`));
    await bench.call("hide", ["hidden", false]);
    expect(await bench.call("size", ["hidden"])).toEqual(before);
  });
});

describe("a flood", () => {
  test("leaves the tab alive, and Control-C ends it", async () => {
    await bench.open("flood");
    await bench.enter("flood", "yes sandwire");
    await bench.line("flood", /^sandwire$/);
    const frames = await bench.call("frames", []);
    await until("the page draws on", async () => (await bench.call("frames", [])) > frames + 20);
    expect((await bench.call("lines", ["flood"])).at(-2)).toBe("sandwire");

    await bench.call("focus", ["flood"]);
    await bench.page.keyboard.press("Control+c");
    await bench.page.keyboard.type("echo calm$((1))\n");
    await bench.line("flood", /^calm1$/);
  });
});

describe("wide characters", () => {
  test("take two cells here and at the server", async () => {
    await bench.open("wide");
    await bench.enter("wide", "clear; printf '=日本🎉e\\u0301='; read");
    await until("the line", async () => (await bench.call("widths", ["wide", "=日"])).length > 0);
    expect(await bench.call("widths", ["wide", "=日"])).toEqual([1, 2, 2, 2, 1, 1]);
    const cursor = await bench.call("cursor", ["wide"]);
    const screen = await bench.call("snapshot", ["wide"]);
    expect({ col: screen?.cursorCol, row: screen?.cursorRow }).toEqual(cursor);
    expect(cursor.col).toBe(9);
  });
});

describe("pasting", () => {
  test("a program that asks for marks gets them, and no text can end them", async () => {
    await bench.open("paste", { command: "stty raw -echo; printf '\\e[?2004h'; echo ready; cat -v" });
    await bench.line("paste", /ready/);
    await until("bracketed paste", async () => (await bench.call("modes", ["paste"])).bracketedPasteMode);
    await bench.call("paste", ["paste", "one\ntwo \u001b[201~rm -rf\n"]);
    const lines = await bench.line("paste", /(?<!M-)\^\[\[201~/);
    const text = lines.join("");
    expect(text.match(/\^\[\[200~/g)).toHaveLength(1);
    // `M-^[` is a byte of what stands for the ESC that was in the text.
    const ends = [...text.matchAll(/(?<!M-)\^\[\[201~/g)];
    expect(ends).toHaveLength(1);
    expect(text.indexOf("rm -rf")).toBeLessThan(ends[0]?.index ?? 0);
  });

  test("a long text arrives whole and in order", async () => {
    await bench.open("long", { command: "stty raw -echo; echo ready; head -c 300000 | sha256sum; cat" });
    await bench.line("long", /ready/);
    const text = Array.from({ length: 30_000 }, (_, index) => String(index).padStart(10, "0")).join("");
    await bench.call("paste", ["long", text]);
    const { createHash } = await import("node:crypto");
    await bench.line("long", new RegExp(createHash("sha256").update(text).digest("hex")));
  });

  test("too much at once is refused as a whole", async () => {
    await bench.open("much", { command: "sleep 1000" });
    await bench.call("paste", ["much", "x".repeat(5 << 20)]);
    await until("refused", async () => (await bench.call("told", ["much"])).includes("refused"));
  });
});

describe("the renderer", () => {
  const canvases = (page: Page) => page.locator(".xterm-screen canvas").count();

  test("is the DOM where WebGL is emulated in software", async () => {
    await bench.open("software");
    await bench.enter("software", "echo drawn-$((1))");
    await bench.line("software", /^drawn-1$/);
    await bench.page.locator(".xterm-rows", { hasText: "drawn-1" }).waitFor();
  });

  test("is WebGL where there is one, and the DOM again when its context is lost", async () => {
    const page = await bench.context.newPage();
    // There is no graphics card here: the emulation says that it is one.
    await page.addInitScript(() => {
      const getParameter = WebGL2RenderingContext.prototype.getParameter;
      WebGL2RenderingContext.prototype.getParameter = function (name: number) {
        return name === 0x9246 ? "A graphics card" : getParameter.call(this, name);
      };
    });
    await bench.load(page);
    await bench.open("webgl", {}, page);
    await until("a canvas", async () => (await canvases(page)) > 0);
    expect(await page.locator(".xterm-rows").count()).toBe(0);
    await bench.enter("webgl", "echo before-$((1))", page);
    await bench.line("webgl", /^before-1$/, page);

    await page.evaluate(() => {
      for (const canvas of document.querySelectorAll<HTMLCanvasElement>(".xterm-screen canvas")) {
        canvas.getContext("webgl2")?.getExtension("WEBGL_lose_context")?.loseContext();
      }
    });
    await page.locator(".xterm-rows", { hasText: "before-1" }).waitFor();
    await bench.enter("webgl", "echo after-$((1))", page);
    await page.locator(".xterm-rows", { hasText: "after-1" }).waitFor();
    expect(await page.evaluate(() => window.bench.violations)).toEqual([]);
    await page.close();
  });
});

describe("links", () => {
  const show = async (name: string, uri: string) => {
    await bench.open(name);
    await bench.enter(name, `clear; printf '\\e]8;;${uri}\\aHERE\\e]8;;\\a\\n'`);
    await bench.line(name, /^HERE$/);
    return bench.call("cell", [name, 1, 0]);
  };

  test("open with Control and a click, in a tab that cannot reach back", async () => {
    const { x, y } = await show("link", `${bench.site.url}/?elsewhere`);
    await bench.page.mouse.move(x, y);
    await bench.page.mouse.click(x, y);
    const opened = bench.context.waitForEvent("page");
    await bench.page.keyboard.down("Control");
    await bench.page.mouse.click(x, y);
    await bench.page.keyboard.up("Control");
    const tab = await opened;
    await tab.waitForLoadState();
    expect(tab.url()).toBe(`${bench.site.url}/?elsewhere`);
    expect(await tab.evaluate(() => window.opener)).toBeNull();
    await tab.close();
    // The click without a key has opened nothing.
    expect(bench.context.pages()).toHaveLength(1);
  });

  test("of a scheme that could run something stay shut", async () => {
    const { x, y } = await show("evil", "javascript:window.bench.violations.push(1)");
    await bench.page.mouse.move(x, y);
    await bench.page.keyboard.down("Control");
    await bench.page.mouse.click(x, y);
    await bench.page.keyboard.up("Control");
    await bench.enter("evil", "echo after$((1))");
    await bench.line("evil", /^after1$/);
    expect(bench.context.pages()).toHaveLength(1);
  });
});

describe("the clipboard", () => {
  const clip = () => bench.page.evaluate(() => navigator.clipboard.readText());
  const set = (name: string, text: string) =>
    bench.enter(name, `printf '\\e]52;c;%s\\a' "$(printf '${text}' | base64 -w0)"; echo end$((1))`);

  test("is a program's only with permission", async () => {
    await bench.page.evaluate(() => navigator.clipboard.writeText("mine"));
    await bench.open("denied");
    await set("denied", "theirs");
    await bench.line("denied", /^end1$/);
    expect(await clip()).toBe("mine");

    await bench.open("allowed", { clipboard: { write: true } });
    await set("allowed", "größe");
    await until("the text", async () => (await clip()) === "größe");
  });

  test("is never told to a program, unless that is allowed, too", async () => {
    await bench.page.evaluate(() => navigator.clipboard.writeText("secret"));
    const ask = "stty raw -echo; printf '\\e]52;c;?\\a'; printf '\\e[c'; head -c 7 | cat -v; cat";
    await bench.open("asked", { command: ask, clipboard: { write: true } });
    // The answer to the second question comes; none has come to the first.
    await bench.line("asked", /^\^\[\[\?1;2c$/);

    const told = "stty raw -echo; printf '\\e]52;c;?\\a'; head -c 12 | cat -v; cat";
    await bench.open("told", { command: told, clipboard: { read: true } });
    await bench.line("told", /\^\[\]52;c;c2Vj/);
  });

  test("takes the selection with Control-Shift-C, and Control-C stays the program's", async () => {
    await bench.open("copy");
    await bench.enter("copy", "clear; echo select-me");
    await bench.line("copy", /^select-me$/);
    const { x, y } = await bench.call("cell", ["copy", 3, 0]);
    await bench.page.mouse.dblclick(x, y);
    await bench.page.keyboard.press("Control+Shift+C");
    await until("the text", async () => (await clip()) === "select-me");

    await bench.enter("copy", "sleep 1000");
    await bench.page.keyboard.press("Control+c");
    await bench.enter("copy", "echo code-$?");
    await bench.line("copy", /^code-130$/);
  });
});
