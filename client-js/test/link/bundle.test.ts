import { join } from "node:path";
import { build } from "esbuild";
import { build as vite } from "vite";
import { beforeAll, expect, it } from "vitest";
import { build as compile, DIST } from "../runtimes/build.ts";

const ENTRY = join(DIST, "index.js");

beforeAll(() => void compile(), 60_000);

it("a page's bundle takes in no package, nor asks for one where there is a WebSocket", async () => {
  const { metafile, outputFiles, warnings } = await build({
    entryPoints: [ENTRY],
    bundle: true,
    minify: true,
    platform: "browser",
    format: "esm",
    write: false,
    metafile: true,
  });
  expect(warnings).toEqual([]);
  expect(Object.keys(metafile.inputs).filter(path => path.includes("node_modules"))).toEqual([]);
  expect(Object.values(metafile.outputs).flatMap(output => output.imports)).toEqual([]);
  expect(outputFiles[0]?.text).toContain("sandwire.token.");
});

it("Vite takes in none, either", async () => {
  const warnings: string[] = [];
  const result = await vite({
    configFile: false,
    logLevel: "silent",
    build: {
      write: false,
      rollupOptions: {
        input: ENTRY,
        preserveEntrySignatures: "strict",
        onwarn: ({ message }) => void warnings.push(message),
      },
    },
  });
  const outputs = Array.isArray(result)
    ? result.flatMap(({ output }) => output)
    : "output" in result
      ? result.output
      : [];
  const chunks = outputs.filter(output => output.type === "chunk");
  expect(chunks.flatMap(chunk => Object.keys(chunk.modules)).filter(id => id.includes("node_modules"))).toEqual([]);
  const files = new Set(chunks.map(({ fileName }) => fileName));
  const others = chunks.flatMap(chunk => [...chunk.imports, ...chunk.dynamicImports]).filter(file => !files.has(file));
  expect(others).toEqual([]);
  expect(chunks.map(({ code }) => code).join("")).toContain("sandwire.token.");
  expect(warnings).toEqual([]);
});
