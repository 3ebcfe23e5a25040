/**
 * The host engine in the place of `ctx.container`: what development and self-hosting use where there are no Cloudflare
 * Containers. Speaks to `sandwire-server host` by HTTP; everything above it does not know which of the two it has.
 */

/** Port at which the server in a container listens. */
export const CONTROL_PORT = 7070;

/** The part of the runtime's container that is used. */
export type Engine = Pick<Container, "running" | "start" | "monitor" | "destroy" | "signal"> & {
  getTcpPort(port: number): Pick<Fetcher, "fetch">;
};

/** Where a host engine is, and which of its sandboxes is meant. */
export interface HostOptions {
  /** URL of the engine, as `http://127.0.0.1:7071`. */
  readonly url: string;
  /**
   * Its token. Default: none. It goes where HTTP has one place, so that a program at a port then does not get the
   * `Authorization` of its own clients.
   */
  readonly token?: string | undefined;
  /** Id of the sandbox: 1 to 63 characters of `a-z 0-9 -`, no hyphen at an edge. */
  readonly id: string;
  /** Where the object keeps whether it runs. */
  readonly storage: SyncKvStorage;
  /**
   * Whether a request to the control port may pass: the host has its own token, so the container's is compared here.
   */
  readonly admits: (request: Request) => Promise<boolean>;
}

/** Signals by number, as the host wants them. */
const SIGNALS = new Map([
  [2, "SIGINT"],
  [9, "SIGKILL"],
  [15, "SIGTERM"],
]);

/** Bytes of what the host says when it refuses. */
const MAX_REFUSAL = 2000;

const RUNNING = "sandwire:host:running";

/** Milliseconds between two tries to hear of a host that does not answer. */
const RETRY = 500;

/** A sandbox of a host engine, as the runtime has a container. */
export class HostContainer implements Engine {
  readonly #options: HostOptions;
  /** A start that is under way; who asks for a port waits for it. */
  #starting: Promise<void> | undefined;
  /** Counts starts, so that the end of an earlier run is not taken for that of a later one. */
  #run = 0;

  /** Asks nothing of the host yet: until {@link refresh} it is what it was when the object was evicted. */
  constructor(options: HostOptions) {
    this.#options = options;
  }

  /** Whether it runs, as far as is known. */
  get running(): boolean {
    return this.#options.storage.get<boolean>(RUNNING) ?? false;
  }

  set #running(running: boolean) {
    if (running !== this.running) this.#options.storage.put(RUNNING, running);
  }

  /** Asks the host whether it runs: an object that was evicted does not know. A host that does not answer runs nothing. */
  async refresh(): Promise<void> {
    this.#running = await this.#isRunning().catch(() => false);
  }

  /** Starts it. Whether that worked shows at its ports and in {@link monitor}. */
  start(options: ContainerStartupOptions = {}): void {
    if (this.running) throw new Error("start() cannot be called on a container that is already running.");
    this.#running = true;
    this.#run += 1;
    const run = this.#run;
    const starting = this.#call("POST", "/start", { env: options.env ?? {} }).then(() => {});
    this.#starting = starting;
    const settle = () => {
      if (this.#starting === starting) this.#starting = undefined;
    };
    starting.then(settle, () => {
      settle();
      if (this.#run === run) this.#running = false;
    });
  }

  /** Resolves when it has stopped; rejects when it ended with another code than 0, or could not be started. */
  async monitor(): Promise<void> {
    const run = this.#run;
    await this.#starting;
    for (;;) {
      let code: number | null | undefined;
      try {
        const response = await this.#call("GET", "/wait");
        ({ exit_code: code } = await response.json<{ exit_code?: number | null }>());
      } catch {
        // A wait that was cut says nothing: what runs is asked again.
        await new Promise(resolve => setTimeout(resolve, RETRY));
        if ((await this.#isRunning().catch(() => true)) && this.#run === run) continue;
      }
      if (this.#run === run) this.#running = false;
      if (typeof code === "number" && code !== 0)
        throw new Error(`container exited with unexpected exit code: ${code}`);
      return;
    }
  }

  /** Kills it and takes its workspace away. Not an error when there is none. */
  async destroy(): Promise<void> {
    await this.#starting?.catch(() => {});
    await this.#call("DELETE", "");
    this.#running = false;
  }

  /** Stops it by a signal; its workspace stays. */
  signal(signo: number): void {
    const stopping = this.#call("POST", "/stop", { signal: SIGNALS.get(signo) ?? `SIG${signo}` });
    // Who asks next what runs, hears from `monitor`.
    stopping.catch(() => {});
  }

  /** Requests to a port. Those to the control port reach the server's connection, and its health. */
  getTcpPort(port: number): Pick<Fetcher, "fetch"> {
    return {
      fetch: async (input: RequestInfo | URL, init?: RequestInit) => {
        const request = new Request(input as RequestInfo, init);
        await this.#starting;
        return port === CONTROL_PORT ? this.#control(request) : this.#forward(port, request);
      },
    };
  }

  async #control(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (request.headers.get("Upgrade") === null) {
      if (!(await this.#isRunning())) throw notListening(CONTROL_PORT);
      const known = pathname === "/" || pathname === "/healthz";
      return new Response(known ? "ok" : "not found", { status: known ? 200 : 404 });
    }
    if (pathname !== "/v1/connect") return new Response("not found", { status: 404 });
    if (!(await this.#options.admits(request)))
      return new Response("the token is not the container's", { status: 401 });
    const headers = this.#headers({ Upgrade: "websocket" });
    const protocol = request.headers.get("Sec-WebSocket-Protocol");
    if (protocol !== null) headers.set("Sec-WebSocket-Protocol", protocol);
    return fetch(this.#url("/connect"), { headers, signal: request.signal });
  }

  async #forward(port: number, request: Request): Promise<Response> {
    const { host, pathname, search } = new URL(request.url);
    const url = this.#url(`/ports/${port}${pathname}${search}`);
    const headers = this.#headers(request.headers);
    headers.set("X-Sandwire-Host", host);
    const response = await fetch(new Request(url, new Request(request, { headers, redirect: "manual" })));
    const refusal = await refusalIn(response);
    if (refusal instanceof Response) return refusal;
    // It is known here before `monitor` hears of it.
    if (refusal === "SANDBOX_NOT_RUNNING") this.#running = false;
    throw notListening(port);
  }

  async #isRunning(): Promise<boolean> {
    const response = await this.#call("GET", "");
    const { state } = await response.json<{ state: string }>();
    return state === "running";
  }

  /**
   * A call of the host's API.
   *
   * @throws Error with the host's code and message.
   */
  async #call(method: string, path: string, body?: object): Promise<Response> {
    const headers = this.#headers(body === undefined ? {} : { "Content-Type": "application/json" });
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    let response: Response;
    try {
      response = await fetch(this.#url(path), init);
    } catch (cause) {
      throw new Error(`the host engine at ${this.#options.url} does not answer: is \`sandwire-server host\` running?`, {
        cause,
      });
    }
    if (response.ok) return response;
    const text = await response.text();
    throw new Error(`the host engine refused ${method} ${path || "/"}: ${text || response.status}`);
  }

  #url(path: string): string {
    const { url, id } = this.#options;
    return `${url.replace(/\/+$/, "")}/sandboxes/${id}${path}`;
  }

  #headers(init: HeadersInit): Headers {
    const headers = new Headers(init);
    const { token } = this.#options;
    // What a client said to the port in it stays the port's; only the host's own goes out.
    if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
    return headers;
  }
}

/** The host's code when it does not run, or nothing listens, or nobody may go there; else the program's answer. */
async function refusalIn(response: Response): Promise<Response | string> {
  const type = response.headers.get("Content-Type");
  if (![403, 409, 502].includes(response.status) || type !== "application/json") return response;
  const length = Number(response.headers.get("Content-Length") ?? Number.NaN);
  if (!(length <= MAX_REFUSAL)) return response;
  const text = await response.text();
  const code = /"code":\s*"(SANDBOX_NOT_RUNNING|CONNECT_FAILED|PERMISSION_DENIED)"/.exec(text)?.[1];
  return code ?? new Response(text, response);
}

/** As the runtime says it of a port without a listener. */
function notListening(port: number): Error {
  return new Error(`the container is not listening in the TCP address 10.0.0.1:${port}`);
}
