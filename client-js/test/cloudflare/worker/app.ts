/**
 * A Worker as it is written for the stock package: the types here are that package's own. The tests bundle it with the one
 * import changed to ours.
 */

import {
  type ExecEvent,
  type ExecutionSession,
  getSandbox,
  parseSSEStream,
  proxyToSandbox,
  type Sandbox as SandboxObject,
  type SandboxOptions,
} from "@cloudflare/sandbox";
import { storage } from "./storage.ts";

export { Sandbox } from "@cloudflare/sandbox";

/** What the Worker is bound to. */
export interface Env {
  readonly Sandbox: DurableObjectNamespace<SandboxObject>;
}

/** The stock package does not export the class of its errors. */
interface Coded extends Error {
  readonly code?: string;
  readonly context?: object;
}

type Subject = SandboxObject<unknown>;
type Scenario = (sandbox: Subject, args: string[], request: Request) => Promise<unknown>;

const collect = async (stream: ReadableStream<Uint8Array>): Promise<ExecEvent[]> => {
  const events: ExecEvent[] = [];
  for await (const event of parseSSEStream<ExecEvent>(stream)) events.push(event);
  return events;
};

/** What the tests ask for, by name. */
const scenarios: Readonly<Record<string, Scenario>> = {
  exec: (sandbox, [command = "true", cwd]) => sandbox.exec(command, cwd === undefined ? {} : { cwd }),

  async execCallbacks(sandbox, [command = "true"]) {
    const heard: [string, string][] = [];
    const completed: number[] = [];
    const result = await sandbox.exec(command, {
      stream: true,
      onOutput: (stream, data) => heard.push([stream, data]),
      onComplete: ({ exitCode }) => completed.push(exitCode),
    });
    return { result, heard, completed };
  },

  /** Aborts as soon as the command has said its process id. */
  async execAborted(sandbox, [command = "true"]) {
    const controller = new AbortController();
    let pid = "";
    const error = await sandbox
      .exec(command, {
        stream: true,
        signal: controller.signal,
        onOutput: (_, data) => {
          pid += data;
          controller.abort();
        },
      })
      .then(
        () => "it resolved",
        (reason: Error) => reason.name,
      );
    return { error, pid: Number(pid) };
  },

  async execAbortedSilently(sandbox, [path = ""]) {
    const controller = new AbortController();
    const ended = sandbox.exec(`sh -c 'echo $$ > ${path}; exec sleep 1000'`, { signal: controller.signal }).then(
      () => "it resolved",
      (reason: Error) => reason.name,
    );
    while (!(await sandbox.exists(path)).exists || (await sandbox.readFile(path)).content === "") {}
    controller.abort();
    return { error: await ended, pid: Number((await sandbox.readFile(path)).content) };
  },

  /** Watches a directory again and again, and leaves before anything changed. */
  async watchAndLeave(sandbox, [folder = "", times]) {
    for (let i = 0; i < Number(times); i += 1) {
      const reader = (await sandbox.watch(folder)).getReader();
      await reader.read();
      await reader.cancel();
    }
  },

  execStream: async (sandbox, [command = "true"]) => collect(await sandbox.execStream(command)),

  async process(sandbox, [command = "true"]) {
    const started = await sandbox.startProcess(command, { processId: "one" });
    const { line, match } = await started.waitForLog(/ready (\d+)/);
    const listed = (await sandbox.listProcesses()).map(({ id, status }) => ({ id, status }));
    await started.kill();
    const { exitCode } = await started.waitForExit();
    const again = await sandbox.getProcess("one");
    const missing = await sandbox.getProcess("none");
    const { stdout } = await started.getLogs();
    return { line, match: match?.[1], listed, exitCode, status: await again?.getStatus(), stdout, missing };
  },

  async startReady(sandbox, [command = "true", processId]) {
    const started = await sandbox.startProcess(command, processId === undefined ? {} : { processId });
    await started.waitForLog("ready");
  },

  logs: (sandbox, [id = ""]) => sandbox.getProcessLogs(id),

  async processCallbacks(sandbox, [command = "true"]) {
    const heard: string[] = [];
    const code = await new Promise<number | null>((resolve, reject) => {
      sandbox
        .startProcess(command, {
          onStart: ({ id }) => heard.push(`start ${id !== ""}`),
          onOutput: (stream, data) => heard.push(`${stream} ${data}`),
          onExit: resolve,
          onError: reject,
        })
        .catch(reject);
    });
    return { heard, code };
  },

  async files(sandbox, [directory = "/tmp"]) {
    await sandbox.mkdir(`${directory}/a/b`, { recursive: true });
    await sandbox.writeFile(`${directory}/a/b/x.txt`, "hello");
    await sandbox.renameFile(`${directory}/a/b/x.txt`, `${directory}/a/y.txt`);
    const { content } = await sandbox.readFile(`${directory}/a/y.txt`);
    const { files } = await sandbox.listFiles(`${directory}/a`);
    const bytes = new Uint8Array([0, 1, 254, 255]);
    await sandbox.writeFile(`${directory}/a/bytes`, new Blob([bytes]).stream());
    const raw = await sandbox.readFile(`${directory}/a/bytes`, { encoding: "none" });
    const back = [...new Uint8Array(await new Response(raw.content).arrayBuffer())];
    await sandbox.deleteFile(`${directory}/a/y.txt`);
    const { exists } = await sandbox.exists(`${directory}/a/y.txt`);
    return { content, names: files.map(({ name }) => name).sort(), back, exists };
  },

  /** As much as a file may have that is read into memory: more than one value of RPC can carry. */
  async largeFiles(sandbox, [directory = "/tmp"]) {
    const size = 32 << 20;
    const path = `${directory}/large`;
    await sandbox.exec(`mkdir -p ${directory}; head -c ${size} /dev/zero | tr '\\0' '\\377' > ${path}`);
    const { content, encoding } = await sandbox.readFile(path);
    await sandbox.writeFile(`${directory}/again`, content, { encoding: "base64" });
    const same = await sandbox.exec(`cmp ${path} ${directory}/again`);
    await sandbox.writeFile(`${directory}/text`, "é".repeat(size / 2));
    const text = await sandbox.readFile(`${directory}/text`);
    const wrong = await sandbox.writeFile(path, "!".repeat(2 << 20), { encoding: "base64" }).then(
      () => "written",
      (error: Coded) => error.code,
    );
    const tooMuch = await sandbox
      .exec(`echo >> ${path}`)
      .then(() => sandbox.readFile(path))
      .then(
        () => "read",
        (error: Coded) => error.code,
      );
    return { encoding, same: same.exitCode, text: text.content.length, size: text.size, wrong, tooMuch };
  },

  async sessions(sandbox) {
    const session: ExecutionSession = await sandbox.createSession({ id: "work", env: { NAME: "w" }, cwd: "/tmp" });
    await session.exec("cd / && hello() { echo hello $NAME; }");
    const { stdout } = await session.exec("hello; pwd");
    const again = await sandbox.getSession("work");
    await again.setEnvVars({ NAME: "other" });
    const second = (await again.exec("hello")).stdout;
    const twice = await sandbox.createSession({ id: "work" }).then(
      () => "made",
      (error: Coded) => error.code,
    );
    const deleted = (await sandbox.deleteSession("work")).success;
    const named = await sandbox.createSession({ name: "named" });
    const forPeople = await sandbox.createSession({ name: "for people: ä" });
    const names = [named.id, /^[0-9a-f-]{36}$/.test(forPeople.id), (await forPeople.exec("echo on")).stdout];
    await Promise.all([sandbox.deleteSession(named.id), sandbox.deleteSession(forPeople.id)]);
    return { stdout, second, twice, deleted, names };
  },

  /** What ends commands and shells in a session, and what does not. */
  async sessionEnds(sandbox) {
    const [one, two] = [await sandbox.createSession(), await sandbox.createSession()];
    await one.exec("cd /usr; L=local");
    const { exitCode } = await one.exec("exit 3");
    const late = await one.exec("sleep 1000", { timeout: 200 }).then(
      () => "in time",
      (error: Coded) => error.code,
    );
    const { stdout } = await one.exec("pwd; echo $L");
    const ended = await one.exec("kill -9 $$").then(
      () => "it lives",
      (error: Coded) => error.code,
    );
    const fresh = (await one.exec("echo fresh $L")).stdout;
    const other = (await two.exec("pwd; echo $L")).stdout;
    await Promise.all([sandbox.deleteSession(one.id), sandbox.deleteSession(two.id)]);
    return { exitCode, late, stdout, ended, fresh, other };
  },

  /** Code, with every callback, in a context of its own, from the sandbox and from a session. */
  async code(sandbox, [code = "1"]) {
    const context = await sandbox.createCodeContext({ language: "python" });
    const heard: unknown[] = [];
    const run = await sandbox.runCode(code, {
      context,
      onStdout: ({ text }) => void heard.push(text),
      onStderr: ({ text }) => void heard.push(text),
      onResult: result => void heard.push(result.formats()),
      onError: ({ name }) => void heard.push(name),
    });
    const session = await sandbox.createSession();
    const { results } = await session.runCode("kept", { context });
    const listed = (await session.listCodeContexts()).some(
      ({ id, createdAt }) => id === context.id && createdAt < new Date(),
    );
    const types: string[] = [];
    const stream = await session.runCodeStream("print(1)\n2", { context });
    for await (const { type } of parseSSEStream<{ type: string }>(stream)) types.push(type);
    await session.deleteCodeContext(context.id);
    const missing = await sandbox.runCode("1", { context }).then(
      () => "it ran",
      ({ name, code, context }: Coded) => ({ name, code, context: { ...context, contextId: "" } }),
    );
    await sandbox.deleteSession(session.id);
    return { run, heard, results, listed, types, missing };
  },

  /** Aborts code as soon as it has said something. */
  async codeAborted(sandbox) {
    const controller = new AbortController();
    const work = sandbox.runCode("kept = 5\nprint('on')\nimport time\ntime.sleep(1000)", {
      signal: controller.signal,
      onStdout: () => controller.abort(),
    });
    const error = await work.then(
      () => "it ran",
      (reason: Error) => reason.name,
    );
    const { results } = await sandbox.runCode("kept");
    return { error, results };
  },

  gitCheckout: (sandbox, [url = "", options = "{}"]) => sandbox.gitCheckout(url, JSON.parse(options) as object),

  setEnvVars: async (sandbox, [variables = "{}"]) => {
    const said = JSON.parse(variables) as Record<string, string | null>;
    const given = Object.entries(said).map(([name, value]) => [name, value ?? undefined]);
    await sandbox.setEnvVars(Object.fromEntries(given) as Record<string, string | undefined>);
  },

  expose: (sandbox, [port = "8080", hostname = "", token]) =>
    sandbox.exposePort(Number(port), { hostname, ...(token !== undefined && { token }) }),
  unexpose: (sandbox, [port = "8080"]) => sandbox.unexposePort(Number(port)),
  exposed: (sandbox, [hostname = ""]) => sandbox.getExposedPorts(hostname),
  isExposed: (sandbox, [port = "8080"]) => sandbox.isPortExposed(Number(port)),
  validate: (sandbox, [port = "8080", token = ""]) => sandbox.validatePortToken(Number(port), token),
  wsConnect: (sandbox, [port = "8080"], request) => sandbox.wsConnect(request, Number(port)),
  fetchPort: (sandbox, [port = "8080", path = "/"]) =>
    sandbox.containerFetch(new Request(`http://localhost${path}`), Number(port)),

  async stopThen(sandbox, [command = "true"]) {
    await sandbox.stop();
    return sandbox.exec(command);
  },
  destroy: sandbox => sandbox.destroy(),
  destroyTwice: sandbox => Promise.all([sandbox.destroy(), sandbox.destroy()]),
  state: sandbox => sandbox.getState(),
  keepAlive: (sandbox, [on]) => sandbox.setKeepAlive(on === "true"),
  placement: sandbox => sandbox.getContainerPlacementId(),
  ...storage,
};

/** What a scenario failed with, as a response. */
export function refusal(error: unknown): Response {
  const { name, message, code, context } = error as Coded;
  return Response.json({ name, message, code, context }, { status: 500 });
}

export default {
  async fetch(request, env) {
    const preview = await proxyToSandbox(request, env);
    if (preview) return preview;
    const { pathname, searchParams } = new URL(request.url);
    const scenario = scenarios[pathname.slice(1)];
    if (!scenario) return new Response("no such scenario", { status: 404 });
    const options = JSON.parse(searchParams.get("options") ?? "{}") as SandboxOptions;
    try {
      const sandbox = getSandbox(env.Sandbox, searchParams.get("id") ?? "test", options);
      const result = await scenario(sandbox, searchParams.getAll("arg"), request);
      return result instanceof Response ? result : Response.json(result ?? null);
    } catch (error) {
      return refusal(error);
    }
  },
} satisfies ExportedHandler<Env>;
