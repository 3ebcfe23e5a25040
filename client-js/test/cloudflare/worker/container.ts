/**
 * A Worker whose object has a container, as on Cloudflare: what the runtime gives leads to a real server on a TCP port, which
 * wants the token that the object gave to the container.
 */

import { Sandbox as Base, getSandbox, type SandboxError } from "../../../src/cloudflare.ts";

interface Env {
  readonly Sandbox: DurableObjectNamespace<Sandbox>;
  /** The port of the server, and of nothing else. */
  readonly PORT: string;
  /** What fails for ever: that there is an instance, or that it listens. */
  readonly FAILS?: "instance" | "port";
  /** Its token: a container would be started with it. */
  readonly TOKEN: string;
}

/** What the object did with its container. */
const did: unknown[] = [];

/** What the platform says when it has none. */
const NO_INSTANCE = new Error("there is no container instance that can be provided to this durable object");

/** The runtime's container, as far as the class uses it. */
function container({ PORT, FAILS }: Env) {
  let running = false;
  let stopped = () => {};
  const end = () => {
    running = false;
    stopped();
  };
  return {
    get running() {
      return running;
    },
    start(options: ContainerStartupOptions) {
      did.push({ start: options });
      running = FAILS !== "instance";
    },
    monitor: () => (FAILS === "instance" ? Promise.reject(NO_INSTANCE) : new Promise<void>(done => (stopped = done))),
    async destroy() {
      did.push("destroy");
      end();
    },
    signal(number: number) {
      did.push({ signal: number });
      end();
    },
    getTcpPort: (port: number) => ({
      fetch(input: RequestInfo, init?: RequestInit) {
        if (FAILS === "instance") return Promise.reject(NO_INSTANCE);
        if (FAILS === "port") {
          did.push({ port });
          return Promise.reject(new Error(`the container is not listening in the TCP address 10.0.0.1:${port}`));
        }
        const request = new Request(input, init);
        const url = new URL(request.url);
        url.host = `127.0.0.1:${port === 7070 ? PORT : port}`;
        return fetch(new Request(url, request));
      },
    }),
  };
}

/** A class that names the token of its container. */
export class Sandbox extends Base<Env> {
  override envVars: Record<string, string> = { SANDWIRE_TOKEN: this.env.TOKEN };

  constructor(ctx: DurableObjectState<object>, env: Env) {
    Object.defineProperty(ctx, "container", { value: container(env), configurable: true });
    super(ctx, env);
  }
}

export default {
  async fetch(request, env) {
    const containerTimeouts = JSON.parse(new URL(request.url).searchParams.get("timeouts") ?? "{}") as object;
    const sandbox = getSandbox(env.Sandbox, "contained", { labels: { tenant: "one" }, containerTimeouts });
    if (env.FAILS) {
      const { code, context } = (await sandbox.exec("true").catch((error: SandboxError) => error)) as SandboxError;
      return Response.json({ code, context, did });
    }
    const { stdout } = await sandbox.exec("echo in; env | grep -c SANDWIRE_TOKEN");
    await sandbox.destroy();
    return Response.json({ stdout, did });
  },
} satisfies ExportedHandler<Env>;
