/** The object with a container in the place of a host engine: it talks to what the runtime gives, and to nothing else. */

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { expect, it, onTestFinished } from "vitest";
import { Server } from "../harness/server.ts";

const TOKEN = "the-token-of-this-container";

/** The Worker with its bindings. */
async function worker(bindings: Record<string, string>): Promise<Miniflare> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("worker/container.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["cloudflare:*"],
    write: false,
    logLevel: "error",
  });
  const miniflare = new Miniflare({
    cf: false,
    compatibilityDate: "2026-07-01",
    modules: [{ type: "ESModule", path: "main.mjs", contents: outputFiles[0]?.text ?? "" }],
    durableObjects: { Sandbox: { className: "Sandbox", useSQLite: true } },
    bindings: { TOKEN, ...bindings },
  });
  onTestFinished(() => miniflare.dispose());
  return miniflare;
}

it("starts its container with a token, connects with it, and destroys it", async () => {
  const server = await Server.start({ token: TOKEN });
  onTestFinished(() => server.stop());
  const miniflare = await worker({ PORT: server.address.split(":")[1] ?? "" });
  const response = await miniflare.dispatchFetch("http://localhost/");
  expect(await response.json()).toEqual({
    // The server's token is not for what runs in it.
    stdout: "in\n0",
    did: [{ start: { enableInternet: true, env: { SANDWIRE_TOKEN: TOKEN }, labels: { tenant: "one" } } }, "destroy"],
  });
});

it.each([
  ["instance", { instanceGetTimeoutMS: 5000, waitIntervalMS: 2500 }, "start"],
  ["port", { portReadyTimeoutMS: 10_000, waitIntervalMS: 5000 }, "port"],
])("waits for a container's %s no longer, and asks no oftener, than it was told", async (fails, told, tried) => {
  const miniflare = await worker({ FAILS: fails });
  const response = await miniflare.dispatchFetch(`http://localhost/?timeouts=${JSON.stringify(told)}`);
  const { code, did } = (await response.json()) as { code: string; did: object[] };
  expect(code).toBe("CONTAINER_UNAVAILABLE");
  // The time, in steps of the interval; by default it were a hundred and more.
  const tries = did.filter(one => tried in one).length;
  expect([2, 3]).toContain(tries);
});
