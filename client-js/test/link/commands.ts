/** Commands by raw channels, for tests of what carries them. */

import { createHash } from "node:crypto";
import type { Channel, Opener } from "../../src/channel.ts";

/** How a command ended, as the wire has it. */
export interface Exit {
  readonly code?: number;
  readonly signal?: string;
}

/** A raw `exec`. */
export type Exec = Channel<object, object, Exit>;

/** Starts a shell command. */
export function exec(opener: Opener, command: string, more: object = {}): Exec {
  return opener.open("exec", { run: { command }, ...more });
}

/** Runs a shell command to its end: what it wrote to stdout, and its exit code. */
export async function run(opener: Opener, command: string): Promise<{ stdout: string; code: number | undefined }> {
  const { bytes, exit } = await finish(exec(opener, command));
  return { stdout: Buffer.concat(bytes).toString(), code: exit.code };
}

/** Takes all that a command writes to stdout, to its end. */
export async function finish(command: Exec): Promise<{ bytes: Uint8Array[]; exit: Exit }> {
  const bytes: Uint8Array[] = [];
  for (let item = await command.recv(); item !== undefined; item = await command.recv()) {
    if (item.type === "data" && item.stream === 1) bytes.push(item.data);
  }
  return { bytes, exit: await command.result };
}

/** The SHA-256 of what a command writes to stdout, and its exit code; nothing is kept. */
export async function digest(command: Exec): Promise<{ sha256: string; length: number; code: number | undefined }> {
  const hash = createHash("sha256");
  let length = 0;
  for (let item = await command.recv(); item !== undefined; item = await command.recv()) {
    if (item.type !== "data" || item.stream !== 1) continue;
    hash.update(item.data);
    length += item.data.length;
  }
  return { sha256: hash.digest("hex"), length, code: (await command.result).code };
}
