/** Sessions: made, used from the commands and a terminal, their shells killed, and deleted. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CuttingProxy } from "../harness/proxy.ts";
import type { Bench } from "./bench.ts";
import { enter, ready, shows } from "./screen.ts";

/** Registers the tests. */
export function sessionTests(bench: () => Bench): void {
  test("a session is made, its state lasts, and its shell's death is told", async () => {
    await using visitor = await bench().visit();
    const { page } = visitor;
    const folder = mkdtempSync(join(bench().server.workspace, "session-"));
    await visitor.go("Sessions");
    await page.getByText("No sessions").waitFor();
    await visitor.pictures("sessions-empty");
    await page.getByRole("button", { name: "New session", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "New session" });
    await dialog.getByLabel("Name").fill("not a name");
    await dialog.getByText(/^Letters, digits/).waitFor();
    await dialog.getByLabel("Name").fill("work");
    await dialog.getByLabel("First working directory").fill("/nowhere");
    await dialog.getByRole("button", { name: "Create" }).click();
    // What the server refuses is said where it was asked.
    await dialog.getByRole("alert").waitFor();
    await dialog.getByLabel("First working directory").fill(folder);
    await dialog.getByLabel("Environment").fill("GREETING=hello");
    await visitor.pictures("sessions-create");
    await dialog.getByRole("button", { name: "Create" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("row", { name: new RegExp(`work.*${folder}.*Idle`) }).waitFor();
    const details = page.getByRole("region", { name: "Session work" });
    await details.getByText("It waits for a command.").waitFor();
    await visitor.pictures("sessions");
    // The list stays where it is when the details come and go, and so does the focus in it.
    await page.keyboard.press("Escape");
    await details.waitFor({ state: "detached" });
    const row = page.getByRole("row", { name: /^work/ });
    await row.focus();
    await page.keyboard.press("Enter");
    await details.waitFor();
    expect(await row.evaluate(element => element === document.activeElement)).toBe(true);

    // What one command does to the shell, the next one finds; one runs at a time.
    await details.getByRole("button", { name: /^Run commands in it/ }).click();
    const field = page.getByRole("textbox", { name: /^Command/ });
    const run = async (command: string) => {
      await field.fill(command);
      await page.keyboard.press("Enter");
      return page.getByRole("article").first();
    };
    const first = await run('mkdir -p made && cd made && say() { echo "$GREETING, $1"; }');
    await first.getByText("in the session work").waitFor();
    await first.getByText("Exited 0").waitFor();
    await (await run("say world; pwd")).getByText("hello, world", { exact: true }).waitFor();
    await page.getByText(`${folder}/made`, { exact: true }).waitFor();
    await run("rm -f gate; mkfifo gate; cat gate");
    const waiting = page.getByRole("article", { name: /cat gate$/ });
    await waiting.getByText("Running").waitFor();
    const queued = await run("echo after the gate");
    await queued.getByText("Waiting for its turn").waitFor();
    await visitor.pictures("sessions-commands");
    await visitor.go("Sessions");
    await page.getByRole("row", { name: new RegExp(`work.*${folder}/made.*Busy`) }).click();
    await page.getByText("A command runs in it. Another one waits.").waitFor();
    await visitor.pictures("sessions-busy");
    await visitor.go("Commands");
    // Not in the session: it is busy.
    await page.getByLabel("Where it runs").selectOption({ label: "shell of its own" });
    await (await run(`echo opened > ${folder}/made/gate`)).getByText("Exited 0").waitFor();
    await page
      .getByRole("article", { name: /after the gate/ })
      .getByText("Exited 0")
      .waitFor();

    // A terminal begins where the session is.
    await visitor.go("Sessions");
    await page.getByRole("row", { name: new RegExp(`work.*${folder}/made.*Idle`) }).click();
    await details.getByRole("button", { name: /^Open a terminal/ }).click();
    await ready(page);
    await enter(page, "echo $GREETING from $PWD");
    await shows(page, new RegExp(`^hello from ${folder}/made$`, "m"));

    // Its shell is killed: the run says so, the session says so, and the next one has a fresh shell.
    await visitor.go("Commands");
    await page.getByLabel("Where it runs").selectOption({ label: "session work" });
    const killed = await run("kill -9 $$");
    await killed.getByText(/^The shell of its session ended with it/).waitFor();
    await visitor.go("Sessions");
    await page.getByRole("row", { name: /work.*Shell ended/ }).click();
    await details.getByText(/It was ended by SIGKILL/).waitFor();
    await visitor.pictures("sessions-ended");
    await details.getByRole("button", { name: "Give it a fresh shell" }).click();
    await page.getByRole("row", { name: /work.*Idle/ }).waitFor();
    await details.getByText("once", { exact: true }).waitFor();

    await details.getByRole("button", { name: "Delete it" }).click();
    await visitor.pictures("sessions-delete");
    await page.getByRole("dialog").getByRole("button", { name: "Delete session" }).click();
    await page.getByText("No sessions").waitFor();
  });

  test("a session's state and its commands go through a connection that is lost again and again", async () => {
    const { workspace, address } = bench().server;
    const proxy = await CuttingProxy.start(address);
    try {
      const expected = [/WebSocket connection/, /net::ERR_/, /status of 426/];
      await using visitor = await bench().visit({ expected }, proxy.origin);
      const { page } = visitor;
      await visitor.go("Commands");
      await visitor.go("Sessions");
      await page.getByText("No sessions").waitFor();
      await page.getByRole("button", { name: "New session", exact: true }).click();
      const dialog = page.getByRole("dialog", { name: "New session" });
      await dialog.getByLabel("Name").fill("cut");
      await proxy.cut();
      await dialog.getByRole("button", { name: "Create" }).click();
      await dialog.waitFor({ state: "detached" });
      const details = page.getByRole("region", { name: "Session cut" });
      await details.getByRole("button", { name: /^Run commands in it/ }).click();
      const field = page.getByRole("textbox", { name: /^Command/ });
      const run = async (command: string) => {
        await field.fill(command);
        await page.keyboard.press("Enter");
        await proxy.cut();
        return page.getByRole("article").first();
      };
      // Each runs once, however often it is cut.
      for (let n = 1; n <= 5; n += 1) {
        await (await run(`: $((N += 1)); echo this is $N`)).getByText(`this is ${n}`, { exact: true }).waitFor();
      }
      const waits = await run("echo before; until [ -e cut-gate ]; do sleep 0.05; done; seq 2000 | tail -n 1; exit 7");
      await waits.getByText("before", { exact: true }).waitFor();
      await proxy.refuse();
      await proxy.cut();
      await visitor.connection("Reconnecting…");
      writeFileSync(join(workspace, "cut-gate"), "");
      await proxy.accept();
      await waits.getByText("Exited 7").waitFor();
      await waits.getByText("2000", { exact: true }).waitFor();
      await (await run("echo last is $N")).getByText("last is 5", { exact: true }).waitFor();
      await visitor.go("Sessions");
      await page.getByRole("row", { name: /^cut.*Idle/ }).click();
      await details.getByRole("button", { name: "Delete it" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Delete session" }).click();
      await page.getByText("No sessions").waitFor();

      // Whoever closes the dialog before the session is made is not taken to it.
      await proxy.refuse();
      await proxy.cut();
      await visitor.connection("Reconnecting…");
      await page.getByRole("button", { name: "New session", exact: true }).click();
      await dialog.getByLabel("Name").fill("late");
      await dialog.getByRole("button", { name: "Create" }).click();
      await dialog.getByRole("button", { name: "Cancel" }).click();
      await dialog.waitFor({ state: "detached" });
      await proxy.accept();
      const late = page.getByRole("row", { name: /^late.*Idle/ });
      await late.waitFor();
      expect(new URL(page.url()).hash).toBe("#/sessions");
      await late.click();
      await page.getByRole("button", { name: "Delete it" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Delete session" }).click();
      await page.getByText("No sessions").waitFor();
    } finally {
      await proxy.stop();
      rmSync(join(workspace, "cut-gate"), { force: true });
    }
  });
}
