/** What runs in the sandbox behind a preview: HTTP that tells what it was asked, and a WebSocket that says back. */

import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const server = createServer((request, response) => {
  const { url, method, headers } = request;
  if (url === "/redirect") {
    response.writeHead(302, { Location: "/elsewhere", "Set-Cookie": ["a=1", "b=2"] }).end();
  } else if (url === "/large") {
    const body = Buffer.alloc(3 << 20, "x");
    response.writeHead(200, { "Content-Length": body.length }).end(body);
  } else if (url === "/echo") {
    // Each piece goes back before the next one comes.
    response.writeHead(200, { "Content-Type": "application/octet-stream" });
    request.pipe(response);
  } else if (url === "/endless") {
    const tick = setInterval(() => response.write("tick\n"), 20);
    response.on("close", () => {
      clearInterval(tick);
      process.stdout.write("endless is over\n");
    });
  } else if (url === "/silent") {
    process.stdout.write("silent is asked\n");
    request.on("close", () => process.stdout.write("silent is over\n"));
    response.on("close", () => process.stdout.write("silent is over\n"));
  } else {
    response.writeHead(url === "/teapot" ? 418 : 200, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ url, method, headers }));
  }
});

const sockets = new WebSocketServer({ server, handleProtocols: offered => (offered.has("chat") ? "chat" : false) });
sockets.on("connection", (socket, request) => {
  socket.send(`hello ${request.url}`);
  socket.on("message", (data, binary) => {
    if (String(data) === "close") socket.close(4001, "as you wish");
    else socket.send(data, { binary });
  });
  socket.on("close", (code, reason) => process.stdout.write(`closed ${code} ${reason}\n`));
});

server.listen(Number(process.argv[2]), "127.0.0.1", () => process.stdout.write("ready 1\n"));
