//! `sandwire mcp`, asked by real clients: the Rust SDK's own over standard streams, and the Python SDK's over both.

use std::process::{Command, Stdio};

use rmcp::model::{CallToolRequestParams, CallToolResult};
use rmcp::service::{RoleClient, RunningService};
use rmcp::{ServiceError, ServiceExt};
use sandwire_tests::proxy::{Cut, Proxy};
use sandwire_tests::python;
use sandwire_tests::server::{self, Server, binary};
use sandwire_tests::wait::wait_for;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

/// A client, and the tool that it talks to.
struct Model {
    client: RunningService<RoleClient, ()>,
    tool: tokio::process::Child,
}

impl Model {
    async fn start(url: &str, flags: &[&str]) -> Self {
        let mut command = tokio::process::Command::new(binary("sandwire"));
        command.env_remove("SANDWIRE_TOKEN").args(["--quiet", "--url", url, "mcp"]).args(flags);
        let mut tool = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let streams = (tool.stdout.take().unwrap(), tool.stdin.take().unwrap());
        Self { client: ().serve(streams).await.unwrap(), tool }
    }

    async fn call(&self, name: &'static str, arguments: Value) -> Result<CallToolResult, ServiceError> {
        let Value::Object(arguments) = arguments else { panic!("{arguments} is no object") };
        self.client.call_tool(CallToolRequestParams::new(name).with_arguments(arguments)).await
    }

    /// What a tool says that did its work.
    async fn said(&self, name: &'static str, arguments: Value) -> String {
        let result = self.call(name, arguments).await.unwrap();
        assert_ne!(result.is_error, Some(true), "{name}: {result:?}");
        text(&result)
    }

    /// What one says that did not.
    async fn failed(&self, name: &'static str, arguments: Value) -> String {
        let result = self.call(name, arguments).await.unwrap();
        assert_eq!(result.is_error, Some(true), "{name}: {result:?}");
        text(&result)
    }

    async fn exec(&self, command: &str) -> String {
        self.said("exec", json!({ "command": command })).await
    }

    /// Goes away, as a client does that closes our input.
    async fn leave(mut self) -> Option<i32> {
        self.client.cancel().await.unwrap();
        self.tool.wait().await.unwrap().code()
    }
}

fn text(result: &CallToolResult) -> String {
    result.content.iter().filter_map(|block| block.as_text()).map(|block| block.text.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_say_how_they_ended_and_what_is_left_out() {
    let server = Server::start();
    let model = Model::start(&server.url(), &["--output-limit", "1000"]).await;
    let tools = model.client.list_all_tools().await.unwrap();
    assert!(tools.iter().all(|tool| tool.description.is_some() && tool.annotations.is_some()));
    assert!(model.exec("echo one; echo two >&2; exit 3").await.starts_with("exit 3 ("));
    assert!(model.exec("kill -9 $$").await.starts_with("SIGKILL ("));
    assert!(model.exec("printf 'a\\xffb'").await.ends_with("a\\xffb\n[1 bytes are not UTF-8 and stand here as \\xNN]"));
    let placed = json!({ "command": "pwd; echo $A", "cwd": "/usr", "env": { "A": "x" } });
    assert!(model.said("exec", placed).await.ends_with("\n/usr\nx\n"));
    let late = model.said("exec", json!({ "command": "echo begun; sleep 1000", "timeout_ms": 300 })).await;
    assert!(late.contains("timed out") && late.ends_with("begun\n"), "{late}");
    // Nothing of these is kept.
    assert_eq!(model.said("list_processes", json!({})).await, "there are none");

    // Long output: both ends, and the way to the rest.
    let long = model.exec("seq 100000").await;
    assert!(long.starts_with("exit 0 (") && long.ends_with("\n99999\n100000\n") && long.len() < 1500, "{long}");
    assert!(long.contains("[… 587895 of 588895 bytes are left out here. process_logs with id \"exec-"), "{long}");
    let id = long.split('"').nth(1).unwrap();
    let page = model.said("process_logs", json!({ "id": id, "offset": 500 })).await;
    assert!(
        page.contains("exit 0") && page.contains("[bytes 500 to 1500 of 588895; 587395 more: offset 1500]"),
        "{page}"
    );

    // One that takes longer than the wait goes on, and can be asked.
    let running = model.said("exec", json!({ "command": "echo first; sleep 1000", "wait_ms": 500 })).await;
    assert!(running.starts_with("still running after 0.5 s") && running.contains("first\n"), "{running}");
    let id = running.split('"').nth(1).unwrap();
    let stopped = model.said("stop_process", json!({ "id": id, "remove": true })).await;
    assert!(stopped.contains("SIG") && stopped.contains("forgotten"), "{stopped}");
    assert!(model.failed("process_logs", json!({ "id": id })).await.contains("PROCESS_NOT_FOUND"));

    // A session keeps what a command without one does not.
    let within = async |command: &str| model.said("exec", json!({ "command": command, "session": "default" })).await;
    within("cd /usr; export A=1").await;
    assert!(within("pwd; echo $A").await.ends_with("\n/usr\n1\n"));
    let ended = model.said("exec", json!({ "command": "sleep 1000", "session": "default", "wait_ms": 300 })).await;
    assert!(ended.contains("timed out"), "{ended}");
    assert!(within("seq 100000").await.contains("bytes are left out here. Send the output to a file"));

    // What is wrong is for the model to read.
    assert!(model.failed("exec", json!({ "command": "x", "cwd": "/none" })).await.contains("INVALID_PROCESS_CWD"));
    assert!(model.failed("exec", json!({ "line": "x" })).await.contains("unknown field"));
    assert!(model.failed("exec", json!({})).await.contains("missing field `command`"));
    assert!(model.call("no_such_tool", json!({})).await.is_err());
    assert_eq!(model.leave().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_are_started_read_written_to_and_stopped() {
    let server = Server::start();
    let model = Model::start(&server.url(), &[]).await;
    let start =
        json!({ "command": "while read -r line; do echo \"got $line\"; done; echo end", "id": "echo", "stdin": true });
    assert!(model.said("start_process", start.clone()).await.starts_with("started the process \"echo\" (pid "));
    assert!(model.failed("start_process", start).await.contains("PROCESS_EXISTS"));
    for line in ["one", "two"] {
        let wrote = model.said("send_input", json!({ "id": "echo", "text": format!("{line}\n") })).await;
        assert!(wrote.starts_with("wrote 4 bytes to the process echo (running"), "{wrote}");
    }
    model.said("send_input", json!({ "id": "echo", "end": true })).await;
    let mut offset = 0;
    let mut read = String::new();
    while !read.contains("end\n") {
        let page = model.said("process_logs", json!({ "id": "echo", "offset": offset, "wait_ms": 60_000 })).await;
        read += &page;
        offset = page.rsplit(" to ").next().unwrap().split(' ').next().unwrap().parse().unwrap();
    }
    assert!(read.contains("got one\n") && read.contains("got two\n"), "{read}");
    assert!(model.said("process_logs", json!({ "id": "echo", "tail_lines": 1 })).await.contains("\nend\n"));
    model.said("start_process", json!({ "command": "sleep 1000", "id": "deaf" })).await;
    assert!(model.failed("send_input", json!({ "id": "deaf", "text": "x" })).await.contains("STDIN_NOT_OPEN"));
    let listed = model.said("list_processes", json!({ "running": true })).await;
    assert!(listed.starts_with("deaf: running (pid ") && listed.ends_with(": sleep 1000\n"), "{listed}");
    assert!(model.said("stop_process", json!({ "id": "deaf", "signal": "KILL" })).await.starts_with("sent KILL"));
    let serve = "exec python3 -c 'import http.server as h; s = h.HTTPServer((\"127.0.0.1\", 0), h.SimpleHTTPRequestHandler); \
        print(s.server_port, flush=True); s.serve_forever()'";
    model.said("start_process", json!({ "command": serve, "id": "web" })).await;
    let said = model.said("process_logs", json!({ "id": "web", "offset": 0, "wait_ms": 60_000 })).await;
    let port: u16 = said.lines().nth(1).unwrap().parse().unwrap();
    let ready = model.said("wait_for_port", json!({ "port": port, "id": "web", "path": "/" })).await;
    assert_eq!(ready, format!("port {port} accepts connections and answers with status 200"));
    assert!(
        model.failed("wait_for_port", json!({ "port": 1, "timeout_ms": 200 })).await.contains("PROCESS_READY_TIMEOUT")
    );
    assert_eq!(model.leave().await, Some(0));
    assert!(!server.started().is_empty(), "processes outlive who started them");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_by_lines_edited_listed_and_searched() {
    let server = Server::start();
    let model = Model::start(&server.url(), &["--output-limit", "1000"]).await;
    let numbers: String = (1..=1000).map(|number| format!("line {number}\n")).collect();
    assert_eq!(
        model.said("write_file", json!({ "path": "d/n.txt", "content": numbers })).await,
        "wrote 8893 bytes to d/n.txt"
    );
    let page = model.said("read_file", json!({ "path": "d/n.txt" })).await;
    assert!(page.starts_with("1\tline 1\n2\tline 2\n") && page.len() < 1200, "{page}");
    let next: u64 = page.rsplit("start_line ").next().unwrap().split(' ').next().unwrap().parse().unwrap();
    let page = model.said("read_file", json!({ "path": "d/n.txt", "start_line": next, "lines": 2 })).await;
    assert!(
        page.starts_with(&format!("{next}\tline {next}\n{}\tline {0}\n[the file goes on", next + 1))
            || page.contains(&format!("{next}\tline {next}\n")),
        "{page}"
    );
    let last = model.said("read_file", json!({ "path": "d/n.txt", "start_line": 1000 })).await;
    assert_eq!(last, "1000\tline 1000\n");
    assert!(
        model
            .said("read_file", json!({ "path": "d/n.txt", "start_line": 2000 }))
            .await
            .contains("the file has 1000 lines")
    );
    model.exec("head -c 100000 /dev/zero | tr '\\0' x > long; printf 'a\\r\\nb' > crlf").await;
    let long = model.said("read_file", json!({ "path": "long" })).await;
    assert!(long.contains("98002 bytes of long lines are left out") && long.len() < 2200, "{}", long.len());

    let edit = |old: &str, new: &str| json!({ "path": "d/n.txt", "old": old, "new": new });
    assert_eq!(model.said("edit_file", edit("line 500\n", "changed\n")).await, "replaced it in line 500 of d/n.txt");
    assert!(model.failed("edit_file", edit("line 50", "x")).await.contains("times"));
    assert!(model.failed("edit_file", edit("none", "x")).await.contains("does not have this text"));
    assert!(model.failed("edit_file", edit("", "x")).await.contains("empty"));
    assert!(
        model.failed("edit_file", json!({ "path": "none", "old": "a", "new": "b" })).await.contains("FILE_NOT_FOUND")
    );
    model.said("edit_file", json!({ "path": "crlf", "old": "\r\n", "new": "\n", "all": true })).await;
    assert_eq!(std::fs::read(server.workspace().join("crlf")).unwrap(), b"a\nb");
    let expected = numbers.replace("line 500\n", "changed\n");
    assert_eq!(std::fs::read_to_string(server.workspace().join("d/n.txt")).unwrap(), expected);

    assert_eq!(model.said("list_files", json!({})).await, "crlf (3 bytes)\nd/\nlong (100000 bytes)\n");
    model.exec("mkdir many; cd many; touch {100..300}; ln -s x l; mkfifo p").await;
    let (mut after, mut names) = (None, Vec::new());
    loop {
        let page = model.said("list_files", json!({ "path": "many", "after": after })).await;
        names.extend(page.lines().filter(|line| !line.starts_with('[')).map(str::to_owned));
        match page.split_once("after \"") {
            Some((_, rest)) => after = rest.split('"').next().map(str::to_owned),
            None => break,
        }
    }
    assert_eq!(
        (names.len(), names[0].as_str(), names[202].as_str()),
        (203, "100 (0 bytes)", "p (a device, FIFO or socket)")
    );
    assert!(names.contains(&"l -> x".to_owned()));
    let found = model.said("search_files", json!({ "pattern": "line 99[0-9]$", "glob": "*.txt", "limit": 3 })).await;
    assert!(
        found.starts_with("d/n.txt:990:line 990\nd/n.txt:991:line 991\n") && found.contains("stopped after 3 matches"),
        "{found}"
    );
    let around = model.said("search_files", json!({ "pattern": "changed", "literal": true, "context": 1 })).await;
    assert_eq!(around, "d/n.txt-499-line 499\nd/n.txt:500:changed\nd/n.txt-501-line 501\n");
    assert!(model.said("search_files", json!({ "pattern": "line" })).await.contains("there are more"));
    assert!(model.said("search_files", json!({ "glob": "cr*" })).await.starts_with("crlf (3 bytes)"));
    assert!(model.said("search_files", json!({ "pattern": "nowhere" })).await.starts_with("[nothing, in "));
    assert!(model.failed("search_files", json!({ "pattern": "(" })).await.contains("VALIDATION_FAILED"));
    assert_eq!(model.leave().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_no_error_and_who_leaves_ends_what_it_waited_for() {
    let server = Server::start();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let model = Model::start(&server::url(proxy.address()), &[]).await;
    let cut = async {
        wait_for("the command to begin", || server.workspace().join("begun").exists()).await;
        proxy.cut_now(Cut::Reset);
        std::fs::write(server.workspace().join("go"), "").unwrap();
    };
    let command = "touch begun; until [ -e go ]; do sleep 0.05; done; echo went";
    let (said, ()) = tokio::join!(model.exec(command), cut);
    assert!(said.starts_with("exit 0 (") && said.ends_with("went\n"), "{said}");
    // Two that are under way when the client goes.
    let left = async {
        wait_for("the commands to run", || server.started().len() >= 2).await;
    };
    let calls = async {
        tokio::join!(
            model.call("exec", json!({ "command": "exec sleep 1000" })),
            model.call("exec", json!({ "command": "exec sleep 1000", "session": "default" }))
        )
    };
    tokio::select! {
        ended = calls => panic!("{ended:?}"),
        () = left => {}
    }
    assert_eq!(model.leave().await, Some(0));
    wait_for("the commands to be ended", || {
        let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let ours = server.started();
        let lines = processes.filter(|entry| {
            entry.file_name().to_str().and_then(|name| name.parse().ok()).is_some_and(|pid: i32| ours.contains(&pid))
        });
        !lines
            .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
            .any(|line| line.starts_with(b"sleep\x001000"))
    })
    .await;
}

#[track_caller]
fn python_says_ok(arguments: &[&str]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/it/mcp/client.py");
    let output = Command::new(python::environment().join("bin/python3")).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success() && output.stdout.ends_with(b"ok\n"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_uses_it_over_standard_streams() {
    let server = Server::start();
    let url = server.url();
    tokio::task::spawn_blocking(move || python_says_ok(&["stdio", binary("sandwire").to_str().unwrap(), &url]))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_uses_it_over_http_and_nobody_else_gets_in() {
    let server = Server::start();
    let start = async |flags: &[&str], token: Option<&str>| {
        let mut command = tokio::process::Command::new(binary("sandwire"));
        command.args(["--quiet", "--url", &server.url(), "mcp"]).args(flags).env_remove("SANDWIRE_MCP_TOKEN");
        if let Some(token) = token {
            command.env("SANDWIRE_MCP_TOKEN", token);
        }
        let mut tool = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(tool.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        (tool, line.trim().to_owned())
    };
    let (_tool, url) = start(&["--listen", "127.0.0.1:0"], Some("a-secret")).await;
    let asked = url.clone();
    tokio::task::spawn_blocking(move || python_says_ok(&["http", &asked, "a-secret"])).await.unwrap();
    let status = |url: &str, headers: &[&str]| {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
        let mut command = Command::new("curl");
        command.args([
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "-d",
            body,
            "-H",
            "Content-Type: application/json",
        ]);
        command.args(["-H", "Accept: application/json, text/event-stream"]);
        for header in headers {
            command.args(["-H", header]);
        }
        String::from_utf8(command.arg(url).output().unwrap().stdout).unwrap()
    };
    let token = "Authorization: Bearer a-secret";
    assert_eq!(status(&url, &[token]), "200");
    for (headers, says) in [
        (&[][..], "401"),
        (&["Authorization: Bearer a-secre"], "401"),
        (&["Authorization: Basic a-secret"], "401"),
        (&[token, "Origin: https://evil.example"], "403"),
    ] {
        assert_eq!(status(&url, headers), says, "{headers:?}");
    }
    // Without a token only this machine, by its own names.
    let (_open, url) = start(&["--listen", "127.0.0.1:0"], None).await;
    assert_eq!(status(&url, &[]), "200");
    assert_eq!(status(&url, &["Host: evil.example"]), "403");
    assert_eq!(status(&url, &["Origin: http://127.0.0.1:1"]), "403");
    assert_eq!(status(&url.replace("/mcp", "/"), &[]), "404");
    let (refused, line) = start(&["--listen", "0.0.0.0:0"], None).await;
    let output = refused.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(line.is_empty() && output.status.code() == Some(2) && said.contains("SANDWIRE_MCP_TOKEN"), "{said}");
    // Sessions have a bound.
    let opened = (0..70).map(|_| status(&url, &[])).collect::<Vec<_>>();
    assert_eq!(opened.iter().filter(|status| *status == "503").count(), 70 - 63, "{opened:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cells_keep_what_they_made_and_show_what_they_drew() {
    let server = python::with_kernels().start();
    let model = Model::start(&server.url(), &["--output-limit", "1000"]).await;
    let cell = async |code: &str| model.said("run_code", json!({ "code": code })).await;
    assert!(cell("x = 20\nprint('made')").await.ends_with(" s)\nmade\n"));
    assert!(cell("x + 1").await.ends_with(" s)\n21\n"));
    let failed = cell("print('before'); 1 / 0").await;
    assert!(
        failed.starts_with("error (")
            && failed.contains("before\n")
            && failed.contains("ZeroDivisionError: division by zero"),
        "{failed}"
    );
    assert!(!failed.contains('\u{1b}'), "colours are for terminals");
    assert!(cell("for i in range(100000): print(i)").await.contains("bytes are left out here. Print less"));
    let late = model.said("run_code", json!({ "code": "import time; time.sleep(1000)", "timeout_ms": 500 })).await;
    assert!(late.starts_with("timed out, and was interrupted"), "{late}");
    assert!(cell("x").await.ends_with(" s)\n20\n"), "the context lives on");
    let drawn = json!({ "code": "%matplotlib inline\nimport matplotlib.pyplot as p\n_ = p.plot([1, 2])\np.show()" });
    let drawn = model.call("run_code", drawn).await.unwrap();
    let picture = drawn.content.iter().find_map(|block| block.as_image()).unwrap();
    assert_eq!((picture.mime_type.as_str(), picture.data.get(..8)), ("image/png", Some("iVBORw0K")));
    assert!(
        model.failed("run_code", json!({ "code": "x", "language": "cobol" })).await.contains("KERNEL_SPEC_NOT_FOUND")
    );
    assert_eq!(model.leave().await, Some(0));
}
