/**
 * The example application as `wrangler dev` runs it, with a host engine behind it: its API as a program uses it, its console
 * as a person does, a preview, and who is let in. And that `wrangler deploy` would take it.
 */

import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Visitor } from "../console/bench.ts";
import { cell, code, notebook } from "../console/notebook.ts";
import { enter, newTerminal, shows } from "../console/screen.ts";
import { launchChromium } from "../harness/chromium.ts";
import { until } from "../harness/until.ts";
import { Example, PROJECT, QUIET, TOKEN, wrangler } from "./places.ts";

// Each begins a sandbox, on a machine that may be slow.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

it("is what `wrangler deploy` takes", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sandwire-deploy-"));
  const [node, script] = wrangler();
  // Without the image: its own tests build it.
  const args = [script, "deploy", "--dry-run", "--containers-rollout=none", "--outdir", folder];
  const { stdout } = await promisify(execFile)(node, args, { cwd: PROJECT, env: { ...process.env, ...QUIET } });
  rmSync(folder, { recursive: true, force: true });
  expect(stdout).toMatch(/env\.Sandbox \(Sandbox\)\s+Durable Object/);
  expect(stdout).toMatch(/env\.ASSETS\s+Assets/);
  expect(stdout).toContain("--dry-run: exiting now");
});

describe("for who is let in", () => {
  let example: Example;
  let browser: Browser;

  beforeAll(async () => {
    [example, browser] = await Promise.all([Example.start(), launchChromium()]);
  });
  afterAll(async () => {
    await browser?.close();
    await example?.stop();
  });

  const authorization = `Bearer ${TOKEN}`;
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${example.origin}${path}`, { ...init, headers: { authorization, ...init.headers } });
  const exec = (sandbox: string, command: string, headers: Record<string, string> = {}) =>
    ask(`/api/sandboxes/${sandbox}/exec`, { method: "POST", headers, body: JSON.stringify({ command }) });

  it("runs a command, with its true exit code", async () => {
    const answer = await exec("runs", "echo out; echo err >&2; exit 3");
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ success: false, exitCode: 3, stdout: "out", stderr: "err" });
  });

  it("tells what a command prints as it prints it", async () => {
    // The command waits for us: what it printed before must be here.
    const command = "echo one; until [ -e /workspace/go ]; do sleep 0.02; done; echo two; exit 4";
    const answer = await exec("runs", command, { accept: "text/event-stream" });
    const reader = (answer.body as ReadableStream<Uint8Array<ArrayBuffer>>)
      .pipeThrough(new TextDecoderStream())
      .getReader();
    let text = "";
    const read = async (wanted: string) => {
      while (!text.includes(wanted)) {
        const { done, value } = await reader.read();
        if (done) throw new Error(`ended without ${wanted}: ${text}`);
        text += value;
      }
    };
    await read('"data":"one');
    expect(text).not.toContain('"data":"two');
    expect((await ask("/api/sandboxes/runs/files/workspace/go", { method: "PUT", body: "" })).status).toBe(204);
    await read('"data":"two');
    await read('"exitCode":4');
  });

  it("takes a file and gives it back", async () => {
    const content = randomBytes(3 << 20);
    const put = await ask("/api/sandboxes/runs/files/workspace/some.bin", { method: "PUT", body: content });
    expect(put.status).toBe(204);
    const got = await ask("/api/sandboxes/runs/files/workspace/some.bin");
    const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
    expect(hash(new Uint8Array(await got.arrayBuffer()))).toBe(hash(content));
    const missing = await ask("/api/sandboxes/runs/files/workspace/nothing");
    expect([missing.status, await missing.json()]).toMatchObject([404, { code: "FILE_NOT_FOUND" }]);
  });

  it("gives a browser no page of a sandbox under its own name", async () => {
    const path = "/api/sandboxes/runs/files/workspace/page.html";
    await ask(path, { method: "PUT", body: "<script>parent.postMessage(document.cookie)</script>" });
    const { headers } = await ask(path);
    expect(headers.get("content-security-policy")).toMatch(/^sandbox;/);
    expect(headers.get("content-disposition")).toBe("attachment");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  });

  it.each([["{"], ["null"], ["{}"], ['{"command": 7}']])("says what is wrong with the body %s", async body => {
    const answer = await ask("/api/sandboxes/runs/exec", { method: "POST", body });
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: "VALIDATION_FAILED" }]);
  });

  it("shows what listens on a port, and only at its own address", async () => {
    const started = await ask("/api/sandboxes/web/processes", {
      method: "POST",
      body: JSON.stringify({ command: "echo from the sandbox > index.html; exec python3 -m http.server 18123" }),
    });
    expect(started.status).toBe(201);
    const exposed = await ask("/api/sandboxes/web/ports/18123", { method: "POST" });
    const { url } = (await exposed.json()) as { url: string };
    const { host } = new URL(url);
    expect(host).toMatch(/^18123-web-[a-z0-9_]+\./);
    // The name leads to this machine, as it does in a browser.
    const look = () => promisify(execFile)("curl", ["-s", "-H", `Host: ${host}`, `${example.origin}/`]);
    await until("the program answers", async () => (await look()).stdout === "from the sandbox\n");
    expect((await ask("/api/sandboxes/web/ports/18123", { method: "DELETE" })).status).toBe(204);
    expect((await look()).stdout).toContain("INVALID_TOKEN");
  });

  /** Somebody comes to a console and signs in. */
  const come = async (path: string): Promise<Visitor> => {
    const expected = [/status of 401/, /WebSocket connection/];
    const visitor = await Visitor.come(browser, example.origin, { path, expected });
    await visitor.page.getByLabel("Token").fill(TOKEN);
    await visitor.page.getByRole("button", { name: "Sign in" }).click();
    await visitor.connection("Connected");
    return visitor;
  };

  it("is a console for a person", async () => {
    await using visitor = await come("/sandboxes/desk/");
    const { page } = visitor;
    await newTerminal(page);
    await enter(page, "echo answer-$((6 * 7)); pwd");
    await shows(page, /^answer-42\n\/workspace$/m);
    await enter(page, "vim -u NONE -N poem.txt");
    await shows(page, /^~$/m);
    await page.keyboard.type("ofrom the browser, through a Worker");
    await page.keyboard.press("Escape");
    await page.keyboard.type(":wq\n");
    await visitor.pictures("worker-terminal");
    await visitor.go("Files");
    await page.getByText("poem.txt").first().waitFor();
    await visitor.pictures("worker-files");
  });

  it("says when the sandbox sleeps, and wakes it for a person only", async () => {
    await using visitor = await come("/sandboxes/sleepy/");
    const { page } = visitor;
    await newTerminal(page);
    await enter(page, "echo kept > kept.txt; exit");
    await page.getByText("The program ended with exit code 0.").waitFor();
    await visitor.go("Processes");
    const engine = `http://${example.engine.address.replace(/\/$/, "")}/sandboxes/sleepy`;
    const headers = { authorization };
    expect((await fetch(`${engine}/stop`, { method: "POST", headers })).ok).toBe(true);
    await page.getByText("The sandbox sleeps").waitFor();
    await visitor.pictures("worker-asleep");
    const state = async () => ((await (await fetch(engine, { headers })).json()) as { state: string }).state;
    expect(await state()).toBe("asleep");
    await page.getByRole("button", { name: "Wake it" }).click();
    await visitor.connection("Connected");
    expect(await state()).toBe("running");
    await visitor.go("Files");
    await page.getByText("kept.txt").first().waitFor();
  });

  it.each([
    {
      what: "a notebook",
      id: "drowsy",
      file: "n.ipynb",
      at: "notebooks/workspace/n.ipynb",
      text: (word: string) => notebook([code("c1", `print('${word}')`)]),
      shown: (page: Page) => cell(page, 1),
    },
    {
      what: "a file",
      id: "dozing",
      file: "n.txt",
      at: "files/workspace/n.txt",
      text: (word: string) => `it is ${word}\n`,
      shown: (page: Page) => page.getByRole("textbox", { name: "Text of n.txt" }),
    },
  ])("makes no sandbox anew that was destroyed while $what was open, which is watched", async open => {
    const put = (word: string) =>
      ask(`/api/sandboxes/${open.id}/files/workspace/${open.file}`, { method: "PUT", body: open.text(word) });
    await put("open");
    await using visitor = await come(`/sandboxes/${open.id}/#/${open.at}`);
    const { page } = visitor;
    await open.shown(page).getByText("open").waitFor();
    // What changes in the file is seen, so that it is watched now.
    await put("changed");
    await open.shown(page).getByText("changed").waitFor();
    const engine = `http://${example.engine.address.replace(/\/$/, "")}/sandboxes/${open.id}`;
    const headers = { authorization };
    const state = async () => ((await (await fetch(engine, { headers })).json()) as { state?: string }).state;
    expect(await state()).toBe("running");
    expect((await ask(`/api/sandboxes/${open.id}`, { method: "DELETE" })).status).toBe(204);
    await page.getByText("The sandbox sleeps").waitFor();
    await visitor.pictures(`worker-${open.id}-asleep`);
    expect(await state()).not.toBe("running");
  });

  it("asks for a name first", async () => {
    await using visitor = await Visitor.come(browser, example.origin, {
      expected: [/status of 401/, /WebSocket connection/],
    });
    await visitor.picture("worker-home");
    await visitor.page.getByRole("textbox", { name: "Name of the sandbox" }).fill("desk");
    await visitor.page.getByRole("button", { name: "Open" }).click();
    await visitor.page.waitForURL("**/sandboxes/desk/");
    await visitor.page.getByLabel("Token").waitFor();
  });

  it("lets no page of another origin do anything", async () => {
    const answer = await exec("runs", "true", { origin: "https://elsewhere.example" });
    expect([answer.status, await answer.json()]).toMatchObject([403, { code: "PERMISSION_DENIED" }]);
  });

  it("forgets a sandbox that is destroyed", async () => {
    await exec("gone", "echo here > file");
    expect((await ask("/api/sandboxes/gone", { method: "DELETE" })).status).toBe(204);
    expect(await (await exec("gone", "cat file")).json()).toMatchObject({ success: false });
  });
});

describe("the door", () => {
  let example: Example;
  let open: Example;

  beforeAll(async () => {
    example = await Example.start();
    open = await Example.start({});
  });
  afterAll(() => Promise.all([example?.stop(), open?.stop()]));

  const run = (headers: Record<string, string>, { origin } = example) =>
    fetch(`${origin}/api/sandboxes/dev/exec`, { method: "POST", headers, body: '{"command":"echo in"}' });

  it("lets in who has the token, and nobody else", async () => {
    expect((await run({})).status).toBe(401);
    expect((await run({ authorization: "Bearer wrong" })).status).toBe(401);
    expect(await (await run({ authorization: `Bearer ${TOKEN}` })).json()).toMatchObject({ stdout: "in" });
  });

  it("lets in nobody while no token is set, and says what to do", async () => {
    for (const headers of [{}, { host: "localhost", "cf-connecting-ip": "127.0.0.1" }, { authorization: "Bearer " }]) {
      const answer = await run(headers, open);
      expect([answer.status, await answer.text()]).toEqual([401, expect.stringContaining("no token is set")]);
    }
  });

  it("gives a browser a cookie for it, which nobody can make", async () => {
    const signIn = (token: string) =>
      fetch(`${example.origin}/sandboxes/dev/v1/session`, { method: "POST", body: JSON.stringify({ token }) });
    expect((await signIn("wrong")).status).toBe(401);
    const answer = await signIn(TOKEN);
    expect(answer.status).toBe(204);
    const [cookie = ""] = answer.headers.getSetCookie();
    expect(cookie).toMatch(/HttpOnly.*SameSite=Strict/i);
    expect(cookie).not.toContain(TOKEN);
    const [pair = ""] = cookie.split(";");
    expect((await run({ cookie: pair })).status).toBe(200);
    // A later end, with the signature of this one.
    expect((await run({ cookie: pair.replace(/=\d/, "=9") })).status).toBe(401);
  });
});
