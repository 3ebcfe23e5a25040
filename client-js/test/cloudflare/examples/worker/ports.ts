/** Ports, preview addresses, and requests to what runs in a sandbox. */

import { getSandbox } from "sandwire/cloudflare";
import type { Examples } from "./env.ts";
import { EXPRESS, project } from "./project.ts";

export const ports: Examples = {
  /** Run a Node.js App */
  async nodeApp({ env, args: [port = ""] }) {
    const sandbox = await project(env, "node-app");

    // Write a simple Express server
    await sandbox.writeFile(
      "/workspace/app.js",
      `
      const express = require('express');
      const app = express();

      app.get('/', (req, res) => {
        res.json({ message: 'Hello from Cloudflare!' });
      });

      app.listen(${port});
    `,
    );

    // Install dependencies and start the server
    for (const [path, content] of Object.entries(EXPRESS)) await sandbox.writeFile(path, content);
    const installed = await sandbox.exec("npm install ./express");
    const server = await sandbox.startProcess("node app.js");
    await server.waitForPort(Number(port));

    // Expose it to the internet
    const preview = await sandbox.exposePort(Number(port));
    return { installed: installed.exitCode, url: preview.url };
  },

  /** Expose Services with Preview URLs: as before, with a name, and with what is said of it. */
  async service({ env, request, args: [port = ""] }) {
    const { host } = new URL(request.url);
    const sandbox = getSandbox(env.Sandbox, "Dev-Env", {
      normalizeId: true, // REQUIRED for preview URLs
    });
    await sandbox.writeFile("/workspace/index.html", "<h1>Hello!</h1>");
    const process = await sandbox.startProcess(`python3 -m http.server ${port}`, {
      processId: "server",
      cwd: "/workspace",
    });

    // Wait for server to be ready
    await process.waitForPort(Number(port));

    // Expose port
    const exposed = await sandbox.exposePort(Number(port), {
      name: "web-app", // optional, for identification
      hostname: host, // use request hostname
    });

    // Check if port is exposed
    const isExposed = await sandbox.isPortExposed(Number(port));

    // Get specific port info
    const portInfo = await sandbox.getExposedPort(Number(port));

    // List all exposed ports
    const allPorts = await sandbox.getExposedPorts(host);

    return Response.json({ exposed, isExposed, portInfo, allPorts });
  },

  async unexpose({ env, args: [port = ""] }) {
    const sandbox = getSandbox(env.Sandbox, "dev-env");
    await sandbox.unexposePort(Number(port));
    return { isExposed: await sandbox.isPortExposed(Number(port)), info: await sandbox.getExposedPort(Number(port)) };
  },

  /** Worker-to-Sandbox: HTTP, and a WebSocket that is the client's. */
  async direct({ env, args: [port = ""] }) {
    const sandbox = getSandbox(env.Sandbox, "node-app");
    const response = await sandbox.containerFetch(new Request("http://localhost/"), Number(port));
    return response.json();
  },

  async socket({ env, request, args: [port = ""] }) {
    const sandbox = getSandbox(env.Sandbox, "sockets");
    return sandbox.wsConnect(request, Number(port));
  },

  async socketServer({ env, args: [port = ""] }) {
    const sandbox = getSandbox(env.Sandbox, "sockets");
    await sandbox.writeFile("/workspace/server.py", echoOn(port));
    const server = await sandbox.startProcess("python3 /workspace/server.py");
    await server.waitForPort(Number(port), { mode: "tcp" });
  },
};

/** A server that accepts a WebSocket, and says one thing. */
const echoOn = (port: string): string => `
import base64, hashlib, socket
listener = socket.create_server(("127.0.0.1", ${port}))
while True:
    peer, _ = listener.accept()
    head = b""
    while b"\\r\\n\\r\\n" not in head:
        part = peer.recv(4096)
        if not part: break
        head += part
    keys = [line.split(b": ", 1)[1] for line in head.split(b"\\r\\n") if line.lower().startswith(b"sec-websocket-key")]
    if not keys:
        peer.close()
        continue
    digest = hashlib.sha1(keys[0] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    peer.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\\r\\n\\r\\n" + b"\\x81\\x05hello")
    peer.recv(4096)
    peer.close()
`;
