//! Parameters, events and results of every kind.

mod backups;
mod checkouts;
mod env;
mod files;
mod kernels;
mod mounts;
mod ports;
mod processes;
mod sessions;
mod terminals;

use sandwire_protocol::ByteString;
use sandwire_protocol::kind::command::{Exit, Launch, Limits, Target, Usage};
use sandwire_protocol::kind::{self, Done, Kind, encode, exec, sandbox, tcp};
use serde::Serialize;

use super::value::{Value, hex};

/// The vectors of one kind: cases by name.
pub struct Vectors<K: Kind> {
    pub params: Vec<(&'static str, K::Params)>,
    pub up: Vec<(&'static str, K::Up)>,
    pub down: Vec<(&'static str, K::Down)>,
    pub result: Vec<(&'static str, K::Result)>,
}

impl<K: Kind> Default for Vectors<K> {
    fn default() -> Self {
        Self { params: vec![], up: vec![], down: vec![], result: vec![] }
    }
}

impl<K: Kind> Vectors<K> {
    fn file(self) -> (String, Value) {
        assert!(!self.params.is_empty() && !self.result.is_empty(), "{} has no vectors", K::NAME);
        let value = Value::map([
            ("kind", Value::text(K::NAME)),
            ("params", cases(&self.params)),
            ("up", cases(&self.up)),
            ("down", cases(&self.down)),
            ("result", cases(&self.result)),
        ]);
        (format!("kinds/{}.json", K::NAME), value)
    }
}

fn cases<T: Serialize>(cases: &[(&'static str, T)]) -> Value {
    let case = |(name, value): &(&'static str, T)| {
        let bytes = encode(value).expect("it fits");
        Value::map([("name", Value::text(*name)), ("hex", Value::text(hex(&bytes))), ("value", Value::read(&bytes))])
    };
    Value::List(cases.iter().map(case).collect())
}

/// The files, by name.
pub fn files() -> Vec<(String, Value)> {
    let mut all = vec![command().file(), tunnel().file(), info().file(), metrics().file(), activity().file()];
    all.extend(processes::files());
    all.extend(terminals::files());
    all.extend(sessions::files());
    all.extend(env::files());
    all.extend(kernels::files());
    all.extend(files::files());
    all.extend(backups::files());
    all.extend(ports::files());
    all.extend(checkouts::files());
    all.extend(mounts::files());
    all
}

fn path(text: &str) -> ByteString {
    ByteString::from(text)
}

/// A name that is not UTF-8.
fn odd() -> ByteString {
    ByteString::new(vec![b'c', 0xe9])
}

fn full_launch() -> Launch {
    Launch {
        argv: vec![],
        command: Some(path("echo \"$GREETING\" | tee out")),
        shell: Some(path("/bin/sh")),
        cwd: Some(path("src")),
        env: [(path("GREETING"), Some(path("grüß dich"))), (path("LANG"), None), (odd(), Some(odd()))].into(),
        clear_env: true,
        user: Some("nobody:nogroup".to_owned()),
        limits: Some(Limits {
            memory_bytes: Some(1 << 33),
            cpu_millis: Some(1500),
            cpu_seconds: Some(60),
            pids: Some(64),
            open_files: Some(256),
            file_bytes: Some(1 << 30),
            output_bytes: Some(1 << 20),
        }),
    }
}

fn argv() -> Launch {
    Launch { argv: vec![path("ls"), path("-l"), odd()], ..Launch::default() }
}

fn exited() -> Exit {
    Exit {
        code: Some(0),
        duration_us: 12_345,
        usage: Usage { user_us: 1_000, system_us: 250, max_rss: Some(3 << 20) },
        ..Exit::default()
    }
}

fn killed() -> Exit {
    Exit {
        signal: Some("SIGKILL".to_owned()),
        core_dumped: true,
        timed_out: true,
        oom_killed: true,
        duration_us: 1 << 40,
        output_dropped: 99,
        shell_ended: true,
        ..Exit::default()
    }
}

fn command() -> Vectors<kind::Exec> {
    let argv = exec::Params { run: argv(), ..exec::Params::default() };
    let full = exec::Params {
        run: full_launch(),
        stdin: true,
        merge_stderr: true,
        timeout_ms: Some(60_000),
        grace_ms: Some(0),
        report_start: true,
        session: Some("build".to_owned()),
        renew: true,
    };
    let signal = |signal: &str, target| exec::Up::Signal { signal: signal.to_owned(), target };
    Vectors {
        params: vec![("an argv", argv), ("every field", full)],
        up: vec![
            ("a signal to the group", signal("SIGINT", Target::Group)),
            ("to the first process", signal("15", Target::Leader)),
            ("to the tree", signal("KILL", Target::Tree)),
        ],
        down: vec![("started", exec::Down::Started { pid: 4321 })],
        result: vec![
            ("code 0", exited()),
            ("another code", Exit { code: Some(255), ..exited() }),
            ("killed", killed()),
        ],
    }
}

fn tunnel() -> Vectors<kind::TcpConnect> {
    let connect = tcp::Connect { port: 8080, host: None, timeout_ms: None };
    let full = tcp::Connect { port: u16::MAX, host: Some("127.0.0.1".to_owned()), timeout_ms: Some(500) };
    Vectors {
        params: vec![("a port", connect), ("every field", full)],
        down: vec![("connected", tcp::Down::Connected {})],
        result: vec![("ended", tcp::Ended { sent: 0, received: 1 << 33 })],
        ..Vectors::default()
    }
}

fn info() -> Vectors<kind::SandboxInfo> {
    let info = sandbox::Info {
        version: "0.1.0".to_owned(),
        boot_id: "5f0c".to_owned(),
        started_ms: 1_700_000_000_000,
        hostname: "box".to_owned(),
        os: "Linux 6.8.0".to_owned(),
        arch: "x86_64".to_owned(),
        cpus: 2,
        memory_bytes: 4 << 30,
        workspace: "/workspace".to_owned(),
        user: "root".to_owned(),
        shell: "/bin/bash".to_owned(),
        kinds: vec!["exec".to_owned()],
        scopes: vec!["exec".to_owned(), "info".to_owned()],
        limits: vec!["memory".to_owned(), "pids".to_owned()],
        memory_bound: 256 << 20,
    };
    Vectors {
        params: vec![("nothing", sandbox::InfoParams {})],
        result: vec![("a sandbox", info)],
        ..Vectors::default()
    }
}

fn metrics() -> Vectors<kind::SandboxMetrics> {
    let metrics = sandbox::Metrics {
        time_ms: 1_700_000_000_000,
        cpu_us: 123_456_789,
        load1: 0.25,
        memory_used: 1 << 30,
        memory_total: 4 << 30,
        disk_used: 10 << 30,
        disk_total: 20 << 30,
        server_memory: 12 << 20,
        server_cpu_us: 1_000,
        connections: 1,
        lanes: 2,
        channels: 3,
        processes: 4,
        terminals: 5,
        idle_ms: 60_000,
    };
    Vectors {
        params: vec![
            ("once", sandbox::MetricsParams::default()),
            ("again and again", sandbox::MetricsParams { interval_ms: Some(1_000) }),
        ],
        down: vec![("sample", sandbox::MetricsDown::Sample(metrics.clone()))],
        result: vec![("a reading", metrics)],
        ..Vectors::default()
    }
}

fn activity() -> Vectors<kind::SandboxActivity> {
    let busy = sandbox::Activity { busy: true, commands: 1, terminals: 2, kept: 3, idle_ms: 0 };
    let idle = sandbox::Activity { idle_ms: 60_000, ..sandbox::Activity::default() };
    Vectors {
        params: vec![("nothing", sandbox::ActivityParams {})],
        down: vec![("busy", sandbox::ActivityDown::Activity(busy)), ("idle", sandbox::ActivityDown::Activity(idle))],
        result: vec![("done", Done {})],
        ..Vectors::default()
    }
}
