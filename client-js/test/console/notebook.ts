/** Notebook files, what is hostile in them, and what a person does with a notebook. */

import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import type { Bench, Visitor } from "./bench.ts";

/** A file with what somebody else's kernel said: markup that wants the page's session. */
export const HOSTILE = [
  "<img src=x onerror=\"parent.pwned='img'; fetch('/v1/tickets',{method:'POST'})\">",
  "<script>window.pwned='script'; document.cookie</script>",
  "<svg onload=\"window.pwned='svg'\" width=20 height=20><script>window.pwned='svg script'</script><rect width=20 height=20 fill=red /></svg>",
  "<iframe srcdoc=\"<script>parent.pwned='frame'</script>\"></iframe>",
  '<a href="javascript:window.pwned=\'link\'">click me</a> <a href="#/terminals">home</a> <a href="https://example.com/">out</a>',
  "<style>body,.rail{display:none!important} :host{position:fixed!important;inset:0!important;contain:none!important;z-index:9999} @import url('//evil.invalid/x.css'); b{background:url(//evil.invalid/b.png)} i{color:rgb(1,2,3);background:#fff}</style>",
  "<div style=\"position:fixed;inset:0;color:#000;background:#fcc url('//evil.invalid/a.png');z-index:9999\">over everything</div>",
  '<form action="/v1/session" method=post><button>send</button></form><base href="//evil.invalid/">',
  '<i>styled</i><math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.pwned=1&gt;">',
].join("\n");

/** The text of a notebook file of Python. */
export function notebook(cells: readonly object[]): string {
  return JSON.stringify({
    cells,
    metadata: { kernelspec: { name: "python3", display_name: "Python 3", language: "python" }, mine: { kept: [1] } },
    nbformat: 4,
    nbformat_minor: 5,
  });
}
/** A cell of code. */
export const code = (id: string, source: string, outputs: readonly object[] = []) => ({
  cell_type: "code",
  id,
  metadata: { tags: [id] },
  execution_count: null,
  outputs,
  source,
});
/** A cell of text. */
export const text = (id: string, source: string) => ({ cell_type: "markdown", id, metadata: {}, source });
/** An output. */
export const shown = (data: object) => ({ output_type: "display_data", data, metadata: {} });

/** Opens a notebook by its address. */
export async function open(bench: Bench, visitor: Visitor, name: string): Promise<Page> {
  const { page } = visitor;
  await page.goto(`${visitor.origin}/#/notebooks${join(bench.server.workspace, name)}`);
  await page.getByRole("toolbar", { name: "Notebook" }).filter({ visible: true }).waitFor();
  return page;
}

/** A cell by its number. */
export function cell(page: Page, number: number): Locator {
  return page.getByRole("article", { name: new RegExp(`, cell ${number}$`) }).filter({ visible: true });
}

/** Pastes code into the editor of a cell, in the place of what stood there, and runs it. */
export async function run(page: Page, number: number, source: string, keys = "Control+Enter"): Promise<Locator> {
  const one = cell(page, number);
  await one.scrollIntoViewIfNeeded();
  await one.getByRole("textbox", { name: "Source" }).click();
  await page.keyboard.press("Control+a");
  await page.evaluate(text => navigator.clipboard.writeText(text), source);
  await page.keyboard.press("Control+v");
  await page.keyboard.press(keys);
  return one;
}

/** What the kernel is doing, as the bar says it. */
export async function kernelIs(page: Page, is: "Idle" | "Busy" | "Dead" | "Not started"): Promise<void> {
  await page.locator(".notebooks-bar:visible").getByText(is, { exact: true }).waitFor();
}

/** What became of the hostile markup. */
export function hostileFacts() {
  const roots = [...document.querySelectorAll(".notebooks-markup > div")].flatMap(host => host.shadowRoot ?? []);
  const all = roots.flatMap(root => [...root.querySelectorAll<HTMLElement>("*")]);
  const styled = all.find(element => element.localName === "i" && element.textContent === "styled");
  return {
    pwned: (globalThis as { pwned?: unknown }).pwned,
    links: [...new Set(all.flatMap(element => element.getAttribute("href") ?? []))],
    frames: all.filter(element => ["iframe", "script", "object", "base"].includes(element.localName)).length,
    forms: all.filter(element => element.localName === "form").length,
    styled: styled && getComputedStyle(styled).color,
    loads: all
      .map(element => getComputedStyle(element).backgroundImage)
      .filter(image => image !== "none")
      .join(),
    handlers: all.filter(element => [...element.attributes].some(({ name }) => name.startsWith("on"))).length,
  };
}
