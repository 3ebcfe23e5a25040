/** The protocol is pure: it reads no clock, draws nothing at random, sets no timer, and knows nothing outside itself. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../src/protocol/", import.meta.url));

/** What is in ECMAScript and gives another answer each time, or does something later. The tsconfig hides the rest. */
const IMPURE =
  /\b(?:Date|Math\s*\.\s*random|performance|crypto|globalThis|eval|Function|Promise|async|await|WeakRef|Atomics)\b/;

/** What a module may say of globals that ECMAScript does not have: text to bytes and back. */
const DECLARED = ["TextDecoder", "TextEncoder"];

const sources = readdirSync(ROOT, { recursive: true, encoding: "utf8" })
  .filter(file => file.endsWith(".ts"))
  .map((file): [string, string] => [file, readFileSync(join(ROOT, file), "utf8")]);

/** The source without its comments. */
function code(source: string): string {
  return ts.createPrinter({ removeComments: true }).printFile(parse(source));
}

const parse = (source: string): ts.SourceFile => ts.createSourceFile("x.ts", source, ts.ScriptTarget.ES2022);

describe("src/protocol", () => {
  it("is looked at", () => expect(sources.length).toBeGreaterThan(15));

  it.each(sources)("%s asks nothing of the world", (_, source) => {
    expect(code(source)).not.toMatch(IMPURE);
  });

  it.each(sources)("%s imports only from the protocol", (file, source) => {
    for (const { fileName } of ts.preProcessFile(source).importedFiles) {
      expect(fileName, "a relative path").toMatch(/^\.\.?\//);
      expect(join(ROOT, file, "..", fileName).startsWith(ROOT), fileName).toBe(true);
    }
  });

  it.each(sources)("%s declares no other globals", (_, source) => {
    const declared = parse(source).statements.flatMap(statement =>
      ts.isVariableStatement(statement) &&
      statement.modifiers?.some(modifier => modifier.kind === ts.SyntaxKind.DeclareKeyword)
        ? statement.declarationList.declarations.map(({ name }) => (ts.isIdentifier(name) ? name.text : "?"))
        : [],
    );
    expect(DECLARED).toEqual(expect.arrayContaining(declared));
  });

  it("has the compiler hide the DOM, Node and timers", () => {
    const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile);
    expect(config.compilerOptions).toMatchObject({ lib: ["ES2022"], types: [] });
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
    for (const global of ["setTimeout", "document", "process", "console", "fetch", "WebSocket", "queueMicrotask"]) {
      expect(diagnostics(options, `export const it = ${global};`), global).toContain("Cannot find name");
    }
    expect(diagnostics(options, "export const it = Math.max(1);")).toBe("");
  });

  it("would be seen to be impure", () => {
    for (const source of ["Date.now()", "Math.random()", "new Date()", "await 1", "globalThis['set' + 'Timeout']"]) {
      expect(code(source)).toMatch(IMPURE);
    }
    expect(code("// Date.now() is not used")).not.toMatch(IMPURE);
  });
});

describe("the relay's machine", () => {
  const folder = fileURLToPath(new URL("../src/relay/", import.meta.url));
  it.each(["client.ts", "grant.ts", "header.ts", "lanes.ts"])("%s is as pure", file => {
    const source = readFileSync(join(folder, file), "utf8");
    expect(code(source)).not.toMatch(IMPURE);
    expect(code(source)).not.toMatch(/\b(?:WebSocket|DurableObject\w*|setTimeout|Response|Request)\b/);
    for (const { fileName } of ts.preProcessFile(source).importedFiles) {
      expect(fileName).toMatch(/^(?:\.\.\/protocol\/|\.\/(?:client|grant|header)\.ts$)/);
    }
  });
});

/** What the compiler says of this module. */
function diagnostics(options: ts.CompilerOptions, source: string): string {
  const name = join(ROOT, "it.ts");
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  host.getSourceFile = (file, ...rest) =>
    file === name ? ts.createSourceFile(name, source, ts.ScriptTarget.ES2022) : getSourceFile(file, ...rest);
  const program = ts.createProgram([name], { ...options, noEmit: true, composite: false }, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"))
    .join("\n");
}
