/** Builds the console into the server's source, the same bytes for the same input. */

import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

/** What a visitor may have to load in the whole, in bytes of gzip. */
const BUDGET = 720 * 1024;

/** Prints what each file weighs on the wire, and fails the build when all of them weigh too much. */
function sizes(): Plugin {
  return {
    name: "sizes",
    apply: "build",
    writeBundle(_, bundle) {
      const rows = Object.values(bundle).map(file => {
        const bytes = file.type === "chunk" ? file.code : file.source;
        return { name: file.fileName, size: gzipSync(bytes, { level: 9 }).length };
      });
      rows.sort((a, b) => b.size - a.size);
      const total = rows.reduce((sum, row) => sum + row.size, 0);
      for (const row of rows.slice(0, 12))
        this.info(`${(row.size / 1024).toFixed(1).padStart(7)} KiB gzip  ${row.name}`);
      this.info(`${(total / 1024).toFixed(1).padStart(7)} KiB gzip  in all ${rows.length} files`);
      if (total > BUDGET) this.error(`the console weighs ${total} bytes of gzip, more than ${BUDGET}`);
    },
  };
}

// During development the page comes from Vite, everything else from a running server.
const { SANDWIRE_SERVER: target = "http://127.0.0.1:7070" } = process.env;

export default defineConfig({
  root: import.meta.dirname,
  // Relative: a proxy may serve the page below a path.
  base: "./",
  plugins: [sizes()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../../server/src/http/page",
    emptyOutDir: true,
    sourcemap: false,
    target: "es2022",
    reportCompressedSize: false,
    // The policy of the page allows no inline script, and no data: font.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1024,
  },
  server: { proxy: { "/v1": { target, ws: true, changeOrigin: true, rewriteWsOrigin: true } } },
});
