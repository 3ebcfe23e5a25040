/** The examples from the documentation that people have, as they stand there, under real workerd with real sandboxes. */

import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { Platform } from "../platform.ts";

/** Where nobody has a domain: what the Workers say for themselves. */
const PREVIEW_HOST = "preview.localhost";

let platform: Platform;
beforeAll(async () => {
  platform = await Platform.start({
    worker: "test/cloudflare/examples/worker/main.ts",
    // So that there is a /workspace, as the examples take it for granted.
    isolation: "bubblewrap",
    buckets: ["DATA_BUCKET"],
    variables: { SANDWIRE_PREVIEW_HOST: PREVIEW_HOST },
    bindings: { kvNamespaces: ["BUILDS"], queueProducers: ["ALERTS"] },
  });
});
afterAll(() => platform?.stop());

const show = <T = unknown>(name: string, ...args: string[]): Promise<T> => platform.call<T>(name, { args });

/** The sandboxes share the machine's network. */
function freePort(): Promise<string> {
  return new Promise(resolve => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const at = server.address();
      server.close(() => resolve(String(typeof at === "object" && at ? at.port : 0)));
    });
  });
}

describe("commands", () => {
  it("answer a request", async () => {
    expect(await (await fetch(platform.url("hello"))).text()).toBe("Hello from the edge!");
    expect(await show("sum")).toEqual({ output: "4" });
    expect(await show("simple")).toMatch(/^Exit code: 0, Output: [\s\S]*listed\.txt/);
    expect(await show("ping")).toBe("pong");
  });

  it("show what they do while they do it, and how they ended", async () => {
    const { shown, same } = await show<{ shown: string[]; same: boolean }>("buildWithProgress");
    expect(shown.at(-1)).toBe("Build succeeded (0)");
    expect(shown.join("")).toMatch(/compiling/);
    expect(shown).toContain("[stderr] a warning\n");
    expect(same).toBe(true);
    expect(await show("callbacks")).toEqual({
      shown: ["[stdout] installing\n", "[stderr] careful\n", ["Exit code:", 3]],
      stdout: "installing",
      stderr: "careful",
      exitCode: 3,
      success: false,
      duration: "number",
    });
  });

  it("are ended by who gives up, and by their time", async () => {
    expect(await show("cancelled")).toEqual({ said: "Command was cancelled", stdout: "gone" });
    expect(await show("timedOut")).toMatchObject({
      name: "TimeoutError",
      code: "COMMAND_EXECUTION_ERROR",
      context: { stdout: "part\n", timeout: 300 },
      on: "/tmp\ngone",
    });
  });

  it("have a directory and variables, pipes and lines", async () => {
    expect(await show("directoryAndEnvironment")).toEqual({
      stdout: "/workspace/project secret true",
      after: ".\n/workspace",
    });
    expect(await show("script")).toBe("first\n/workspace/repo");
    expect(await show("pipe")).toEqual({
      success: true,
      stdout: "",
      output: [
        { name: "alice", value: "10" },
        { name: "bob", value: "20" },
      ],
    });
  });

  it("run what somebody wrote", async () => {
    expect(await show("untrusted")).toBe("`id` $(id) \"quoted\" 'too'");
    expect(await show("agent")).toEqual({ output: "the answer is 42", error: "", success: true });
    expect(await show("snippet", "python", "print('py')")).toEqual({ output: "py", error: "", exitCode: 0 });
    expect(await show("snippet", "javascript", "process.exit(3)")).toEqual({ output: "", error: "", exitCode: 3 });
    expect(await show("snippet", "bash", "echo sh; echo e >&2")).toEqual({ output: "sh", error: "e", exitCode: 0 });
    await expect(show("snippet", "cobol", "")).rejects.toMatchObject({ error: "Unsupported language" });
  });

  it("wake a sandbox", async () => {
    expect(await show("prewarm")).toEqual({ stdout: "keepalive", status: "healthy" });
  });

  it("are seen by who wants to", async () => {
    expect(await show("debugged")).toEqual([
      "Starting: echo out; echo err >&2; exit 4 ",
      "[stdout] out\n",
      "[stderr] err\n",
      "Completed: false (4)",
      "Starting: echo too ",
      "[stdout] too\n",
      "Completed: true (0)",
      "Starting: sleep 30 ",
      expect.stringMatching(/^Failed: Command timed out after 200ms/),
    ]);
  });
});

describe("processes", () => {
  it("are started, looked at and ended", async () => {
    expect(await show("webServer", await freePort())).toEqual({
      started: true,
      said: ["Server is healthy!", "Server exited with code 143"],
    });
    const port = await freePort();
    expect(await show("management", port)).toEqual({
      processes: [{ id: "web-server", command: `python3 -um http.server ${port}`, status: "running" }],
      samePid: true,
      stopped: "killed",
      served: true,
    });
    expect(await show("dataJob")).toEqual({ status: "completed", exitCode: 0, stdout: "5050\n" });
  });

  it("have logs that are followed", async () => {
    expect(await show("logWatcher")).toEqual({ shown: ["[LOG] booted\n", "[LOG] SHUTDOWN\n"], status: "killed" });
    expect(await show("monitorLogs")).toEqual({ alerts: 1, exitCode: 143 });
    expect(await show("systemMonitor")).toEqual({ message: expect.stringContaining("ERROR disk"), dated: true });
    expect(await show("monitored")).toEqual({ named: true, shown: ["exit: 7", "stderr: two\n", "stdout: one\n"] });
  });

  it("make a workflow", async () => {
    expect(await show("developmentWorkflow")).toEqual({
      ready: "running",
      shown: ["Test failure: FAIL two\n"],
      success: false,
      ended: true,
    });
    expect(await show("ciPipeline")).toBe(true);
  });

  it("go on by themselves, whatever becomes of others and of who listens", async () => {
    expect(await show("background", await freePort())).toEqual({
      first: "Hello from sandbox!",
      second: "Hello from sandbox!",
      codes: [3, 127],
      why: expect.stringContaining("no-such-program-here"),
      running: "running",
      killed: 1,
      forgotten: 3,
      left: 0,
    });
  });
});

describe("files", () => {
  it("are read and written, text and bytes", async () => {
    expect(await show("readAndWrite")).toEqual({
      config: { name: "my-app", ready: true },
      path: "/workspace/config.json",
      app: "Hello!",
      script: "héllo",
      nested: "content",
    });
    expect(await show("binary")).toEqual({ encoding: "base64", isBinary: true, mimeType: "image/png", same: true });
  });

  it("are listed, moved and removed", async () => {
    expect(await show("list")).toEqual({
      count: 2,
      shown: [
        { name: "file.txt", path: "/workspace/file.txt", type: "file", size: 1024, recent: true },
        { name: "folder", path: "/workspace/folder", type: "directory", size: 0, recent: true },
      ],
    });
    expect(await show("remove")).toEqual({ refused: "IS_DIRECTORY", before: true, after: [false, false] });
    expect(await show("directories")).toEqual({ exists: false, there: true, content: "moved" });
    expect(await show("byStub")).toEqual({ before: true, after: false, stopped: "killed" });
  });
});

describe("sessions", () => {
  it("have variables: a command's, the session's, the sandbox's", async () => {
    expect(await show("variables")).toEqual({
      first: "production",
      later: "test . postgresql://localhost:5432/mydb",
      process: "test\n",
    });
    expect(await show("precedence")).toBe("command session sandbox");
  });

  it("keep their state apart", async () => {
    expect(await show("implicit")).toEqual({ directory: "/workspace/app", variable: "hello" });
    expect(await show("parallel")).toEqual({
      results: ["production /workspace/build", "test /workspace/test"],
      ids: ["build", "test"],
    });
    expect(await show("agents")).toBe("3000 undefined");
  });

  it("are made, found, listed and deleted", async () => {
    expect(await show("user")).toEqual({
      name: "123",
      written: true,
      config: "data",
      listed: ["user-123"],
      directory: "/workspace/user123",
      file: "content",
      logs: "123 /workspace/user123\n",
      deleted: { success: true, sessionId: "user-123" },
      left: 0,
    });
    const ask = async () => {
      const code = "import os; print(os.environ['USER_ID'], os.getcwd())";
      const headers = { "X-User-ID": "anna" };
      return (await fetch(platform.url("tenant", { args: [code] }), { headers })).json();
    };
    expect(await ask()).toEqual({ output: "anna /workspace/users/anna", known: false });
    expect(await ask()).toEqual({ output: "anna /workspace/users/anna", known: true });
  });
});

describe("ports", () => {
  it("give a service an address", async () => {
    const port = await freePort();
    const { installed, url } = await show<{ installed: number; url: string }>("nodeApp", port);
    expect(installed).toBe(0);
    expect(url).toMatch(new RegExp(`^http://${port}-node-app-[a-z0-9]{16}\\.${PREVIEW_HOST}$`));
    expect(JSON.parse((await platform.get(url)).text)).toEqual({ message: "Hello from Cloudflare!" });
    expect(await show("direct", port)).toEqual({ message: "Hello from Cloudflare!" });
  });

  it("are named, listed, and taken away again", async () => {
    const port = await freePort();
    interface Said {
      readonly exposed: { readonly url: string };
      readonly isExposed: boolean;
      readonly portInfo: object;
      readonly allPorts: readonly object[];
    }
    const { exposed, isExposed, portInfo, allPorts } = await show<Said>("service", port);
    const about = { port: Number(port), name: "web-app" };
    expect(exposed).toEqual({
      ...about,
      url: expect.stringMatching(`^http://${port}-dev-env-[a-z0-9]{16}.localhost:`),
    });
    expect(isExposed).toBe(true);
    expect(portInfo).toMatchObject({ ...about, status: "active", url: expect.stringContaining(PREVIEW_HOST) });
    expect(allPorts).toEqual([{ ...about, url: exposed.url, status: "active" }]);
    expect((await platform.get(exposed.url)).text).toBe("<h1>Hello!</h1>");
    expect(await show("unexpose", port)).toEqual({ isExposed: false, info: null });
    expect((await platform.get(exposed.url)).status).toBe(404);
  });

  it("are reached by WebSockets", async () => {
    const port = await freePort();
    await show("socketServer", port);
    const { host, pathname, search } = platform.url("socket", { args: [port] });
    const socket = new WebSocket(`ws://${host}${pathname}${search}`);
    const said = await new Promise((resolve, reject) => {
      socket.on("message", data => resolve(String(data)));
      socket.on("error", reject);
    });
    expect(said).toBe("hello");
    socket.terminate();
  });
});

describe("streams", () => {
  it("tell what a build does", async () => {
    const { first, last, all, kept } = await show<Record<"first" | "last" | "all" | "kept", unknown>>(
      "runBuild",
      "build-1",
    );
    expect(first).toBe("Build started: npm run build");
    expect(all).toMatch(/compiling\n[\s\S]*done\n/);
    expect(last).toBe("Exit code: 0");
    expect(kept).toEqual({ status: "success", exitCode: 0 });
    expect(await show("loop")).toMatch(/^Started: [^\n]*\ncompiling\nBuild completed with exit code: 2$/);
  });

  it("are read from responses, and made of what is read", async () => {
    const text = await (await fetch(platform.url("passedOn"))).text();
    expect(text).toMatch(/"data":"ONE\\nTWO\\n"|"data":"ONE\\n"[\s\S]*"data":"TWO\\n"/);
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
  });
});

describe("repositories", () => {
  it("are checked out, built and tested", async () => {
    expect(await show("buildAndTest")).toEqual({ tests: "failed", build: "success", output: true });
    expect(await show("gitCommands")).toEqual({ codes: [0, 0, 0], stdout: "feature" });
    const body = JSON.stringify({ repo: "file:///tmp/published/my-app", branch: "next" });
    const answer = await fetch(platform.url("pipeline"), { method: "POST", body });
    expect(await answer.json()).toEqual({ success: false, shown: true, output: true, exitCode: 1 });
  });

  it("are worked on, and seen while that is done", async () => {
    const { url, ...about } = await show<{ url: string }>("interactive", await freePort());
    expect(about).toEqual({ branch: "next", targetDir: "/workspace/my-app", commits: "second" });
    expect((await platform.get(url)).text).toBe("after");
    expect(await show("missing")).toEqual({ failed: "GitRepositoryNotFoundError", left: false });
  });
});

describe("storage", () => {
  it("is a directory, and keeps what is written there", async () => {
    expect(await show("dataProcessor")).toEqual({ stdout: "['1', '2', '3']", kept: "name,value\nalice,10\n" });
    expect(await show("mounted")).toEqual({ listed: true, content: "1 2 3" });
  });
});

describe("failures", () => {
  it("are told by exit codes and by codes", async () => {
    expect(await show("commandError")).toEqual({ exitCode: 1, stderr: expect.stringContaining("SyntaxError") });
    expect(await show("sdkError")).toBe("Handle missing file");
    expect(await show("retried")).toBe("ready");
  });

  it("come at once from what would hang, or do something else", async () => {
    expect(await show("refused")).toEqual([
      expect.stringMatching(/^VALIDATION_FAILED: .*startProcess/),
      expect.stringMatching(/^VALIDATION_FAILED: .*one line/),
      expect.stringMatching(/^VALIDATION_FAILED: .*30s/),
      expect.stringMatching(/^VALIDATION_FAILED: .*no host name/),
    ]);
  });
});
