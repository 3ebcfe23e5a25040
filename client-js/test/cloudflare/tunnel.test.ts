/**
 * Tunnels, under real workerd and with real processes in real sandboxes. Two programs of others have a stand-in here, because
 * they need Cloudflare's network: `cloudflared` is a script that says what the real one says and then stays, and the API of
 * Cloudflare is a server on loopback that keeps what it is told.
 */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../harness/until.ts";
import { Platform } from "./platform.ts";

/** Says its address, or takes its token; then that it is connected. Port 8999 is one that it cannot carry. */
const CLOUDFLARED = `#!/bin/bash
say() { echo "2026-01-01T00:00:00Z INF $*" >&2; }
case "$TUNNEL_TOKEN $*" in
  *broken*) say "Unauthorized: Failed to get tunnel"; exit 1 ;;
  *:8999*) say "failed to request quick Tunnel"; exit 1 ;;
  *" run") say "token $TUNNEL_TOKEN" ;;
  *) say "|  https://stands-for-$$.trycloudflare.com  |" ;;
esac
say "Registered tunnel connection connIndex=0"
exec sleep 100000
`;

interface Tunnel {
  readonly id: string;
  readonly port: number;
  readonly url: string;
  readonly hostname: string;
  readonly createdAt: string;
  readonly name?: string;
}

let platform: Platform;
let api: Server;
/** What was asked of the API: method and path, and what it was told. */
const asked: { what: string; body: unknown }[] = [];
/** Whether it takes nothing away now. */
let keeps = false;

beforeAll(async () => {
  api = await fakeApi();
  platform = await Platform.start({
    programs: { cloudflared: CLOUDFLARED },
    variables: {
      CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
      CLOUDFLARE_API_TOKEN: "token-of-the-api",
      CLOUDFLARE_ACCOUNT_ID: "account",
    },
  });
});
afterAll(async () => {
  await platform?.stop();
  api?.close();
});

const get = (id: string, port: number, name?: string) =>
  platform.call<Tunnel>("tunnel", { id, args: [`${port}`, ...(name === undefined ? [] : [name])] });
const list = (id: string) => platform.call<Tunnel[]>("tunnels", { id });
const destroy = (id: string, tunnel: number | Tunnel) =>
  platform.call("endTunnel", { id, args: [JSON.stringify(tunnel)] });
const processes = (id: string) => platform.call<object[]>("processes", { id });

/** Waits until the object knows that the run of its sandbox is over. */
const over = (id: string) =>
  until("the run is over", async () => {
    const { status } = await platform.call<{ status: string }>("state", { id });
    return status.startsWith("stopped");
  });

describe("a tunnel without a name", () => {
  it("is made once for a port, listed, and ended", async () => {
    const first = await get("quick", 8080);
    expect(first).toEqual({
      id: expect.stringMatching(/^quick-/),
      port: 8080,
      url: expect.stringMatching(/^https:\/\/stands-for-\d+\.trycloudflare\.com$/),
      hostname: new URL(first.url).hostname,
      createdAt: expect.any(String),
    });
    const [again, other] = await Promise.all([get("quick", 8080), get("quick", 8081)]);
    expect(again).toEqual(first);
    expect(await list("quick")).toEqual([first, other]);
    await destroy("quick", 8080);
    await destroy("quick", 8080);
    expect(await list("quick")).toEqual([other]);
    await destroy("quick", other);
    expect(await list("quick")).toEqual([]);
  });

  it("is forgotten when its process ends, and made anew when it is asked for", async () => {
    const first = await get("ends", 8080);
    await platform.call("exec", { id: "ends", args: [`kill -9 ${first.hostname.replace(/\D+/g, "")}`] });
    await until("it is forgotten", async () => (await list("ends")).length === 0);
    expect((await get("ends", 8080)).url).not.toBe(first.url);
    await platform.kill("ends");
    await over("ends");
    expect(await list("ends")).toEqual([]);
    await get("ends", 8080);
    await platform.call("destroy", { id: "ends" });
    expect(await list("ends")).toEqual([]);
  });

  it("says what cloudflared said when it cannot be made", async () => {
    await expect(get("fails", 8999)).rejects.toMatchObject({
      code: "PROCESS_EXITED_BEFORE_READY",
      message: expect.stringContaining("failed to request quick Tunnel"),
    });
    await expect(get("fails", 80)).rejects.toMatchObject({ code: "INVALID_PORT" });
    await expect(get("fails", 8080, "Not a label")).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
    expect(await list("fails")).toEqual([]);
  });
});

describe("a tunnel with a name", () => {
  it("is made at Cloudflare, carried by a process that has its token in its environment, and taken away", async () => {
    const made = await get("named", 8080, "app");
    expect(made).toMatchObject({
      port: 8080,
      name: "app",
      hostname: "app.example.com",
      url: "https://app.example.com",
    });
    const told = (method: string) => asked.filter(({ what }) => what.startsWith(method)).map(({ body }) => body);
    expect(told("PUT")).toEqual([
      {
        config: {
          ingress: [{ hostname: "app.example.com", service: "http://localhost:8080" }, { service: "http_status:404" }],
        },
      },
    ]);
    expect(told("POST")).toEqual([
      { name: expect.stringMatching(/^sandwire-[0-9a-f]{16}-app$/), config_src: "cloudflare" },
      expect.objectContaining({ type: "CNAME", name: "app.example.com", content: `${made.id}.cfargotunnel.com` }),
    ]);
    expect(await get("named", 8080, "app")).toEqual(made);
    await expect(get("named", 8080)).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
    const { stdout } = await platform.call<{ stdout: string }>("exec", {
      id: "named",
      args: ["cat /proc/[0-9]*/cmdline 2>/dev/null | grep -ac run-toke[n] || true"],
    });
    expect(stdout).toBe("0");
    expect(await processes("named")).toMatchObject([{ status: "running" }]);

    // It has the same address after the next start.
    await platform.kill("named");
    await over("named");
    expect(await list("named")).toEqual([]);
    expect((await get("named", 8080, "app")).hostname).toBe("app.example.com");
    await destroy("named", made);
    const removed = asked.filter(({ what }) => what.startsWith("DELETE")).map(({ what }) => what);
    expect(removed).toEqual([
      "DELETE /zones/zone/dns_records/record",
      `DELETE /accounts/account/cfd_tunnel/${made.id}/connections`,
      `DELETE /accounts/account/cfd_tunnel/${made.id}`,
    ]);
    expect(await processes("named")).toEqual([]);
  });

  it("leaves nothing at Cloudflare when it cannot be carried, or its name leads somewhere else", async () => {
    const removed = (since: number) =>
      asked
        .slice(since)
        .flatMap(({ what }) => (what.startsWith("DELETE") ? [what.replace(/[0-9a-f-]{36}/, "ID")] : []));
    const all = [
      "DELETE /zones/zone/dns_records/record",
      "DELETE /accounts/account/cfd_tunnel/ID/connections",
      "DELETE /accounts/account/cfd_tunnel/ID",
    ];
    let since = asked.length;
    await expect(get("fails", 8080, "broken")).rejects.toMatchObject({
      code: "PROCESS_EXITED_BEFORE_READY",
      message: expect.stringContaining("Unauthorized"),
    });
    expect(removed(since)).toEqual(all);
    expect(await processes("fails")).toEqual([]);
    since = asked.length;
    await expect(get("fails", 8080, "taken")).rejects.toMatchObject({
      code: "PORT_OPERATION_ERROR",
      message: expect.stringContaining("elsewhere.example.net"),
    });
    expect(removed(since)).toEqual(all.slice(2));
    // What could not be taken away is not forgotten.
    keeps = true;
    await expect(get("fails", 8080, "broken")).rejects.toMatchObject({ code: "PROCESS_EXITED_BEFORE_READY" });
    keeps = false;
    expect(await list("fails")).toEqual([]);
    await expect(get("fails", 8080)).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
    since = asked.length;
    await destroy("fails", 8080);
    expect(removed(since)).toEqual(all);
    expect((await get("fails", 8080)).port).toBe(8080);
    await platform.call("destroy", { id: "fails" });

    // Nor when the sandbox is destroyed.
    await get("fails", 8080, "late");
    keeps = true;
    await platform.call("destroy", { id: "fails" });
    keeps = false;
    since = asked.length;
    await destroy("fails", 8080);
    expect(removed(since)).toEqual(all);
  });
});

it("is refused with a word about the package when cloudflared is not there", async () => {
  const bare = await Platform.start();
  try {
    await expect(bare.call("tunnel", { args: ["8080"] })).rejects.toMatchObject({
      code: "COMMAND_NOT_FOUND",
      message: expect.stringContaining("package `cloudflared`"),
    });
    await expect(bare.call("tunnel", { args: ["8080", "app"] })).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
      message: expect.stringContaining("CLOUDFLARE_API_TOKEN"),
    });
  } finally {
    await bare.stop();
  }
});

/** Stands for Cloudflare's API: what it is told to make is there afterwards. */
function fakeApi(): Promise<Server> {
  const tunnels: { id: string; name: string }[] = [];
  const records = [{ id: "other", name: "taken.example.com", content: "elsewhere.example.net" }];
  const answer = (method: string, path: string, query: URLSearchParams, body: never): unknown => {
    const made = body as { id: string; name: string; content: string };
    switch (`${method} ${path.replace(/[0-9a-f-]{36}/, "ID")}`) {
      case "GET /zones":
        return [{ id: "zone" }];
      case "GET /zones/zone":
        return { id: "zone", name: "example.com" };
      case "GET /accounts/account/cfd_tunnel":
        return tunnels.filter(({ name }) => name === query.get("name"));
      case "POST /accounts/account/cfd_tunnel":
        tunnels.push({ ...made, id: crypto.randomUUID() });
        return tunnels.at(-1);
      case "GET /accounts/account/cfd_tunnel/ID/token":
        return tunnels.some(({ id, name }) => path.includes(id) && name.endsWith("-broken")) ? "broken" : "run-token";
      case "GET /zones/zone/dns_records":
        return records.filter(({ name }) => name === query.get("name"));
      case "POST /zones/zone/dns_records":
        records.push({ ...made, id: "record" });
        return records.at(-1);
      default:
        return {};
    }
  };
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", data => {
      text += data;
    });
    request.on("end", () => {
      const { method = "", url = "/", headers } = request;
      const { pathname, searchParams } = new URL(url, "http://api");
      const body = text === "" ? undefined : JSON.parse(text);
      const allowed = headers.authorization === "Bearer token-of-the-api" && !(keeps && method === "DELETE");
      if (method !== "GET") asked.push({ what: `${method} ${pathname}`, body });
      const result = allowed ? answer(method, pathname, searchParams, body as never) : null;
      response.statusCode = allowed ? 200 : 403;
      response.end(JSON.stringify({ success: allowed, result, errors: allowed ? [] : [{ code: 1, message: "no" }] }));
    });
  });
  return new Promise(resolve => server.listen(0, "127.0.0.1", () => resolve(server)));
}
