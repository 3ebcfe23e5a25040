/** Every example for Workers in the documentation compiles, against the types of their runtime. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { expect, it, onTestFinished } from "vitest";

const PACKAGE = join(import.meta.dirname, "../..");

/** What a piece of a Worker may use. */
const GIVEN = `
import { getSandbox, type ExecEvent } from "sandwire/cloudflare";
import { type Connections, parseSSEStream, type Sandbox as Class } from "sandwire/cloudflare";
declare const env: { readonly Sandbox: DurableObjectNamespace<Class> };
declare const sandbox: Connections & Class;
declare const request: Request;
declare const signal: AbortSignal;
`;

/** The code of each example, by where it stands. */
function examples(): Map<string, string> {
  const found = new Map<string, string>();
  const take = (file: string, blocks: RegExp, clean: (block: string) => string) => {
    const text = readFileSync(join(PACKAGE, file), "utf8");
    for (const { 1: block = "", index } of text.matchAll(blocks)) {
      found.set(`${file}:${text.slice(0, index).split("\n").length + 1}`, clean(block));
    }
  };
  take("README.md", /^```ts worker\n(.*?)^```$/gms, block => block);
  const sources = readdirSync(join(PACKAGE, "src"), { recursive: true, encoding: "utf8" });
  for (const file of sources.filter(name => /^cloudflare.*\.ts$/.test(name))) {
    take(`src/${file}`, /^ *\* ```ts\n(.*?)^ *\* ```$/gms, block => block.replace(/^ *\* ?/gm, ""));
  }
  return found;
}

/** An example as a module: a whole one as it stands, a piece in a function. */
function moduleOf(code: string): string {
  if (/^(export|class) /m.test(code)) return code;
  return `${GIVEN}\nexport async function run() {\n${code}\n}\n`;
}

it("compiles", { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "sandwire-worker-docs-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  symlinkSync(join(PACKAGE, "node_modules"), join(folder, "node_modules"));
  const all = [...examples()];
  expect(all.length).toBeGreaterThan(4);
  const files = all.map(([place, code]) => {
    const file = join(folder, `${place.replace(/[^a-z0-9]+/gi, "-")}.ts`);
    writeFileSync(file, moduleOf(code));
    return file;
  });
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.es2022.d.ts", "lib.esnext.disposable.d.ts"],
    types: ["@cloudflare/workers-types"],
    strict: true,
    noImplicitAny: false,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    paths: Object.fromEntries(
      ["cloudflare", "relay"].map(name => [`sandwire/${name}`, [join(PACKAGE, `src/${name}.ts`)]]),
    ),
  });
  const errors = ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const place = all[files.indexOf(file?.fileName ?? "")]?.[0] ?? file?.fileName;
    const line = file?.text.slice(0, start).split("\n").length;
    return `${place}, line ${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
  expect(errors).toEqual([]);
});
