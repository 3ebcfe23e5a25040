/** Code and repositories from a Worker, under real workerd, with real kernels and a real git behind it. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GitServer } from "../harness/git-server.ts";
import { type Kernels, kernels } from "../harness/kernels.ts";
import { Platform } from "./platform.ts";

let installed: Kernels;
let git: GitServer;
let platform: Platform;
beforeAll(async () => {
  installed = kernels();
  git = await GitServer.start();
  platform = await Platform.start({ env: installed.env });
});
afterAll(async () => {
  await platform?.stop();
  await git?.stop();
  installed.remove();
});

describe("code", () => {
  it("runs in contexts, with every callback, from the sandbox and from a session", async () => {
    const code = [
      "import sys",
      "import pandas as pd",
      "import matplotlib.pyplot as plt",
      "kept = 17",
      "print('out')",
      "print('err', file=sys.stderr)",
      "plt.plot([1, 2]); plt.show()",
      "display(pd.DataFrame({'a': [1]}))",
      "1 / 0",
    ].join("\n");
    const told = await platform.call<{ run: { results: { png?: string; html?: string }[] } }>("code", { args: [code] });
    expect(told).toMatchObject({
      run: {
        code,
        logs: { stdout: ["out\n"], stderr: ["err\n"] },
        error: { name: "ZeroDivisionError", message: "division by zero", lineNumber: 9 },
      },
      heard: expect.arrayContaining(["out\n", "err\n", ["text", "png"], ["text", "html"], "ZeroDivisionError"]),
      results: [{ text: "17" }],
      listed: true,
      types: ["stdout", "result", "execution_complete"],
      missing: { name: "ContextNotFoundError", code: "CONTEXT_NOT_FOUND" },
    });
    expect(told.run.results[0]?.png).toMatch(/^iVBORw0KGgo/);
    expect(told.run.results[1]?.html).toContain("<table");
  });

  it("is interrupted by a signal, and its context lives on", async () => {
    expect(await platform.call("codeAborted")).toEqual({ error: "AbortError", results: [{ text: "5" }] });
  });
});

describe("gitCheckout", () => {
  it("checks a repository out, also one that wants a password", async () => {
    const targetDir = join(platform.folder, "checked-out");
    const args = [git.url("private.git", "user:secret@"), JSON.stringify({ branch: "feature", targetDir, depth: 1 })];
    expect(await platform.call("gitCheckout", { args })).toMatchObject({
      success: true,
      repoUrl: git.url("private.git"),
      branch: "feature",
      targetDir,
    });
    expect(readFileSync(join(targetDir, "README"), "utf8")).toBe("private.git 3\n");
    expect(readFileSync(join(targetDir, ".git/config"), "utf8")).not.toContain("secret");
  });

  it("fails by the code, and without the password", async () => {
    const args = [git.url("private.git", "user:topsecret@")];
    const error: unknown = await platform.call("gitCheckout", { args }).catch(reason => reason);
    expect(error).toMatchObject({ name: "GitAuthenticationError", code: "GIT_AUTH_FAILED" });
    expect(JSON.stringify(error) + (error as Error).message).not.toContain("topsecret");
  });
});
