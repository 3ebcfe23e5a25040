/** `gitCheckout` of the drop-in with a real git. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { callsIn } from "../../../src/cloudflare/calls.ts";
import {
  GitAuthenticationError,
  GitBranchNotFoundError,
  GitNetworkError,
  GitRepositoryNotFoundError,
  InvalidGitUrlError,
} from "../../../src/cloudflare/errors.ts";
import { GitServer } from "../../harness/git-server.ts";
import { failure, family } from "./context.ts";

const test = family({ cut: [500, 4_000] });
let git: GitServer;

beforeAll(async () => {
  git = await GitServer.start();
});
afterAll(() => git.stop());

it("says what the stock package says", async () => {
  const { gitCheckout, exec } = callsIn(test.context);
  expect(await gitCheckout(git.url("open.git"))).toEqual({
    success: true,
    repoUrl: git.url("open.git"),
    branch: "main",
    targetDir: join(test.server.workspace, "open"),
    timestamp: expect.stringMatching(/^\d{4}-/),
  });
  await exec("mkdir -p below; cd below");
  const options = { branch: "feature", targetDir: "here", depth: 1 };
  expect(await gitCheckout(git.url("private.git", "user:secret@"), options)).toMatchObject({
    repoUrl: git.url("private.git"),
    branch: "feature",
    targetDir: join(test.server.workspace, "below/here"),
  });
  expect(readFileSync(join(test.server.workspace, "below/here/README"), "utf8")).toBe("private.git 3\n");
  const alone = callsIn(test.sessionless);
  expect(await alone.gitCheckout(git.url("open.git"), { branch: "v1", targetDir: "tag" })).toMatchObject({
    branch: "v1",
  });
});

it("fails with the stock package's classes, and without the credentials", async () => {
  const { gitCheckout } = callsIn(test.context);
  for (const [url, options, Class, code, status] of [
    ["not a url", {}, InvalidGitUrlError, "INVALID_GIT_URL", 400],
    [git.url("missing.git"), {}, GitRepositoryNotFoundError, "GIT_REPOSITORY_NOT_FOUND", 404],
    [git.url("private.git", "user:topsecret@"), {}, GitAuthenticationError, "GIT_AUTH_FAILED", 401],
    [git.url("open.git"), { branch: "none", targetDir: "x" }, GitBranchNotFoundError, "GIT_BRANCH_NOT_FOUND", 404],
    ["http://user:topsecret@127.0.0.1:1/x.git", {}, GitNetworkError, "GIT_NETWORK_ERROR", 502],
  ] as const) {
    const error = await failure(gitCheckout(url, options));
    expect(error, url).toBeInstanceOf(Class);
    expect(error).toMatchObject({ code, httpStatus: status, operation: "git.checkout" });
    expect(JSON.stringify(error.errorResponse)).not.toContain("topsecret");
    if (code !== "INVALID_GIT_URL")
      expect(error.context).toMatchObject({ repository: url.replace("user:topsecret@", "") });
  }
});

it.each([{ depth: 0 }, { depth: 1.5 }, { cloneTimeoutMs: -1 }])("refuses %o before anything runs", async options => {
  const { gitCheckout } = callsIn(test.context);
  expect(await failure(gitCheckout(git.url("open.git"), options))).toMatchObject({ code: "VALIDATION_FAILED" });
  expect(await failure(gitCheckout(""))).toMatchObject({ code: "VALIDATION_FAILED" });
});
