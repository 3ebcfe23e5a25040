//! `process.wait_log`, `process.wait_port`, `process.stats`.

use sandwire::Client;
use sandwire::protocol::Code;
use sandwire::protocol::error::Detail;
use sandwire::protocol::kind::command::Output;
use sandwire::protocol::kind::process::{From, Get, HttpProbe, Stats, WaitLog, WaitPort};
use sandwire::protocol::kind::{ProcessStats, ProcessWaitLog, ProcessWaitPort};
use sandwire_tests::proc;
use sandwire_tests::server::Server;
use sandwire_tests::wait::{wait_for, wait_until_async};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::{ended, get, named, start, wait_log};
use crate::kinds::{ask, refusal, served, served_by};

#[tokio::test]
async fn a_line_is_found_in_what_was_and_in_what_comes() {
    let (server, client) = served().await;
    let command = "echo port 80; echo PORT 443 >&2; printf 'caf\\xe9 ready\\r\\n'; printf 'no newl'; \
                   until [ -e go ]; do sleep 0.01; done; echo ine; echo port 8080; sleep 600";
    start(&client, named("p", command)).await;
    let found = ask::<ProcessWaitLog>(&client, &wait_log("p", r"^port (\d+)(x)?$")).await.unwrap();
    assert_eq!((found.line.as_str(), found.output), ("port 80", Output::Stdout));
    assert_eq!(found.groups, [Some("port 80".to_owned()), Some("80".to_owned()), None]);
    assert!(found.offset >= 8);
    let errors = WaitLog { output: Some(Output::Stderr), ..wait_log("p", "(?i)^port") };
    let found = ask::<ProcessWaitLog>(&client, &errors).await.unwrap();
    assert_eq!((found.line.as_str(), found.output), ("PORT 443", Output::Stderr));
    let found = ask::<ProcessWaitLog>(&client, &wait_log("p", "ready$")).await.unwrap();
    assert_eq!(found.line, "caf\u{fffd} ready", "bytes that are no text do not hide a line");
    let found = ask::<ProcessWaitLog>(&client, &wait_log("p", "newl")).await.unwrap();
    assert_eq!(found.line, "no newl", "a prompt has no newline");
    // From the end, or from where the last search ended, only what comes counts.
    let later = |from| client.open::<ProcessWaitLog>(&WaitLog { from, ..wait_log("p", r"port \d+") }).unwrap();
    let (from_end, from_there) = (later(From::End), later(From::Offset(found.offset)));
    let late = WaitLog { from: From::End, timeout_ms: Some(50), ..wait_log("p", r"port 80$") };
    let error = refusal::<ProcessWaitLog>(&client, &late).await;
    assert_eq!((error.code, error.details.get("timeout_ms")), (Code::ProcessReadyTimeout, Some(&Detail::from(50))));
    std::fs::write(server.workspace().join("go"), "").unwrap();
    assert_eq!(from_end.result().await.unwrap().line, "port 8080");
    assert_eq!(from_there.result().await.unwrap().line, "port 8080");
    assert_eq!(ask::<ProcessWaitLog>(&client, &wait_log("p", "^no newline$")).await.unwrap().line, "no newline");
}

#[tokio::test]
async fn a_line_that_never_comes_is_told_of() {
    let (_server, client) = served().await;
    start(&client, named("p", "echo something; exit 3")).await;
    for pattern in ["(", "a{2,1}", "(?P<a>", "x{1000}{1000}{1000}"] {
        let error = refusal::<ProcessWaitLog>(&client, &wait_log("p", pattern)).await;
        assert_eq!((error.code, error.details.get("field")), (Code::ValidationFailed, Some(&Detail::from("pattern"))));
    }
    let error = refusal::<ProcessWaitLog>(&client, &wait_log("p", "never")).await;
    assert_eq!((error.code, error.details.get("exit")), (Code::ProcessExitedBeforeReady, Some(&Detail::from(3))));
    ended(&client, "p").await;
    // What it said before its end is found all the same.
    assert_eq!(ask::<ProcessWaitLog>(&client, &wait_log("p", "thing$")).await.unwrap().line, "something");
    start(&client, named("killed", "kill -9 $$")).await;
    let error = refusal::<ProcessWaitLog>(&client, &wait_log("killed", "never")).await;
    assert_eq!(error.details.get("exit"), Some(&Detail::from("SIGKILL")));
    start(&client, named("quiet", "sleep 600")).await;
    let call = client.open::<ProcessWaitLog>(&wait_log("quiet", "never")).unwrap();
    call.cancel();
    assert_eq!(call.result().await.unwrap_err().code, Code::Cancelled);
    // A pattern that takes others for ever is a matter of moments here.
    start(&client, named("evil", "printf '%030000d\\n' 0; sleep 600")).await;
    ask::<ProcessWaitLog>(&client, &wait_log("evil", "^(0+)+$")).await.unwrap();
}

/// Answers each connection with this, once it has read a request; silently closes when there is nothing to say.
async fn answering(says: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") && stream.read_line(&mut request).await.is_ok_and(|read| read > 0) {}
            let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
            stream.write_all(says.replace("PATH", &path).as_bytes()).await.ok();
        }
    });
    port
}

fn http(path: &str, min_status: u16, max_status: u16) -> Option<HttpProbe> {
    Some(HttpProbe { path: path.to_owned(), min_status, max_status })
}

async fn port(client: &Client, wait: WaitPort) -> Result<Option<u16>, Code> {
    let ready = ask::<ProcessWaitPort>(client, &wait).await;
    ready.map(|ready| ready.status).map_err(|error| error.code)
}

#[tokio::test]
async fn a_port_is_ready_when_it_answers_as_it_should() {
    let (_server, client) = served_by(Server::builder().args(["--tcp-hosts", "no.such.host.invalid"])).await;
    let tcp = answering("").await;
    let wait = |port| WaitPort { port, timeout_ms: Some(300), ..WaitPort::default() };
    assert_eq!(port(&client, wait(tcp)).await, Ok(None));
    for host in ["localhost", "127.0.0.1"] {
        assert_eq!(port(&client, WaitPort { host: Some(host.to_owned()), ..wait(tcp) }).await, Ok(None), "{host}");
    }
    let http_default = || Some(HttpProbe::default());
    assert_eq!(port(&client, WaitPort { http: http_default(), ..wait(tcp) }).await, Err(Code::ProcessReadyTimeout));
    for (says, probe, expected) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", http_default(), Ok(Some(204))),
        ("HTTP/1.0 301 Moved\r\n\r\n", http_default(), Ok(Some(301))),
        ("HTTP/1.1 503 Soon\r\n\r\n", http_default(), Err(Code::ProcessReadyTimeout)),
        ("HTTP/1.1 503 Soon\r\n\r\n", http("/", 500, 599), Ok(Some(503))),
        ("HTTP/1.1 200 OK\r\n\r\n", http("/", 201, 399), Err(Code::ProcessReadyTimeout)),
        ("SSH-2.0-other\r\n", http_default(), Err(Code::ProcessReadyTimeout)),
    ] {
        let at = answering(says).await;
        assert_eq!(port(&client, WaitPort { http: probe, ..wait(at) }).await, expected, "{says:?}");
    }
    for (params, code) in [
        (wait(0), Code::InvalidPort),
        (WaitPort { http: http("no-slash", 200, 399), ..wait(tcp) }, Code::ValidationFailed),
        (WaitPort { http: http("/a b", 200, 399), ..wait(tcp) }, Code::ValidationFailed),
        (WaitPort { http: http("/", 399, 200), ..wait(tcp) }, Code::ValidationFailed),
        (WaitPort { http: http("/\r\nX: y", 200, 399), ..wait(tcp) }, Code::ValidationFailed),
        (WaitPort { host: Some("no.such.host.invalid".to_owned()), ..wait(tcp) }, Code::ProcessReadyTimeout),
        (WaitPort { host: Some("example.invalid".to_owned()), ..wait(tcp) }, Code::PermissionDenied),
    ] {
        assert_eq!(port(&client, params.clone()).await, Err(code), "{params:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_started_is_waited_for() {
    let (server, client) = served().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let command = format!("until [ -e go ]; do sleep 0.01; done; exec python3 -m http.server --bind 127.0.0.1 {free}");
    start(&client, named("web", &command)).await;
    let wait = WaitPort { id: Some("web".to_owned()), port: free, ..WaitPort::default() };
    let late = WaitPort { timeout_ms: Some(50), ..wait.clone() };
    assert_eq!(refusal::<ProcessWaitPort>(&client, &late).await.code, Code::ProcessReadyTimeout);
    let waiting = client.open::<ProcessWaitPort>(&WaitPort { http: http("/go", 200, 200), ..wait.clone() }).unwrap();
    let given_up = client.open::<ProcessWaitPort>(&wait).unwrap();
    given_up.cancel();
    assert_eq!(given_up.result().await.unwrap_err().code, Code::Cancelled);
    std::fs::write(server.workspace().join("go"), "").unwrap();
    assert_eq!(waiting.result().await.unwrap().status, Some(200));
    // Its end is noticed at once, before and after.
    let never = WaitPort { http: http("/none", 200, 200), ..wait };
    let waiting = client.open::<ProcessWaitPort>(&never).unwrap();
    client.processes().process("web").kill(None).await.unwrap();
    for error in [waiting.result().await.unwrap_err(), refusal::<ProcessWaitPort>(&client, &never).await] {
        assert_eq!(error.code, Code::ProcessExitedBeforeReady);
        assert_eq!(error.details.get("exit"), Some(&Detail::from("SIGTERM")), "{error:?}");
    }
}

#[tokio::test]
async fn stats_are_those_of_the_tree() {
    let (_server, client) = served().await;
    let python = "import threading, time\nx = bytearray(64 << 20)\nfor _ in range(2): \
                  threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\nprint('up', flush=True); time.sleep(600)";
    let command = format!(
        "setsid sleep 600 & exec -a python \"$(python3 -c 'import sys; print(sys.executable)')\" -c \"{python}\""
    );
    start(&client, named("p", &command)).await;
    ask::<ProcessWaitLog>(&client, &wait_log("p", "up")).await.unwrap();
    let pid = get(&client, "p").await.unwrap().pid;
    wait_for("the other one to run", || {
        proc::descendants(pid).unwrap().iter().any(|child| child.comm == "sleep" && child.session == child.pid)
    })
    .await;
    let get = Get { id: "p".to_owned() };
    let stats = async || ask::<ProcessStats>(&client, &get).await.unwrap();
    let Stats { processes, threads, memory_bytes, cpu_us } = stats().await;
    assert_eq!((processes, threads), (2, 4), "one of them has three threads");
    let rss = proc::rss(pid).unwrap();
    assert!(memory_bytes > (64 << 20) && memory_bytes > rss / 2 && memory_bytes < 2 * rss, "{memory_bytes} {rss}");
    assert!(u128::from(cpu_us) >= proc::cpu(pid).unwrap().as_micros().saturating_sub(20_000), "{cpu_us}");
    let burning = named("burns", "while :; do :; done");
    start(&client, burning).await;
    let first = ask::<ProcessStats>(&client, &Get { id: "burns".to_owned() }).await.unwrap().cpu_us;
    let more = || async {
        let now = ask::<ProcessStats>(&client, &Get { id: "burns".to_owned() }).await.unwrap().cpu_us;
        if now >= first + 50_000 { Ok(()) } else { Err(now) }
    };
    wait_until_async("time to be used", more).await;
}
