/** Object storage as directories. */

import { getSandbox } from "sandwire/cloudflare";
import type { Examples } from "./env.ts";

export const storage: Examples = {
  async dataProcessor({ env }) {
    await env.DATA_BUCKET.put("datasets/process.py", "print(open('numbers').read().split())\n");
    await env.DATA_BUCKET.put("datasets/numbers", "1 2 3");
    const csvData = "name,value\nalice,10\n";
    const sandbox = getSandbox(env.Sandbox, "data-processor");

    // Mount R2 bucket
    await sandbox.mountStorage({
      type: "r2",
      bucket: env.DATA_BUCKET,
      mountPoint: "/workspace/data",
      readOnly: false,
    });

    // Access files in mounted storage
    const result = await sandbox.exec("python3 process.py", {
      cwd: "/workspace/data/datasets",
    });

    // Files written to /data persist in R2
    await sandbox.writeFile("/workspace/data/output/results.csv", csvData);
    await sandbox.unmountBucket("/workspace/data");
    const kept = await env.DATA_BUCKET.get("output/results.csv");
    return { stdout: result.stdout, kept: await kept?.text() };
  },

  /** By the binding's name, and to read only. */
  async mounted({ env }) {
    await env.DATA_BUCKET.put("datasets/numbers", "1 2 3");
    const sandbox = getSandbox(env.Sandbox, "data-reader");
    await sandbox.mountBucket("DATA_BUCKET", "/workspace/data", { readOnly: true, prefix: "/datasets" });
    const { stdout } = await sandbox.exec("ls", { cwd: "/workspace/data" });
    const { content } = await sandbox.readFile("/workspace/data/numbers");
    await sandbox.unmountBucket("/workspace/data");
    return { listed: stdout.includes("numbers"), content };
  },
};
