/** Streams, and what reads and makes them. */

import {
  asyncIterableToSSEStream,
  type ExecEvent,
  getSandbox,
  parseSSEStream,
  responseToAsyncIterable,
} from "sandwire/cloudflare";
import type { Examples } from "./env.ts";
import { project } from "./project.ts";

export const streams: Examples = {
  /** CI/CD Build System */
  async runBuild({ env, args: [buildId = ""] }) {
    const sandbox = await project(env, buildId);
    const stream = await sandbox.execStream("npm run build");
    const shown: string[] = [];

    for await (const event of parseSSEStream<ExecEvent>(stream)) {
      switch (event.type) {
        case "start":
          await env.BUILDS.put(buildId, JSON.stringify({ status: "running" }));
          shown.push(`Build started: ${event.command}`);
          break;
        case "stdout":
          shown.push(`Build: ${event.data}`);
          break;
        case "complete":
          shown.push(`Exit code: ${event.exitCode}`);
          await env.BUILDS.put(
            buildId,
            JSON.stringify({
              status: event.exitCode === 0 ? "success" : "failed",
              exitCode: event.exitCode,
            }),
          );
          break;
        case "error":
          shown.push(`Error: ${event.error}`);
          break;
      }
    }
    return { first: shown[0], last: shown.at(-1), all: shown.join(""), kept: await env.BUILDS.get(buildId, "json") };
  },

  /** A loop over the call itself. */
  async loop({ env }) {
    const sandbox = getSandbox(env.Sandbox, "my-sandbox");
    let output = "";
    for await (const event of sandbox.execStream("echo compiling; echo a warning >&2; exit 2")) {
      switch (event.type) {
        case "start":
          output += `Started: ${event.command}\n`;
          break;
        case "stdout":
          output += event.data;
          break;
        case "complete":
          return `${output}Build completed with exit code: ${event.exitCode}`;
      }
    }
    return "it did not complete";
  },

  /** The events of a response, changed and sent on. */
  async passedOn({ env }) {
    const sandbox = getSandbox(env.Sandbox, "my-sandbox");
    const response = new Response(await sandbox.execStream("echo one; echo two"), {
      headers: { "Content-Type": "text/event-stream" },
    });
    async function* loud() {
      for await (const event of responseToAsyncIterable<ExecEvent>(response)) {
        if (event.type === "stdout") yield { ...event, data: event.data?.toUpperCase() };
      }
    }
    const headers = { "Content-Type": "text/event-stream" };
    return new Response(asyncIterableToSSEStream(loud()), { headers });
  },
};
