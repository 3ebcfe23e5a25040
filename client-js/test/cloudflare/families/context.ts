/** A context over a real server, as the Durable Object has one, for the tests of one file. */

import { afterAll, beforeAll } from "vitest";
import type { Context } from "../../../src/cloudflare/context.ts";
import { SandboxError } from "../../../src/cloudflare/errors.ts";
import { parseSSEStream } from "../../../src/cloudflare/events.ts";
import { ThisObject } from "../../../src/cloudflare/object.ts";
import { connect, type Sandbox } from "../../../src/index.ts";
import { CuttingProxy } from "../../harness/proxy.ts";
import { Server, type ServerOptions } from "../../harness/server.ts";

/** What the tests of a file use. */
export interface Family {
  readonly server: Server;
  readonly client: Sandbox;
  /** In the default session, as a sandbox is without options. */
  readonly context: Context;
  /** With no session. */
  readonly sessionless: Context;
}

/** An object that is bound to nothing, and keeps what it is told as long as the test runs. */
export function thisObject(env: object = {}): ThisObject {
  const kept = new Map<string, unknown>();
  const storage = {
    get: (key: string) => kept.get(key),
    put: (key: string, value: unknown) => void kept.set(key, value),
    delete: (key: string) => kept.delete(key),
    list: ({ prefix }: { prefix: string }) => [...kept].filter(([key]) => key.startsWith(prefix)),
  };
  return new ThisObject("test", env, storage as unknown as ThisObject["storage"], () => true);
}

/** How to start it. */
export interface FamilyOptions {
  /** Of the server. */
  readonly server?: ServerOptions;
  /** Cut the client's connections again and again, each behind so many bytes. Default: they stay whole. */
  readonly cut?: readonly [least: number, most: number];
}

/** Starts a server before the tests of the file, or of the block, and stops it after them. */
export function family(options: FamilyOptions = {}): Family {
  let server: Server | undefined;
  let client: Sandbox | undefined;
  let proxy: CuttingProxy | undefined;
  beforeAll(async () => {
    server = await Server.start(options.server);
    if (options.cut) {
      proxy = await CuttingProxy.start(server.address);
      await proxy.cutRandomly(11, ...options.cut);
    }
    client = await connect(proxy?.url ?? server.url);
  });
  afterAll(async () => {
    await proxy?.keepWhole();
    await client?.close();
    await proxy?.stop();
    await server?.stop();
  });
  const there = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error("there is nothing before the tests begin");
    return value;
  };
  const bare = (): Context => ({
    client: async () => there(client),
    cwd: there(server).workspace,
    id: "test",
    object: thisObject(),
  });
  return {
    get server() {
      return there(server);
    },
    get client() {
      return there(client);
    },
    get context() {
      return { ...bare(), session: "sandbox-test" };
    },
    get sessionless() {
      return bare();
    },
  };
}

/** All events of a stream. */
export async function events<T extends object>(stream: ReadableStream<Uint8Array>): Promise<T[]> {
  const all: T[] = [];
  for await (const event of parseSSEStream<T>(stream)) all.push(event);
  return all;
}

/** What it rejects with, which must be an error of the drop-in. */
export async function failure(work: Promise<unknown>): Promise<SandboxError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof SandboxError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

/** What each of them rejects with. They are under way together, and none may reject before it is listened to. */
export async function failures(works: readonly Promise<unknown>[]): Promise<SandboxError[]> {
  return Promise.all(works.map(failure));
}
