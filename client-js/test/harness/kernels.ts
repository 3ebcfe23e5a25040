/** Real kernels for servers of tests: ipykernel with numpy, pandas and matplotlib, and Deno's. */

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { binary } from "./program.ts";

const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));

/** Kernels that are installed for a server. Remove them after it has ended. */
export interface Kernels {
  /** Variables with which a server finds them. */
  readonly env: Readonly<Record<string, string>>;
  /** Removes what was made for them. */
  remove(): void;
}

/**
 * Finds them: the virtual environment of `SANDWIRE_PYTHON`, else the one that `tests/run setup` makes beside what is built, and
 * Deno's package.
 */
export function kernels(): Kernels {
  const beside = join(dirname(binary("sandwire-server")), "../python");
  const python = resolve(PACKAGE, process.env["SANDWIRE_PYTHON"] ?? beside);
  const deno = join(PACKAGE, "test/runtimes/node_modules/.bin/deno");
  needed(join(python, "share/jupyter/kernels/python3/kernel.json"), "run `tests/run setup`, or set SANDWIRE_PYTHON");
  needed(deno, "run `npm install` in client-js/test/runtimes");
  const folder = mkdtempSync(join(tmpdir(), "sandwire-kernels-"));
  mkdirSync(join(folder, "kernels/deno"), { recursive: true });
  const spec = {
    argv: [deno, "jupyter", "--kernel", "--conn", "{connection_file}"],
    display_name: "Deno",
    language: "typescript",
    env: { NO_COLOR: "1" },
  };
  writeFileSync(join(folder, "kernels/deno/kernel.json"), JSON.stringify(spec));
  return {
    env: {
      PATH: `${join(python, "bin")}:${process.env["PATH"]}`,
      JUPYTER_PATH: `${folder}:${join(python, "share/jupyter")}`,
      // Nothing of the person who runs the tests.
      MPLCONFIGDIR: join(folder, "matplotlib"),
      IPYTHONDIR: join(folder, "ipython"),
      DENO_DIR: join(folder, "deno"),
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function needed(path: string, remedy: string): void {
  if (!existsSync(path)) throw new Error(`${path} is not there: ${remedy}`);
}
