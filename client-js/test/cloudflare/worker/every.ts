/**
 * Every method of the stock package's surface, called once from a Worker that is written for it: the compiler sees to it that
 * none is left out, for the names and the types are that package's own.
 */

import type { Container } from "@cloudflare/containers";
import {
  type BackupClient,
  type CommandClient,
  type ExecutionSession,
  type FileClient,
  type GitClient,
  getSandbox,
  type InterpreterClient,
  type ISandbox,
  type PortClient,
  type Process,
  type ProcessClient,
  proxyTerminal,
  type SandboxClient,
  type Sandbox as SandboxObject,
  type UtilityClient,
} from "@cloudflare/sandbox";

export { Sandbox } from "@cloudflare/sandbox";

interface Env {
  readonly Sandbox: DurableObjectNamespace<SandboxObject>;
}

/** Where the calls find what they need. */
interface About {
  /** A directory of the test's own. */
  readonly folder: string;
  /** A repository. */
  readonly repository: string;
  /** Runs a server that speaks WebSocket at the port behind it. */
  readonly server: string;
  /** Where this Worker is: it takes what is put at `/part`. */
  readonly origin: string;
}

type Methods<T> = { [Name in keyof T]: T[Name] extends (...args: never) => unknown ? Name : never }[keyof T];
type Table<T, Names extends keyof T = Methods<T>> = {
  readonly [Name in Names]: (target: T, about: About) => Promise<unknown>;
};

/** What `ISandbox` and `ExecutionSession` both have. */
type Both = Pick<ISandbox, Methods<ISandbox> & Methods<ExecutionSession>>;

const rest = async (stream: ReadableStream): Promise<number> => (await new Response(stream).text()).length;
const left = async (stream: ReadableStream): Promise<void> => stream.cancel();
const upgrade = () => new Request("http://sandbox/", { headers: { Upgrade: "websocket" } });
const hangUp = ({ status, webSocket }: Response): void => {
  if (status !== 101 || !webSocket) throw new Error(`no WebSocket: ${status}`);
  webSocket.accept();
  webSocket.close();
};

const both: Table<Both> = {
  exec: one => one.exec("true"),
  execStream: async one => rest(await one.execStream("echo out")),
  startProcess: one => one.startProcess("echo out; exec sleep 1000", { processId: "started" }),
  listProcesses: one => one.listProcesses(),
  getProcess: one => one.getProcess("started"),
  getProcessLogs: one => one.getProcessLogs("started"),
  killProcess: one => one.killProcess("started"),
  streamProcessLogs: async one => rest(await one.streamProcessLogs("started")),
  killAllProcesses: one => one.killAllProcesses(),
  cleanupCompletedProcesses: one => one.cleanupCompletedProcesses(),
  mkdir: (one, { folder }) => one.mkdir(`${folder}/made`, { recursive: true }),
  writeFile: (one, { folder }) => one.writeFile(`${folder}/made/file`, "text"),
  readFile: (one, { folder }) => one.readFile(`${folder}/made/file`),
  readFileStream: async (one, { folder }) => rest(await one.readFileStream(`${folder}/made/file`)),
  exists: (one, { folder }) => one.exists(`${folder}/made/file`),
  listFiles: (one, { folder }) => one.listFiles(`${folder}/made`),
  checkChanges: (one, { folder }) => one.checkChanges(`${folder}/made`),
  watch: async (one, { folder }) => left(await one.watch(`${folder}/made`)),
  renameFile: (one, { folder }) => one.renameFile(`${folder}/made/file`, `${folder}/made/renamed`),
  moveFile: (one, { folder }) => one.moveFile(`${folder}/made/renamed`, `${folder}/made/moved`),
  deleteFile: (one, { folder }) => one.deleteFile(`${folder}/made/moved`),
  gitCheckout: (one, { folder, repository }) => one.gitCheckout(repository, { targetDir: `${folder}/cloned` }),
  setEnvVars: one => one.setEnvVars({ NAME: "value" }),
  createCodeContext: one => one.createCodeContext({ language: "python" }),
  runCode: one => one.runCode("1 + 1", { language: "python" }),
  runCodeStream: async one => rest(await one.runCodeStream("1 + 1", { language: "python" })),
  listCodeContexts: one => one.listCodeContexts(),
  deleteCodeContext: async one => {
    for (const { id } of await one.listCodeContexts()) await one.deleteCodeContext(id);
  },
  mountBucket: (one, { folder }) => one.mountBucket("DATA", `${folder}/mounted`, { localBucket: true }),
  unmountBucket: (one, { folder }) => one.unmountBucket(`${folder}/mounted`),
  createBackup: (one, { folder }) => one.createBackup({ dir: `${folder}/made` }),
  restoreBackup: async (one, { folder }) => {
    const backup = await one.createBackup({ dir: `${folder}/made` });
    return one.restoreBackup(backup);
  },
};

const sandbox: Table<ISandbox, Exclude<Methods<ISandbox>, keyof Both>> = {
  createSession: one => one.createSession({ id: "a-session" }),
  deleteSession: one => one.deleteSession("a-session"),
  getContainerPlacementId: one => one.getContainerPlacementId(),
  wsConnect: async (one, { server }) => {
    const process = await one.startProcess(`${server} 8765`);
    await process.waitForPort(8765, { mode: "tcp", timeout: 30_000 });
    hangUp(await one.wsConnect(upgrade(), 8765));
    await process.kill();
  },
};

const session: Table<ExecutionSession, Exclude<Methods<ExecutionSession>, keyof Both>> = {
  terminal: async one => hangUp(await one.terminal(upgrade())),
};

const process: Table<Process> = {
  waitForLog: one => one.waitForLog("ready"),
  waitForPort: one => one.waitForPort(8766, { mode: "tcp", timeout: 30_000 }),
  getStatus: one => one.getStatus(),
  getLogs: one => one.getLogs(),
  kill: one => one.kill(),
  waitForExit: one => one.waitForExit(),
};

/** What its class has beyond that: also its own works, which its facade calls by RPC. */
type Own = Exclude<Methods<SandboxObject>, Methods<Container> | keyof ISandbox>;

const object: Table<SandboxObject, Own> = {
  configure: one => one.configure({ sleepAfter: "20m" }),
  setSleepAfter: one => one.setSleepAfter("10m"),
  setKeepAlive: one => one.setKeepAlive(false),
  setContainerTimeouts: one => one.setContainerTimeouts({ waitIntervalMS: 300 }),
  setTransport: one => one.setTransport("rpc"),
  setLabels: one => one.setLabels({ label: "one" }),
  getSession: async one => (await one.getSession("other")).exec("true"),
  exposePort: one => one.exposePort(8767, { hostname: "example.com" }),
  isPortExposed: one => one.isPortExposed(8767),
  validatePortToken: one => one.validatePortToken(8767, "token"),
  getExposedPorts: one => one.getExposedPorts("example.com"),
  unexposePort: one => one.unexposePort(8767),
  callTunnels: one => one.callTunnels("list", []),
  setSandboxName: one => one.setSandboxName("every"),
  execWithSessionToken: one => one.execWithSessionToken("true", "token"),
  execStreamWithSessionToken: async one => rest(await one.execStreamWithSessionToken("true", "token")),
};

const tunnels: Table<SandboxObject["tunnels"]> = {
  get: one => one.get(8768),
  list: one => one.list(),
  destroy: one => one.destroy(8768),
};

/** What every part of a client has, and does not ask for anything. */
type Kept = "setRetryTimeoutMs";
type Part<Client, Names extends keyof Client = Exclude<Methods<Client>, Kept>> = Table<Client, Names>;

const commands: Part<CommandClient> = {
  execute: one => one.execute("true", "of-a-client"),
  executeStream: async one => rest(await one.executeStream("echo out", "of-a-client")),
};

const processes: Part<ProcessClient> = {
  startProcess: one => one.startProcess("exec sleep 1000", "of-a-client", { processId: "of-a-client" }),
  listProcesses: one => one.listProcesses(),
  getProcess: one => one.getProcess("of-a-client"),
  killProcess: one => one.killProcess("of-a-client"),
  getProcessLogs: one => one.getProcessLogs("of-a-client"),
  streamProcessLogs: async one => rest(await one.streamProcessLogs("of-a-client")),
  killAllProcesses: one => one.killAllProcesses(),
};

const files: Part<FileClient> = {
  mkdir: (one, { folder }) => one.mkdir(`${folder}/by-client`, "of-a-client", { recursive: true }),
  writeFile: (one, { folder }) => one.writeFile(`${folder}/by-client/file`, "text", "of-a-client"),
  writeFileStream: (one, { folder }) =>
    one.writeFileStream(`${folder}/by-client/stream`, new Blob(["text"]).stream(), "of-a-client"),
  readFile: (one, { folder }) => one.readFile(`${folder}/by-client/stream`, "of-a-client"),
  readFileStream: async (one, { folder }) => rest(await one.readFileStream(`${folder}/by-client/file`, "of-a-client")),
  exists: (one, { folder }) => one.exists(`${folder}/by-client/file`, "of-a-client"),
  listFiles: (one, { folder }) => one.listFiles(`${folder}/by-client`, "of-a-client"),
  renameFile: (one, { folder }) => one.renameFile(`${folder}/by-client/file`, `${folder}/by-client/a`, "of-a-client"),
  moveFile: (one, { folder }) => one.moveFile(`${folder}/by-client/a`, `${folder}/by-client/b`, "of-a-client"),
  deleteFile: (one, { folder }) => one.deleteFile(`${folder}/by-client/b`, "of-a-client"),
};

const archives: Part<BackupClient> = {
  createArchive: (one, { folder }) => one.createArchive(`${folder}/by-client`, `${folder}/archive`, "of-a-client"),
  uploadParts: async (one, { folder, origin }) => {
    const archivePath = `${folder}/archive`;
    const { sizeBytes: size } = await one.createArchive(`${folder}/by-client`, archivePath, "of-a-client");
    const parts = [{ partNumber: 1, url: `${origin}/part`, offset: 0, size }];
    const sent = await one.uploadParts({ archivePath, parts, sessionId: "of-a-client" });
    if (sent.parts[0]?.etag !== `"${size}"`) throw new Error(`sent: ${JSON.stringify(sent)}`);
    // Of a file that has less than it was said to have nothing was sent.
    const tooLong = { archivePath, parts: [{ partNumber: 1, url: `${origin}/part`, offset: 1, size }] };
    const { code } = await one.uploadParts(tooLong).then(
      () => ({ code: "sent" }),
      (error: Error & { code: string }) => error,
    );
    if (code !== "BACKUP_CREATE_FAILED") throw new Error(`too long a part: ${code}`);
  },
  restoreArchive: (one, { folder }) => one.restoreArchive(`${folder}/restored`, `${folder}/archive`, "of-a-client"),
};

const git: Part<GitClient> = {
  checkout: (one, { folder, repository }) =>
    one.checkout(repository, "of-a-client", { targetDir: `${folder}/by-client/cloned` }),
};

const interpreter: Part<InterpreterClient> = {
  createCodeContext: one => one.createCodeContext({ language: "python" }),
  runCodeStream: one => one.runCodeStream(undefined, "1 + 1", "python", {}),
  listCodeContexts: one => one.listCodeContexts(),
  streamCode: async one => {
    const [{ id = "" } = {}] = await one.listCodeContexts();
    return rest(await one.streamCode(id, "1 + 1"));
  },
  deleteCodeContext: async one => {
    for (const { id } of await one.listCodeContexts()) await one.deleteCodeContext(id);
  },
};

const ports: Part<PortClient> = {
  watchPort: async one => rest(await one.watchPort({ port: 7, mode: "tcp", processId: "none" })),
};

const watches: Part<SandboxClient["watch"]> = {
  checkChanges: (one, { folder }) => one.checkChanges({ path: `${folder}/by-client` }),
  watch: async (one, { folder }) => left(await one.watch({ path: `${folder}/by-client` })),
};

const utils: Part<UtilityClient> = {
  ping: one => one.ping(),
  getCommands: one => one.getCommands(),
  getVersion: one => one.getVersion(),
  createSession: one => one.createSession({ id: "by-a-client" }),
  listSessions: one => one.listSessions(),
  deleteSession: one => one.deleteSession("by-a-client"),
};

/** What became of each call: `ok`, or its code and what it said. */
async function all<T>(table: Table<T, never>, target: T, about: About): Promise<Record<string, string>> {
  const told: Record<string, string> = {};
  for (const [name, call] of Object.entries<(target: T, about: About) => Promise<unknown>>(table)) {
    try {
      await call(target, about);
      told[name] = "ok";
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      told[name] = `${code}: ${message}`;
    }
  }
  return told;
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams, origin } = new URL(request.url);
    const about = { ...JSON.parse(searchParams.get("arg") ?? "{}"), origin } as About;
    const one = getSandbox(env.Sandbox, "every");
    switch (pathname) {
      case "/part": {
        const { byteLength } = await request.arrayBuffer();
        // As a bucket wants it: a part whose length is not said before is refused.
        const told = Number(request.headers.get("Content-Length")) === byteLength;
        return new Response(null, { status: told ? 200 : 411, headers: { ETag: `"${byteLength}"` } });
      }
      case "/sandbox":
        return Response.json({
          ...(await all(both, one, about)),
          ...(await all(sandbox, one, about)),
          ...(await all(object, one, about)),
        });
      case "/session": {
        const made = await one.createSession({ id: "every" });
        return Response.json({ ...(await all(both, made, about)), ...(await all(session, made, about)) });
      }
      case "/process": {
        const started = await one.startProcess(`echo ready; exec ${about.server} 8766`);
        return Response.json(await all(process, started, about));
      }
      case "/tunnels":
        return Response.json(await all(tunnels, one.tunnels, about));
      case "/client": {
        const { client } = one as unknown as { client: SandboxClient };
        const told = {
          ...(await all(commands, client.commands, about)),
          ...(await all(processes, client.processes, about)),
          ...(await all(files, client.files, about)),
          ...(await all(archives, client.backup, about)),
          ...(await all(git, client.git, about)),
          ...(await all(interpreter, client.interpreter, about)),
          ...(await all(ports, client.ports, about)),
          ...(await all(watches, client.watch, about)),
          ...(await all(utils, client.utils, about)),
        };
        client.disconnect();
        return Response.json(told);
      }
      default:
        hangUp(await proxyTerminal(one, "every", upgrade()));
        return Response.json({ proxyTerminal: "ok" });
    }
  },
} satisfies ExportedHandler<Env>;
