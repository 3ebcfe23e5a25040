/** Every example in the documentation compiles, and runs against a real server. */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { examples, fileOf, lineOf } from "./docs.ts";
import { kernels } from "./harness/kernels.ts";
import { Server } from "./harness/server.ts";

const PACKAGE = join(import.meta.dirname, "..");
const EXAMPLES = examples(PACKAGE);
/** Examples run code, too. */
const installed = kernels();

/** Milliseconds for a compiler that reads all of the DOM and of Node, on a machine that may be busy. */
const PATIENCE = 120_000;

let home: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "sandwire-docs-"));
  mkdirSync(join(home, "node_modules"));
  symlinkSync(join(PACKAGE, "node_modules/@types"), join(home, "node_modules/@types"));
  // Node 20 loads it from where the program is.
  symlinkSync(join(PACKAGE, "node_modules/ws"), join(home, "node_modules/ws"));
  for (const example of EXAMPLES) writeFileSync(join(home, fileOf(example)), example.module);
});

afterAll(() => {
  rmSync(home, { recursive: true, force: true });
  installed.remove();
});

describe("the documentation", () => {
  it("has examples", () => {
    expect(EXAMPLES.filter(({ place }) => place.startsWith("README")).length).toBeGreaterThan(3);
    expect(EXAMPLES.length).toBeGreaterThan(20);
    expect(EXAMPLES.flatMap(({ prints }) => prints).length).toBeGreaterThan(20);
  });

  it("compiles", { timeout: PATIENCE }, () => {
    const options: ts.CompilerOptions = {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      lib: ["lib.es2022.d.ts", "lib.esnext.disposable.d.ts", "lib.dom.d.ts", "lib.dom.asynciterable.d.ts"],
      types: [],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      paths: { sandwire: [join(PACKAGE, "src/index.ts")] },
    };
    const program = ts.createProgram(
      EXAMPLES.map(example => join(home, fileOf(example))),
      options,
    );
    const errors = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
      const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line : 0;
      const code = file?.text.split("\n")[line]?.trim();
      const place = EXAMPLES.find(example => file?.fileName.endsWith(`/${fileOf(example)}`))?.place ?? file?.fileName;
      return `${place}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}: ${code}`;
    });
    expect(errors).toEqual([]);
  });

  it.each(EXAMPLES.map(example => [example.place, example] as const))(
    "runs %s",
    { timeout: PATIENCE },
    async (_, example) => {
      const out = join(home, `${example.name}.mjs`);
      await build({
        entryPoints: [join(home, fileOf(example))],
        outfile: out,
        bundle: true,
        format: "esm",
        platform: "node",
        target: "node20",
        alias: { sandwire: join(PACKAGE, "src/index.ts") },
        external: ["ws"],
        logLevel: "error",
      });
      const server = await Server.start({ env: installed.env });
      onTestFinished(() => server.stop());
      const said = vi.spyOn(console, "log").mockImplementation(() => {});
      onTestFinished(() => said.mockRestore());
      const { run } = (await import(/* @vite-ignore */ out)) as { run(url: string): Promise<void> };
      await run(server.url);
      expect(said.mock.calls.map(lineOf)).toEqual(expect.arrayContaining([...example.prints]));
    },
  );
});
