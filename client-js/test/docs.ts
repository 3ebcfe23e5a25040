/** The examples of the documentation: found in the sources' comments and in the README, as modules that can be run. */

import { readdirSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";

/** One example. */
export interface Example {
  /** Where it stands: file and line. */
  readonly place: string;
  /** A name for its file. */
  readonly name: string;
  /** Its code, in a module: as it stands, with what every example may use before it. */
  readonly module: string;
  /** The lines that it says it prints, in the comments behind `console.log`. */
  readonly prints: readonly string[];
}

/** An example that connects by itself. All others may use a `sandbox`; all may use the `url` where it is. */
const CONNECTS = /\bconnect\(url/;

/** Examples of all sources, and of a page; those for Workers are compiled by `cloudflare/docs.test.ts`. */
export function examples(packageFolder: string): Example[] {
  const found: Example[] = [];
  const sources = readdirSync(join(packageFolder, "src"), { recursive: true, encoding: "utf8" })
    .filter(file => file.endsWith(".ts") && !/^(terminal|protocol|relay|cloudflare)/.test(file))
    .sort();
  for (const file of [...sources.map(each => join("src", each)), "README.md"]) {
    const path = join(packageFolder, file);
    const text = readFileSync(path, "utf8");
    // In a comment, each line of the block begins with an asterisk.
    const blocks = file.endsWith(".md") ? /^```ts\n(.*?)^```$/gms : /^ *\* ```ts\n(.*?)^ *\* ```$/gms;
    for (const { 1: block = "", index } of text.matchAll(blocks)) {
      const code = file.endsWith(".md") ? block : block.replace(/^ *\* ?/gm, "");
      const line = text.slice(0, index).split("\n").length + 1;
      const name = `${relative("src", file).replace(/[^a-z0-9]+/gi, "-")}-${line}`;
      found.push({ place: `${file}:${line}`, name, module: moduleOf(code), prints: printsOf(code) });
    }
  }
  return found;
}

/** An example as a module whose `run` runs it. Its imports come first; what it declares is its own. */
function moduleOf(code: string): string {
  const imports = code.match(/^import .*?;$/gms) ?? [];
  const body = code.replace(/^import .*?;$\n?/gms, "").trim();
  return [
    ...(CONNECTS.test(body) ? [] : ['import { connect as open } from "sandwire";']),
    ...imports,
    "",
    "export async function run(url: string): Promise<void> {",
    "  void url;",
    ...(CONNECTS.test(body) ? [] : ["  await using sandbox = await open(url);", "  void sandbox;"]),
    "  {",
    ...body.split("\n").map(each => (each ? `    ${each}` : "")),
    "  }",
    "}",
    "",
  ].join("\n");
}

/** What stands behind `console.log(…); //`, where it is literals with spaces between, as those would be printed. */
function printsOf(code: string): string[] {
  const prints: string[] = [];
  for (const { 1: comment = "" } of code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)) {
    try {
      const literals = comment.match(/"(?:[^"\\]|\\.)*"|\[.*\]|\S+/g) ?? [];
      prints.push(lineOf(literals.map(each => JSON.parse(each) as unknown)));
    } catch {
      // A remark for people.
    }
  }
  return prints;
}

/** What `console.log` is taken to print. */
export const lineOf = (values: readonly unknown[]): string =>
  values.map(value => (typeof value === "object" ? JSON.stringify(value) : String(value))).join(" ");

/** The name of an example's file. */
export const fileOf = ({ name }: Example): string => basename(`${name}.ts`);
