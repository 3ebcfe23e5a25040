/** What goes beyond the stock package: clients of `sandwire` through the Worker, and an object that the tests can look into. */

import { Sandbox as Base, type Grant, getSandbox, type SandboxConfiguration } from "../../../src/cloudflare.ts";
import { connect } from "../../../src/index.ts";
import app, { type Env as AppEnv, refusal } from "./app.ts";

interface Env {
  readonly Sandbox: DurableObjectNamespace<Sandbox>;
}

/** What this isolate asked of the host, in order: method and path. */
const asked: string[] = [];
const send = globalThis.fetch;
globalThis.fetch = (input: RequestInfo | URL, init?: RequestInit) => {
  // One that is made anew would take the body away from this one.
  const { method = "GET", url } = input instanceof Request ? input : { ...init, url: `${input}` };
  asked.push(`${method} ${new URL(url).pathname}`);
  return send(input as RequestInfo, init);
};

interface LookedInto {
  readonly born: string;
  readonly expired: number;
  readonly sleepAfter: string | number;
  readonly configured: readonly SandboxConfiguration[];
  /** Names of what the object keeps. */
  readonly kept: readonly string[];
  /** What was asked of the host for it: method and what follows its name. */
  readonly asked: readonly string[];
}

/** A class of the Worker's own, with methods of its own. */
export class Sandbox extends Base<Env> {
  override envVars: Record<string, string> = {
    OF_THE_CLASS: "yes",
    // One of them names its token; the others have one that is drawn.
    ...(this.ctx.id.name === "test" && { SANDWIRE_TOKEN: "the-class-has-a-token-of-its-own" }),
  };
  readonly #born: string = crypto.randomUUID();
  #expired = 0;
  readonly #configured: SandboxConfiguration[] = [];

  /** A method of the Worker's own: it is called by RPC, and calls the sandbox's. */
  async shout(text: string): Promise<string> {
    const { stdout } = await this.exec(`echo ${text} | tr a-z A-Z`);
    return stdout;
  }

  /** Which object it is, how often it asked whether it may sleep, what it was told. */
  async lookInto(): Promise<LookedInto> {
    const { sleepAfter } = this;
    const kept = [...this.ctx.storage.kv.list()].map(([name]) => name);
    const mine = asked.map(one => one.split(`/sandboxes/${this.ctx.id.name}/`)).filter(({ length }) => length === 2);
    return {
      born: this.#born,
      expired: this.#expired,
      sleepAfter,
      configured: this.#configured,
      kept,
      asked: mine.map(([method, path]) => `${method}${path}`),
    };
  }

  /** Starts with a variable of the class that would take the server away. */
  async moveServer(): Promise<string> {
    this.envVars = { SANDWIRE_LISTEN: "127.0.0.1:1" };
    return (await this.exec("echo reached")).stdout;
  }

  override async configure(configuration: SandboxConfiguration): Promise<void> {
    this.#configured.push(configuration);
    await super.configure(configuration);
  }

  /** Starts in the moment in which the alarm, which found nothing running, takes itself away. */
  async startWithinAlarm(): Promise<string> {
    await this.configure({ sleepAfter: 1 });
    const { storage } = this.ctx;
    const value = async () => {
      await this.exec("true");
      await Reflect.apply(Object.getPrototypeOf(storage).deleteAlarm, storage, []);
    };
    Object.defineProperty(storage, "deleteAlarm", { value });
    await this.alarm();
    return this.#born;
  }

  /** The platform takes the object away. */
  async evict(): Promise<void> {
    this.ctx.abort("evicted by the test");
  }

  override async onActivityExpired(): Promise<void> {
    this.#expired += 1;
    await super.onActivityExpired();
  }
}

/** The client over a WebSocket that the Worker got from the container's own server, with the token of the class. */
async function passThrough(sandbox: Sandbox, token: string): Promise<string> {
  const headers = { Upgrade: "websocket", Authorization: `Bearer ${token}`, "Sec-WebSocket-Protocol": "sandwire.v1" };
  const { status, webSocket } = await sandbox.fetch(new Request("http://sandbox/v1/connect", { headers }));
  if (!webSocket) return `refused with ${status}`;
  webSocket.accept();
  await using client = await connect(webSocket);
  return (await client.exec("echo through")).stdout;
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const sandbox = () => getSandbox(env.Sandbox, searchParams.get("id") ?? "test");
    switch (pathname) {
      case "/connect": {
        const grant = JSON.parse(searchParams.get("options") ?? "{}") as Grant;
        return sandbox().connect(request, grant);
      }
      case "/v1/connect":
        return sandbox().fetch(request);
      case "/terminal":
        return sandbox().terminal(request, { cols: 100, rows: 30 });
      case "/passThrough":
        return Response.json(await passThrough(sandbox(), searchParams.get("arg") ?? ""));
      case "/shout":
        return Response.json(await sandbox().shout(searchParams.get("arg") ?? ""));
      case "/lookInto":
        return Response.json(await sandbox().lookInto());
      case "/moveServer":
        return Response.json(
          await sandbox()
            .moveServer()
            .catch(({ code, message }: Error & { code?: string }) => ({ code, message })),
        );
      case "/startWithinAlarm":
        return sandbox()
          .startWithinAlarm()
          .then(born => Response.json(born), refusal);
      case "/evict":
        return Response.json(
          await sandbox()
            .evict()
            .then(
              () => "alive",
              (error: Error) => error.message,
            ),
        );
      default:
        return app.fetch(request, env as unknown as AppEnv);
    }
  },
} satisfies ExportedHandler<Env>;
