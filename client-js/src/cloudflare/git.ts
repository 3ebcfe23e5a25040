/** Repositories: `gitCheckout`. */

import type { Context } from "./context.ts";
import { attempt, invalid } from "./errors.ts";
import { absolute, inSession } from "./session.ts";
import type { GitCheckoutOptions, GitCheckoutResult } from "./types.ts";

/** Milliseconds that git has, unless a call says otherwise. */
const TIMEOUT = 600_000;

/**
 * Checks a repository out, with the variables of the session. A relative `targetDir` counts against its directory; by default
 * it is the repository's name, in `/workspace`. Credentials in the URL reach no error, no log and no file.
 *
 * @throws `InvalidGitUrlError`, `GitRepositoryNotFoundError`, `GitAuthenticationError`, `GitBranchNotFoundError`,
 * `GitNetworkError`, `GitCloneError`, `GitCheckoutError`. Nothing is left behind then.
 */
export async function gitCheckout(
  context: Context,
  repoUrl: string,
  options: GitCheckoutOptions = {},
): Promise<GitCheckoutResult> {
  const { branch, targetDir, depth, cloneTimeoutMs: timeout = TIMEOUT } = options;
  if (typeof repoUrl !== "string" || repoUrl === "") throw invalid("repoUrl", "repoUrl is empty");
  checkCount("depth", depth);
  checkCount("cloneTimeoutMs", timeout);
  const { session } = context;
  const what = { repository: withoutCredentials(repoUrl), branch, targetDir, sessionId: session };
  return attempt({ operation: "git.checkout", ...what }, async () => {
    const client = await context.client();
    const directory = targetDir === undefined ? undefined : await absolute(context, client, session, targetDir);
    const done = await inSession(context, client, session, () =>
      client.gitCheckout(repoUrl, { branch, depth, directory, cwd: context.cwd, session, timeout }),
    );
    return {
      success: true,
      repoUrl: done.url,
      // Of a tag there is no branch; of an empty repository no commit.
      branch: done.branch ?? branch ?? done.commit ?? "",
      targetDir: done.directory,
      timestamp: new Date().toISOString(),
    };
  });
}

function checkCount(field: string, value: number | undefined): void {
  if (value === undefined || (Number.isInteger(value) && value > 0)) return;
  throw invalid(field, `Invalid ${field} value: ${value}. Must be a positive integer`);
}

/** A URL as it may be shown. */
const withoutCredentials = (url: string): string => url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, "$1");
