import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, PermissionError, type Sandbox } from "../../src/index.ts";
import { Server } from "../harness/server.ts";
import { BEHIND_A_RELAY, Workers } from "./workers.ts";

let server: Server;
let workers: Workers;
let all: Sandbox;

beforeAll(async () => {
  server = await Server.start({ args: BEHIND_A_RELAY });
  workers = await Workers.start({ UPSTREAM: server.origin });
  all = await connect(workers.url("door"));
  await all.exec("mkdir -p open shut && echo seen > open/file && echo secret > shut/file && ln -s ../shut open/way");
  for (const id of ["mine", "theirs"]) await (await all.createTerminal({ id, cols: 80, rows: 24 })).detach();
});

afterAll(async () => {
  await all.close();
  await workers.stop();
  await server.stop();
});

const denied = (promise: Promise<unknown>) => expect(promise).rejects.toBeInstanceOf(PermissionError);

describe("a client has what the Worker grants it, on the trunk that may do everything", () => {
  it("one that may look on, at one terminal", async () => {
    await using viewer = await connect(workers.url("door", { readOnly: true, terminals: ["mine"] }));
    const { scopes } = await viewer.info();
    expect([...scopes].sort()).toEqual(["file-read", "info", "port-read", "process-read", "pty-read"]);
    expect((await viewer.listTerminals()).map(({ id }) => id)).toEqual(["mine"]);
    const terminal = await viewer.attachTerminal("mine", { readOnly: true });
    expect(terminal.attached).toMatchObject({ cols: 80, rows: 24 });
    terminal.detach();
    await denied(viewer.attachTerminal("theirs", { readOnly: true }));
    await denied(viewer.attachTerminal("none", { readOnly: true }));
    await denied(viewer.createTerminal({ id: "mine", cols: 80, rows: 24 }));
    await denied(viewer.closeTerminal("mine"));
    await denied(viewer.exec("true"));
    await denied(viewer.writeFile("open/file", "written"));
  });

  it("one that may use files of one directory", async () => {
    const path = `${server.workspace}/open`;
    await using guest = await connect(workers.url("door", { scopes: ["file-read", "file-write"], paths: [path] }));
    expect(await guest.readFile(`${path}/file`)).toBe("seen\n");
    await guest.writeFile(`${path}/new`, "new");
    await denied(guest.readFile("shut/file"));
    await denied(guest.readFile(`${path}/../shut/file`));
    await denied(guest.readFile(`${path}/way/file`));
    await denied(guest.exec("true"));
  });

  it("one that asks for more than it is granted, by every field", async () => {
    const path = `${server.workspace}/open`;
    const grant = { scopes: ["file-read", "info"], paths: [path] };
    await using client = await connect(workers.url("door", grant), { scopes: ["exec", "info", "file-read"] });
    expect([...(await client.info()).scopes].sort()).toEqual(["file-read", "info"]);
    await denied(client.exec("true"));
  });

  it("whatever another client of the same trunk may", async () => {
    await using none = await connect(workers.url("door", { scopes: [] }));
    await denied(none.info());
    expect((await all.exec("echo all")).stdout).toBe("all\n");
    await denied(none.exec("true"));
  });

  it("also when it connects again, and its lane goes on", async () => {
    await using viewer = await connect(workers.url("door", { readOnly: true }));
    await viewer.info();
    viewer.reconnect();
    await denied(viewer.exec("true"));
    expect((await viewer.listTerminals()).length).toBe(2);
  });
});
