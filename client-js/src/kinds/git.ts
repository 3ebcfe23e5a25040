/** `git.*`: repositories. */

import { begin, type CallOptions, fromWire, type Path, pick } from "./call.ts";
import type { Env } from "./command.ts";
import { Ports } from "./port.ts";

/** How far a checkout is. */
export interface GitProgress {
  /** What git does, as `Receiving objects`. */
  readonly phase: string;
  /** How much of it, from 0 to 100, when git knows. */
  readonly percent?: number;
  /** How many of them. */
  readonly done?: number;
  /** How many there are. */
  readonly total?: number;
  /** The line, as git wrote it. */
  readonly text: string;
}

/** How to check a repository out. */
export interface GitCheckoutOptions {
  /** Branch or tag. Default: the repository's own choice. */
  readonly branch?: string | undefined;
  /** Where to. It must not exist, or be empty. Default: the repository's name, in `cwd`. */
  readonly directory?: Path | undefined;
  /** Only so many commits of that branch. Default: all of all branches. */
  readonly depth?: number | undefined;
  /** From where a relative `directory` is taken. Default: that of the session, else the server's workspace. */
  readonly cwd?: Path | undefined;
  /** A session, whose directory and exported variables git has. Default: none, or that of the `Session` object. */
  readonly session?: string | undefined;
  /** Variables of git over the sandbox's; `null` removes one. */
  readonly env?: Env | undefined;
  /**
   * Who signs in, by HTTP. It reaches no log, error, `.git/config` or process list, and nor does one that stands in the URL.
   * Default: what the URL says; with a `password` alone, `git`.
   */
  readonly username?: string | undefined;
  /** Password or access token, by HTTP. The same holds. Default: what the URL says. */
  readonly password?: string | undefined;
  /** Submodules, too; the credentials are for those on the same host. Default: false. */
  readonly recurseSubmodules?: boolean | undefined;
  /** What to leave out until it is needed, as `blob:none`. Default: nothing. */
  readonly filter?: string | undefined;
  /** Milliseconds that git has; then it is ended. Default: none. */
  readonly timeout?: number | undefined;
  /** Ends git when it is aborted. */
  readonly signal?: CallOptions["signal"];
  /** Called with how far it is. Who is slow misses some, but never the last of a phase. */
  readonly onProgress?: ((progress: GitProgress) => void) | undefined;
}

/** A repository that was checked out. */
export interface GitCheckoutResult {
  /** The repository, without credentials. */
  readonly url: string;
  /** Where it is. */
  readonly directory: string;
  /** The branch that is checked out; absent when it is a tag or a commit. */
  readonly branch?: string;
  /** The commit that is checked out; absent when the repository has none. */
  readonly commit?: string;
  /** How long it took, in milliseconds. */
  readonly duration: number;
}

/** Repositories. */
export class Git extends Ports {
  /**
   * Checks a repository out: by `https`, `http`, `ssh` or `git`, or from a directory of the
   * sandbox. When it fails, or is given up, it leaves nothing behind.
   *
   * Errors: `InvalidGitUrlError`, `GitRepositoryNotFoundError`, `GitAuthFailedError`, `GitBranchNotFoundError`,
   * `GitNetworkError`, `GitCloneFailedError`, `GitCheckoutFailedError`, and `GitNotInstalledError`, whose message says which
   * package brings git.
   *
   * @example
   * ```ts
   * const { workspace } = await sandbox.info();
   * const commit = "git -c user.name=A -c user.email=a@example.com commit -q --allow-empty -m first";
   * await sandbox.exec(`git init -q -b main origin && cd origin && ${commit}`);
   * const { branch, directory } = await sandbox.gitCheckout(`${workspace}/origin`, { directory: "copy" });
   * console.log(branch, directory === `${workspace}/copy`); // "main" true
   * ```
   */
  async gitCheckout(url: string, options: GitCheckoutOptions = {}): Promise<GitCheckoutResult> {
    const { session = this.session, signal, onProgress } = options;
    const names = ["branch", "directory", "depth", "cwd", "env", "username", "password"] as const;
    const params = {
      url,
      session,
      ...pick(options, ...names, "recurse_submodules", "filter", "timeout_ms"),
    };
    const call = begin<never, { readonly progress?: object }, object>(this.endpoint, "git.checkout", params, {
      signal,
    });
    try {
      for (let item = await call.next(); item; item = await call.next()) {
        if (item.type === "event" && item.event.progress) onProgress?.(fromWire<GitProgress>(item.event.progress));
      }
    } catch (error) {
      call.cancel(error);
      throw error;
    }
    return fromWire(await call.result());
  }
}
