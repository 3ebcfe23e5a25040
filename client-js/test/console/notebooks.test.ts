/** Notebooks as a person uses them: headless Chromium, the real server, and real kernels of ipykernel. */

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { CuttingProxy } from "../harness/proxy.ts";
import { until } from "../harness/until.ts";
import { Bench } from "./bench.ts";
import { cell, code, HOSTILE, hostileFacts, kernelIs, notebook, open, run, shown, text } from "./notebook.ts";

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
        shown({ "text/html": `${"<div>".repeat(100_000)}deep in html` }),
        shown({
          "text/latex": "$\\def\\a{\\a\\a}\\a \\href{javascript:alert(1)}{x} \\includegraphics{//evil.invalid/c.png}$",
        }),
        { output_type: "stream", name: "stdout", text: "<b>not bold</b> \u001b[31mred\u001b[0m\n" },
      ]),
      text("t2", `${"> ".repeat(20_000)}deep in quotes`),
    ]),
  );
  await using visitor = await bench.visit();
  const page = await open(bench, visitor, "hostile.ipynb");
  const said = cell(page, 2);
  await said.getByText("over everything").waitFor();
  await said.getByText("scripts in it, which are not run here").first().waitFor();
  await said.getByText("JavaScript, which is not run here").waitFor();
  await said.getByText("<b>not bold</b>").waitFor();
  await said.getByText("deep in html").waitFor();
  await cell(page, 3).getByText("deep in quotes").waitFor();
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

test("cells are written, moved, deleted and put back, and the file keeps what nobody here understands", async () => {
  const { workspace } = bench.server;
  const file = join(workspace, "edit.ipynb");
  writeFileSync(file, notebook([text("t1", "# First"), code("c1", "1 + 1")]));
  await using visitor = await bench.visit();
  const page = await open(bench, visitor, "edit.ipynb");
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

test("cells run in a real kernel: streams with colours, values, tables, pictures, formulas, errors", async () => {
  const cells = [
    text("t1", "# A day's work\n\nEuler said $e^{i\\pi} + 1 = 0$."),
    code(
      "c1",
      "import sys\nfor i in range(3):\n    print(f'\\x1b[32mline {i}\\x1b[0m')\nprint('oh', file=sys.stderr)\n6 * 7",
    ),
    code(
      "c2",
      "import numpy as np, pandas as pd\ndf = pd.DataFrame({'name': ['ada', 'bob'], 'score': np.array([1.5, 2.25])})\ndf",
    ),
    code(
      "c3",
      "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title('A plot')\nplt.show()",
    ),
    code(
      "c4",
      "from IPython.display import Math, JSON, SVG, HTML, Markdown, display\ndisplay(Math(r'\\frac{a}{b}'), JSON({'a': [1, 2]}), Markdown('**bold** text'))\nHTML('<style>.hot { background: #ffd0a0; color: #000000 }</style><p class=hot>styled by itself</p>')",
    ),
    code("c5", "def f(n):\n    return 1 / n\nf(0)"),
    code("c6", "print('never')"),
  ];
  const file = join(bench.server.workspace, "work.ipynb");
  writeFileSync(file, notebook(cells));
  await using visitor = await bench.visit();
  const page = await open(bench, visitor, "work.ipynb");
  await page.getByRole("button", { name: "Run all cells" }).click();
  await cell(page, 2).getByText("line 2", { exact: true }).waitFor();
  await cell(page, 2).getByText("oh", { exact: true }).waitFor();
  await cell(page, 2).getByText("42", { exact: true }).waitFor();
  await cell(page, 3).getByRole("cell", { name: "2.25" }).waitFor();
  const plot = cell(page, 4).getByRole("img", { name: /Output 1 of cell 4/ });
  await plot.waitFor();
  await until("the plot is drawn", () => plot.evaluate(image => (image as HTMLImageElement).naturalWidth > 300));
  await cell(page, 5).locator("mfrac").waitFor();
  await cell(page, 5).getByText("bold", { exact: true }).waitFor();
  await cell(page, 6).getByText("ZeroDivisionError", { exact: true }).first().waitFor();
  // What is behind an error does not run.
  await kernelIs(page, "Idle");
  await cell(page, 7).getByText("[ ]").waitFor();
  expect(await cell(page, 7).getByText("never", { exact: true }).count()).toBe(0);
  await visitor.pictures("notebooks-run");
  await cell(page, 5).scrollIntoViewIfNeeded();
  await cell(page, 6)
    .getByRole("region", { name: /Output 1/ })
    .scrollIntoViewIfNeeded();
  await visitor.pictures("notebooks-rich");
  await page.keyboard.press("Control+s");
  await page.getByRole("button", { name: "Saved", exact: true }).waitFor();
  const written = JSON.parse(readFileSync(file, "utf8"));
  const outputs = written.cells.map((each: { outputs?: { output_type: string }[] }) =>
    each.outputs?.map(output => output.output_type),
  );
  expect(outputs).toEqual([
    undefined,
    ["stream", "stream", "execute_result"],
    ["execute_result"],
    ["display_data"],
    ["display_data", "display_data", "display_data", "execute_result"],
    ["error"],
    [],
  ]);
  expect(written.cells[1].execution_count).toBe(1);
  expect(written.cells[3].outputs[0].data["image/png"]).toMatch(/^iVBOR/);
  expect(written.metadata.kernelspec).toMatchObject({ name: "python3", language: "python" });
  expect(written.metadata.mine).toEqual({ kept: [1] });

  // The page is loaded anew: what was saved is seen, and the kernel still knows its variables.
  await page.reload();
  await cell(page, 3).getByRole("cell", { name: "2.25" }).waitFor();
  await kernelIs(page, "Idle");
  await (await run(page, 7, "df.shape")).getByText("(2, 2)", { exact: true }).waitFor();

  // It is left while a cell runs: that ends with the page, and this is told.
  await run(page, 7, "x = 'kept'\nprint('begun', flush=True)\nimport time; time.sleep(100000)");
  await page.getByRole("region", { name: "What cell 7 said" }).getByText("begun", { exact: true }).waitFor();
  await page.keyboard.press("Control+s");
  await page.getByRole("button", { name: "Saved", exact: true }).waitFor();
  page.once("dialog", dialog => void dialog.accept());
  await page.reload();
  await cell(page, 7).getByText("The page was left while this ran").waitFor();
  await kernelIs(page, "Idle");
  await (await run(page, 7, "x * 2")).getByText("'keptkept'", { exact: true }).waitFor();
});

test("a kernel asks for input, hides passwords, is interrupted, clears and replaces, dies, and is restarted", async () => {
  writeFileSync(join(bench.server.workspace, "life.ipynb"), notebook([code("c1", ""), code("c2", "")]));
  await using visitor = await bench.visit();
  const page = await open(bench, visitor, "life.ipynb");
  /** What the first cell said, without its source. */
  const said = cell(page, 1).getByRole("region", { name: "What cell 1 said" });
  const first = await run(
    page,
    1,
    "name = input('Who? ')\nimport getpass\nword = getpass.getpass('Word? ')\nprint(name, len(word))",
  );
  const who = first.getByLabel("Who?");
  await who.fill("ada");
  await visitor.pictures("notebooks-input");
  await who.press("Enter");
  const word = first.getByLabel("Word?");
  expect(await word.getAttribute("type")).toBe("password");
  await word.fill("secret");
  await word.press("Enter");
  await first.getByText("ada 6").waitFor();
  expect(await said.getByText("secret").count()).toBe(0);

  await run(page, 1, "import time\nprint('begun', flush=True)\ntime.sleep(100000)");
  await said.getByText("begun", { exact: true }).waitFor();
  // One that waits for it is not run when it is interrupted.
  await run(page, 2, "print('waited')");
  await cell(page, 2).getByRole("button", { name: /waits/ }).waitFor();
  await visitor.pictures("notebooks-running");
  await page.getByRole("button", { name: /^Interrupt the kernel/ }).click();
  await first.getByText("KeyboardInterrupt", { exact: true }).first().waitFor();
  await cell(page, 2)
    .getByRole("button", { name: /^Run cell 2/ })
    .waitFor();
  await kernelIs(page, "Idle");

  await run(
    page,
    1,
    "from IPython.display import clear_output, display\nprint('before')\nclear_output(wait=True)\nprint('after')\nh = display('first', display_id='d')",
  );
  await said.getByText("after", { exact: true }).waitFor();
  expect(await said.getByText("before", { exact: true }).count()).toBe(0);
  // Shown by one cell, replaced by another.
  await run(page, 2, "h.update('second')");
  await said.getByText("'second'", { exact: true }).waitFor();
  expect(await said.getByText("'first'", { exact: true }).count()).toBe(0);

  // Much output is not drawn as a whole, and there is an end to what is kept.
  await run(page, 1, "for i in range(60000):\n    print('row', i, '.' * 40)");
  await first.getByText(/^row 59999 \.+$/m).waitFor();
  await first.getByText(/^The first .* of this text are not kept/).waitFor();
  await kernelIs(page, "Idle");
  expect(await first.locator(".notebooks-text").evaluate(element => element.textContent.length)).toBeLessThan(30_000);

  await run(page, 2, "import os\nos.kill(os.getpid(), 9)");
  await page.getByText(/^The kernel has died.*SIGKILL/).waitFor();
  await kernelIs(page, "Dead");
  await visitor.pictures("notebooks-dead");
  await page.getByRole("alert").getByRole("button", { name: "Restart" }).click();
  await kernelIs(page, "Idle");
  await (await run(page, 2, "'name' in globals()")).getByText("False", { exact: true }).waitFor();
  expect(await cell(page, 2).getByRole("alert").count()).toBe(0);
});

test("several notebooks stand in tabs, new ones are made, and a kernel that is not there is named", async () => {
  const { workspace } = bench.server;
  writeFileSync(
    join(workspace, "statistics.ipynb"),
    JSON.stringify({
      cells: [code("c1", "summary(cars)")],
      metadata: { kernelspec: { name: "ir", display_name: "R", language: "R" } },
      nbformat: 4,
      nbformat_minor: 5,
    }),
  );
  await using visitor = await bench.visit();
  const { page } = visitor;
  await visitor.go("Notebooks");
  await page.getByText("No notebook is open").waitFor();
  await visitor.pictures("notebooks-empty");
  await page.getByRole("button", { name: /^New notebook/ }).click();
  await page.getByLabel("File").fill("fresh");
  await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
  await cell(page, 1).getByRole("textbox", { name: "Source" }).waitFor();
  await until("the first cell has the keys", () =>
    cell(page, 1).evaluate(
      element => document.activeElement?.matches(".cm-content") && element.contains(document.activeElement),
    ),
  );
  await visitor.pictures("notebooks-new");
  const said = cell(page, 1).getByRole("region", { name: "What cell 1 said" });
  await run(page, 1, "'in fresh'", "Shift+Enter");
  await said.getByText("'in fresh'").waitFor();
  // Another one appears below the last one, and has the keys.
  await cell(page, 2).waitFor();
  await page.getByRole("button", { name: /^Open a notebook/ }).click();
  await page.getByRole("list", { name: "Notebooks in the workspace" }).getByText("statistics.ipynb").waitFor();
  await visitor.pictures("notebooks-open");
  // Part of its name is enough.
  await page.getByRole("dialog").getByLabel("Path").fill("statis");
  await page.keyboard.press("Enter");
  await page.getByText("The kernel ir that this notebook names is not installed").waitFor();
  await cell(page, 1)
    .getByRole("button", { name: /^Run cell 1/ })
    .click();
  await cell(page, 1)
    .getByRole("alert")
    .getByText(/IRkernel|r-irkernel|irkernel/i)
    .waitFor();
  await visitor.pictures("notebooks-no-kernel");
  // Each keeps its own; what is not saved is not closed without a word.
  const tabs = page.getByRole("navigation", { name: "Open notebooks" });
  await tabs.getByRole("button", { name: /^fresh/ }).click();
  await said.getByText("'in fresh'").waitFor();
  await page.getByRole("button", { name: "Close fresh" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Save and close" }).click();
  await tabs.getByRole("button", { name: /^fresh/ }).waitFor({ state: "detached" });
  const written = JSON.parse(readFileSync(join(workspace, "fresh.ipynb"), "utf8"));
  expect(written.cells[0].outputs[0].data["text/plain"]).toEqual(["'in fresh'"]);
  // From the files, too.
  await page.goto(`${visitor.origin}/#/files${workspace}/fresh.ipynb`);
  await page.getByRole("button", { name: "Open as a notebook" }).click();
  await said.getByText("'in fresh'").waitFor();
  // The kernel is restarted while a cell runs: it is told what became of that, and all is well.
  const one = await run(page, 1, "print('begun', flush=True)\nimport time; time.sleep(100000)");
  await said.getByText("begun", { exact: true }).waitFor();
  await page.getByRole("button", { name: /^Restart the kernel/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Restart" }).click();
  await one.getByRole("alert").getByText("KERNEL_DIED").waitFor();
  await kernelIs(page, "Idle");
  await run(page, 1, "1 + 1");
  await said.getByText("2", { exact: true }).waitFor();
  // Kernels live until somebody ends them, and all of them are seen.
  await page.getByRole("button", { name: "All kernels" }).click();
  const kernels = page.getByRole("dialog", { name: "Kernels in this sandbox" });
  await kernels
    .getByRole("listitem")
    .filter({ hasText: /fresh\.ipynb.*Idle/ })
    .waitFor();
  await visitor.pictures("notebooks-kernels");
  await kernels.getByRole("button", { name: /^End .*fresh/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End kernel" }).click();
  await kernels.getByRole("listitem").filter({ hasText: "fresh.ipynb" }).waitFor({ state: "detached" });
  await kernels.getByRole("button", { name: "Done" }).click();
  await kernelIs(page, "Not started");
});

test("a connection that is lost in the middle of a cell loses nothing", async () => {
  const { workspace, address } = bench.server;
  writeFileSync(join(workspace, "cut.ipynb"), notebook([code("c1", "")]));
  const proxy = await CuttingProxy.start(address);
  try {
    await using visitor = await bench.visit(
      { expected: [/WebSocket connection/, /net::ERR_/, /status of 426/] },
      proxy.origin,
    );
    const page = await open(bench, visitor, "cut.ipynb");
    const one = await run(
      page,
      1,
      "import os, time\nprint('before', flush=True)\nwhile not os.path.exists('gate'): time.sleep(0.05)\nfor i in range(2000): print('line', i)\n'the end'",
    );
    await one.getByText("before", { exact: true }).waitFor();
    // What it says while nobody is there waits for them.
    await proxy.refuse();
    await proxy.cut();
    await visitor.connection("Reconnecting…");
    writeFileSync(join(workspace, "gate"), "");
    await proxy.accept();
    await one.getByText("'the end'", { exact: true }).waitFor();
    await one.getByRole("button", { name: "Show all 2,001 lines" }).click();
    const said = (await one.locator(".notebooks-text").first().textContent()) ?? "";
    expect(said).toBe(`before\n${Array.from({ length: 2000 }, (_, i) => `line ${i}`).join("\n")}`);
  } finally {
    await proxy.stop();
  }
});

test("on a phone a notebook fits, and cells run by touch", async () => {
  writeFileSync(
    join(bench.server.workspace, "phone.ipynb"),
    notebook([
      text("t1", "# On the way"),
      code("c1", "import pandas as pd\npd.DataFrame([[i * j for i in range(30)] for j in range(5)])"),
      code("c2", "print('x' * 500)"),
    ]),
  );
  await using visitor = await bench.visit({
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
    deviceScaleFactor: 2,
  });
  const page = await open(bench, visitor, "phone.ipynb");
  const bar = page.getByRole("toolbar", { name: "Notebook" });
  const tooWide = () => bar.evaluate(element => element.scrollWidth - element.clientWidth);
  expect(await tooWide(), "the bar is too wide").toBe(0);
  await cell(page, 2)
    .getByRole("button", { name: /^Run cell 2/ })
    .tap();
  await cell(page, 2).getByRole("cell", { name: "116" }).waitFor();
  await cell(page, 3)
    .getByRole("button", { name: /^Run cell 3/ })
    .tap();
  await cell(page, 3)
    .getByText(/^x{500}$/)
    .first()
    .waitFor();
  await visitor.pictures("phone-notebook");
  const wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
  expect(await page.evaluate(wider), "it is wider than the phone").toBe(false);
  expect(await tooWide(), "the bar is too wide").toBe(0);
});
