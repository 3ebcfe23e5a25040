/**
 * Every method that the stock package has is called under real workerd, and does what it is for: none says that it is not
 * there. Which there are says the compiler, in `worker/every.ts`. `cloudflared` is a stand-in here, as in `tunnel.test.ts`.
 */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GitServer } from "../harness/git-server.ts";
import { type Kernels, kernels } from "../harness/kernels.ts";
import { Platform } from "./platform.ts";

const CLOUDFLARED = `#!/bin/sh
echo "INF |  https://stands-for.trycloudflare.com  |" >&2
echo "INF Registered tunnel connection connIndex=0" >&2
exec sleep 100000
`;

let installed: Kernels;
let git: GitServer;
let platform: Platform;
beforeAll(async () => {
  installed = kernels();
  git = await GitServer.start();
  platform = await Platform.start({
    worker: "test/cloudflare/worker/every.ts",
    env: installed.env,
    buckets: ["DATA", "BACKUP_BUCKET"],
    programs: { cloudflared: CLOUDFLARED },
  });
});
afterAll(async () => {
  await platform?.stop();
  await git?.stop();
  installed?.remove();
});

it.each([
  ["sandbox", 40],
  ["session", 30],
  ["process", 6],
  ["tunnels", 3],
  ["client", 33],
  ["proxyTerminal", 1],
])("%s: every method does its work", async (what, least) => {
  const folder = join(platform.folder, what);
  mkdirSync(folder);
  const server = `${globalThis.process.execPath} ${fileURLToPath(new URL("preview-server.mjs", import.meta.url))}`;
  const about = { folder, repository: git.url("open.git"), server };
  const told = await platform.call<Record<string, string>>(what, { args: [JSON.stringify(about)] });
  expect(Object.keys(told).length).toBeGreaterThanOrEqual(least);
  expect(Object.entries(told).filter(([, said]) => said !== "ok")).toEqual([]);
});
