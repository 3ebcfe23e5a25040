/** Background processes. */

import { getSandbox, type LogEvent, type Process, parseSSEStream } from "sandwire/cloudflare";
import type { Examples } from "./env.ts";
import { project } from "./project.ts";

export const processes: Examples = {
  /** Explicit and powerful. */
  async webServer({ env, args: [port = ""] }) {
    const sandbox = getSandbox(env.Sandbox, "web");
    await sandbox.writeFile("/workspace/server.js", serverOn(port));
    const said: string[] = [];
    let exited: (code: number | null) => void = () => {};
    const exit = new Promise<number | null>(resolve => {
      exited = resolve;
    });
    const server = await sandbox.startProcess("node server.js", {
      processId: "web-server",
      onExit: code => {
        said.push(`Server exited with code ${code}`);
        exited(code);
      },
    });
    const started = typeof server.pid === "number" && ["starting", "running"].includes(server.status);
    await server.waitForPort(Number(port));

    // Later... check if still running
    const serverStatus = await sandbox.getProcess("web-server");
    if (serverStatus?.status === "running") {
      said.push("Server is healthy!");
    }
    await sandbox.killProcess("web-server");
    await exit;
    return { started, said };
  },

  /** Background process logs - clean streaming */
  async logWatcher({ env }) {
    const sandbox = getSandbox(env.Sandbox, "logs");
    await sandbox.writeFile("/workspace/app.log", "booted\n");
    await sandbox.startProcess("tail -f /workspace/app.log", {
      processId: "log-watcher",
    });

    const shown: string[] = [];
    // Stream logs with modern AsyncIterable
    for await (const logEvent of sandbox.streamProcessLogs("log-watcher")) {
      if (logEvent.type === "stdout") {
        shown.push(`[LOG] ${logEvent.data}`);
        if (shown.length === 1) await sandbox.exec("echo SHUTDOWN >> /workspace/app.log");
      }

      // Clean exit condition
      if (logEvent.data.includes("SHUTDOWN")) {
        await sandbox.killProcess("log-watcher");
        break;
      }
    }
    return { shown, status: (await sandbox.getProcess("log-watcher"))?.status };
  },

  /** Web development workflow */
  async developmentWorkflow({ env }) {
    const sandbox = await project(env, "workflow");
    const shown: string[] = [];
    // Start dev server in background
    const devServer = await sandbox.startProcess("npm run dev", {
      processId: "dev-server",
      onExit: code => {
        if (code !== 0) {
          shown.push(`Dev server ended with code ${code}`);
        }
      },
    });

    // Wait for server to be ready
    await devServer.waitForLog("ready");
    const server = await sandbox.getProcess("dev-server");

    // Run tests with streaming output
    const testResult = await sandbox.exec("npm test", {
      stream: true,
      onOutput: (stream, data) => {
        if (stream === "stderr" && data.includes("FAIL")) {
          shown.push(`Test failure: ${data}`);
        }
      },
    });

    // Cleanup
    await sandbox.killProcess("dev-server");
    // Npm says of what a signal ended what it likes: here that it did not end by itself.
    const { exitCode } = await devServer.waitForExit();
    return { ready: server?.status, shown: shown.slice(0, 1), success: testResult.success, ended: exitCode !== 0 };
  },

  /** CI/CD Pipeline */
  async ciPipeline({ env }) {
    const sandbox = await project(env, "ci");
    const processes: Process[] = [];

    try {
      // Install dependencies
      await sandbox.exec("npm install");

      // Run linting, tests, and build in parallel background processes
      processes.push(await sandbox.startProcess("npm run lint", { processId: "lint" }));
      processes.push(await sandbox.startProcess("npm run check", { processId: "test" }));
      processes.push(await sandbox.startProcess("npm run build", { processId: "build" }));

      // Wait for all to complete
      await Promise.all(processes.map(process => process.waitForExit()));
      const results = await Promise.all([
        sandbox.getProcess("lint"),
        sandbox.getProcess("test"),
        sandbox.getProcess("build"),
      ]);

      return results.every(p => p?.exitCode === 0);
    } finally {
      // Cleanup any running processes
      for (const proc of processes) {
        await sandbox.killProcess(proc.id).catch(() => {});
      }
    }
  },

  /** Log monitoring and alerting */
  async monitorLogs({ env }) {
    const sandbox = getSandbox(env.Sandbox, "logs");
    await sandbox.writeFile("/workspace/journal", "started\nException in thread main\n");
    const monitor = await sandbox.startProcess("tail -f /workspace/journal", {
      processId: "log-monitor",
    });
    const alerts: string[] = [];

    for await (const log of sandbox.streamProcessLogs(monitor.id)) {
      const logData = log.data.toLowerCase();

      if (logData.includes("error") || logData.includes("exception")) {
        // Alert system
        await env.ALERTS.send({ message: log.data, severity: "error" });
        alerts.push(log.data);
        await sandbox.exec("echo log rotation >> /workspace/journal");
      }

      // Rotate logs or restart monitoring if needed
      if (logData.includes("log rotation")) {
        await sandbox.killProcess("log-monitor");
        // Restart monitoring...
      }
    }
    return { alerts: alerts.length, exitCode: (await sandbox.getProcess("log-monitor"))?.exitCode };
  },

  /** System Monitoring */
  async systemMonitor({ env }) {
    const sandbox = getSandbox(env.Sandbox, "logs");
    await sandbox.writeFile("/workspace/system.log", "fine\nERROR disk\n");
    const monitor = await sandbox.startProcess("tail -f /workspace/system.log");
    const logStream = await sandbox.streamProcessLogs(monitor.id);

    for await (const log of parseSSEStream<LogEvent>(logStream)) {
      if (log.type === "stdout" && log.data.includes("ERROR")) {
        const alert = { severity: "high", message: log.data, timestamp: log.timestamp };
        await env.ALERTS.send(alert);
        await monitor.kill();
        return { message: alert.message, dated: !Number.isNaN(Date.parse(alert.timestamp)) };
      }
    }
    return "the log ended";
  },

  /** Monitor the process */
  async monitored({ env }) {
    const sandbox = getSandbox(env.Sandbox, "logs");
    const process = await sandbox.startProcess("echo one; echo two >&2; exit 7");

    const logStream = await sandbox.streamProcessLogs(process.id);
    const shown: string[] = [];
    for await (const log of parseSSEStream<LogEvent>(logStream)) {
      shown.push(`${log.type}: ${log.type === "exit" ? log.exitCode : log.data}`);
    }
    return { named: process.id !== "" && process.pid !== undefined, shown: shown.sort() };
  },

  async management({ env, args: [port = ""] }) {
    const sandbox = getSandbox(env.Sandbox, "managed");
    await sandbox.writeFile("/workspace/public/index.html", "<h1>Hello!</h1>");
    const process = await sandbox.startProcess(`python3 -um http.server ${port}`, {
      processId: "web-server", // unique ID for this process
      cwd: "/workspace/public",
      env: { PORT: port },
    });
    await process.waitForPort(Number(port));

    // List running processes
    const processes = (await sandbox.listProcesses()).map(({ id, command, status }) => ({ id, command, status }));

    // Get process info
    const info = await sandbox.getProcess("web-server");

    // Stop process
    await sandbox.stopProcess("web-server");

    // Get process logs
    const logs = await sandbox.getProcessLogs("web-server");
    return {
      processes,
      samePid: info?.pid === process.pid,
      stopped: await process.getStatus(),
      served: /"GET \/ HTTP/.test(logs.stdout + logs.stderr),
    };
  },

  /** Background jobs */
  async dataJob({ env }) {
    const sandbox = getSandbox(env.Sandbox, "managed");
    await sandbox.writeFile("/workspace/jobs/process_data.py", "print(sum(range(101)))\n");
    // Start data processing job
    await sandbox.startProcess("python3 process_data.py", {
      processId: "data-job",
      cwd: "/workspace/jobs",
    });

    // Check status periodically
    let status = await sandbox.getProcess("data-job");
    while (status?.status === "starting" || status?.status === "running") {
      status = await sandbox.getProcess("data-job");
    }
    const logs = await sandbox.getProcessLogs("data-job");
    return { status: status?.status, exitCode: status?.exitCode, stdout: logs.stdout };
  },

  /** Several at once, one that ends at once, one that cannot start; who stops listening ends nothing. */
  async background({ env, args: [port = ""] }) {
    const sandbox = getSandbox(env.Sandbox, "background");
    await sandbox.writeFile("/workspace/server.js", serverOn(port));
    // Returns immediately, and the server runs
    const server = await sandbox.startProcess("exec node server.js", { processId: "server" });
    await server.waitForPort(Number(port));

    // Make requests to the server and see logs appear
    const logs: string[] = [];
    const asked = sandbox.containerFetch(new Request("http://localhost/first"), Number(port));
    for await (const log of sandbox.streamProcessLogs("server")) {
      logs.push(log.data);
      if (log.data.includes("/first")) break;
    }

    // Close the stream and verify server keeps running
    const answer = await sandbox.containerFetch(new Request("http://localhost/second"), Number(port));

    const ended = await sandbox.startProcess("exit 3");
    const failed = await sandbox.startProcess("no-such-program-here");
    const codes = await Promise.all([ended, failed].map(process => process.waitForExit()));
    const running = await server.getStatus();
    const killed = await sandbox.killAllProcesses();
    return {
      first: await (await asked).text(),
      second: await answer.text(),
      codes: codes.map(({ exitCode }) => exitCode),
      why: (await failed.getLogs()).stderr,
      running,
      killed,
      forgotten: await sandbox.cleanupCompletedProcesses(),
      left: (await sandbox.listProcesses()).length,
    };
  },
};

/** A server that says in its log who asked for what. */
const serverOn = (port: string): string => `
  require('node:http').createServer((req, res) => {
    console.log(req.method, req.url);
    res.end('Hello from sandbox!');
  }).listen(${port});
`;
