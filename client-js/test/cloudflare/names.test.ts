/** What the stock package exports, by name, and what the drop-in does. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, it } from "vitest";

const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));

/** The names that a module exports, types too. */
function exportsOf(path: string): string[] {
  const project = `${PACKAGE}src/tsconfig.cloudflare.json`;
  const { config } = ts.readConfigFile(project, ts.sys.readFile) as { config: unknown };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, `${PACKAGE}src`);
  const program = ts.createProgram([path], { ...options, noEmit: true, composite: false, incremental: false });
  const source = program.getSourceFile(path);
  const symbol = source && program.getTypeChecker().getSymbolAtLocation(source);
  return symbol
    ? program
        .getTypeChecker()
        .getExportsOfModule(symbol)
        .map(({ name }) => name)
    : [];
}

it("exports every name that the stock package does", () => {
  const ours = exportsOf(`${PACKAGE}src/cloudflare.ts`);
  const stock = exportsOf(`${PACKAGE}node_modules/@cloudflare/sandbox/dist/index.d.ts`);
  expect(stock.length).toBeGreaterThan(100);
  expect(stock.filter(name => !ours.includes(name)).sort()).toEqual([]);
});

it("is compared with the version that it is made for", () => {
  const { version } = JSON.parse(readFileSync(`${PACKAGE}node_modules/@cloudflare/sandbox/package.json`, "utf8")) as {
    version: string;
  };
  expect(version).toBe("0.12.7");
});
