/** The keyboard alone, the choice of colours, a phone, and a server that is gone. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Server } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import type { Bench } from "./bench.ts";
import { newTerminal, PROMPT, ready, shows } from "./screen.ts";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

/** Whether the page has to be slid sideways, as an expression. */
const WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth";

/** Registers the tests. */
export function keysAndSizesTests(bench: () => Bench): void {
  test("everything can be reached by keys", async () => {
    await using visitor = await bench().visit();
    const { page } = visitor;
    await page.getByText("No terminal is open").waitFor();
    await page.keyboard.press("Control+Shift+Enter");
    await ready(page);
    const sections = ["terminals", "files", "notebooks", "processes", "commands", "sessions", "ports", "metrics"];
    for (const [at, section] of [...sections.entries()].reverse()) {
      await page.keyboard.press(`Control+Shift+${at + 1}`);
      await until(section, () => page.evaluate("location.hash").then(hash => String(hash).startsWith(`#/${section}`)));
    }
    await visitor.act("Go to metrics");
    await page.getByRole("heading", { name: "Metrics", level: 1 }).waitFor();
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Action" }).fill("dark light");
    await visitor.pictures("palette");
    await page.keyboard.press("Enter");
    await page.locator('html[data-theme="light"]').waitFor({ state: "attached" });
    await page.reload();
    await page.locator('html[data-theme="light"]').waitFor({ state: "attached" });
    await visitor.act("Switch between dark and light");
    await page.locator('html[data-theme="dark"]').waitFor({ state: "attached" });
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: /shortcuts/i }).waitFor();
    await visitor.pictures("shortcuts");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    // Back into the terminal, out of it by its key, and closed from its tab.
    await page.keyboard.press("Control+Shift+1");
    await shows(page, PROMPT);
    await page.keyboard.press("Control+Shift+L");
    await until("the tab has the focus", () => page.evaluate("document.activeElement?.getAttribute('role') === 'tab'"));
    await page.keyboard.press("Delete");
    await page.getByText("No terminal is open").waitFor();
  });

  test("on a phone every section fits, and the terminal has the keys that its keyboard lacks", async () => {
    await using visitor = await bench().visit(PHONE);
    const { page } = visitor;
    await visitor.connectedOnPhone();
    await newTerminalByTouch();
    // However long the name of the directory is: a phone has few columns.
    await page.keyboard.type("PS1='$ '\n");
    await shows(page, /^\$$/m);
    await page.keyboard.type("sleep 100000\n");
    await shows(page, /sleep 100000$/m);
    await page.getByRole("toolbar", { name: "Keys" }).getByRole("button", { name: "Ctrl-C" }).tap();
    await shows(page, /\^C\n.*[$#]$/);
    await visitor.pictures("phone-terminal");
    for (const section of ["Files", "Notebooks", "Processes", "Commands", "Sessions", "Ports", "Metrics"] as const) {
      await visitor.go(section);
      if (section === "Metrics") await page.locator(".metrics-plot canvas").first().waitFor();
      await visitor.pictures(`phone-${section.toLowerCase()}`);
      expect(await page.evaluate(WIDER), `${section} is wider than the phone`).toBe(false);
    }
    await page.getByRole("button", { name: /^Actions/ }).tap();
    await page.getByRole("combobox", { name: "Action" }).waitFor();
    await visitor.pictures("phone-palette");

    async function newTerminalByTouch(): Promise<void> {
      await page.getByRole("button", { name: "New terminal", exact: true }).first().tap();
      await shows(page, PROMPT);
      await page.locator(".terminals-group .xterm:visible").tap();
    }
  });

  test("on a phone there is room for what the sections hold", async () => {
    writeFileSync(
      join(bench().server.workspace, "on-the-phone.md"),
      "# A heading\n\nA line that is longer than a phone is wide, so that it has to scroll.\n",
    );
    await using visitor = await bench().visit({ ...PHONE, path: "/#/files" });
    const { page } = visitor;
    await page.getByRole("treeitem").filter({ hasText: "on-the-phone.md" }).tap();
    await page.getByRole("textbox", { name: "Text of on-the-phone.md" }).getByText("A heading").waitFor();
    await visitor.pictures("phone-editor");

    await visitor.go("Processes");
    await page
      .getByRole("button", { name: /^Start a process/ })
      .last()
      .tap();
    const dialog = page.getByRole("dialog", { name: "Start a process" });
    await dialog
      .getByLabel("Command")
      .fill("echo 'a line of the log that is longer than the phone is wide'; exec sleep 100000");
    await dialog.getByLabel("Name").fill("on-the-phone");
    await visitor.pictures("phone-start");
    await dialog.getByRole("button", { name: "Start", exact: true }).tap();
    await page.getByRole("log", { name: "Log of on-the-phone" }).getByText("a line of the log").waitFor();
    await visitor.pictures("phone-process");
    await page.getByRole("button", { name: "Back to the list" }).tap();
    await page.getByRole("row", { name: /on-the-phone/ }).waitFor();
    await visitor.pictures("phone-process-list");
    await page.getByRole("row", { name: /on-the-phone/ }).tap();
    await page.getByRole("button", { name: /^End it/ }).tap();
    await page.getByRole("dialog").getByRole("button", { name: "End process" }).tap();
    await page.getByRole("region", { name: "Process on-the-phone" }).getByText("SIGTERM", { exact: true }).waitFor();

    await visitor.go("Sessions");
    await page
      .getByRole("button", { name: /^New session/ })
      .last()
      .tap();
    const making = page.getByRole("dialog", { name: "New session" });
    await making.getByLabel("Name").fill("on-the-phone-with-a-long-name");
    await visitor.pictures("phone-session-create");
    await making.getByRole("button", { name: "Create" }).tap();
    const session = page.getByRole("region", { name: "Session on-the-phone-with-a-long-name" });
    await session.getByText("It waits for a command.").waitFor();
    await visitor.pictures("phone-session");
    expect(await page.evaluate(WIDER), "a session is wider than the phone").toBe(false);
    await session.getByRole("button", { name: "Back to the list" }).tap();
    await page.getByRole("row", { name: /on-the-phone-with-a-long-name.*Idle/ }).waitFor();
    await visitor.pictures("phone-session-list");

    await visitor.go("Commands");
    await page
      .getByRole("textbox", { name: /^Command/ })
      .fill("seq 1 30; echo and a line that is longer than the phone is wide; exit 1");
    await page.getByRole("button", { name: /^Run/ }).tap();
    await page.getByRole("article").getByText("Exited 1").waitFor();
    await visitor.pictures("phone-command");

    await visitor.go("Ports");
    await page.getByRole("button", { name: /^Expose a port/ }).tap();
    await page.getByRole("dialog", { name: "Expose a port" }).waitFor();
    await visitor.pictures("phone-expose");
  });

  test("a server that is gone is said to be gone, and the page goes on when it is back", async () => {
    const server = await Server.start();
    try {
      const expected = [/WebSocket connection/, /net::ERR_/];
      await using visitor = await bench().visit({ expected }, server.origin);
      const { page } = visitor;
      await newTerminal(page);
      await server.kill();
      await visitor.connection("Reconnecting…");
      await page.setViewportSize({ width: 390, height: 844 });
      await page.getByText("The connection is lost and is being made again").waitFor();
      await visitor.pictures("reconnecting-phone");
      await page.setViewportSize({ width: 1280, height: 800 });
      await server.comeBack();
      // A new server knows nothing of the terminal: the page says so.
      await page.getByText("What ran in this terminal is most likely gone.").waitFor();
      await visitor.connection("Connected");
      await visitor.pictures("terminals-gone");
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByText("This terminal is not there any more.").waitFor();
      await page.getByRole("button", { name: "New shell" }).click();
      await shows(page, PROMPT);
    } finally {
      await server.stop();
    }
  });
}
