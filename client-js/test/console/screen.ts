/** What stands in terminals of the page, and typing into them. */

import type { Locator, Page } from "playwright-core";
import { until } from "../harness/until.ts";

/** The terminals that are seen, in the order of the page. */
function terminals(page: Page): Locator {
  return page.locator(".terminals-group .xterm:visible");
}

/** The lines that a terminal shows, without what is blank at their ends; `which` counts those that are seen. */
export async function lines(page: Page, which = 0): Promise<string[]> {
  const rows = await terminals(page).nth(which).locator(".xterm-rows > div").allTextContents();
  return rows.map(row => row.replaceAll("\u00a0", " ").trimEnd());
}

/** The same as one text, without blank lines at the end. */
export async function screen(page: Page, which = 0): Promise<string> {
  return (await lines(page, which)).join("\n").trimEnd();
}

/** Waits until a terminal shows something, and gives all that it shows. */
export async function shows(page: Page, wanted: RegExp, which = 0): Promise<string> {
  let text = "";
  try {
    return await until(`${wanted}`, async () => {
      text = (await terminals(page).count()) > which ? await screen(page, which) : "";
      return wanted.test(text) ? text : undefined;
    });
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}; the terminal shows\n${text}`);
  }
}

/** A shell's prompt, and nothing behind it. */
export const PROMPT = /[$#]$/;

/** Opens a terminal by its button, and waits for the shell. */
export async function newTerminal(page: Page): Promise<void> {
  const before = await page.getByRole("tab").count();
  await page.getByRole("button", { name: "New terminal", exact: true }).first().click();
  await until("another tab", async () => (await page.getByRole("tab").count()) > before);
  await ready(page);
}

/** Waits until a new terminal has the keys, and shows nothing but the prompt of its shell. */
export async function ready(page: Page, which = 0): Promise<void> {
  await shows(page, /^[^\n]*[$#]$/, which);
  await hasKeys(page, which);
}

/** Waits until a terminal has the keys. */
export async function hasKeys(page: Page, which = 0): Promise<void> {
  const active = () =>
    terminals(page)
      .nth(which)
      .evaluate(element => element.contains(document.activeElement));
  await until("the terminal has the keys", active);
}

/** Gives a terminal the keys, as a click does. */
export async function pick(page: Page, which: number): Promise<void> {
  await terminals(page).nth(which).click();
  await hasKeys(page, which);
}

/** Types a line into what has the keys. */
export async function enter(page: Page, line: string): Promise<void> {
  await page.keyboard.type(`${line}\n`);
}
