/** The clients to a sandbox's server alone, over its address, against the real server; over a stub they are in `../every.test.ts`. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { CommandClient, PortClient, ProcessClient } from "../../../src/cloudflare/client/commands.ts";
import { ClientConnection } from "../../../src/cloudflare/client/connection.ts";
import { BackupClient, FileClient } from "../../../src/cloudflare/client/files.ts";
import { InterpreterClient } from "../../../src/cloudflare/client/interpreter.ts";
import { parseSSEStream } from "../../../src/cloudflare/events.ts";
import { kernels } from "../../harness/kernels.ts";
import { S3 } from "../../harness/s3.ts";
import { Server } from "../../harness/server.ts";

const TOKEN = "token-of-the-server";

let server: Server;
let s3: S3;
beforeAll(async () => {
  [server, s3] = await Promise.all([Server.start({ token: TOKEN }), S3.start()]);
  await s3.createBucket("data");
});
afterAll(async () => {
  await server?.stop();
  await s3?.stop();
});

const options = () => ({ baseUrl: server.origin, defaultHeaders: { authorization: `Bearer ${TOKEN}` } });

it("runs commands in a session, and tells who wants to know of them", async () => {
  const heard: unknown[] = [];
  const commands = new CommandClient({
    ...options(),
    onCommandComplete: (...said) => heard.push(said),
    onError: (...said) => heard.push(said),
  });
  expect(await commands.execute("cd /usr; pwd; exit 3", "one")).toMatchObject({
    stdout: "/usr",
    exitCode: 3,
    success: false,
  });
  expect((await commands.execute("pwd", "one", { env: { A: "b" } })).stdout).toBe("/usr");
  await expect(commands.execute(" ", "one")).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
  expect(heard).toEqual([
    [false, 3, "/usr", "", "cd /usr; pwd; exit 3"],
    [true, 0, "/usr", "", "pwd"],
    [expect.any(String), " "],
  ]);
});

it("is refused without the token, and reaches nobody where nobody is", async () => {
  const refused = new CommandClient({ baseUrl: server.origin });
  await expect(refused.execute("true", "one")).rejects.toMatchObject({ code: "CONTAINER_UNAVAILABLE" });
  const nobody = new FileClient({ baseUrl: "http://127.0.0.1:1" });
  await expect(nobody.exists("/", "one")).rejects.toMatchObject({ code: "CONTAINER_UNAVAILABLE" });
});

it("connects anew with the next call when its connection has given up", async () => {
  const own = await Server.start();
  try {
    const connection = new ClientConnection({ baseUrl: own.origin, retryTimeoutMs: 200 });
    const files = new FileClient(connection);
    const asked = () =>
      files.exists("/", "one").then(
        () => "ok",
        ({ code }) => code,
      );
    expect(await asked()).toBe("ok");
    await own.kill();
    await expect.poll(asked, { timeout: 20_000 }).toBe("CONTAINER_UNAVAILABLE");
    expect(connection.isConnected).toBe(false);
    await own.comeBack();
    expect([await asked(), connection.isConnected]).toEqual(["ok", true]);
    connection.disconnect();
    // What is being made when it is disconnected is for nobody.
    const lost = asked();
    connection.disconnect();
    expect([await lost, connection.isConnected]).toEqual(["CONTAINER_UNAVAILABLE", false]);
    expect(await asked()).toBe("ok");
    connection.disconnect();
  } finally {
    await own.stop();
  }
});

it("waits for ports, and says when the process behind one has ended", async () => {
  const processes = new ProcessClient(options());
  const ports = new PortClient(options());
  const types = async (watch: Parameters<typeof ports.watchPort>[0]) => {
    const said: string[] = [];
    for await (const { type } of parseSSEStream<{ type: string }>(await ports.watchPort(watch))) said.push(type);
    return said;
  };
  const port = Number(server.address.split(":")[1]);
  expect(await types({ port, mode: "tcp" })).toEqual(["watching", "ready"]);
  expect(await types({ port, mode: "http", path: "/v1/connect", statusMin: 400, statusMax: 499 })).toEqual([
    "watching",
    "ready",
  ]);
  const { processId } = await processes.startProcess("exit 4", "one");
  expect(await types({ port: 9, mode: "tcp", processId })).toEqual(["watching", "process_exited"]);
  const connection = new ClientConnection(options());
  const started = await processes.startProcess("exec sleep 1000", "one");
  const reader = (
    await new PortClient(connection).watchPort({ port: 9, mode: "tcp", processId: started.processId })
  ).getReader();
  await reader.read();
  const client = await connection.client();
  await expect.poll(() => client.stats.channels).toBeGreaterThan(0);
  await reader.cancel();
  await expect.poll(() => client.stats.channels).toBe(0);
  connection.disconnect();
  await expect(processes.getProcess("none")).rejects.toMatchObject({ code: "PROCESS_NOT_FOUND" });
});

it("reads code that says no language as its context's", async () => {
  const installed = kernels();
  const own = await Server.start({ env: installed.env });
  const connection = new ClientConnection({ baseUrl: own.origin });
  try {
    const interpreter = new InterpreterClient(connection);
    const [script, python] = [
      await interpreter.createCodeContext({ language: "javascript" }),
      await interpreter.createCodeContext({ language: "python" }),
    ];
    const code = "const { sep } = require('node:path'); [sep]";
    const types: string[] = [];
    let failed: unknown;
    await interpreter.runCodeStream(script.id, code, undefined, {
      onError: error => {
        failed = error;
      },
    });
    expect(failed).toBe(undefined);
    for await (const event of parseSSEStream<{ type: string; json?: unknown }>(
      await interpreter.streamCode(python.id, "[1, 2]"),
    )) {
      types.push(event.type);
      if (event.type === "result") expect(event.json).toEqual([1, 2]);
    }
    expect(types).toEqual(["result", "execution_complete"]);
    await expect(interpreter.streamCode("none", "1")).rejects.toMatchObject({ code: "CONTEXT_NOT_FOUND" });
  } finally {
    connection.disconnect();
    await own.stop();
    installed.remove();
  }
}, 60_000);

it("packs a directory into a file of the sandbox, sends its parts, and restores it", async () => {
  const backup = new BackupClient(options());
  const at = (name: string) => join(server.workspace, name);
  const files = new FileClient(options());
  await files.mkdir(at("kept"), "one");
  writeFileSync(at("kept/file"), "content");
  const compression = { format: "gzip" } as const;
  const { sizeBytes } = await backup.createArchive(at("kept"), at("archive"), "one", { compression });
  const archive = readFileSync(at("archive"));
  expect(sizeBytes).toBe(archive.length);
  const half = sizeBytes >> 1;
  const part = (partNumber: number, offset: number, size: number) => ({
    partNumber,
    url: `${s3.endpoint}/data/part-${partNumber}`,
    offset,
    size,
  });
  const parts = [part(1, 0, half), part(2, half, sizeBytes - half)];
  const sent = await backup.uploadParts({ archivePath: at("archive"), parts });
  expect(sent.parts.map(({ partNumber, etag }) => [partNumber, etag !== ""])).toEqual([
    [1, true],
    [2, true],
  ]);
  const stored = await Promise.all([s3.get("data", "part-1"), s3.get("data", "part-2")]);
  expect(Buffer.concat(stored.map(bytes => bytes ?? Buffer.alloc(0))).equals(archive)).toBe(true);
  writeFileSync(at("kept/file"), "changed");
  await backup.restoreArchive(at("kept"), at("archive"), "one");
  expect(readFileSync(at("kept/file"), "utf8")).toBe("content");
  const gone = { archivePath: at("archive"), parts: [{ ...part(1, 0, 1), url: `${s3.endpoint}/none/x` }] };
  await expect(backup.uploadParts(gone)).rejects.toMatchObject({ code: "BACKUP_CREATE_FAILED" });
});
