/** Sessions and variables. */

import { getSandbox } from "sandwire/cloudflare";
import type { Examples } from "./env.ts";

export const sessions: Examples = {
  /** Set environment variables FIRST, before any other operations: and later ones hold, too. */
  async variables({ env }) {
    const sandbox = getSandbox(env.Sandbox, "configured");

    await sandbox.setEnvVars({
      NODE_ENV: "production",
      API_KEY: "your-api-key",
      DATABASE_URL: "postgresql://localhost:5432/mydb",
    });

    // Now you can run commands - environment variables are available
    const result = await sandbox.exec("echo $NODE_ENV");
    await sandbox.setEnvVars({ NODE_ENV: "test", API_KEY: undefined });
    const { stdout } = await sandbox.exec('echo "$NODE_ENV $API_KEY. $DATABASE_URL"');
    const process = await sandbox.startProcess("echo $NODE_ENV");
    await process.waitForExit();
    return { first: result.stdout, later: stdout, process: (await process.getLogs()).stdout };
  },

  /** Precedence: Command > Session > Sandbox. */
  async precedence({ env }) {
    const sandbox = getSandbox(env.Sandbox, "configured");
    await sandbox.setEnvVars({ A: "sandbox", B: "sandbox", C: "sandbox" });
    const session = await sandbox.createSession({ id: "precedence", env: { A: "session", B: "session" } });
    const { stdout } = await session.exec("echo $A $B $C", { env: { A: "command" } });
    return stdout;
  },

  /** These commands share state (pwd, env vars, etc.) */
  async implicit({ env }) {
    const sandbox = getSandbox(env.Sandbox, "my-app");

    await sandbox.exec("mkdir /workspace/app; cd /workspace/app");
    const { stdout: directory } = await sandbox.exec("pwd");
    await sandbox.exec("export MY_VAR=hello");
    const { stdout: variable } = await sandbox.exec("echo $MY_VAR");
    return { directory, variable };
  },

  async parallel({ env }) {
    const sandbox = getSandbox(env.Sandbox, "multi-env");
    await sandbox.exec("mkdir /workspace/build /workspace/test");

    // Create independent sessions with different environments
    const buildSession = await sandbox.createSession({
      name: "build",
      env: { NODE_ENV: "production" },
      cwd: "/workspace/build",
    });

    const testSession = await sandbox.createSession({
      name: "test",
      env: { NODE_ENV: "test" },
      cwd: "/workspace/test",
    });

    // Run commands in parallel with different contexts: each waits for the other, so that neither can be the first
    const meet = (mine: string, other: string) =>
      `mkfifo -m 600 ../${mine} 2>/dev/null; (echo > ../${mine} &); until [ -p ../${other} ]; do :; done;
       read _ < ../${other}; echo $NODE_ENV $PWD`;
    const results = await Promise.all([buildSession.exec(meet("b", "t")), testSession.exec(meet("t", "b"))]);
    return { results: results.map(({ stdout }) => stdout), ids: [buildSession.id, testSession.id] };
  },

  /** When using AI coding agents, separate development from execution. */
  async agents({ env }) {
    const sandbox = getSandbox(env.Sandbox, "multi-env");
    // Phase 1: AI agent writes code (with API keys)
    const devSession = await sandbox.createSession({
      name: "ai-development",
      env: { ANTHROPIC_API_KEY: "the-key-of-the-agent" },
    });
    await devSession.exec(
      `[ -n "$ANTHROPIC_API_KEY" ] && echo 'console.log(process.env.PORT, process.env.ANTHROPIC_API_KEY)' > server.js`,
    );

    // Phase 2: Run the generated code (without API keys)
    const appSession = await sandbox.createSession({
      name: "app-runtime",
      env: { PORT: "3000" }, // Only app-specific vars
    });
    return (await appSession.exec("node server.js")).stdout;
  },

  async user({ env }) {
    const sandbox = getSandbox(env.Sandbox, "users");
    await sandbox.mkdir("/workspace/user123");
    const session = await sandbox.createSession({
      id: "user-123", // unique session ID
      name: "User Workspace", // optional display name
      cwd: "/workspace/user123", // working directory
      env: {
        USER_ID: "123",
        API_KEY: "secret",
      },
    });

    // Session has full sandbox API bound to its context
    const { stdout: name } = await session.exec("echo $USER_ID");
    await session.writeFile("config.txt", "data");
    const written = await session.pathExists("config.txt");

    // Get existing session
    const again = await sandbox.getSession("user-123");
    // List all sessions
    const sessions = await sandbox.listSessions();

    // Execute in session context
    const result = await again.exec("pwd"); // uses session's cwd

    // File ops in session context
    await again.writeFile("data.txt", "content"); // relative to session cwd
    const file = await again.readFile("data.txt");

    // Start process in session
    await again.writeFile("worker.py", "import os\nprint(os.environ['USER_ID'], os.getcwd())\n");
    const process = await again.startProcess("python3 worker.py", {
      processId: "worker-1",
    });
    await process.waitForExit();

    // Get process logs
    const logs = await again.getProcessLogs("worker-1");

    const deleted = await sandbox.deleteSession("user-123");
    return {
      name,
      written,
      config: (await sandbox.readFile("/workspace/user123/config.txt")).content,
      listed: sessions.map(({ id }) => id).filter(id => id === "user-123"),
      directory: result.stdout,
      file: file.content,
      logs: logs.stdout,
      deleted: { success: deleted.success, sessionId: deleted.sessionId },
      left: (await sandbox.listSessions()).filter(({ id }) => id === "user-123").length,
    };
  },

  /** Each user gets isolated session */
  async tenant({ env, request, args: [code = ""] }) {
    const userId = request.headers.get("X-User-ID") ?? "";
    const sandbox = getSandbox(env.Sandbox, "multi-tenant");

    // A handle says nothing of whether the session is there: the list does.
    const known = (await sandbox.listSessions()).some(({ id }) => id === userId);
    let session = await sandbox.getSession(userId);
    if (!known) {
      await sandbox.mkdir(`/workspace/users/${userId}`, { recursive: true });
      session = await sandbox.createSession({
        id: userId,
        cwd: `/workspace/users/${userId}`,
        env: { USER_ID: userId },
      });
    }

    // User's code runs in their session
    const result = await session.exec(`python3 -c "${code}"`);

    return Response.json({ output: result.stdout, known });
  },
};
