/** The examples of the code interpreter from the documentation that people have, with real kernels. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Kernels, kernels } from "../../harness/kernels.ts";
import { Platform } from "../platform.ts";

let installed: Kernels;
let platform: Platform;
beforeAll(async () => {
  installed = kernels();
  platform = await Platform.start({
    worker: "test/cloudflare/examples/worker/main.ts",
    variables: { VARIABLES: installed.env },
  });
});
afterAll(async () => {
  await platform?.stop();
  installed?.remove();
});

const show = <T = unknown>(name: string, ...args: string[]): Promise<T> => platform.call<T>(name, { args });

describe("code", () => {
  it("runs in contexts that keep what it leaves, each its own", async () => {
    expect(await show("contexts")).toEqual({
      logs: { stdout: ["Hello World\n"], stderr: [] },
      next: ["42"],
      apart: "False other\n",
      listed: [true, true],
      left: [true, false],
    });
  });

  it("is heard while it runs", async () => {
    expect(await show("callbackCode")).toEqual({
      stdout: "Step 0\nStep 1\nStep 2\n",
      stderr: "careful\n",
      results: 1,
      errors: "ZeroDivisionError",
      executionCount: "number",
      message: "division by zero",
    });
    expect(await show("codeStream")).toEqual({ text: "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n", last: "execution_complete" });
  });

  it("draws charts and makes tables", async () => {
    expect(await show("rich")).toEqual({ png: ["PNG"], formats: true, table: true });
  });

  it("analyses data in one language, and goes on in another", async () => {
    const { shown, growth, ...others } = await show<{ shown: string[]; growth: string }>("analysis", platform.folder);
    expect(others).toEqual({ summary: true, error: null, results: 1 });
    expect(shown[0]).toBe("Chart generated");
    expect(shown[1]).toContain('{"Month":"Jan","Sales":10000,"Profit":2000}');
    expect(growth).toMatch(/Growth Analysis:[\s\S]*20\.00%/);
    expect(readFileSync(join(platform.folder, "sales_data.json"), "utf8")).toContain('"Month":"May"');
  });

  it("is interpreted with its files, and says which it made", async () => {
    expect(await show("interpreted")).toEqual({
      result: {
        outputs: [
          { type: "text", content: "Chart created 3" },
          { type: "image", path: "plot.png", format: "png" },
        ],
        files: ["plot.png"],
        error: null,
      },
      failed: "NameError",
      left: true,
    });
  });
});
