"""The official Python client against `sandwire mcp`: python client.py stdio TOOL URL | http URL TOKEN. Says ok at the end."""

import asyncio
import sys

from mcp import Client, StdioServerParameters


def text(result):
    return "\n".join(block.text for block in result.content)


async def use(client):
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert {"exec", "start_process", "process_logs", "read_file", "edit_file", "search_files"} <= set(tools), tools
    assert tools["read_file"].annotations.read_only_hint and not tools["exec"].annotations.read_only_hint
    assert tools["exec"].input_schema["required"] == ["command"]
    answer = await client.call_tool("exec", {"command": "echo to-stdout; echo to-stderr >&2; exit 3"})
    assert not answer.is_error and text(answer).startswith("exit 3 ("), answer
    assert "to-stdout" in text(answer) and "to-stderr" in text(answer), answer
    await client.call_tool("write_file", {"path": "notes/a.txt", "content": "one\ntwo\nthree\n"})
    await client.call_tool("edit_file", {"path": "notes/a.txt", "old": "two", "new": "2"})
    assert text(await client.call_tool("read_file", {"path": "notes/a.txt", "start_line": 2, "lines": 1})).startswith("2\t2\n")
    found = text(await client.call_tool("search_files", {"pattern": "^thr"}))
    assert found == "notes/a.txt:3:three\n", found
    missing = await client.call_tool("read_file", {"path": "none"})
    assert missing.is_error and "FILE_NOT_FOUND" in text(missing) and "What to do" in text(missing), missing
    odd = await client.call_tool("exec", {"commands": "x"})
    assert odd.is_error, odd
    await client.call_tool("start_process", {"command": "echo begun; exec sleep 1000", "id": "p"})
    logs = text(await client.call_tool("process_logs", {"id": "p", "offset": 0, "wait_ms": 60000}))
    assert "running" in logs and "begun" in logs, logs
    stopped = text(await client.call_tool("stop_process", {"id": "p", "remove": True}))
    assert "SIGTERM" in stopped, stopped
    # Whoever gives up ends the command.
    call = asyncio.ensure_future(client.call_tool("exec", {"command": "echo $$ > pid; exec sleep 1000"}))
    while "[nothing" in text(await client.call_tool("list_files", {"glob": "pid"})):
        await asyncio.sleep(0.05)
    call.cancel()
    gone = "for i in {1..600}; do kill -0 $(cat pid) 2>/dev/null || { echo gone; break; }; sleep 0.1; done; rm pid"
    assert "gone" in text(await client.call_tool("exec", {"command": gone})), "the command goes on"
    await client.call_tool("exec", {"command": "rm -r notes"})


async def main():
    if sys.argv[1] == "stdio":
        server = lambda: StdioServerParameters(command=sys.argv[2], args=["--quiet", "--url", sys.argv[3], "mcp"])
    else:
        import httpx2

        from mcp.client.streamable_http import streamable_http_client

        token = {"Authorization": f"Bearer {sys.argv[3]}"}
        server = lambda: streamable_http_client(sys.argv[2], http_client=httpx2.AsyncClient(headers=token, timeout=60))
    # By a handshake and a session, and without.
    for mode in ("legacy", "auto"):
        async with Client(server(), mode=mode) as client:
            await use(client)
        print(mode, "is done", flush=True)
    print("ok", flush=True)


asyncio.run(main())
