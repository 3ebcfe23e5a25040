/** A program for Node. */

import { Readable } from "node:stream";
import { type ReadableStream, WritableStream } from "node:stream/web";
import type { Sandbox } from "sandwire";

export async function use(sandbox: Sandbox): Promise<void> {
  const stream: ReadableStream<Uint8Array> = await sandbox.readFile("file", { encoding: "stream" });
  const response = new Response(stream);
  const blob: Blob = await sandbox.readFile("file", { encoding: "blob" });
  const { signal } = new AbortController();
  await sandbox.exec("cat", { stdin: blob, signal });
  await sandbox.exec("cat", { stdin: stream, signal: AbortSignal.timeout(1000) });
  if (response.body) await sandbox.writeFile("file", response.body);
  await sandbox.writeFile("file", new Blob(["text"]));
  await sandbox.writeFile("file", await blob.arrayBuffer());
  await sandbox.uploadTree("tree", sandbox.downloadTree("tree"));
  const tree: ReadableStream<Uint8Array> = sandbox.downloadTree("tree");
  const sink: WritableStream<Uint8Array> = sandbox.execStream("cat", { stdin: true }).stdin;
  await tree.pipeTo(sink);
  const connection = await sandbox.connectPort(80);
  await stream.pipeTo(connection.writable);
  await connection.readable.pipeTo(sink);
  for await (const chunk of connection.readable) chunk satisfies Uint8Array;
}

export async function pipes(sandbox: Sandbox): Promise<void> {
  await sandbox.writeFile("file", Readable.from(["text"]));
  await sandbox.writeFile("file", Buffer.from("text"));
  Readable.fromWeb(await sandbox.readFile("file", { encoding: "stream" }));
  await sandbox.downloadTree("tree").pipeTo(new WritableStream<Uint8Array>());
}
