/** What the runtimes are given: the package as it is built, and the list as plain JavaScript. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const PACKAGE = resolve(HERE, "../..");

/** Where the package is built to. */
export const DIST = join(PACKAGE, "dist");

/** Builds the package, and gives the list's path. */
export function build(): string {
  execFileSync("npx", ["tsc", "-b", "src"], { cwd: PACKAGE, stdio: "inherit" });
  const source = readFileSync(join(HERE, "list.ts"), "utf8");
  const folder = mkdtempSync(join(tmpdir(), "sandwire-list-"));
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "list.mjs");
  writeFileSync(path, transformSync(source, { loader: "ts", target: "es2022" }).code);
  return path;
}

/** The modules that the package's entry point reaches, also later, by their paths in {@link DIST}. */
export function modules(entry = "index.js"): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (path: string) => {
    if (found.has(path)) return;
    const code = readFileSync(join(DIST, path), "utf8");
    found.set(path, code);
    for (const [, name = ""] of code.matchAll(/(?:from |import |import\()"(\.[^"]+)"/g)) {
      visit(posix.join(posix.dirname(path), name));
    }
  };
  visit(entry);
  return found;
}

/**
 * The path of a runtime's program: the first of these that is there, as some are moved when install scripts are allowed to
 * run. Fails with what to do when none is.
 */
export function runtime(...paths: string[]): string {
  // Those that the package itself needs for its tests, as workerd, are there once.
  const programs = [PACKAGE, HERE].flatMap(folder => paths.map(path => join(folder, "node_modules", path)));
  const program = programs.find(existsSync);
  if (program === undefined) {
    throw new Error(`${programs[0]} is not there: \`tests/run modules\` installs the runtimes`);
  }
  return program;
}
