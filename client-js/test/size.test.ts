/** How large the package is in a page, minified and compressed: printed, and bounded. */

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Plugin } from "esbuild";
import { expect, it } from "vitest";

const SOURCES = fileURLToPath(new URL("../src/", import.meta.url));

/** The core: everything that is reached from `connect`, MessagePack included. */
const CORE = 15 << 10;

/** The protocol's part of it. */
const PROTOCOL = 8 << 10;

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

/** Takes `sideEffects: false` back: what stays in a bundle that uses nothing would run. */
const unpromised: Plugin = {
  name: "unpromised",
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^\./ }, async ({ path, pluginData, ...where }) =>
      pluginData ? undefined : { ...(await resolve(path, { ...where, pluginData: true })), sideEffects: true },
    );
  },
};

/** Bundles a module as a page would have it. Nothing is left out but what only Node has. */
async function sizeOf(module: string, plugins: Plugin[] = []): Promise<Size> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: module, resolveDir: SOURCES, loader: "ts" },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    // Taken in only on Node, by a dynamic import.
    external: ["ws"],
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
    gzip: gzipSync(file.contents, { level: 9 }).length,
    parts: Object.fromEntries(parts),
    code: file.text,
  };
}

function report(name: string, { min, gzip }: Size, bound?: number): void {
  const most = bound === undefined ? "" : `, at most ${bound}`;
  process.stdout.write(`size of ${name}: ${min} bytes min, ${gzip} bytes min+gzip${most}\n`);
}

it("the core has at most 15 KiB", async () => {
  const core = await sizeOf('export * from "./index.ts";');
  report("the core", core, CORE);
  for (const [path, bytes] of Object.entries(core.parts).sort(([, a], [, b]) => b - a)) {
    process.stdout.write(`  ${String(bytes).padStart(6)} ${path}\n`);
  }
  expect(core.parts["protocol/lane.ts"], "it is the real thing").toBeGreaterThan(0);
  expect(core.gzip).toBeLessThanOrEqual(CORE);
});

it("the protocol has at most 8 KiB", async () => {
  const protocol = await sizeOf(PROTOCOL_ENTRY);
  report("the protocol", protocol, PROTOCOL);
  expect(protocol.gzip).toBeLessThanOrEqual(PROTOCOL);
});

it("what is not used is not in the bundle", async () => {
  const all = await sizeOf('export * from "./index.ts";');
  const connect = await sizeOf('import { connect } from "./index.ts"; export default connect;');
  report("connect alone", connect);
  expect(connect.min).toBeLessThan(all.min);
  // A server's half, and the table of codes, are not for the core.
  expect(Object.keys(all.parts)).not.toContain("protocol/conn/server.ts");
});

it("loading the core does nothing", async () => {
  // Not as package.json has it, which promises this: the code itself.
  const nothing = await sizeOf('import "./index.ts";', [unpromised]);
  report("what loading the core would run", nothing);
  // Numbers that are computed stay, and cost nothing; what calls or makes anything must not.
  expect(nothing.code).not.toMatch(/[(`]|\bnew\b/);
  const something = await sizeOf('globalThis.it = new Map(); import "./index.ts";', [unpromised]);
  expect(something.code).toMatch(/\bnew\b/);
});
