#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::path::Path;

use sandwire_protocol::kind::command::{Exit, Launch, Limits, Output};
use sandwire_protocol::kind::process::{From, HttpProbe, Restart, RestartPolicy, WaitLog, WaitPort};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::log::Piece;
use super::*;

fn registry_with(settings: impl FnOnce(&mut Settings)) -> Registry {
    let log = Bounds::new(256 << 10, 1 << 20, Some(Path::new("/tmp")));
    let mut wanted = Settings { log, ..Settings::default() };
    settings(&mut wanted);
    Registry::new(Host::new(Path::new("/tmp")).unwrap(), wanted, Work::default())
}

fn registry() -> Registry {
    registry_with(|_| {})
}

fn bash(id: &str, command: &str) -> Start {
    Start {
        id: Some(id.to_owned()),
        run: Launch { command: Some(command.into()), ..Launch::default() },
        ..Start::default()
    }
}

async fn text(registry: &Registry, id: &str, only: Option<Output>) -> String {
    let process = registry.process(id).unwrap();
    let mut reading = process.read(From::Start, only, false).await;
    let mut text = String::new();
    loop {
        match reading.next(1000, true).await {
            Piece::Data { bytes, .. } => text.push_str(std::str::from_utf8(&bytes).unwrap()),
            Piece::Gap { .. } => text.push_str("[gap]"),
            Piece::Restarted { exit, .. } => text.push_str(&format!("<{:?}>", exit.code)),
            Piece::Empty { .. } => return text,
        }
    }
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> Code {
    result.unwrap_err().code
}

#[tokio::test]
async fn a_process_runs_is_listed_and_ends() {
    let registry = registry();
    let info = registry.start(bash("web", "echo out; echo err >&2; read line; exit 3")).unwrap();
    assert_eq!((info.id.as_str(), info.state, info.restarts), ("web", State::Running, 0));
    assert!(info.pid > 0 && info.started_ms > 0 && info.cwd.as_deref() == Some("/tmp"));
    let generated = registry.start(Start { id: None, ..bash("", "true") }).unwrap();
    assert!(check_id(&generated.id).is_ok());
    let listed: Vec<_> = registry.page(false, None).0.into_iter().map(|info| info.id).collect();
    assert_eq!(listed, ["web".to_owned(), generated.id]);
    let ended = registry.process("web").unwrap().wait(None).await.unwrap();
    assert_eq!((ended.state, ended.exit.clone().unwrap().code), (State::Exited, Some(3)));
    assert_eq!((ended.log_start, ended.log_end), (0, 8));
    assert!(ended.ended_ms >= Some(ended.started_ms));
    assert_eq!(text(&registry, "web", Some(Output::Stdout)).await, "out\n");
    assert_eq!(text(&registry, "web", Some(Output::Stderr)).await, "err\n");
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let registry = registry_with(|settings| settings.keep = 1000);
    let deep = tempfile::tempdir().unwrap();
    let mut cwd = deep.path().to_owned();
    (0..14).for_each(|_| cwd.push("d".repeat(250)));
    std::fs::create_dir_all(&cwd).unwrap();
    let cwd: sandwire_protocol::ByteString = cwd.to_str().unwrap().into();
    let mut started = Vec::new();
    for _ in 0..140 {
        let run = Launch { argv: vec!["true".into()], cwd: Some(cwd.clone()), ..Launch::default() };
        started.push(registry.start(Start { run, ..Start::default() }).unwrap().id);
    }
    let (mut listed, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let (processes, next) = registry.page(false, cursor);
        pages += 1;
        let encoded = sandwire_protocol::kind::encode(&processes).unwrap();
        assert!(encoded.len() <= PAGE, "{}", encoded.len());
        listed.extend(processes.into_iter().map(|info| info.id));
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed, started);
    assert!(pages > 1);
}

#[tokio::test]
async fn what_is_kept_to_be_started_again_and_waits_for_a_line_are_bounded() {
    let registry = registry();
    let long = Launch { argv: vec!["true".into(), "x".repeat(MAX_RESTARTED).into()], ..Launch::default() };
    let once = Start { run: long, ..bash("long", "") };
    let again = Restart { policy: RestartPolicy::Always, max: None, backoff_ms: None };
    assert_eq!(code(registry.start(Start { restart: Some(again), ..once.clone() })), Code::ValidationFailed);
    registry.start(once).unwrap();
    registry.start(bash("quiet", "sleep 1000")).unwrap();
    let wait = WaitLog {
        id: "quiet".to_owned(),
        pattern: "never".to_owned(),
        output: None,
        from: From::Start,
        timeout_ms: None,
    };
    let waiting = futures_util::future::select_all((0..=ready::MAX_WAITS).map(|_| Box::pin(registry.wait_log(&wait))));
    let (first, _, _) = waiting.await;
    assert_eq!(code(first), Code::LimitExceeded);
    registry.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn ids_and_numbers_are_bounded() {
    let registry = registry_with(|settings| settings.max = 2);
    for bad in ["", "a b", "a/b", "ü", &"x".repeat(129)] {
        assert_eq!(code(registry.start(bash(bad, "true"))), Code::ValidationFailed, "{bad}");
    }
    registry.start(bash("A-z_0.9", "sleep 1000")).unwrap();
    assert_eq!(code(registry.start(bash("A-z_0.9", "true"))), Code::ProcessExists);
    let missing = Start { run: Launch { argv: vec!["/no/such".into()], ..Launch::default() }, ..bash("gone", "") };
    assert_eq!(code(registry.start(missing)), Code::CommandNotFound);
    assert_eq!(code(registry.process("gone")), Code::ProcessNotFound, "a failed start leaves nothing");
    registry.start(bash("two", "sleep 1000")).unwrap();
    assert_eq!(code(registry.start(bash("three", "true"))), Code::LimitExceeded);
    assert_eq!(registry.running(), 2);
    registry.process("two").unwrap().kill(None).await.unwrap();
    registry.start(bash("three", "sleep 1000")).unwrap();
    registry.shutdown(Duration::ZERO).await;
    assert_eq!(registry.running(), 0);
    assert_eq!(code(registry.start(bash("four", "true"))), Code::Draining);
}

#[tokio::test]
async fn ended_ones_are_kept_for_a_time() {
    let registry = registry_with(|settings| settings.keep = 2);
    for id in ["a", "b", "c"] {
        registry.start(bash(id, "true")).unwrap();
        registry.process(id).unwrap().ended().await;
    }
    let left: Vec<_> = registry.page(false, None).0.into_iter().map(|info| info.id).collect();
    assert_eq!(left, ["b", "c"]);
    assert!(registry.page(true, None).0.is_empty());
    registry.remove("b", false).await.unwrap();
    assert_eq!(code(registry.remove("b", false).await), Code::ProcessNotFound);
    registry.start(bash("run", "sleep 1000")).unwrap();
    assert_eq!(code(registry.remove("run", false).await), Code::ValidationFailed);
    registry.remove("run", true).await.unwrap();
    assert_eq!(code(registry.process("run")), Code::ProcessNotFound);
    let short = registry_with(|settings| settings.keep_for = Duration::ZERO);
    short.start(bash("x", "true")).unwrap();
    short.process("x").unwrap().ended().await;
    while !short.page(false, None).0.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_that_nobody_reads_is_forgotten_when_asked() {
    let registry = registry();
    registry.start(Start { auto_remove: true, ..bash("x", "echo last words") }).unwrap();
    let process = registry.process("x").unwrap();
    let reading = process.read(From::Start, None, false).await;
    process.ended().await;
    assert!(registry.process("x").is_ok(), "somebody reads");
    assert_eq!(text(&registry, "x", None).await, "last words\n");
    drop(reading);
    while registry.process("x").is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn signals_kills_and_waits() {
    let registry = registry();
    registry.start(bash("x", "trap 'echo hup' HUP; echo up; while :; do sleep 0.01; done")).unwrap();
    let wait = |id: &str, pattern: &str| WaitLog {
        id: id.to_owned(),
        pattern: pattern.to_owned(),
        output: None,
        from: From::Start,
        timeout_ms: None,
    };
    registry.wait_log(&wait("x", "^up$")).await.unwrap();
    assert_eq!(code(registry.signal("x", "NOPE", Target::Group).await), Code::ValidationFailed);
    assert_eq!(code(registry.signal("none", "HUP", Target::Group).await), Code::ProcessNotFound);
    registry.signal("x", "HUP", Target::Leader).await.unwrap();
    registry.wait_log(&wait("x", "^hup$")).await.unwrap();
    let stats = registry.stats("x").await.unwrap();
    assert!(stats.processes >= 1 && stats.memory_bytes > 0);
    let process = registry.process("x").unwrap();
    assert_eq!(code(process.wait(Some(10)).await), Code::Timeout);
    let info = process.kill(None).await.unwrap();
    assert_eq!(info.exit.unwrap().signal.as_deref(), Some("SIGTERM"));
    assert_eq!(process.kill(Some(Duration::ZERO)).await.unwrap().state, State::Exited, "again is no error");
    assert_eq!(code(registry.signal("x", "HUP", Target::Group).await), Code::ProcessExited);
    assert_eq!(code(registry.stats("x").await), Code::ProcessExited);
}

#[tokio::test]
async fn a_later_kill_can_be_harder() {
    let registry = registry();
    registry.start(bash("x", "trap 'echo no' TERM; echo up; while :; do sleep 0.01; done")).unwrap();
    let up = WaitLog { id: "x".into(), pattern: "up".into(), output: None, from: From::Start, timeout_ms: None };
    registry.wait_log(&up).await.unwrap();
    let process = registry.process("x").unwrap();
    process.stop(Some(Duration::from_secs(1000)));
    registry.wait_log(&WaitLog { pattern: "no".into(), ..up }).await.unwrap();
    let info = process.kill(Some(Duration::ZERO)).await.unwrap();
    assert_eq!(info.exit.unwrap().signal.as_deref(), Some("SIGKILL"));
}

#[tokio::test]
async fn kill_also_ends_what_an_ended_one_left() {
    let registry = registry();
    let child = format!("sleep 4712001.{}", std::process::id());
    registry.start(bash("daemon", &format!("setsid {child} >/dev/null 2>&1 & exit 0"))).unwrap();
    let process = registry.process("daemon").unwrap();
    process.ended().await;
    while registry.stats("daemon").await.map_or(0, |stats| stats.processes) == 0 {
        tokio::task::yield_now().await;
    }
    process.kill(Some(Duration::ZERO)).await.unwrap();
    assert_eq!(code(registry.stats("daemon").await), Code::ProcessExited);
}

#[tokio::test]
async fn input_is_written_by_any_and_closed_once() {
    let registry = registry();
    registry.start(Start { stdin: true, ..bash("cat", "cat; echo end") }).unwrap();
    let process = registry.process("cat").unwrap();
    process.check_stdin().unwrap();
    let writers = (0..20).map(|number| {
        let process = Arc::clone(&process);
        tokio::spawn(async move { process.write_stdin(format!("line {number:04}\n").repeat(1000).as_bytes()).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap().unwrap();
    }
    process.close_stdin().await;
    assert_eq!(code(process.write_stdin(b"x").await), Code::StdinNotOpen);
    let output = text(&registry, "cat", None).await;
    assert_eq!(output.lines().count(), 20_001);
    let mut blocks: Vec<_> = output.lines().collect();
    blocks.dedup();
    assert_eq!(blocks.len(), 21, "no writer is interrupted by another");
    assert_eq!(code(process.write_stdin(b"x").await), Code::ProcessExited);
    registry.start(bash("deaf", "sleep 1000")).unwrap();
    assert_eq!(code(registry.process("deaf").unwrap().check_stdin()), Code::StdinNotOpen);
    registry.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn a_writer_that_nobody_reads_ends_with_the_process() {
    let registry = registry();
    // A grandchild keeps the pipe open and never reads it.
    let command = format!("exec 3<&0; sleep 4712002.{} <&3 & read x; exit 0", std::process::id());
    registry.start(Start { stdin: true, ..bash("x", &command) }).unwrap();
    let process = registry.process("x").unwrap();
    let written = process.write_stdin(&vec![b'\n'; 4 << 20]).await;
    assert_eq!(code(written), Code::ProcessExited);
    process.kill(Some(Duration::ZERO)).await.unwrap();
}

#[tokio::test]
async fn restarts_follow_the_policy() {
    let registry = registry();
    let restart = |policy, max| Some(Restart { policy, max, backoff_ms: Some(1) });
    let failing = Start { restart: restart(RestartPolicy::OnFailure, Some(2)), ..bash("f", "echo run; exit 4") };
    let first = registry.start(failing).unwrap();
    let ended = registry.process("f").unwrap().ended().await;
    assert_eq!((ended.restarts, ended.exit.unwrap().code), (2, Some(4)));
    assert_ne!(ended.pid, first.pid);
    assert_eq!(text(&registry, "f", None).await, "run\n<Some(4)>run\n<Some(4)>run\n");
    registry.start(Start { restart: restart(RestartPolicy::OnFailure, None), ..bash("ok", "exit 0") }).unwrap();
    assert_eq!(registry.process("ok").unwrap().ended().await.restarts, 0);
    registry.start(Start { restart: restart(RestartPolicy::Always, None), ..bash("always", "echo x") }).unwrap();
    let always = registry.process("always").unwrap();
    while always.info().restarts < 3 {
        tokio::task::yield_now().await;
    }
    let info = always.kill(None).await.unwrap();
    assert_eq!(info.state, State::Exited, "what was asked for is not undone");
    let slow = Restart { policy: RestartPolicy::Always, max: None, backoff_ms: Some(1_000_000) };
    registry.start(Start { restart: Some(slow), ..bash("slow", "true") }).unwrap();
    let slow = registry.process("slow").unwrap();
    while slow.info().state != State::Restarting {
        tokio::task::yield_now().await;
    }
    assert_eq!(slow.kill(None).await.unwrap().exit.unwrap().code, Some(0));
}

#[tokio::test]
async fn a_timeout_ends_a_run_and_not_the_restarts() {
    let registry = registry();
    let start = Start {
        timeout_ms: Some(30),
        restart: Some(Restart { policy: RestartPolicy::Always, max: Some(1), backoff_ms: Some(1) }),
        ..bash("x", "exec sleep 1000")
    };
    registry.start(start).unwrap();
    let ended = registry.process("x").unwrap().ended().await;
    let Exit { timed_out, signal, .. } = ended.exit.unwrap();
    assert_eq!((ended.restarts, timed_out, signal.as_deref()), (1, true, Some("SIGTERM")));
}

#[tokio::test]
async fn a_flood_is_logged_within_its_bounds_and_neighbours_run() {
    let registry = registry();
    registry.start(bash("flood", "yes | head -c 50000000; printf the-end")).unwrap();
    let ended = registry.process("flood").unwrap().ended().await;
    assert_eq!(ended.log_end, 50_000_007);
    let kept = ended.log_end - ended.log_start;
    assert!(kept <= (256 << 10) + (1 << 20) && kept > 1 << 20, "{kept}");
    let bounded =
        Launch { limits: Some(Limits { output_bytes: Some(5), ..Limits::default() }), ..bash("", "seq 9").run };
    registry.start(Start { run: bounded, ..bash("bounded", "") }).unwrap();
    let ended = registry.process("bounded").unwrap().ended().await;
    assert_eq!((ended.log_end, ended.exit.unwrap().output_dropped), (5, 13));
}

#[tokio::test]
async fn a_line_is_awaited_in_past_and_future() {
    let registry = registry();
    let command = "echo starting; printf 'port ' >&2; sleep 0.05; echo 8080 >&2; printf 'ready> '; sleep 1000";
    registry.start(bash("x", command)).unwrap();
    let wait = |pattern: &str, output| WaitLog {
        id: "x".into(),
        pattern: pattern.to_owned(),
        output,
        from: From::Start,
        timeout_ms: Some(60_000),
    };
    let port = registry.wait_log(&wait(r"port (\d{4})", None)).await.unwrap();
    assert_eq!((port.line.as_str(), port.output), ("port 8080", Output::Stderr));
    assert_eq!(port.groups, [Some("port 8080".to_owned()), Some("8080".to_owned())]);
    let prompt = registry.wait_log(&wait("ready> $", Some(Output::Stdout))).await.unwrap();
    assert_eq!(prompt.line, "ready> ", "an unfinished line counts");
    assert!(prompt.offset >= port.offset);
    let late = WaitLog { timeout_ms: Some(20), ..wait("never", None) };
    assert_eq!(code(registry.wait_log(&late).await), Code::ProcessReadyTimeout);
    assert_eq!(code(registry.wait_log(&wait("(", None)).await), Code::ValidationFailed);
    assert_eq!(code(registry.wait_log(&wait(r"\w{9999}{9999}", None)).await), Code::ValidationFailed);
    let never = wait("never", None);
    let (waited, _) =
        tokio::join!(registry.wait_log(&never), async { registry.process("x").unwrap().kill(None).await });
    let error = waited.unwrap_err();
    assert_eq!(error.code, Code::ProcessExitedBeforeReady);
    assert_eq!(error.details.get("exit"), Some(&"SIGTERM".into()));
}

#[tokio::test]
async fn a_port_is_awaited_by_tcp_and_http() {
    let registry = registry();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let wait = WaitPort { port, timeout_ms: Some(60_000), ..WaitPort::default() };
    assert_eq!(registry.wait_port(&wait).await.unwrap().status, None);
    let server = tokio::spawn(async move {
        for status in ["503 Not Yet", "204 Fine"] {
            let mut stream = loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                // The bare connection of the first wait says nothing.
                let mut request = [0; 1024];
                let length = stream.read(&mut request).await.unwrap();
                if request[..length].starts_with(b"GET /healthz HTTP/1.1\r\n") {
                    break stream;
                }
            };
            stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await.unwrap();
        }
    });
    let http = HttpProbe { path: "/healthz".to_owned(), ..HttpProbe::default() };
    let ready = registry.wait_port(&WaitPort { http: Some(http.clone()), ..wait.clone() }).await.unwrap();
    assert_eq!(ready.status, Some(204));
    server.await.unwrap();
    // Bound, so that nobody else has it, and not listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let wait = WaitPort { port: socket.local_addr().unwrap().port(), ..wait };
    let closed = WaitPort { timeout_ms: Some(30), ..wait.clone() };
    assert_eq!(code(registry.wait_port(&closed).await), Code::ProcessReadyTimeout);
    assert_eq!(code(registry.wait_port(&WaitPort { port: 0, ..wait.clone() }).await), Code::InvalidPort);
    let split = HttpProbe { path: "/a\r\nX: y".to_owned(), ..http };
    assert_eq!(code(registry.wait_port(&WaitPort { http: Some(split), ..wait.clone() }).await), Code::ValidationFailed);
    registry.start(bash("dies", "sleep 0.05; exit 6")).unwrap();
    let dies = WaitPort { id: Some("dies".to_owned()), ..wait };
    let error = registry.wait_port(&dies).await.unwrap_err();
    assert_eq!((error.code, error.details.get("exit")), (Code::ProcessExitedBeforeReady, Some(&6.into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_processes_log_without_a_loss() {
    let registry = registry_with(|settings| settings.keep = 100);
    for number in 0..100 {
        registry.start(bash(&format!("p{number}"), "for i in {1..50}; do echo line $i; done")).unwrap();
    }
    let expected: String = (1..=50).map(|line| format!("line {line}\n")).collect();
    for number in 0..100 {
        assert_eq!(text(&registry, &format!("p{number}"), None).await, expected);
    }
}
