/** `gitCheckout` with a real git, over HTTP. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  AbortError,
  connect,
  GitAuthFailedError,
  GitBranchNotFoundError,
  GitNetworkError,
  type GitProgress,
  GitRepositoryNotFoundError,
  InvalidGitUrlError,
} from "../../src/index.ts";
import { GitServer } from "../harness/git-server.ts";
import { CuttingProxy } from "../harness/proxy.ts";
import { failure, served } from "./served.ts";

const test = served();
let git: GitServer;

beforeAll(async () => {
  git = await GitServer.start();
});
afterAll(() => git.stop());

/** What is in the workspace. */
const names = () => readdirSync(test.server.workspace);
const content = (...path: string[]) => readFileSync(join(test.server.workspace, ...path), "utf8");

describe("gitCheckout", () => {
  it("checks a repository out, and tells how far it is", async () => {
    const told: GitProgress[] = [];
    const done = await test.sandbox.gitCheckout(git.url("open.git"), { onProgress: progress => told.push(progress) });
    expect(done).toMatchObject({
      url: git.url("open.git"),
      directory: join(test.server.workspace, "open"),
      branch: "main",
      commit: expect.stringMatching(/^[0-9a-f]{40}$/),
      duration: expect.any(Number),
    });
    expect(content("open", "README")).toBe("open.git 3\n");
    expect(told.map(({ phase }) => phase)).toContain("Receiving objects");
    expect(told.findLast(({ phase }) => phase === "Receiving objects")).toMatchObject({ percent: 100 });
  });

  it("takes a branch or a tag, a depth, a directory and a session", async () => {
    const { sandbox } = test;
    const branch = await sandbox.gitCheckout(git.url("open.git"), {
      branch: "feature",
      directory: "deep/er",
      depth: 1,
    });
    expect(branch).toMatchObject({ branch: "feature", directory: join(test.server.workspace, "deep/er") });
    const { stdout } = await sandbox.exec("git -C deep/er rev-list --count HEAD; ls deep/er | wc -l");
    expect(stdout).toBe("1\n201\n");
    const tag = await sandbox.gitCheckout(git.url("open.git"), { branch: "v1", directory: "tag" });
    expect(tag.branch).toBeUndefined();
    expect(content("tag", "README")).toBe("open.git 1\n");
    const session = await sandbox.createSession({ cwd: test.server.workspace });
    await session.exec("mkdir inner; cd inner");
    const inner = await session.gitCheckout(git.url("open.git"));
    expect(inner.directory).toBe(join(test.server.workspace, "inner/open"));
    await session.delete();
  });

  it("signs in with what it is given, which is found nowhere afterwards", async () => {
    const { sandbox } = test;
    const given = { username: "user", password: "secret", directory: "given" };
    expect(await sandbox.gitCheckout(git.url("private.git"), given)).toMatchObject({ url: git.url("private.git") });
    const inUrl = await sandbox.gitCheckout(git.url("private.git", "user:secret@"), { directory: "in-url" });
    expect(inUrl.url).toBe(git.url("private.git"));
    expect((await sandbox.exec("grep -rl secret given in-url")).stdout).toBe("");
    expect(test.server.log).not.toContain("secret");
  });

  it("says by a class of its own what went wrong, without a secret, and leaves nothing behind", async () => {
    const before = names();
    for (const [url, options, Class] of [
      ["not a url", {}, InvalidGitUrlError],
      ["ext::sh -c true", {}, InvalidGitUrlError],
      [git.url("missing.git"), {}, GitRepositoryNotFoundError],
      [git.url("private.git", "user:topsecret@"), { directory: "x" }, GitAuthFailedError],
      [git.url("private.git"), { directory: "x" }, GitAuthFailedError],
      [git.url("open.git"), { branch: "none", directory: "x" }, GitBranchNotFoundError],
      ["http://user:topsecret@127.0.0.1:1/x.git", {}, GitNetworkError],
    ] as const) {
      const error = await failure(test.sandbox.gitCheckout(url, options));
      expect(error, url).toBeInstanceOf(Class);
      expect(JSON.stringify([error.message, error]), url).not.toContain("topsecret");
    }
    expect(names()).toEqual(before);
  });

  it("is ended by its time and by its signal, and leaves nothing behind", async () => {
    const before = names();
    // It takes the connection, and never answers.
    const silent = await CuttingProxy.start(git.address);
    await silent.stall("down");
    const url = `http://${silent.address}/silent.git`;
    await expect(test.sandbox.gitCheckout(url, { timeout: 300 })).rejects.toThrow(/time|300/);
    const controller = new AbortController();
    const aborted = failure(test.sandbox.gitCheckout(url, { signal: controller.signal }));
    await expect.poll(async () => (await silent.counters()).connections).toBeGreaterThan(1);
    controller.abort();
    expect(await aborted).toBeInstanceOf(AbortError);
    const left = async () => (await test.sandbox.exec("pgrep -f 'silent[.]git' | cat")).stdout;
    await expect.poll(left).toBe("");
    await expect.poll(names).toEqual(before);
    await silent.stop();
  });

  it("goes on over connections that are cut", async () => {
    const proxy = await CuttingProxy.start(test.server.address);
    const sandbox = await connect(proxy.url);
    for (let round = 0; round < 5; round += 1) {
      await proxy.cutAfter("down", 1 + round * 60);
      const done = await sandbox.gitCheckout(git.url("open.git"), { branch: "feature", directory: `cut-${round}` });
      expect(done).toMatchObject({ branch: "feature" });
    }
    expect((await proxy.counters()).cuts).toBe(5);
    await proxy.keepWhole();
    await sandbox.close();
    await proxy.stop();
  });
});
