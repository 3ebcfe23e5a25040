/** How large the package is in a page, minified and compressed: printed, and bounded. */

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Plugin } from "esbuild";
import { type OutputChunk, rolldown } from "rolldown";
import { expect, it } from "vitest";

const SOURCES = fileURLToPath(new URL("../src/", import.meta.url));

/** The core: everything that `connect` loads before a family of calls is used, MessagePack included. */
const CORE = 15 << 10;

/** The protocol's part of it. */
const PROTOCOL = 8 << 10;

/** A page that connects. What it does with the sandbox is not known to a bundler. */
const PAGE = 'import { connect } from "./index.ts"; globalThis.connect = connect;';

/** What the core uses of the protocol. */
const PROTOCOL_ENTRY = `
  export { Conn } from "./protocol/conn.ts";
  export { decode, encode } from "./protocol/frame/codec.ts";
  export { decodeGoAway, encodeGoAway, encodeHello } from "./protocol/frame/payload.ts";
  export { classOf } from "./protocol/kind.ts";
  export { Lane } from "./protocol/lane.ts";
  export { decode as read, encode as write } from "./protocol/msgpack.ts";
`;

interface Size {
  readonly min: number;
  readonly gzip: number;
  /** Bytes of each source in the bundle, minified. */
  readonly parts: Readonly<Record<string, number>>;
  readonly code: string;
}

/** Takes `sideEffects: false` back: what stays in a bundle that uses nothing would run. What is loaded later stays outside. */
const unpromised: Plugin = {
  name: "unpromised",
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^\./ }, async ({ path, pluginData, ...where }) => {
      if (where.kind === "dynamic-import") return { path, external: true };
      return pluginData ? undefined : { ...(await resolve(path, { ...where, pluginData: true })), sideEffects: true };
    });
  },
};

const gzip = (code: string | Uint8Array): number => gzipSync(code, { level: 9 }).length;

/** The files of a page, by the bundler that Vite has: first the one that is loaded at once. */
async function chunksOf(page: string): Promise<OutputChunk[]> {
  const bundle = await rolldown({
    input: "page",
    plugins: [
      {
        name: "page",
        resolveId: id => (id === "page" ? `${SOURCES}page.ts` : null),
        load: id => (id === `${SOURCES}page.ts` ? page : null),
      },
    ],
  });
  const { output } = await bundle.generate({
    format: "esm",
    minify: { compress: { target: "es2022" }, mangle: true },
  });
  await bundle.close();
  return output.filter(each => each.type === "chunk").sort((a, b) => Number(b.isEntry) - Number(a.isEntry));
}

/** Bundles a module in one file, by a bundler that knows no other: what is loaded later is in it, too. */
async function sizeOf(module: string, plugins: Plugin[] = []): Promise<Size> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: module, resolveDir: SOURCES, loader: "ts" },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    plugins,
    legalComments: "none",
    write: false,
    metafile: true,
    outdir: "out",
    absWorkingDir: SOURCES,
  });
  const [output] = Object.values(metafile.outputs);
  const parts = Object.entries(output?.inputs ?? {}).map(([path, { bytesInOutput }]): [string, number] => [
    path,
    bytesInOutput,
  ]);
  const [file] = outputFiles;
  if (!file || !output) throw new Error("no bundle");
  return {
    min: file.contents.length,
    gzip: gzip(file.contents),
    parts: Object.fromEntries(parts),
    code: file.text,
  };
}

function report(name: string, { min, gzip }: Pick<Size, "min" | "gzip">, bound?: number): void {
  const most = bound === undefined ? "" : `, at most ${bound}`;
  process.stdout.write(`size of ${name}: ${min} bytes min, ${gzip} bytes min+gzip${most}\n`);
}

it("the core has at most 15 KiB", async () => {
  const chunks = await chunksOf(PAGE);
  const sizes = chunks.map(({ code, fileName }) => ({ fileName, min: Buffer.byteLength(code), gzip: gzip(code) }));
  // What a file imports, a page loads with it; what it imports dynamically, when that runs.
  const loaded = new Set(chunks.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName));
  for (const name of loaded) for (const each of chunks.find(c => c.fileName === name)?.imports ?? []) loaded.add(each);
  const sum = (some: typeof sizes): Pick<Size, "min" | "gzip"> => ({
    min: some.reduce((total, { min }) => total + min, 0),
    gzip: some.reduce((total, each) => total + each.gzip, 0),
  });
  const core = sum(sizes.filter(({ fileName }) => loaded.has(fileName)));
  report("the core", core, CORE);
  for (const each of sizes) if (!loaded.has(each.fileName)) report(`${each.fileName}, loaded later`, each);
  report("all that `connect` can load", sum(sizes));
  const sources = chunks.filter(({ fileName }) => loaded.has(fileName)).flatMap(({ moduleIds }) => moduleIds);
  expect(sources, "it is the real thing").toContain(`${SOURCES}protocol/lane.ts`);
  expect(sources, "it is the real thing").toContain(`${SOURCES}driver.ts`);
  expect(chunks.flatMap(({ moduleIds }) => moduleIds)).toContain(`${SOURCES}kinds/exec.ts`);
  expect(core.gzip).toBeLessThanOrEqual(CORE);
});

it("the protocol has at most 8 KiB", async () => {
  const protocol = await sizeOf(PROTOCOL_ENTRY);
  report("the protocol", protocol, PROTOCOL);
  expect(protocol.gzip).toBeLessThanOrEqual(PROTOCOL);
});

it("what is not used is not in the bundle", async () => {
  const all = await sizeOf('export * from "./index.ts";');
  report("everything in one file", all);
  for (const [path, bytes] of Object.entries(all.parts).sort(([, a], [, b]) => b - a)) {
    process.stdout.write(`  ${String(bytes).padStart(6)} ${path}\n`);
  }
  const connect = await sizeOf(PAGE);
  report("`connect` in one file, with all that it can load", connect);
  expect(connect.min).toBeLessThan(all.min);
  // A server's half, and the table of codes, are not for the core.
  expect(Object.keys(all.parts)).not.toContain("protocol/conn/server.ts");
});

it("loading the package does nothing", async () => {
  // Not as package.json has it, which promises this: the code itself.
  const nothing = await sizeOf('import "./index.ts"; import "./kinds/rest.ts"; import "./upgrade.ts";', [unpromised]);
  report("what loading the package would run", nothing);
  // Numbers that are computed stay, and cost nothing; what calls or makes anything must not.
  expect(nothing.code).not.toMatch(/[(`]|\bnew\b/);
  const something = await sizeOf('globalThis.it = new Map(); import "./index.ts";', [unpromised]);
  expect(something.code).toMatch(/\bnew\b/);
});
