/** Processes, commands, ports and metrics. */

import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { until } from "../harness/until.ts";
import type { Bench } from "./bench.ts";
import { enter, newTerminal, PROMPT, pick, shows } from "./screen.ts";

/** Registers the tests. */
export function workTests(bench: () => Bench): void {
  test("a process is started, followed, searched and ended", async () => {
    await using visitor = await bench().visit();
    const { page } = visitor;
    await visitor.go("Processes");
    await page.getByText("No background processes").waitFor();
    await visitor.pictures("processes-empty");
    await page.getByRole("button", { name: "Start a process", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "Start a process" });
    await dialog
      .getByLabel("Command")
      .fill("for i in $(seq 1 3000); do echo line $i; done; echo needle; while sleep 0.05; do date +tick-%s; done");
    await dialog.getByLabel("Name").fill("web-server.dev");
    await visitor.pictures("processes-start");
    await dialog.getByRole("button", { name: "Start", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("row", { name: /web-server\.dev.*Running/ }).waitFor();
    const log = page.getByRole("log", { name: "Log of web-server.dev" });
    // The newest lines are seen, and go on.
    await log
      .getByText(/^tick-\d+$/)
      .first()
      .waitFor();
    const newest = async () => (await log.getByText(/^tick-\d+$/).allTextContents()).at(-1) ?? "";
    const before = await newest();
    await until("a newer line", async () => (await newest()) > before);
    await visitor.pictures("processes-log");

    await page.getByRole("searchbox", { name: "Search in the log" }).fill("needle");
    await page.locator(".log-count").getByText("1 of 1").waitFor();
    await log.locator("mark").getByText("needle").waitFor();
    await visitor.pictures("processes-search");
    await page.getByRole("button", { name: "Newest lines", exact: true }).click();
    await log
      .getByText(/^tick-\d+$/)
      .first()
      .waitFor();

    await page.getByRole("tab", { name: "Details" }).click();
    await page.getByText("Processes in its tree").waitFor();
    await visitor.pictures("processes-details");
    await page.getByRole("button", { name: /^End it/ }).click();
    await visitor.pictures("processes-confirm");
    await page.getByRole("dialog").getByRole("button", { name: "End process" }).click();
    await page.getByRole("row", { name: /web-server\.dev.*(SIGTERM|Ended|Terminated|TERM)/ }).waitFor();
    await visitor.pictures("processes-ended");
    // Started again where that cannot be, then where it can: the one before is gone since the first try.
    await page.getByRole("button", { name: /^Start again/ }).click();
    const again = page.getByRole("dialog", { name: "Start “web-server.dev” again" });
    await again.getByLabel("Working directory").fill("/nowhere");
    await again.getByRole("button", { name: "Start again" }).click();
    await again.getByRole("alert").waitFor();
    await again.getByLabel("Working directory").fill("/tmp");
    await again.getByRole("button", { name: "Start again" }).click();
    await again.waitFor({ state: "detached" });
    await page.getByRole("row", { name: /web-server\.dev.*Running/ }).waitFor();
    await page.getByRole("button", { name: /^End it/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "End process" }).click();
    await page.getByRole("row", { name: /web-server\.dev.*(SIGTERM|Ended|Terminated|TERM)/ }).waitFor();
    await page.getByRole("button", { name: "More for processes" }).click();
    await visitor.picture("processes-menu");
    await page.getByRole("menuitem", { name: "Remove all that have ended" }).click();
    await page.getByText("No background processes").waitFor();
  });

  test("a command's output comes while it runs, and stopping it ends it", async () => {
    const { workspace } = bench().server;
    await using visitor = await bench().visit();
    const { page } = visitor;
    await visitor.go("Commands");
    await visitor.pictures("commands-empty");
    const field = page.getByRole("textbox", { name: /^Command/ });
    // It waits for the other end of a pipe, which is opened when its first line was seen.
    await field.fill(
      "rm -f gate; mkfifo gate; echo before the gate; cat gate; printf '\\e[31mred\\e[0m\\n' >&2; exit 5",
    );
    await page.keyboard.press("Enter");
    const card = page.getByRole("article").first();
    await card.getByText("before the gate", { exact: true }).waitFor();
    await card.getByText("Running").waitFor();
    writeFileSync(join(workspace, "gate"), "through the gate\n");
    await card.getByText("through the gate", { exact: true }).waitFor();
    await card.getByText("Exited 5").waitFor();

    await field.fill("echo $$ > pid; exec sleep 100000");
    await page.keyboard.press("Enter");
    const second = page.getByRole("article", { name: /sleep 100000/ });
    await second.getByText("Running").waitFor();
    await visitor.pictures("commands");
    await second.getByRole("button", { name: /^Stop it/ }).click();
    await second.getByText("Stopped").waitFor();
    await field.fill("kill -0 $(cat pid) && echo alive || echo gone");
    await page.keyboard.press("Enter");
    await page.getByRole("article").first().getByText("gone", { exact: true }).waitFor();

    // All of much output, in order.
    await field.fill("seq 1 5000");
    await page.keyboard.press("Enter");
    const many = page.getByRole("article", { name: "Run of seq 1 5000" });
    await many.getByText("5000", { exact: true }).last().waitFor();
    await many.getByText("Exited 0").waitFor();
    await many.getByRole("button", { name: "Copy the output" }).click();
    await page.getByText("Copied").waitFor();
    const copied = (await page.evaluate("navigator.clipboard.readText()")) as string;
    expect(copied.trim()).toBe(Array.from({ length: 5000 }, (_, i) => `${i + 1}`).join("\n"));
  });

  test("a port is listed with who listens, and its preview shows what it serves", async () => {
    const { workspace } = bench().server;
    writeFileSync(join(workspace, "index.html"), "<!doctype html><title>t</title><h1>Served from the sandbox</h1>");
    const port = await freePort();
    await using visitor = await bench().visit({ hosts: /\.localhost:\d+$/ });
    const { page } = visitor;
    await newTerminal(page);
    await enter(page, `python3 -m http.server --bind 127.0.0.1 ${port}`);
    await shows(page, /Serving HTTP/);
    await visitor.go("Ports");
    const listed = page.getByRole("row", { name: new RegExp(`${port}.*http\\.server`) });
    await listed.waitFor();
    await visitor.pictures("ports");
    await listed.click();
    await page.getByText(`Port ${port} is not exposed`).waitFor();
    await visitor.pictures("ports-not-exposed");
    await page.getByRole("button", { name: "Expose and preview" }).click();
    const preview = page.frameLocator(`iframe[title="What port ${port} serves"]`);
    await preview.getByRole("heading", { name: "Served from the sandbox" }).waitFor();
    await visitor.pictures("ports-preview");
    await page.getByRole("button", { name: `Expose port ${port} no more` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Expose no more" }).click();
    await page.getByText(`Port ${port} is not exposed`).waitFor();
    await visitor.go("Terminals");
    await pick(page, 0);
    await page.keyboard.press("Control+c");
    await shows(page, PROMPT);
    await visitor.go("Ports");
    await listed.waitFor({ state: "detached" });
  });

  test("the metrics are drawn, and go on", async () => {
    await using visitor = await bench().visit();
    const { page } = visitor;
    await visitor.go("Metrics");
    await page.getByRole("img", { name: /^CPU over the last minutes, now busy \d/ }).waitFor();
    const plots = page.locator(".metrics-plot canvas");
    await until("each plot has its canvas", async () => (await plots.count()) === 6);
    // Each of them becomes another picture, time and again.
    const pictures = Array.from({ length: 6 }, () => new Set<string>());
    await until("all of them go on", async () => {
      for (const [which, seen] of pictures.entries()) seen.add(await plots.nth(which).evaluate(drawn));
      return pictures.every(seen => seen.size > 3);
    });
    await page.getByRole("region", { name: "Server", exact: true }).getByText("Up for").waitFor();
    await visitor.pictures("metrics");
  });
}

/** What is drawn in a plot. */
function drawn(canvas: SVGElement | HTMLElement): string {
  return canvas instanceof HTMLCanvasElement ? canvas.toDataURL() : "";
}

/** A port where nobody listens now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(done => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise(done => server.close(done));
  return typeof address === "object" && address !== null ? address.port : 0;
}
