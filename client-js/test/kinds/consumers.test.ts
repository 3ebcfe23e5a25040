/** The package's types in programs that are compiled against the DOM, Node, Workers, or none of them: nothing leaks. */

import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const PACKAGE = join(import.meta.dirname, "../..");
/** Milliseconds: a compiler reads all of the DOM and of Node, on a machine that may be busy. */
const PATIENCE = 120_000;

const LIB = ["ES2022", "ESNext.Disposable"];

interface Consumer {
  readonly lib: readonly string[];
  readonly types: readonly string[];
  readonly module: "NodeNext" | "ESNext";
  readonly moduleResolution: "NodeNext" | "Bundler";
}

const CONSUMERS = {
  plain: { lib: LIB, types: [], module: "NodeNext", moduleResolution: "NodeNext" },
  dom: { lib: [...LIB, "DOM", "DOM.AsyncIterable"], types: [], module: "ESNext", moduleResolution: "Bundler" },
  node: { lib: LIB, types: ["node"], module: "NodeNext", moduleResolution: "NodeNext" },
  workers: { lib: LIB, types: ["@cloudflare/workers-types"], module: "ESNext", moduleResolution: "Bundler" },
} satisfies Record<string, Consumer>;

let home: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "sandwire-consumers-"));
  const modules = join(home, "node_modules");
  mkdirSync(join(modules, "sandwire"), { recursive: true });
  cpSync(join(PACKAGE, "package.json"), join(modules, "sandwire/package.json"));
  for (const each of ["@types", "@cloudflare", "undici-types"]) {
    symlinkSync(join(PACKAGE, "node_modules", each), join(modules, each));
  }
  cpSync(join(import.meta.dirname, "consumers"), home, { recursive: true });
  const { errors, options } = ts.parseJsonConfigFileContent(
    {
      extends: join(PACKAGE, "tsconfig.base.json"),
      compilerOptions: {
        lib: LIB,
        types: [],
        composite: false,
        emitDeclarationOnly: true,
        rootDir: join(PACKAGE, "src"),
        outDir: join(modules, "sandwire/dist"),
      },
      files: ["src/index.ts"],
    },
    ts.sys,
    PACKAGE,
  );
  expect(errors).toEqual([]);
  const program = ts.createProgram([join(PACKAGE, "src/index.ts")], options);
  expect(texts([...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics])).toEqual([]);
}, PATIENCE);

afterAll(() => rmSync(home, { recursive: true, force: true }));

describe("the package's types", { timeout: PATIENCE }, () => {
  it.each(Object.entries(CONSUMERS))("compile in a program of kind %s", (name, compilerOptions) => {
    const { options } = ts.parseJsonConfigFileContent(
      {
        compilerOptions: {
          ...compilerOptions,
          target: "ES2022",
          strict: true,
          exactOptionalPropertyTypes: true,
          skipLibCheck: false,
          noEmit: true,
          preserveSymlinks: true,
        },
        files: [`${name}.ts`],
      },
      ts.sys,
      home,
    );
    expect(texts(ts.getPreEmitDiagnostics(ts.createProgram([join(home, `${name}.ts`)], options)))).toEqual([]);
  });

  it("are looked at closely enough to find a wrong program", () => {
    const file = join(home, "wrong.ts");
    ts.sys.writeFile(file, 'import { connect } from "sandwire";\nconnect("host").then(box => box.exec(5));\n');
    const { options } = ts.parseJsonConfigFileContent(
      { compilerOptions: { ...CONSUMERS.plain, target: "ES2022", strict: true, noEmit: true }, files: ["wrong.ts"] },
      ts.sys,
      home,
    );
    expect(texts(ts.getPreEmitDiagnostics(ts.createProgram([file], options)))).toEqual([
      expect.stringContaining("'number' is not assignable to parameter of type 'Command'"),
    ]);
  });
});

const texts = (diagnostics: readonly ts.Diagnostic[]): string[] =>
  diagnostics.map(
    ({ file, messageText }) => `${file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
  );
