/** Ports and preview addresses: HTTP and WebSockets from outside to a program in the sandbox, and to nothing else. */

import { request as httpRequest } from "node:http";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { until } from "../harness/until.ts";
import { Platform } from "./platform.ts";

const PROGRAM = fileURLToPath(new URL("preview-server.mjs", import.meta.url));

const ID = "previewed";

let platform: Platform;
let port: number;
let address: string;
beforeAll(async () => {
  platform = await Platform.start();
  port = await freePort();
  await serve(port);
  address = await expose(port);
});
afterAll(() => platform?.stop());

/** The sandboxes of these tests share the machine's network. */
function freePort(): Promise<number> {
  return new Promise(resolve => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const at = server.address();
      server.close(() => resolve(typeof at === "object" && at ? at.port : 0));
    });
  });
}

/** Starts the program in the sandbox, and waits until it listens. */
async function serve(at: number, id = ID): Promise<void> {
  await platform.call("startReady", { id, args: [`exec ${process.execPath} ${PROGRAM} ${at}`, "web"] });
}

async function expose(at: number, id = ID, ...token: string[]): Promise<string> {
  const args = [`${at}`, platform.hostname, ...token];
  return (await platform.call<{ url: string }>("expose", { id, args })).url;
}

/** A WebSocket to a preview address. */
function dial(to: string, protocols: string[] = []): WebSocket {
  const { host, pathname } = new URL(to);
  return new WebSocket(`ws://127.0.0.1:${platform.port}${pathname}`, protocols, { headers: { Host: host } });
}

describe("a preview address", () => {
  it("names port, sandbox and a token that nobody can guess", async () => {
    const token = /^http:\/\/\d+-previewed-([a-z0-9]{16})\.localhost:\d+$/.exec(address)?.[1];
    expect(token).toBeDefined();
    expect(await platform.call("validate", { id: ID, args: [`${port}`, token as string] })).toBe(true);
    expect(await platform.call("validate", { id: ID, args: [`${port}`, "0".repeat(16)] })).toBe(false);
    expect(await platform.call("validate", { id: ID, args: [`${port + 1}`, token as string] })).toBe(false);
    expect(await platform.call("exposed", { id: ID, args: [platform.hostname] })).toEqual([
      { url: address, port, status: "active" },
    ]);
    // Again: the same.
    expect(await expose(port)).toBe(address);
  });

  it("carries method, path, query and status", async () => {
    const { status, text } = await platform.get(`${address}/teapot?a=1&b=%20`);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ url: "/teapot?a=1&b=%20", method: "GET" });
    expect((await platform.get(`${address}/teapot`)).status).toBe(418);
  });

  it("tells the program who asked for what, and believes no client about that", async () => {
    const { text } = await platform.get(`${address}/`, {
      "X-Forwarded-Host": "evil.example",
      "X-Forwarded-For": "6.6.6.6",
      Forwarded: "for=6.6.6.6",
      "X-Sandwire-Host": "evil.example",
      "X-Sandbox-Preview-Port": "1",
      "cf-container-target-port": "7070",
      Authorization: "Bearer of the program's own",
      Origin: new URL(address).origin,
    });
    const { headers } = JSON.parse(text) as { headers: Record<string, string> };
    const { host } = new URL(address);
    expect(headers).toMatchObject({
      host: `localhost:${port}`,
      origin: `http://localhost:${port}`,
      "x-forwarded-host": host,
      "x-forwarded-proto": "http",
      "x-original-url": `${address}/`,
      authorization: "Bearer of the program's own",
    });
    expect(headers["forwarded"]).toContain(`host="${host}"`);
    expect(text).not.toMatch(/evil|6\.6\.6\.6|target-port|preview-port/);
  });

  it("follows no redirect, and keeps every cookie", async () => {
    const { status, headers } = await platform.get(`${address}/redirect`);
    expect(status).toBe(302);
    expect(headers.location).toBe("/elsewhere");
    expect(headers["set-cookie"]).toEqual(["a=1", "b=2"]);
  });

  it("says how long an answer is, and gives all of it", async () => {
    const { headers, text } = await platform.get(`${address}/large`);
    expect(headers["content-length"]).toBe(`${3 << 20}`);
    expect(text.length).toBe(3 << 20);
  });

  it("can be had before the sandbox runs, and holds then", async () => {
    const id = "early";
    const at = await freePort();
    const url = await expose(at, id);
    expect((await platform.get(url)).status).toBe(410);
    expect((await platform.info(id)).state).toBe("absent");
    await serve(at, id);
    expect((await platform.get(url)).status).toBe(200);
  });

  it("streams both ways at once", async () => {
    const { host } = new URL(address);
    let heard = "";
    const request = httpRequest({
      host: "127.0.0.1",
      port: platform.port,
      path: "/echo",
      method: "POST",
      headers: { Host: host },
    });
    request.on("response", response => response.setEncoding("utf8").on("data", text => (heard += text)));
    request.write("one ");
    await until("the first piece", () => heard === "one ");
    request.end("two");
    await until("the second piece", () => heard === "one two");
  });

  it("carries a WebSocket: subprotocol, text, bytes, and how the program closes it", async () => {
    const socket = dial(`${address}/socket`, ["other", "chat"]);
    const heard: unknown[] = [];
    socket.on("message", (data, binary) => heard.push(binary ? data : String(data)));
    await until("the greeting", () => heard.length === 1);
    expect(heard[0]).toBe("hello /socket");
    expect(socket.protocol).toBe("chat");
    socket.send("text");
    socket.send(Buffer.from([0, 255]));
    await until("the echo", () => heard.length === 3);
    expect(heard.slice(1)).toEqual(["text", Buffer.from([0, 255])]);
    const closed = new Promise(resolve => socket.on("close", (code, reason) => resolve([code, String(reason)])));
    socket.send("close");
    expect(await closed).toEqual([4001, "as you wish"]);
  });

  it("tells the program how the client closes it", async () => {
    const socket = dial(`${address}/socket`);
    await new Promise(resolve => socket.once("message", resolve));
    socket.close(4002, "enough");
    const log = () => platform.call<{ stdout: string }>("logs", { id: ID, args: ["web"] });
    await until("the program to know", async () => (await log()).stdout.includes("closed 4002 enough"));
  });

  it("is not there for a wrong token, another port, or the control port", async () => {
    const { host } = new URL(address);
    for (const name of [
      host.replace(/-[a-z0-9]{16}\./, "-aaaaaaaaaaaaaaaa."),
      host.replace(/^\d+/, `${port + 1}`),
      host.replace(/^\d+/, "7070"),
      host.replace("previewed", "somebody-else"),
    ]) {
      const { status, text } = await platform.get(`http://${name}/`);
      expect([status, JSON.parse(text)]).toMatchObject([404, { code: "INVALID_TOKEN" }]);
    }
    expect((await platform.info("somebody-else")).state).toBe("absent");
  });

  it("is gone when its port is not exposed any more, which may be said twice", async () => {
    const other = await freePort();
    const url = await expose(other);
    expect((await platform.get(url)).status).toBe(502);
    expect(await platform.call("isExposed", { id: ID, args: [`${other}`] })).toBe(true);
    await platform.call("unexpose", { id: ID, args: [`${other}`] });
    await platform.call("unexpose", { id: ID, args: [`${other}`] });
    expect((await platform.get(url)).status).toBe(404);
    expect(await platform.call("isExposed", { id: ID, args: [`${other}`] })).toBe(false);
  });

  it.each(["unexpose", "destroy", "expose"])("ends what is open by it: %s", async how => {
    const id = `ends-by-${how}`;
    const at = await freePort();
    await serve(at, id);
    const url = await expose(at, id, "first");
    const socket = dial(`${url}/socket`);
    await new Promise(resolve => socket.once("message", resolve));
    let socketEnded = false;
    socket.on("close", () => {
      socketEnded = true;
    });
    let heard = "";
    let streamEnded = false;
    const { host } = new URL(url);
    const request = httpRequest({ host: "127.0.0.1", port: platform.port, path: "/endless", headers: { Host: host } });
    request.on("error", () => {
      streamEnded = true;
    });
    request.on("response", response => {
      response.setEncoding("utf8").on("data", text => (heard += text));
      response.on("error", () => {});
      response.on("close", () => {
        streamEnded = true;
      });
    });
    request.end();
    await until("the stream", () => heard.includes("tick"));
    const silent = platform.get(`${url}/silent`);
    const log = async () => (await platform.call<{ stdout: string }>("logs", { id, args: ["web"] })).stdout;
    await until("the silent one", async () => (await log()).includes("silent is asked"));
    if (how === "expose") await expose(at, id, "second");
    else await platform.call(how, { id, args: [`${at}`] });
    await until("the WebSocket's end", () => socketEnded);
    await until("the stream's end", () => streamEnded);
    expect((await silent).status).toBe(404);
    if (how === "destroy") return;
    // The program knows it, too.
    await until("the program to know", async () => {
      const said = await log();
      return ["closed", "endless is over", "silent is over"].every(one => said.includes(one));
    });
  });

  it("leaves nothing behind when it was only guessed", async () => {
    const id = "guessed";
    expect((await platform.get(address.replace("-previewed-", `-${id}-`))).status).toBe(404);
    expect((await platform.call<{ kept: string[] }>("lookInto", { id })).kept).toEqual([]);
  });

  it("answers HEAD", async () => {
    const { host } = new URL(address);
    const status = await new Promise(resolve => {
      const init = { host: "127.0.0.1", port: platform.port, path: "/large", method: "HEAD", headers: { Host: host } };
      httpRequest(init, response => resolve(response.statusCode)).end();
    });
    expect(status).toBe(200);
  });

  it("is stale after a restart, wakes nothing, and holds again when its port is exposed again", async () => {
    const id = "restarted";
    const at = await freePort();
    await serve(at, id);
    const url = await expose(at, id, "my_token");
    expect(url).toContain(`${at}-restarted-my_token.`);
    expect((await platform.get(url)).status).toBe(200);
    await platform.kill(id);
    await until("the end", async () => (await platform.info(id)).state !== "running");
    const { status, text } = await platform.get(url);
    expect([status, JSON.parse(text)]).toMatchObject([410, { code: "STALE_PREVIEW_URL" }]);
    expect((await platform.info(id)).state).not.toBe("running");
    await serve(at, id);
    expect((await platform.get(url)).status).toBe(410);
    expect(await expose(at, id, "my_token")).toBe(url);
    expect((await platform.get(url)).status).toBe(200);
  });
});

describe("exposing", () => {
  it.each([
    ["the control port", "7070", "localhost", undefined, "INVALID_PORT"],
    ["a system port", "80", "localhost", undefined, "INVALID_PORT"],
    ["what is no port", "70000", "localhost", undefined, "INVALID_PORT"],
    ["below workers.dev", "8080", "me.workers.dev", undefined, "CUSTOM_DOMAIN_REQUIRED"],
    ["a token that no host name has", "8080", "localhost", "Not-This", "VALIDATION_FAILED"],
    ["the token of another port", "8080", "localhost", "mine", "PORT_ALREADY_EXPOSED"],
  ])("refuses %s", async (_, at, hostname, token, code) => {
    if (token === "mine") await expose(8081, ID, "mine");
    const args = [at, hostname, ...(token === undefined ? [] : [token])];
    await expect(platform.call("expose", { id: ID, args })).rejects.toMatchObject({ code });
  });

  it.each(["UpperCase", "a.b", "a/b", "ä"])("refuses the id %s, which no host name keeps", async id => {
    await expect(expose(8080, id)).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
  });
});

describe("a Worker's own way to a port", () => {
  it("carries a WebSocket", async () => {
    const url = platform.url("wsConnect", { id: ID, args: [`${port}`] });
    const socket = new WebSocket(url.href.replace("http", "ws"), ["chat"]);
    const first = await new Promise(resolve => socket.once("message", data => resolve(String(data))));
    expect(first).toMatch(/^hello \/wsConnect/);
    expect(socket.protocol).toBe("chat");
    socket.close();
  });

  it("carries requests", async () => {
    const response = await fetch(platform.url("fetchPort", { id: ID, args: [`${port}`, "/path"] }));
    expect(await response.json()).toMatchObject({ url: "/path", headers: { host: "localhost" } });
  });

  it("does not lead to the control port", async () => {
    await expect(platform.call("wsConnect", { id: ID, args: ["7070"] })).rejects.toMatchObject({
      code: "INVALID_PORT",
    });
  });
});
