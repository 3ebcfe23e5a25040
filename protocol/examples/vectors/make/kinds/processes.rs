//! `process.*`.

use sandwire_protocol::kind::command::{Output, Target};
use sandwire_protocol::kind::process::{
    Attach, AttachUp, From, Get, HttpProbe, Info, Kill, List, Listing, LogEnd, LogEvent, LogMatch, Logs, PortReady,
    Remove, Restart, RestartPolicy, Signal, Start, State, Stats, Wait, WaitLog, WaitPort,
};
use sandwire_protocol::kind::{self, Done};

use super::super::value::Value;
use super::{Vectors, argv, exited, full_launch, killed};

fn id() -> String {
    "web-1".to_owned()
}

fn running() -> Info {
    Info {
        id: id(),
        pid: 77,
        command: "npm start".to_owned(),
        cwd: None,
        state: State::Running,
        started_ms: 1_700_000_000_000,
        ended_ms: None,
        exit: None,
        restarts: 0,
        keep_alive: false,
        log_start: 0,
        log_end: 5_000_000_000,
    }
}

fn ended() -> Info {
    Info {
        cwd: Some("/workspace".to_owned()),
        state: State::Exited,
        ended_ms: Some(1_700_000_060_000),
        exit: Some(killed()),
        restarts: 3,
        keep_alive: true,
        log_start: 4096,
        log_end: 8192,
        ..running()
    }
}

fn log_events() -> Vec<(&'static str, LogEvent)> {
    vec![
        ("begin", LogEvent::Begin { offset: 0 }),
        ("gap", LogEvent::Gap { from: 10, to: 70_000 }),
        ("at", LogEvent::At { offset: 5_000_000_000, time_ms: 1_700_000_000_000 }),
        ("restarted", LogEvent::Restarted { pid: 78, exit: exited() }),
    ]
}

pub fn files() -> Vec<(String, Value)> {
    let mut files = vec![start().file()];
    files.extend(unary());
    files.extend(logs());
    files.extend(waits());
    files
}

fn start() -> Vectors<kind::ProcessStart> {
    let full = Start {
        id: Some(id()),
        run: full_launch(),
        stdin: true,
        timeout_ms: Some(1),
        grace_ms: Some(10_000),
        restart: Some(Restart { policy: RestartPolicy::OnFailure, max: Some(5), backoff_ms: Some(250) }),
        auto_remove: true,
        keep_alive: true,
        log_bytes: Some(1 << 20),
        session: Some("build".to_owned()),
    };
    let always = Restart { policy: RestartPolicy::Always, max: None, backoff_ms: None };
    Vectors {
        params: vec![
            ("an argv", Start { run: argv(), ..Start::default() }),
            ("every field", full),
            ("started again always", Start { run: argv(), restart: Some(always), ..Start::default() }),
        ],
        result: vec![("running", running())],
        ..Vectors::default()
    }
}

fn unary() -> Vec<(String, Value)> {
    let list = Vectors::<kind::ProcessList> {
        params: vec![
            ("all", List::default()),
            ("only running ones", List { running: true, ..List::default() }),
            ("the next page", List { cursor: Some(70_000), ..List::default() }),
        ],
        result: vec![
            ("none", Listing::default()),
            (
                "each state",
                Listing {
                    processes: vec![running(), Info { state: State::Restarting, ..ended() }, ended()],
                    cursor: None,
                },
            ),
            ("a page with another after it", Listing { processes: vec![ended()], cursor: Some(7) }),
        ],
        ..Vectors::default()
    };
    let get = Vectors::<kind::ProcessGet> {
        params: vec![("an id", Get { id: id() })],
        result: vec![("running", running()), ("ended", ended())],
        ..Vectors::default()
    };
    let signal = |target| Signal { id: id(), signal: "SIGHUP".to_owned(), target };
    let signal = Vectors::<kind::ProcessSignal> {
        params: vec![
            ("to the group", signal(Target::Group)),
            ("to the first process", signal(Target::Leader)),
            ("to the tree", signal(Target::Tree)),
        ],
        result: vec![("done", Done {})],
        ..Vectors::default()
    };
    let kill = Vectors::<kind::ProcessKill> {
        params: vec![
            ("with the process's own grace", Kill { id: id(), grace_ms: None }),
            ("at once", Kill { id: id(), grace_ms: Some(0) }),
        ],
        result: vec![("ended", ended())],
        ..Vectors::default()
    };
    let stats = Vectors::<kind::ProcessStats> {
        params: vec![("an id", Get { id: id() })],
        result: vec![("a tree", Stats { processes: 3, threads: 12, memory_bytes: 1 << 30, cpu_us: 99 })],
        ..Vectors::default()
    };
    let remove = Vectors::<kind::ProcessRemove> {
        params: vec![
            ("an ended one", Remove { id: id(), force: false }),
            ("a running one", Remove { id: id(), force: true }),
        ],
        result: vec![("done", Done {})],
        ..Vectors::default()
    };
    vec![list.file(), get.file(), signal.file(), kill.file(), stats.file(), remove.file()]
}

fn logs() -> Vec<(String, Value)> {
    let attach = |from| Attach { id: id(), from, stdin: false, timestamps: false };
    let logs = |from| Logs { id: id(), from, follow: false, output: None, timestamps: false };
    let attach = Vectors::<kind::ProcessAttach> {
        params: vec![
            ("from the oldest byte", attach(From::Start)),
            ("every field", Attach { stdin: true, timestamps: true, ..attach(From::Offset(5_000_000_000)) }),
        ],
        up: vec![("a signal", AttachUp::Signal { signal: "INT".to_owned(), target: Target::Group })],
        down: log_events(),
        result: vec![("ended", ended())],
    };
    let full = Logs { follow: true, output: Some(Output::Stderr), timestamps: true, ..logs(From::Lines(100)) };
    let logs = Vectors::<kind::ProcessLogs> {
        params: vec![
            ("from the oldest byte", logs(From::Start)),
            ("from the newest byte", logs(From::End)),
            ("from an offset", logs(From::Offset(4096))),
            ("from a time", Logs { output: Some(Output::Stdout), ..logs(From::Time(1_700_000_000_000)) }),
            ("every field", full),
        ],
        down: log_events(),
        result: vec![
            ("more may come", LogEnd { offset: 8192, ended: false }),
            ("all of it", LogEnd { offset: 8192, ended: true }),
        ],
        ..Vectors::default()
    };
    vec![attach.file(), logs.file()]
}

fn waits() -> Vec<(String, Value)> {
    let wait = Vectors::<kind::ProcessWait> {
        params: vec![
            ("for ever", Wait { id: id(), timeout_ms: None }),
            ("for a time", Wait { id: id(), timeout_ms: Some(5_000) }),
        ],
        result: vec![("ended", ended())],
        ..Vectors::default()
    };
    let least = WaitLog { id: id(), pattern: "ready".to_owned(), output: None, from: From::Start, timeout_ms: None };
    let full = WaitLog {
        pattern: r"listening on (\S+):(\d+)".to_owned(),
        output: Some(Output::Stdout),
        from: From::End,
        timeout_ms: Some(30_000),
        ..least.clone()
    };
    let found = LogMatch {
        line: "listening on 0.0.0.0:80".to_owned(),
        groups: vec![Some("0.0.0.0:80".to_owned()), None],
        output: Output::Stdout,
        offset: 512,
    };
    let wait_log = Vectors::<kind::ProcessWaitLog> {
        params: vec![("a pattern", least), ("every field", full)],
        result: vec![("a match", found)],
        ..Vectors::default()
    };
    let full = WaitPort {
        id: Some(id()),
        port: 3000,
        host: Some("::1".to_owned()),
        http: Some(HttpProbe { path: "/health".to_owned(), min_status: 200, max_status: 299 }),
        timeout_ms: Some(30_000),
    };
    let wait_port = Vectors::<kind::ProcessWaitPort> {
        params: vec![("a port", WaitPort { port: 80, ..WaitPort::default() }), ("every field", full)],
        result: vec![
            ("by TCP", PortReady { status: None, waited_ms: 0 }),
            ("by HTTP", PortReady { status: Some(204), waited_ms: 1_500 }),
        ],
        ..Vectors::default()
    };
    vec![wait.file(), wait_log.file(), wait_port.file()]
}
