/** A server and a sandbox for the tests of one file. */

import { afterAll, beforeAll } from "vitest";
import { connect, type Sandbox } from "../../src/index.ts";
import { Server, type ServerOptions } from "../harness/server.ts";

/** What the tests of a file use. */
export interface Served {
  readonly server: Server;
  readonly sandbox: Sandbox;
}

/** Starts a server before the tests of the file, connects, and stops it after them. */
export function served(options?: ServerOptions): Served {
  let server: Server | undefined;
  let sandbox: Sandbox | undefined;
  beforeAll(async () => {
    server = await Server.start(options);
    sandbox = await connect(server.url, options?.token === undefined ? {} : { token: options.token });
  });
  afterAll(async () => {
    await sandbox?.close();
    await server?.stop();
  });
  return {
    get server() {
      if (!server) throw new Error("there is no server before the tests begin");
      return server;
    },
    get sandbox() {
      if (!sandbox) throw new Error("there is no sandbox before the tests begin");
      return sandbox;
    },
  };
}

/** All that comes, to its end. */
export async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** The next one; fails when there is none. */
export async function next<T>(source: AsyncIterator<T>): Promise<T> {
  const { done, value } = await source.next();
  if (done) throw new Error("it has ended");
  return value;
}

/** What a promise rejects with; fails when it resolves. */
export async function failure(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("it did not fail");
}
