/** Repositories over HTTP, by git's own server side; some of them for who has the password. */

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A server of repositories. Stop it at the end of the tests. */
export class GitServer {
  /** Where the repositories are. */
  readonly folder: string;
  readonly #http: HttpServer;

  private constructor(folder: string, http: HttpServer) {
    this.folder = folder;
    this.#http = http;
  }

  /**
   * Starts one with two repositories, `open.git` and `private.git`: a few commits on `main`, another branch `feature`, a tag
   * `v1`. The second wants the user `user` with the password `secret`.
   */
  static async start(): Promise<GitServer> {
    const folder = mkdtempSync(join(tmpdir(), "sandwire-git-"));
    makeRepository(folder, "open.git");
    makeRepository(folder, "private.git");
    const http = createServer((request, response) => serve(folder, request, response));
    await new Promise<void>(resolve => http.listen(0, "127.0.0.1", resolve));
    return new GitServer(folder, http);
  }

  /** `127.0.0.1:PORT`. */
  get address(): string {
    return `127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** Where a repository is. */
  url(name: string, credentials = ""): string {
    return `http://${credentials}${this.address}/${name}`;
  }

  /** Ends it, and removes the repositories. */
  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise(resolve => this.#http.close(resolve));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What git needs to know of who commits. */
const WHO = { GIT_AUTHOR_NAME: "A", GIT_AUTHOR_EMAIL: "a@b", GIT_COMMITTER_NAME: "A", GIT_COMMITTER_EMAIL: "a@b" };

function git(cwd: string, ...args: string[]): void {
  const env = { PATH: process.env["PATH"], HOME: cwd, GIT_CONFIG_NOSYSTEM: "1", ...WHO };
  const { status, stderr } = spawnSync("git", args, { cwd, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
}

function makeRepository(folder: string, name: string): void {
  const work = join(folder, `work-of-${name}`);
  mkdirSync(work);
  git(work, "init", "-q", "-b", "main");
  for (const number of [1, 2, 3]) {
    writeFileSync(join(work, "README"), `${name} ${number}\n`);
    git(work, "add", ".");
    git(work, "commit", "-q", "-m", `${number}`);
    if (number === 1) git(work, "tag", "v1");
  }
  git(work, "checkout", "-q", "-b", "feature");
  // Enough for git to tell how far it is.
  for (let file = 0; file < 200; file += 1) writeFileSync(join(work, `file-${file}`), `${file}\n`);
  git(work, "add", ".");
  git(work, "commit", "-q", "-m", "files");
  git(work, "checkout", "-q", "main");
  git(folder, "clone", "-q", "--bare", work, name);
}

function serve(folder: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? "/", "http://localhost");
  const allowed = `Basic ${Buffer.from("user:secret").toString("base64")}`;
  if (pathname.startsWith("/private") && request.headers.authorization !== allowed) {
    response.writeHead(401, { "WWW-Authenticate": 'Basic realm="git"' }).end();
    return;
  }
  const env = {
    PATH: process.env["PATH"],
    GIT_PROJECT_ROOT: folder,
    GIT_HTTP_EXPORT_ALL: "1",
    PATH_INFO: pathname,
    QUERY_STRING: search.slice(1),
    REQUEST_METHOD: request.method,
    CONTENT_TYPE: request.headers["content-type"] ?? "",
    GIT_PROTOCOL: `${request.headers["git-protocol"] ?? ""}`,
    ...(request.headers["content-encoding"] && { HTTP_CONTENT_ENCODING: `${request.headers["content-encoding"]}` }),
  };
  const backend = spawn("git", ["http-backend"], { env, stdio: ["pipe", "pipe", "ignore"] });
  request.pipe(backend.stdin);
  backend.stdin.on("error", () => {});
  let head = Buffer.alloc(0);
  backend.stdout.on("data", (data: Buffer) => {
    if (response.headersSent) return void response.write(data);
    head = Buffer.concat([head, data]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    let status = 200;
    for (const line of head.subarray(0, end).toString().split("\r\n")) {
      const [name = "", value = ""] = line.split(/: ?(.*)/s);
      if (name.toLowerCase() === "status") status = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.writeHead(status);
    response.write(head.subarray(end + 4));
  });
  backend.on("close", () => response.end());
}
