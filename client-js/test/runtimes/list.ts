/**
 * What every runtime has to do with the package as it is built: plain functions, for there is no test framework in all of
 * them. The package comes in as a parameter; nothing of it is imported.
 */

/** The package. */
type Sandwire = typeof import("../../src/index.ts");

/** Where the servers are. */
export interface Places {
  /** A server, without detours. */
  readonly url: string;
  /** The same server through a proxy that cuts every connection after some bytes. */
  readonly cutting: string;
  /** What it asks for. */
  readonly token: string;
}

/** How a test came out. */
export interface Outcome {
  readonly name: string;
  /** Absent when it passed. */
  readonly error?: string;
}

/** Milliseconds for one test. */
const DEADLINE = 60_000;

const tests: Readonly<Record<string, (sandwire: Sandwire, places: Places) => Promise<void>>> = {
  async "runs commands, and tells their output and exit codes"({ connect }, { url, token }) {
    const sandbox = await connect(url, { token });
    const { stdout, stderr, exitCode } = await sandbox.exec("echo grüße; echo err >&2; exit 3");
    equal([stdout, stderr, exitCode], ["grüße\n", "err\n", 3]);
    equal((await sandbox.exec(["cat"], { stdin: "in" })).stdout, "in");
    equal(sandbox.state.status, "connected");
    // Clocks of Workers stand still between two messages.
    truth((await sandbox.ping()) >= 0, "a round trip takes time");
    truth(sandbox.stats.bytesUp > 0 && sandbox.stats.bytesDown > 0, "bytes are counted");
    await sandbox.close();
    equal(sandbox.state.status, "closed");
    await rejects(sandbox.exec("true"), { code: "CLIENT_CLOSED" });
  },

  async "loses nothing while connections are cut"({ connect }, { cutting, token }) {
    const sandbox = await connect(cutting, { token });
    const states: string[] = [];
    sandbox.onStateChange(state => states.push(state.status));
    const commands = Array.from({ length: 20 }, async (_, index) => {
      const { stdout, exitCode } = await sandbox.exec(`seq 1 ${2000 + index}; exit ${index}`);
      const lines = Array.from({ length: 2000 + index }, (_, line) => `${line + 1}\n`).join("");
      equal([stdout === lines, exitCode], [true, index]);
    });
    const bytes = new Uint8Array(1 << 20).map((_, at) => (at * 7919) >> 3);
    const name = `bytes-${Math.random()}`;
    await sandbox.writeFile(name, bytes);
    const read = await sandbox.readFile(name, { encoding: "bytes" });
    truth(
      read.length === bytes.length && read.every((byte, at) => byte === bytes[at]),
      "the file comes back as it was",
    );
    await Promise.all(commands);
    truth(states.includes("reconnecting"), `connections were cut: ${states}`);
    await sandbox.close();
  },

  async "stops a command whose output nobody takes, and ends it"({ connect }, { url, token }) {
    const sandbox = await connect(url, { token });
    let bytes = 0;
    for await (const event of sandbox.execStream("yes", { encoding: "bytes" })) {
      if (event.type === "stdout") bytes += event.data.length;
      if (bytes > 4 << 20) break;
    }
    // What was on its way was thrown away, and the connection is free for others.
    equal((await sandbox.exec("echo free")).stdout, "free\n");
    truth(sandbox.stats.bytesDown < 32 << 20, `no more came than the windows let through: ${sandbox.stats.bytesDown}`);
    await sandbox.close();
  },

  async "gives up by a signal, and after a time"({ connect, AbortError }, { url, token }) {
    const sandbox = await connect(url, { token });
    const controller = new AbortController();
    const aborted = sandbox.exec("sleep 100", { signal: controller.signal });
    controller.abort();
    const error = await rejects(aborted, { name: "AbortError", code: "CANCELLED" });
    truth(error instanceof AbortError, "it is caught by its class");
    equal((await sandbox.exec("sleep 100", { timeout: 50 })).timedOut, true);
    await rejects(sandbox.readFile("no/such"), { name: "NotFoundError", code: "FILE_NOT_FOUND" });
    await sandbox.close();
  },

  async "types in a terminal"({ connect }, { url, token }) {
    const sandbox = await connect(url, { token });
    const terminal = await sandbox.createTerminal({ cols: 80, rows: 24, command: ["cat"] });
    await terminal.write("hällo\n");
    let screen = "";
    const decoder = new TextDecoder();
    for await (const event of terminal) {
      if (event.type === "output") screen += decoder.decode(event.data, { stream: true });
      // Once as it is typed, once as `cat` says it.
      if (screen.split("hällo").length > 2) break;
    }
    await terminal.close();
    await sandbox.close();
  },

  async "is refused with a wrong token, and told so"({ connect, RefusedError }, { url }) {
    const error = await rejects(connect(url, { token: "a guess" }), { code: "UNAUTHORIZED" });
    truth(error instanceof RefusedError, "it is caught by its class");
    await rejects(connect(url), { code: "UNAUTHORIZED" });
  },

  async "fails at once when nobody listens"({ connect, ConnectionError }) {
    const error = await rejects(connect("ws://127.0.0.1:1/"), { code: "CONNECTION_FAILED" });
    truth(error instanceof ConnectionError, "it is caught by its class");
    await rejects(connect("ftp://host"), { code: "VALIDATION_FAILED" });
  },

  async "takes a WebSocket that is open, and the next from `redial`"({ connect }, { url, token }) {
    // Node 20 has none.
    if (globalThis.WebSocket === undefined) return;
    const encoded = btoa(token).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const open = () => new WebSocket(url, ["sandwire.v1", `sandwire.token.${encoded}`]);
    const sandbox = await connect(open(), { redial: open });
    const command = sandbox.exec("sleep 0.2; echo done");
    sandbox.reconnect();
    equal((await command).stdout, "done\n");
    await sandbox.close();
  },
};

/** Runs all of them, one after the other. */
export async function runAll(sandwire: Sandwire, places: Places): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [name, test] of Object.entries(tests)) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not done after ${DEADLINE / 1000} s`)), DEADLINE);
    });
    try {
      await Promise.race([test(sandwire, places), late]);
      outcomes.push({ name });
    } catch (error) {
      outcomes.push({ name, error: error instanceof Error ? (error.stack ?? String(error)) : String(error) });
    } finally {
      clearTimeout(timer);
    }
  }
  return outcomes;
}

function equal(got: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
  if (a !== b) throw new Error(`got ${a}, expected ${b}`);
}

function truth(holds: boolean, what: string): void {
  if (!holds) throw new Error(`does not hold: ${what}`);
}

async function rejects(promise: Promise<unknown>, fields: Readonly<Record<string, unknown>>): Promise<unknown> {
  let error: unknown;
  try {
    await promise;
  } catch (caught) {
    error = caught;
  }
  if (error === undefined) throw new Error("it does not reject");
  const found = error as Readonly<Record<string, unknown>>;
  for (const [name, value] of Object.entries(fields)) {
    if (found[name] !== value)
      throw new Error(`${name} is ${JSON.stringify(found[name])}, expected ${value}: ${error}`);
  }
  return error;
}
