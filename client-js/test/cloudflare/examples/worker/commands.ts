/** Commands. */

import { getSandbox, type SandboxError } from "sandwire/cloudflare";
import type { Examples } from "./env.ts";
import { project } from "./project.ts";

/** What a language is run with. */
const languageConfigs: Readonly<Record<string, { readonly cmd: string; readonly ext: string }>> = {
  python: { cmd: "python3", ext: "py" },
  javascript: { cmd: "node", ext: "js" },
  bash: { cmd: "bash", ext: "sh" },
};

export const commands: Examples = {
  async hello({ env }) {
    const sandbox = getSandbox(env.Sandbox, "my-sandbox");

    // Execute a command
    const result = await sandbox.exec("echo 'Hello from the edge!'");
    return new Response(result.stdout);
  },

  async sum({ env }) {
    const sandbox = getSandbox(env.Sandbox, "my-sandbox");
    const result = await sandbox.exec('python3 -c "print(2 + 2)"');
    return Response.json({ output: result.stdout });
  },

  async simple({ env }) {
    const sandbox = getSandbox(env.Sandbox, "my-sandbox");
    await sandbox.writeFile("/workspace/listed.txt", "");
    const result = await sandbox.exec("ls -la");
    return `Exit code: ${result.exitCode}, Output: ${result.stdout}`;
  },

  /** Real-time output AND the final result with its exit code; then the server. */
  async buildWithProgress({ env }) {
    const sandbox = await project(env, "builder");
    const shown: string[] = [];
    const buildResult = await sandbox.exec("npm run build", {
      stream: true,
      onOutput: (stream, data) => {
        shown.push(`[${stream}] ${data}`);
      },
    });
    shown.push(`Build ${buildResult.success ? "succeeded" : "failed"} (${buildResult.exitCode})`);
    return { shown, same: buildResult.stdout === told(shown, "stdout") };
  },

  async callbacks({ env }) {
    const sandbox = getSandbox(env.Sandbox, "my-sandbox");
    const shown: unknown[] = [];
    const result = await sandbox.exec("echo installing; echo careful >&2; exit 3", {
      stream: true,

      onOutput: (stream, data) => {
        shown.push(`[${stream}] ${data}`); // stream = 'stdout' | 'stderr'
      },

      onComplete: result => {
        shown.push(["Exit code:", result.exitCode]);
      },

      onError: error => {
        shown.push(["Execution failed:", error]);
      },
    });
    const { stdout, stderr, exitCode, success, duration } = result;
    return { shown, stdout, stderr, exitCode, success, duration: typeof duration };
  },

  async cancelled({ env }) {
    const sandbox = getSandbox(env.Sandbox, "my-sandbox");
    const controller = new AbortController();
    let said = "it went on";
    const running = sandbox
      .exec("echo started; sleep 30", {
        signal: controller.signal,
        timeout: 10000, // 10 second timeout
        // Cancel as soon as it runs
        onOutput: () => controller.abort(),
      })
      .catch((error: Error) => {
        if (error.name === "AbortError") {
          said = "Command was cancelled";
        } else if (error.name === "TimeoutError") {
          said = "Command timed out";
        }
      });
    await running;
    const { stdout } = await sandbox.exec("pgrep -x sleep || echo gone");
    return { said, stdout };
  },

  async timedOut({ env }) {
    const sandbox = getSandbox(env.Sandbox, "my-sandbox");
    await sandbox.exec("cd /tmp");
    try {
      await sandbox.exec("echo part; sleep 30", { timeout: 300 });
      return "it ran to its end";
    } catch (error) {
      const { name, code, context } = error as SandboxError;
      // The session's shell has its state still, and nothing waits for what was ended.
      return { name, code, context, on: (await sandbox.exec("pwd; pgrep -x sleep || echo gone")).stdout };
    }
  },

  /** Change directory, set env vars */
  async directoryAndEnvironment({ env }) {
    const sandbox = getSandbox(env.Sandbox, "my-sandbox");
    await sandbox.writeFile(
      "/workspace/project/test.py",
      'import os\nprint(os.getcwd(), os.environ["API_KEY"], os.environ["DEBUG"])\n',
    );
    const result = await sandbox.exec("python3 test.py", {
      cwd: "/workspace/project",
      env: {
        API_KEY: "secret",
        DEBUG: "true",
      },
    });
    // For this command alone.
    const after = await sandbox.exec('echo "$API_KEY."; pwd', { cwd: "/workspace" });
    return { stdout: result.stdout, after: after.stdout };
  },

  /** Multi-line scripts */
  async script({ env }) {
    const sandbox = getSandbox(env.Sandbox, "scripts");
    const result = await sandbox.exec(`
      cd /workspace
      git init -q -b main origin
      git -C origin -c user.name=n -c user.email=e@example.com commit -q --allow-empty -m first
      git clone -q origin repo
      cd repo
      git log --format=%s
      pwd
    `);
    return result.stdout;
  },

  /** Pipe and redirection */
  async pipe({ env }) {
    const sandbox = getSandbox(env.Sandbox, "scripts");
    await sandbox.writeFile("/workspace/data.csv", "name,value\nalice,10\nbob,20\n");
    await sandbox.writeFile(
      "/workspace/process.py",
      "import csv, json, sys\nprint(json.dumps(list(csv.DictReader(sys.stdin))))\n",
    );
    await sandbox.exec("cd /workspace");
    const result = await sandbox.exec("cat data.csv | python3 process.py > output.json");
    const file = await sandbox.readFile("/workspace/output.json");
    return { success: result.success, stdout: result.stdout, output: JSON.parse(file.content) as unknown };
  },

  /** SAFE: Write to file, execute file */
  async untrusted({ env }) {
    const sandbox = getSandbox(env.Sandbox, "shared-runner");
    const userCode = "print('`id` $(id) \"quoted\" \\'too\\'')\n";
    await sandbox.writeFile("/workspace/user_code.py", userCode);
    const result = await sandbox.exec("python3 /workspace/user_code.py", {
      timeout: 30000, // 30 seconds
    });
    return result.stdout;
  },

  /** Give LLM a Python REPL */
  async agent({ env }) {
    const code = 'print("the answer is", 6 * 7)';
    const sandbox = getSandbox(env.Sandbox, "ai-agent");

    // Execute user-provided code safely
    const result = await sandbox.exec(`python3 -c "${code.replace(/"/g, '\\"')}"`);

    return Response.json({
      output: result.stdout,
      error: result.stderr,
      success: result.success,
    });
  },

  async snippet({ env, args: [language = "", code = ""] }) {
    const config = languageConfigs[language];

    if (!config) {
      return Response.json({ error: "Unsupported language" }, { status: 400 });
    }

    const sandbox = getSandbox(env.Sandbox, "code-runner");
    const filename = `/workspace/script.${config.ext}`;

    await sandbox.writeFile(filename, code);
    const result = await sandbox.exec(`${config.cmd} ${filename}`);

    return Response.json({
      output: result.stdout,
      error: result.stderr,
      exitCode: result.exitCode,
    });
  },

  /** What a cron trigger does, to keep a sandbox warm; and how long it stays so by itself. */
  async prewarm({ env }) {
    const sandbox = getSandbox(env.Sandbox, "Main", {
      normalizeId: true, // lowercase ID (required for preview URLs)
      sleepAfter: "2d", // sleep after inactivity: '5m', '1h', '2d'
      keepAlive: false, // false = auto-timeout, true = never sleep

      containerTimeouts: {
        instanceGetTimeoutMS: 30000, // 30s for provisioning
        portReadyTimeoutMS: 90000, // 90s for container startup
      },
    });
    const { stdout } = await sandbox.exec('echo "keepalive"'); // Wake sandbox
    const { status } = await getSandbox(env.Sandbox, "main").getState();
    return { stdout, status };
  },

  /** Enable verbose logging */
  async debugged({ env }) {
    const log: string[] = [];
    const sandbox = getSandbox(env.Sandbox, "debug-sandbox");
    sandbox.client.onCommandStart = (cmd, args) => log.push(`Starting: ${cmd} ${args.join(" ")}`);
    sandbox.client.onOutput = (stream, data) => log.push(`[${stream}] ${data}`);
    sandbox.client.onCommandComplete = (success, code) => log.push(`Completed: ${success} (${code})`);
    await sandbox.exec("echo out; echo err >&2; exit 4");
    const session = await sandbox.createSession({ name: "hooked" });
    await session.exec("echo too");
    sandbox.client.onOutput = undefined;
    sandbox.client.onError = message => log.push(`Failed: ${message}`);
    await sandbox.exec("sleep 30", { timeout: 200 }).catch(() => {});
    return log;
  },

  async ping({ env }) {
    const sandbox = getSandbox(env.Sandbox, "my-sandbox");
    return sandbox.ping();
  },
};

/** What was told of one stream, as `exec` would give it. */
const told = (shown: readonly string[], stream: string): string =>
  shown
    .filter(line => line.startsWith(`[${stream}] `))
    .map(line => line.slice(stream.length + 3))
    .join("")
    .replace(/\n$/, "");
