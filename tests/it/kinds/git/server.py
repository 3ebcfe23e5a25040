"""A git server for tests, on loopback: `git http-backend` behind what servers do to clients.

    server.py ROOT USER

reads the password, a line, and prints its port. /open/… is for everybody, /private/… for USER, /echo/… refuses and repeats who asked, /mute/… never
answers, /held/… is /private/… and answers once the file ROOT/go exists. Each request of /held/… makes ROOT/asked.
"""

import base64
import http.server
import os
import pathlib
import subprocess
import sys
import threading
import time

ROOT, USER = sys.argv[1:]
PASSWORD = sys.stdin.readline().rstrip("\n")
CREDENTIALS = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        realm, _, path = self.path.lstrip("/").partition("/")
        given = self.headers.get("Authorization", "")
        if realm == "mute":
            threading.Event().wait()
        if realm == "echo" and given:
            said = base64.b64decode(given.removeprefix("Basic ")).decode()
            return self.answer(403, f"you are {said}, by {given}\n".encode(), Content_Type="text/plain")
        if realm != "open" and given != f"Basic {CREDENTIALS}":
            return self.answer(401, WWW_Authenticate='Basic realm="test"')
        if realm == "held":
            pathlib.Path(ROOT, "asked").touch()
            while not pathlib.Path(ROOT, "go").exists():
                time.sleep(0.01)
        self.backend(path)

    do_POST = do_GET

    def backend(self, path):
        path, _, query = path.partition("?")
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        environment = dict(
            os.environ,
            GIT_PROJECT_ROOT=ROOT,
            GIT_HTTP_EXPORT_ALL="1",
            GIT_CONFIG_COUNT="1",
            GIT_CONFIG_KEY_0="safe.directory",
            GIT_CONFIG_VALUE_0="*",
            PATH_INFO="/" + path,
            QUERY_STRING=query,
            REQUEST_METHOD=self.command,
            CONTENT_TYPE=self.headers.get("Content-Type", ""),
            CONTENT_LENGTH=str(len(body)),
            HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""),
            GIT_PROTOCOL=self.headers.get("Git-Protocol", ""),
        )
        out = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE).stdout
        head, _, content = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(headers.pop("Status", "200").split()[0])
        headers.pop("Content-Length", None)
        self.answer(status, content, **{name.replace("-", "_"): value for name, value in headers.items()})


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
# Ends with the test, however that ends.
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
