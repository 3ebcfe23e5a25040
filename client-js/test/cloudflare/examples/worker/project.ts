/** A project with scripts, as the examples take one for granted. */

import { type Connections, getSandbox, type Sandbox } from "sandwire/cloudflare";
import type { Env } from "./env.ts";

/** What its scripts do. Two of its tests pass, and one fails. */
const SCRIPTS = {
  build: "echo compiling && echo a warning >&2 && echo done",
  lint: "echo clean",
  test: "echo ok 1 && echo FAIL two >&2 && exit 1",
  check: "echo ok 1 && echo ok 2",
  dev: "echo dev server ready && exec sleep 1000",
};

/** A sandbox with the project in its workspace. */
export async function project(env: Env, id: string): Promise<Connections & Sandbox> {
  const sandbox = getSandbox(env.Sandbox, id);
  // Nothing that asks the network.
  await sandbox.setEnvVars({
    npm_config_update_notifier: "false",
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_offline: "true",
  });
  const manifest = { name: "my-app", version: "1.0.0", scripts: SCRIPTS };
  await sandbox.writeFile("/workspace/package.json", JSON.stringify(manifest));
  return sandbox;
}

/** A package in the place of the one that the examples get from the network: its `json` and `listen`, and no more. */
export const EXPRESS = {
  "/workspace/express/package.json": JSON.stringify({ name: "express", version: "5.0.0", main: "index.js" }),
  "/workspace/express/index.js": `
    const { createServer } = require('node:http');
    module.exports = () => {
      const routes = new Map();
      return {
        get: (path, handler) => routes.set(path, handler),
        listen(port) {
          createServer((req, res) => {
            res.json = value => res.setHeader('Content-Type', 'application/json').end(JSON.stringify(value));
            const handler = routes.get(req.url);
            if (handler) handler(req, res);
            else res.writeHead(404).end();
          }).listen(port, () => console.log('listening'));
        },
      };
    };
  `,
};
