/** A real S3 server on loopback, moto's: buckets and objects in memory, by the requests that any client of S3 makes. */

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Program } from "./program.ts";

const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));

/** Somebody with keys: what s3fs writes is not for who has none. This server looks at no signature. */
const headers = {
  Authorization: "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=b",
};

/** A running server. Stop it at the end of the test. */
export class S3 {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  /** Starts one, of the virtual environment of `SANDWIRE_PYTHON`, else of the one that `tests/run setup` makes. */
  static async start(): Promise<S3> {
    const python = resolve(PACKAGE, process.env["SANDWIRE_PYTHON"] ?? "../target/python");
    const server = join(python, "bin/moto_server");
    if (!existsSync(server)) throw new Error(`${server} is not there: run \`tests/run setup\`, or set SANDWIRE_PYTHON`);
    const listening = /Running on http:\/\/([\d.:]+)/;
    return new S3(await Program.start(server, { args: ["-H", "127.0.0.1", "-p", "0"], listening }));
  }

  /** URL of its endpoint. */
  get endpoint(): string {
    return `http://${this.#program.address}`;
  }

  /** Makes a bucket. */
  async createBucket(name: string): Promise<void> {
    await this.#ask("PUT", name);
  }

  /** Writes an object. */
  async put(bucket: string, key: string, content: string | Uint8Array): Promise<void> {
    await this.#ask("PUT", `${bucket}/${key}`, content);
  }

  /** An object; `undefined` when there is none. */
  async get(bucket: string, key: string): Promise<Buffer | undefined> {
    const response = await fetch(`${this.endpoint}/${bucket}/${key}`, { headers });
    return response.ok ? Buffer.from(await response.arrayBuffer()) : undefined;
  }

  /** Removes an object. */
  async delete(bucket: string, key: string): Promise<void> {
    await this.#ask("DELETE", `${bucket}/${key}`);
  }

  /** The keys of a bucket, in order. */
  async keys(bucket: string): Promise<string[]> {
    const text = await (await this.#ask("GET", `${bucket}?list-type=2`)).text();
    return [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = ""]) => key);
  }

  /** How many uploads in parts were neither completed nor aborted. */
  async uploads(bucket: string): Promise<number> {
    const text = await (await this.#ask("GET", `${bucket}?uploads`)).text();
    return [...text.matchAll(/<UploadId>/g)].length;
  }

  /** Holds it, so that it answers nobody, or lets it go on. */
  hold(held: boolean): void {
    this.#program.signal(held ? "SIGSTOP" : "SIGCONT");
  }

  /** Ends it. */
  stop(): Promise<void> {
    return this.#program.kill();
  }

  async #ask(method: string, path: string, body?: string | Uint8Array): Promise<Response> {
    const content = body === undefined ? {} : { body: Buffer.from(body) };
    const response = await fetch(`${this.endpoint}/${path}`, { method, headers, ...content });
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${await response.text()}`);
    return response;
  }
}
