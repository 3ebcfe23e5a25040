/** What a Worker that is written for the stock package does with buckets, backups and tunnels; the types are that package's. */

import type { Sandbox as SandboxObject } from "@cloudflare/sandbox";

type Scenario = (sandbox: SandboxObject<unknown>, args: string[]) => Promise<unknown>;

/** What the tests ask for, by name. */
export const storage: Readonly<Record<string, Scenario>> = {
  mount: (sandbox, [bucket = "", path = "", options = "{}"]) => sandbox.mountBucket(bucket, path, JSON.parse(options)),
  unmount: (sandbox, [path = ""]) => sandbox.unmountBucket(path),
  createBackup: (sandbox, [options = "{}"]) => sandbox.createBackup(JSON.parse(options)),
  restoreBackup: (sandbox, [backup = "{}"]) => sandbox.restoreBackup(JSON.parse(backup)),
  tunnel: (sandbox, [port = "8080", name]) => sandbox.tunnels.get(Number(port), name === undefined ? {} : { name }),
  tunnels: sandbox => sandbox.tunnels.list(),
  processes: async sandbox => (await sandbox.listProcesses()).map(({ id, status }) => ({ id, status })),
  endTunnel: (sandbox, [tunnel = "8080"]) => sandbox.tunnels.destroy(JSON.parse(tunnel)),
};
