//! Kinds over a real lane and an in-memory connection.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sandwire_link::{Call, Connection, Inbound, Link, Reply, Socket};
use sandwire_protocol::frame::{Body, Frame, Hello};
use sandwire_protocol::kind::command::{Exit, Launch, Limits, Output, Target};
use sandwire_protocol::kind::process::{
    Attach, AttachUp, From, Get, Kill, List, LogEvent, Logs, Remove, Restart, RestartPolicy, Signal, Start, State,
    Wait, WaitLog, WaitPort,
};
use sandwire_protocol::kind::{
    self, Exec, Kind, ProcessAttach, ProcessGet, ProcessKill, ProcessList, ProcessLogs, ProcessRemove, ProcessSignal,
    ProcessStart, ProcessStats, ProcessWait, ProcessWaitLog, ProcessWaitPort, exec,
};
use sandwire_protocol::lane::{Config, Role};
use sandwire_protocol::{Code, Error};

use crate::auth::Access;
use crate::config::Settings;
use crate::sandbox::Sandbox;
use crate::server::Server;

mod file;
mod pty;

/// A client's lane on a server of its own.
async fn client() -> Link {
    client_with(Access::full("test")).await
}

/// The same for somebody who may do less.
async fn client_with(access: Access) -> Link {
    let settings = Settings::default();
    let sandbox = Arc::new(Sandbox::new(&settings).unwrap());
    let server = Arc::new(Server::new(sandbox, &settings));
    let (near, far) = tokio::io::duplex(1 << 20);
    tokio::spawn(crate::conn::serve(server, Socket::stream(far, Vec::new()), access, None, Instant::now()));
    let mut connection = Connection::new(Socket::stream(near, Vec::new()), Role::Client, 4).await;
    let hello = Hello { version: 1, token: vec![7; 16], ..Hello::default() };
    let body = Body::Hello(kind::encode(&hello).unwrap());
    connection.handle().send(Frame { lane: 1, channel: 0, body }).await;
    connection.expect(1);
    let Inbound::Welcome(1, welcome) = connection.next().await.unwrap() else { panic!("WELCOME answers") };
    let link = Link::new(Role::Client, Config::default());
    connection.attach(1, &link, welcome.received).unwrap();
    tokio::spawn(async move { while connection.next().await.is_ok() {} });
    link
}

async fn ask<K: Kind>(link: &Link, params: K::Params) -> Result<K::Result, Error> {
    link.open::<K>(&params, None).unwrap().result().await
}

async fn code<K: Kind>(link: &Link, params: K::Params) -> Code {
    ask::<K>(link, params).await.unwrap_err().code
}

/// All that came on a channel.
#[derive(Debug)]
struct Whole<K: Kind> {
    out: Vec<u8>,
    err: Vec<u8>,
    events: Vec<K::Down>,
    result: Result<K::Result, Error>,
}

async fn rest<K: Kind>(call: &Call<K>) -> Whole<K> {
    let (mut out, mut err, mut events) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        match call.recv().await {
            Reply::Data(1, bytes) => out.extend_from_slice(&bytes),
            Reply::Data(2, bytes) => err.extend_from_slice(&bytes),
            Reply::Data(stream, _) | Reply::End(stream) => panic!("nothing comes on stream {stream}"),
            Reply::Event(event) => events.push(event),
            Reply::Closed(result) => return Whole { out, err, events, result },
        }
    }
}

fn bash(command: &str) -> Launch {
    Launch { command: Some(command.into()), ..Launch::default() }
}

fn command(command: &str) -> exec::Params {
    exec::Params { run: bash(command), ..exec::Params::default() }
}

fn background(id: &str, command: &str) -> Start {
    Start { id: Some(id.to_owned()), run: bash(command), ..Start::default() }
}

fn living(word: &str) -> bool {
    procfs::process::all_processes().unwrap().flatten().any(|process| {
        process.cmdline().is_ok_and(|line| line.iter().any(|argument| argument == word))
            && process.stat().is_ok_and(|stat| stat.state != 'Z')
    })
}

#[tokio::test]
async fn exec_tells_the_start_streams_and_end() {
    let link = client().await;
    let params = exec::Params { report_start: true, ..command("echo $$; echo err >&2; exit 3") };
    let whole = rest(&link.open::<Exec>(&params, None).unwrap()).await;
    let exec::Down::Started { pid } = whole.events[0];
    assert_eq!(String::from_utf8(whole.out).unwrap(), format!("{pid}\n"));
    assert_eq!((whole.err.as_slice(), whole.result.unwrap().code), (&b"err\n"[..], Some(3)));
    assert_eq!(ask::<Exec>(&link, command("")).await.unwrap().code, Some(0), "an empty line is a line");
    assert_eq!(code::<Exec>(&link, exec::Params::default()).await, Code::ValidationFailed);
}

#[tokio::test]
async fn exec_takes_input_and_signals() {
    let link = client().await;
    let call = link.open::<Exec>(&exec::Params { stdin: true, ..command("cat; echo end") }, None).unwrap();
    let data = Bytes::from(vec![b'x'; 1 << 20]);
    let send = async {
        call.write(0, data.clone()).await.unwrap();
        call.end(0).unwrap();
    };
    let (whole, ()) = tokio::join!(rest(&call), send);
    assert_eq!(whole.out.len(), (1 << 20) + 4);
    let signal = |signal: &str, target| exec::Up::Signal { signal: signal.to_owned(), target };
    let deaf = link.open::<Exec>(&exec::Params { stdin: true, ..command("echo up; sleep 1000") }, None).unwrap();
    let Reply::Data(1, _) = deaf.recv().await else { panic!("it says that it is up") };
    // More than the pipe holds: the signal overtakes it.
    let fill = deaf.write(0, Bytes::from(vec![0; 4 << 20]));
    let kill = async {
        deaf.event(signal("INT", Target::Group)).await.unwrap();
        rest(&deaf).await.result.unwrap()
    };
    let exit = tokio::select! {
        exit = kill => exit,
        _ = async { (fill.await, std::future::pending::<()>().await) } => unreachable!("it never ends"),
    };
    assert_eq!(exit.signal.as_deref(), Some("SIGINT"));
    let closed = link.open::<Exec>(&command("sleep 1000"), None).unwrap();
    closed.write(0, Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(rest(&closed).await.result.unwrap_err().code, Code::StdinNotOpen);
}

#[tokio::test]
async fn exec_ends_its_tree_when_cancelled() {
    let link = client().await;
    let word = format!("4713001.{}", std::process::id());
    let call = link.open::<Exec>(&command(&format!("setsid sleep {word} & sleep {word}")), None).unwrap();
    while !living(&word) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    call.cancel();
    assert_eq!(rest(&call).await.result.unwrap_err().code, Code::Cancelled);
    while living(&word) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn exec_stops_for_a_reader_that_stops() {
    let link = client().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let script = format!("head -c 30000000 /dev/zero; echo done > {}", file.path().display());
    let call = link.open::<Exec>(&command(&script), None).unwrap();
    let Reply::Data(1, first) = call.recv().await else { panic!("it writes") };
    // Other channels go on while this one stands still.
    for _ in 0..20 {
        assert_eq!(ask::<Exec>(&link, command("true")).await.unwrap().code, Some(0));
    }
    assert_eq!(std::fs::read(file.path()).unwrap(), b"", "nobody took its output");
    assert_eq!(rest(&call).await.out.len() + first.len(), 30_000_000);
    assert_eq!(std::fs::read(file.path()).unwrap(), b"done\n");
}

#[tokio::test]
async fn exec_says_what_it_dropped() {
    let link = client().await;
    let limits = Some(Limits { output_bytes: Some(3), ..Limits::default() });
    let params = exec::Params { run: Launch { limits, ..bash("printf 12345") }, ..exec::Params::default() };
    let whole = rest(&link.open::<Exec>(&params, None).unwrap()).await;
    assert_eq!((whole.out.as_slice(), whole.result.unwrap().output_dropped), (&b"123"[..], 2));
}

#[tokio::test]
async fn a_process_lives_through_every_kind() {
    let link = client().await;
    let id = || "web".to_owned();
    let script = "trap 'echo hup' HUP; echo ready; while :; do sleep 0.01; done";
    let started = ask::<ProcessStart>(&link, background("web", script)).await.unwrap();
    assert_eq!(started.state, State::Running);
    assert_eq!(code::<ProcessStart>(&link, background("web", "true")).await, Code::ProcessExists);
    let found = |pattern: &str| WaitLog {
        id: id(),
        pattern: pattern.to_owned(),
        output: Some(Output::Stdout),
        from: From::Start,
        timeout_ms: None,
    };
    assert_eq!(ask::<ProcessWaitLog>(&link, found("^rea(dy)$")).await.unwrap().groups[1].as_deref(), Some("dy"));
    assert_eq!(ask::<ProcessGet>(&link, Get { id: id() }).await.unwrap().pid, started.pid);
    assert_eq!(ask::<ProcessList>(&link, List { running: true, cursor: None }).await.unwrap().processes.len(), 1);
    assert!(ask::<ProcessStats>(&link, Get { id: id() }).await.unwrap().processes >= 1);
    let hup = Signal { id: id(), signal: "HUP".to_owned(), target: Target::Leader };
    ask::<ProcessSignal>(&link, hup.clone()).await.unwrap();
    ask::<ProcessWaitLog>(&link, found("hup")).await.unwrap();
    assert_eq!(code::<ProcessWait>(&link, Wait { id: id(), timeout_ms: Some(5) }).await, Code::Timeout);
    let port = WaitPort { id: Some(id()), port: 1, timeout_ms: Some(5), ..WaitPort::default() };
    assert_eq!(code::<ProcessWaitPort>(&link, port).await, Code::ProcessReadyTimeout);
    assert_eq!(code::<ProcessRemove>(&link, Remove { id: id(), force: false }).await, Code::ValidationFailed);
    let ended = ask::<ProcessKill>(&link, Kill { id: id(), grace_ms: None }).await.unwrap();
    assert_eq!(ended.exit.unwrap().signal.as_deref(), Some("SIGTERM"));
    assert_eq!(ask::<ProcessWait>(&link, Wait { id: id(), timeout_ms: None }).await.unwrap().state, State::Exited);
    assert_eq!(code::<ProcessSignal>(&link, hup).await, Code::ProcessExited);
    ask::<ProcessRemove>(&link, Remove { id: id(), force: false }).await.unwrap();
    assert_eq!(code::<ProcessGet>(&link, Get { id: id() }).await, Code::ProcessNotFound);
}

#[tokio::test]
async fn logs_are_read_from_anywhere_and_followed() {
    let link = client().await;
    ask::<ProcessStart>(&link, background("x", "echo one; echo two >&2; read l; exit 2")).await.unwrap();
    ask::<ProcessWait>(&link, Wait { id: "x".to_owned(), timeout_ms: None }).await.unwrap();
    let logs = |from, follow, output, timestamps| Logs { id: "x".to_owned(), from, follow, output, timestamps };
    for follow in [false, true] {
        let whole = rest(&link.open::<ProcessLogs>(&logs(From::Start, follow, None, false), None).unwrap()).await;
        assert_eq!((whole.out.as_slice(), whole.err.as_slice()), (&b"one\n"[..], &b"two\n"[..]));
        assert_eq!(whole.events, [LogEvent::Begin { offset: 0 }]);
        let end = whole.result.unwrap();
        assert_eq!((end.offset, end.ended), (8, true));
    }
    let one = logs(From::Offset(1), true, Some(Output::Stdout), true);
    let one = rest(&link.open::<ProcessLogs>(&one, None).unwrap()).await;
    assert_eq!((one.out.as_slice(), one.err.is_empty()), (&b"ne\n"[..], true));
    assert_eq!(one.events[0], LogEvent::Begin { offset: 1 });
    assert!(matches!(one.events[1], LogEvent::At { offset: 1, time_ms: 1.. }));
    let last = rest(&link.open::<ProcessLogs>(&logs(From::Lines(1), false, None, false), None).unwrap()).await;
    assert_eq!((last.out.as_slice(), last.err.as_slice()), (&b""[..], &b"two\n"[..]));
}

#[tokio::test]
async fn a_reader_learns_of_gaps_and_restarts() {
    let link = client().await;
    let start = Start { log_bytes: Some(64 << 10), ..background("x", "head -c 1000000 /dev/zero") };
    ask::<ProcessStart>(&link, start).await.unwrap();
    ask::<ProcessWait>(&link, Wait { id: "x".to_owned(), timeout_ms: None }).await.unwrap();
    let logs = |id: &str, from| Logs { id: id.to_owned(), from, follow: true, output: None, timestamps: false };
    let whole = rest(&link.open::<ProcessLogs>(&logs("x", From::Offset(0)), None).unwrap()).await;
    let LogEvent::Gap { from: 0, to } = whole.events[1] else { panic!("{:?}", whole.events) };
    assert_eq!(
        whole.events,
        [LogEvent::Begin { offset: 0 }, LogEvent::Gap { from: 0, to }, LogEvent::Begin { offset: to }]
    );
    assert_eq!(whole.out.len() as u64, 1_000_000 - to);
    assert!(whole.out.len() <= 64 << 10 && whole.result.unwrap().offset == 1_000_000);
    let restart = Restart { policy: RestartPolicy::Always, max: Some(1), backoff_ms: Some(1) };
    ask::<ProcessStart>(&link, Start { restart: Some(restart), ..background("r", "echo $$; exit 7") }).await.unwrap();
    let whole = rest(&link.open::<ProcessLogs>(&logs("r", From::Start), None).unwrap()).await;
    let text = String::from_utf8(whole.out).unwrap();
    let LogEvent::Restarted { pid, exit: Exit { code: Some(7), .. } } = &whole.events[1] else { panic!("{text}") };
    assert_eq!(text.lines().nth(1), Some(pid.to_string().as_str()));
}

#[tokio::test]
async fn attaching_reads_writes_signals_and_leaves() {
    let link = client().await;
    ask::<ProcessStart>(&link, Start { stdin: true, ..background("cat", "cat; echo end; exit 5") }).await.unwrap();
    let attach = |stdin, from| Attach { id: "cat".to_owned(), from, stdin, timestamps: false };
    let gone = link.open::<ProcessAttach>(&attach(true, From::Start), None).unwrap();
    gone.write(0, Bytes::from_static(b"first\n")).await.unwrap();
    let Reply::Event(LogEvent::Begin { offset: 0 }) = gone.recv().await else { panic!("it begins at 0") };
    let Reply::Data(1, first) = gone.recv().await else { panic!("cat answers") };
    assert_eq!(first, "first\n");
    gone.cancel();
    assert_eq!(rest(&gone).await.result.unwrap_err().code, Code::Cancelled);
    let looks = link.open::<ProcessAttach>(&attach(false, From::Start), None).unwrap();
    let writes = link.open::<ProcessAttach>(&attach(true, From::Offset(6)), None).unwrap();
    writes.event(AttachUp::Signal { signal: "WINCH".to_owned(), target: Target::Leader }).await.unwrap();
    writes.write(0, Bytes::from_static(b"second\n")).await.unwrap();
    writes.end(0).unwrap();
    let (writes, looks) = tokio::join!(rest(&writes), rest(&looks));
    assert_eq!((writes.out.as_slice(), looks.out.as_slice()), (&b"second\nend\n"[..], &b"first\nsecond\nend\n"[..]));
    assert_eq!(writes.result.unwrap().exit.unwrap().code, Some(5));
    assert_eq!(looks.result.unwrap().state, State::Exited);
    ask::<ProcessStart>(&link, background("deaf", "sleep 1000")).await.unwrap();
    let deaf = Attach { id: "deaf".to_owned(), from: From::Start, stdin: true, timestamps: false };
    assert_eq!(code::<ProcessAttach>(&link, deaf.clone()).await, Code::StdinNotOpen);
    let mute = link.open::<ProcessAttach>(&Attach { stdin: false, ..deaf }, None).unwrap();
    mute.event(AttachUp::Signal { signal: "KILL".to_owned(), target: Target::Group }).await.unwrap();
    assert_eq!(rest(&mute).await.result.unwrap().exit.unwrap().signal.as_deref(), Some("SIGKILL"));
}
