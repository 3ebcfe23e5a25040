/** Signing in with the link of the start, or with the token; signing out. */

import { expect, test } from "vitest";
import { binary, Program } from "../harness/program.ts";
import { Server } from "../harness/server.ts";
import type { Bench } from "./bench.ts";

const TOKEN = "correct-horse-battery-staple-0123456789";

/** Registers the tests. */
export function signInTests(bench: () => Bench): void {
  test("the link that the server prints signs in once, and nothing of it stays", async () => {
    // The server prints a ticket only for who sits before a terminal.
    const server = await Program.start("script", {
      args: ["-qfec", `${binary("sandwire-server")} --listen 127.0.0.1:0`, "/dev/null"],
      env: { SANDWIRE_TOKEN: TOKEN, SHELL: "/bin/sh" },
      cwd: bench().server.workspace,
      listening: /^open http:\/\/(\S+\?ticket=\S+)/m,
    });
    try {
      const link = new URL(`http://${server.address}`);
      const path = link.pathname + link.search;
      await using first = await bench().visit({ path }, link.origin);
      await first.connection("Connected");
      expect(first.page.url()).toBe(`${link.origin}/`);
      expect(await first.page.evaluate("history.length")).toBeLessThanOrEqual(2);
      const [cookie, ...others] = await first.context.cookies();
      expect(others).toEqual([]);
      expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", expires: -1 });
      const readable = await first.page.evaluate(
        "document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })",
      );
      expect(readable).not.toContain(link.searchParams.get("ticket"));
      expect(readable).not.toContain(cookie?.value);
      await first.page.reload();
      await first.connection("Connected");

      await using second = await bench().visit(
        { path, expected: [/status of 40[13]/, /WebSocket connection/] },
        link.origin,
      );
      await second.page.getByRole("heading", { name: "This link is used up" }).waitFor();
      expect(await second.context.cookies()).toEqual([]);
      await second.pictures("link-used-up");
      await second.page.getByRole("link", { name: "sign in with the token" }).click();
      await second.page.getByLabel("Token").waitFor();
    } finally {
      await server.kill();
    }
  });

  test("the form takes the right token and no other; signing out ends it", async () => {
    const server = await Server.start({ token: TOKEN });
    try {
      await using visitor = await bench().visit({ expected: [/status of 401/, /WebSocket connection/] }, server.origin);
      const { page } = visitor;
      const field = page.getByLabel("Token");
      await field.waitFor();
      await visitor.pictures("sign-in");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("alert").getByText("Enter the token").waitFor();
      await field.fill("wrong");
      await page.keyboard.press("Enter");
      await page.getByRole("alert").getByText("does not know this token").waitFor();
      await visitor.pictures("sign-in-wrong");
      expect(await visitor.context.cookies()).toEqual([]);
      await field.fill(TOKEN);
      await page.keyboard.press("Enter");
      await visitor.connection("Connected");
      expect(await visitor.context.cookies()).toMatchObject([{ httpOnly: true, sameSite: "Strict" }]);
      expect(
        await page.evaluate("document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })"),
      ).not.toContain(TOKEN);
      await page.reload();
      await visitor.connection("Connected");
      await visitor.act("Sign out");
      await field.waitFor();
      expect(await visitor.context.cookies()).toEqual([]);
      await page.reload();
      await field.waitFor();
      await page.setViewportSize({ width: 390, height: 844 });
      await visitor.pictures("sign-in-phone");
    } finally {
      await server.stop();
    }
  });
}
