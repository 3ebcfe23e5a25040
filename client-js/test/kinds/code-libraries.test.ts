/** numpy, pandas and matplotlib, for real. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { connect, type Sandbox } from "../../src/index.ts";
import { type Kernels, kernels } from "../harness/kernels.ts";
import { Server } from "../harness/server.ts";

let installed: Kernels;
let server: Server;
let sandbox: Sandbox;

beforeAll(async () => {
  installed = kernels();
  server = await Server.start({ env: installed.env });
  sandbox = await connect(server.url);
});
afterAll(async () => {
  await sandbox?.close();
  await server?.stop();
  installed.remove();
});

it("shows what numpy computes", async () => {
  const run = await sandbox.runCode("import numpy as np\na = np.arange(6).reshape(2, 3)\na @ a.T");
  expect(run.error).toBeUndefined();
  expect(run.result?.text).toBe("array([[ 5, 14],\n       [14, 50]])");
  expect((await sandbox.runCode("a.sum()")).result?.text).toContain("15");
});

it("shows a table of pandas as text and as HTML", async () => {
  const run = await sandbox.runCode("import pandas as pd\npd.DataFrame({'a': [1, 2], 'b': ['x', 'é']})");
  expect(run.error).toBeUndefined();
  expect(run.result?.formats()).toEqual(["text", "html"]);
  expect(run.result?.html).toMatch(/<table[\s\S]*<td>é<\/td>/);
  expect(run.result?.text).toMatch(/a {2}b\n0 {2}1 {2}x/);
});

it("shows what matplotlib draws as a PNG image, and a large one, too", async () => {
  const run = await sandbox.runCode("import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title('t')\nplt.show()");
  expect(run.error).toBeUndefined();
  const picture = run.results.find(({ png }) => png);
  expect(picture?.formats()).toEqual(["text", "png"]);
  expect(Buffer.from(picture?.png?.subarray(0, 8) ?? []).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
  const noise =
    "fig = plt.figure(figsize=(10, 10), dpi=100)\nplt.imshow(np.random.rand(1000, 1000, 3), interpolation='none')\nplt.show()";
  const large = await sandbox.runCode(`import numpy as np\n${noise}`);
  expect(large.error).toBeUndefined();
  const png = Buffer.from(large.results[0]?.png ?? []);
  expect(png.length).toBeGreaterThan(1 << 20);
  expect(png.subarray(-8).toString("latin1")).toContain("IEND");
});
