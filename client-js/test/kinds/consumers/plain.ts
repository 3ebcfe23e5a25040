/** A program that has neither the DOM's types nor Node's. */

import { AbortError, type ByteStream, connect, FileNotFoundError, type Sandbox, TimeoutError } from "sandwire";

export async function use(): Promise<void> {
  await using sandbox: Sandbox = await connect("ws://127.0.0.1:7070");
  const { stdout, exitCode }: { stdout: string; exitCode: number | null } = await sandbox.exec("true");
  const bytes: Uint8Array = (await sandbox.exec("true", { encoding: "bytes" })).stdout;
  const stream: ByteStream = await sandbox.readFile("file", { encoding: "stream" });
  for await (const chunk of stream) bytes.set(chunk);
  const reader = stream.getReader();
  const { done, value } = await reader.read();
  if (!done) bytes.set(value);
  const blob = await sandbox.readFile("file", { encoding: "blob" });
  const size: number = blob.size;
  const writer = (await sandbox.startProcess("cat", { stdin: true })).stdin.getWriter();
  await writer.write(`${stdout} ${exitCode} ${size}`);
  await sandbox.writeFile("copy", stream);
  await sandbox.writeFile("copy", blob);
  try {
    await sandbox.stat("missing");
  } catch (error) {
    if (error instanceof FileNotFoundError) {
      const code: "FILE_NOT_FOUND" = error.code;
      await writer.write(code + error.message + error.context.path);
    }
    if (error instanceof AbortError || error instanceof TimeoutError) throw error;
  }
}
