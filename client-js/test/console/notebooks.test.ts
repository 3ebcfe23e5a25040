/** Notebooks as a person uses them: headless Chromium, the real server, and real kernels of ipykernel. */

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Bench, type Visitor } from "./bench.ts";

vi.setConfig({ testTimeout: 120_000 });

/** Where `tests/run` puts Python with ipykernel, numpy, pandas and matplotlib. */
const { SANDWIRE_PYTHON_ENV: PYTHON = join(import.meta.dirname, "../../../target/python"), PATH } = process.env;

let bench: Bench;

beforeAll(async () => {
  if (!existsSync(join(PYTHON, "bin/python"))) {
    throw new Error(
      `${PYTHON} is not there: \`python3 -m venv ${PYTHON} && ${PYTHON}/bin/pip install ipykernel numpy pandas matplotlib\`, or set SANDWIRE_PYTHON_ENV to where they are`,
    );
  }
  bench = await Bench.start({
    env: { PATH: `${PYTHON}/bin:${PATH}`, JUPYTER_PATH: join(PYTHON, "share/jupyter") },
  });
});
afterAll(() => bench?.stop());

/** A file with what somebody else's kernel said: markup that wants the page's session. */
const HOSTILE = [
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

function notebook(cells: readonly object[]): string {
  return JSON.stringify({
    cells,
    metadata: { kernelspec: { name: "python3", display_name: "Python 3", language: "python" }, mine: { kept: [1] } },
    nbformat: 4,
    nbformat_minor: 5,
  });
}
const code = (id: string, source: string, outputs: readonly object[] = []) => ({
  cell_type: "code",
  id,
  metadata: { tags: [id] },
  execution_count: null,
  outputs,
  source,
});
const text = (id: string, source: string) => ({ cell_type: "markdown", id, metadata: {}, source });
const shown = (data: object) => ({ output_type: "display_data", data, metadata: {} });

/** Opens a notebook by its address. */
async function open(visitor: Visitor, name: string): Promise<Page> {
  const { page } = visitor;
  await page.goto(`${visitor.origin}/#/notebooks${join(bench.server.workspace, name)}`);
  await page.getByRole("toolbar", { name: "Notebook" }).filter({ visible: true }).waitFor();
  return page;
}

/** A cell by its number. */
function cell(page: Page, number: number): Locator {
  return page.getByRole("article", { name: new RegExp(`, cell ${number}$`) }).filter({ visible: true });
}

test("a notebook of a stranger is shown, and nothing of it runs, loads, or leaves its place", async () => {
  writeFileSync(
    join(bench.server.workspace, "hostile.ipynb"),
    notebook([
      text("t1", `# Title\n\nText with *emphasis*, \`code\`, $x^2$ and a [link](javascript:alert(1)).\n\n${HOSTILE}`),
      code("c1", "hostile", [
        shown({ "text/html": HOSTILE }),
        shown({ "application/javascript": "window.pwned = 'javascript'" }),
        shown({
          "image/svg+xml":
            "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='30'><script>parent.pwned='image'</script><circle r='9' cx='15' cy='15'/></svg>",
        }),
        shown({
          "application/vnd.plotly.v1+json": { data: [{ x: [1, 2], type: "bar" }] },
          "text/html": "<script>window.pwned='plotly'</script>",
        }),
        shown({ "application/json": { deep: [1, "two", null, { three: true }] } }),
        { output_type: "stream", name: "stdout", text: "<b>not bold</b> \u001b[31mred\u001b[0m\n" },
      ]),
    ]),
  );
  await using visitor = await bench.visit();
  const page = await open(visitor, "hostile.ipynb");
  const said = cell(page, 2);
  await said.getByText("over everything").waitFor();
  await said.getByText("scripts in it, which are not run here").first().waitFor();
  await said.getByText("JavaScript, which is not run here").waitFor();
  await said.getByText("<b>not bold</b>").waitFor();
  await visitor.pictures("notebooks-hostile");
  const facts = await page.evaluate(hostileFacts);
  expect(facts).toEqual({
    pwned: undefined,
    links: ["https://example.com/"],
    frames: 0,
    forms: 0,
    styled: "rgb(1, 2, 3)",
    loads: "",
    handlers: 0,
  });
  // It is drawn where it belongs: the page's own parts are seen, and can be used.
  await page.getByRole("navigation", { name: "Sections" }).getByRole("link", { name: "Metrics" }).click();
  await page.getByRole("heading", { name: "Metrics", level: 1 }).waitFor();
  expect(await page.evaluate("window.pwned")).toBe(undefined);
  expect(visitor.requests.filter(url => url.includes("evil.invalid") || url.includes("/v1/tickets"))).toEqual([]);
});

/** What became of the hostile markup. */
function hostileFacts() {
  const roots = [...document.querySelectorAll(".notebooks-markup > div")].flatMap(host => host.shadowRoot ?? []);
  const all = roots.flatMap(root => [...root.querySelectorAll<HTMLElement>("*")]);
  const styled = all.find(element => element.localName === "i" && element.textContent === "styled");
  return {
    pwned: (globalThis as { pwned?: unknown }).pwned,
    links: [...new Set(all.flatMap(element => element.getAttribute("href") ?? []))],
    frames: all.filter(element => ["iframe", "script", "object", "base", "math"].includes(element.localName)).length,
    forms: all.filter(element => element.localName === "form").length,
    styled: styled && getComputedStyle(styled).color,
    loads: all
      .map(element => getComputedStyle(element).backgroundImage)
      .filter(image => image !== "none")
      .join(),
    handlers: all.filter(element => [...element.attributes].some(({ name }) => name.startsWith("on"))).length,
  };
}

test("cells are written, moved, deleted and put back, and the file keeps what nobody here understands", async () => {
  const { workspace } = bench.server;
  const file = join(workspace, "edit.ipynb");
  writeFileSync(file, notebook([text("t1", "# First"), code("c1", "1 + 1")]));
  await using visitor = await bench.visit();
  const page = await open(visitor, "edit.ipynb");
  await cell(page, 1).getByText("First").dblclick();
  await cell(page, 1).getByRole("textbox").click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("\n\n| a | b |\n|---|---|\n| 1 | 2 |");
  await page.keyboard.press("Shift+Enter");
  await cell(page, 1).getByRole("cell", { name: "2" }).waitFor();
  // The next cell has the keys: one below it, written, and deleted, and put back.
  await page.keyboard.press("b");
  await cell(page, 3).getByRole("textbox").waitFor();
  await page.keyboard.type("x = 'kept'");
  await page.keyboard.press("Escape");
  await page.keyboard.press("d");
  await page.keyboard.press("d");
  await cell(page, 3).waitFor({ state: "detached" });
  await page.keyboard.press("z");
  await cell(page, 3).getByText("x = 'kept'").waitFor();
  await visitor.pictures("notebooks-edit");
  await page.keyboard.press("Control+s");
  await page.getByRole("button", { name: "Saved", exact: true }).waitFor();
  const written = JSON.parse(readFileSync(file, "utf8"));
  expect(written.metadata.mine).toEqual({ kept: [1] });
  expect(written.cells.map((each: { source: string[] }) => each.source.join(""))).toEqual([
    "# First\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    "1 + 1",
    "x = 'kept'",
  ]);
  expect(written.cells[1].metadata).toEqual({ tags: ["c1"] });
  // Somebody else writes it too: who has changes here is asked, who has none sees theirs.
  await cell(page, 3).getByRole("textbox").click();
  await page.keyboard.type("# mine ");
  writeFileSync(file, notebook([text("t1", "# Theirs")]));
  await page.getByText("The file was changed by somebody else").waitFor();
  await visitor.pictures("notebooks-conflict");
  await page.getByRole("button", { name: "Take theirs" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Read again" }).click();
  await cell(page, 1).getByText("Theirs").waitFor();
  writeFileSync(file, notebook([text("t1", "# Newer")]));
  await cell(page, 1).getByText("Newer").waitFor();
  rmSync(file);
  await page.getByText("The file is gone.").waitFor();
});
