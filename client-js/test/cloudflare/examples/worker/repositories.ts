/** Repositories. They come from the sandbox itself: the examples name some that only their authors have. */

import { getSandbox, type Sandbox } from "sandwire/cloudflare";
import type { Examples } from "./env.ts";
import { project } from "./project.ts";

/** Where the repository is that stands for those of the examples. */
const REPOSITORY = "file:///tmp/published/my-app";

/** Makes the repository, with a project in it, on the branches `main` and `next`. */
async function publish(sandbox: Pick<Sandbox, "exec">): Promise<void> {
  const { exitCode, stderr } = await sandbox.exec(`
    git init -q -b main /tmp/published/my-app && cd /tmp/published/my-app &&
    cp /workspace/package.json . && git add . &&
    git -c user.name=n -c user.email=e@example.com commit -q -m first &&
    git checkout -q -b next && git -c user.name=n -c user.email=e@example.com commit -q --allow-empty -m second &&
    git checkout -q main && cd /workspace
  `);
  if (exitCode !== 0) throw new Error(stderr);
}

export const repositories: Examples = {
  /** Clone a repository, run tests, build. */
  async buildAndTest({ env }) {
    const sandbox = await project(env, "test-env");
    await publish(sandbox);

    // Clone a repository
    await sandbox.gitCheckout(REPOSITORY, {
      branch: "main",
      targetDir: "my-project",
    });

    // Run tests
    const testResult = await sandbox.exec("npm test", { cwd: "/workspace/my-project" });

    // Build the project
    const buildResult = await sandbox.exec("npm run build", { cwd: "/workspace/my-project" });

    return Response.json({
      tests: testResult.exitCode === 0 ? "passed" : "failed",
      build: buildResult.exitCode === 0 ? "success" : "failed",
      output: testResult.stdout.includes("ok 1"),
    });
  },

  /** Create a development sandbox with hot reload */
  async interactive({ env, args: [port = ""] }) {
    const sandbox = await project(env, "dev-env-git");
    await publish(sandbox);

    // Set up the project
    const { targetDir, branch } = await sandbox.gitCheckout(REPOSITORY, { branch: "next", depth: 1 });
    const commits = await sandbox.exec("git log --format=%s", { cwd: targetDir });

    // Start dev server
    const devServer = await sandbox.startProcess(`python3 -m http.server ${port}`, { cwd: targetDir });
    await devServer.waitForPort(Number(port));

    // Expose the dev server
    const preview = await sandbox.exposePort(Number(port), { name: "dev-server" });

    // Make changes and see them live!
    const updatedCode = "after";
    await sandbox.writeFile(`${targetDir}/src/App.html`, updatedCode);
    return { branch, targetDir, commits: commits.stdout, url: `${preview.url}/src/App.html` };
  },

  /** Git by commands */
  async gitCommands({ env }) {
    const sandbox = await project(env, "git-commands");
    await publish(sandbox);
    // Clone with specific branch
    const cloned = await sandbox.exec(`git clone -q -b next --single-branch ${REPOSITORY} /workspace/repo`);
    // Git operations
    const pulled = await sandbox.exec("git pull", { cwd: "/workspace/repo" });
    const branched = await sandbox.exec("git checkout -q -b feature", { cwd: "/workspace/repo" });
    const { stdout } = await sandbox.exec("git branch --show-current", { cwd: "/workspace/repo" });
    return { codes: [cloned, pulled, branched].map(({ exitCode }) => exitCode), stdout };
  },

  /** CI/CD Pipeline: run tests in a sandbox that is named for the repository. */
  async pipeline({ env, request }) {
    const { repo, branch } = (await request.json()) as { repo: string; branch: string };
    const sandbox = await project(env, `ci-${repo}-${Date.now()}`);
    await publish(sandbox);

    // Clone and test
    await sandbox.exec(`git clone -q -b ${branch} ${repo} /workspace/repo`);
    const shown: string[] = [];

    const install = await sandbox.exec("npm install", {
      cwd: "/workspace/repo",
      stream: true,
      onOutput: (_stream, data) => {
        shown.push(data);
      },
    });

    if (!install.success) {
      return Response.json({ success: false, error: "Install failed" });
    }

    const test = await sandbox.exec("npm test", { cwd: "/workspace/repo" });

    return Response.json({
      success: test.success,
      shown: shown.length > 0,
      output: test.stdout.includes("ok 1"),
      exitCode: test.exitCode,
    });
  },

  async missing({ env }) {
    const sandbox = getSandbox(env.Sandbox, "my-sandbox");
    const failed = await sandbox.gitCheckout("file:///tmp/no-such-repository").catch((error: Error) => error.name);
    return { failed, left: await sandbox.pathExists("/workspace/no-such-repository") };
  },
};
