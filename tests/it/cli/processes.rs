//! `sandwire start`, `ps`, `logs`, `attach`, `kill`, `wait`, `rm`.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use rustix::process::Signal;
use sandwire_tests::server::Server;
use serde_json::Value;

use super::{end_of, run, signal, text, tool};

#[test]
fn a_process_is_started_listed_waited_for_and_forgotten() {
    let server = Server::start();
    assert_eq!(text(&server, &["start", "--id", "job", "-c", "echo one; echo two >&2; echo three; exit 4"]), "job\n");
    assert_eq!(run(&server, &["wait", "job"]).status.code(), Some(4));
    let listed: Value = serde_json::from_str(&text(&server, &["--json", "ps", "-a"])).unwrap();
    assert_eq!((listed[0]["id"].as_str(), listed[0]["exit"]["code"].as_i64()), (Some("job"), Some(4)));
    assert!(text(&server, &["ps", "-a"]).contains("exit 4"));
    assert!(!text(&server, &["ps"]).contains("job"));
    let logs = run(&server, &["logs", "job"]);
    assert_eq!((logs.stdout.as_slice(), logs.stderr.as_slice()), (b"one\nthree\n".as_slice(), b"two\n".as_slice()));
    assert_eq!(text(&server, &["start", "--id", "lines", "-c", "seq 9"]), "lines\n");
    text(&server, &["wait", "lines"]);
    assert_eq!(text(&server, &["logs", "-n", "2", "lines"]), "8\n9\n");
    assert_eq!(run(&server, &["logs", "--stderr", "job"]).stderr, b"two\n");
    let stamped = text(&server, &["logs", "--timestamps", "--stdout", "job"]);
    assert!(stamped.lines().all(|line| line.starts_with("20") && line.contains("Z ")), "{stamped}");
    let pieces = text(&server, &["--json", "logs", "job"]);
    assert!(pieces.lines().all(|line| serde_json::from_str::<Value>(line).unwrap().is_object()), "{pieces}");
    text(&server, &["rm", "job"]);
    let output = run(&server, &["wait", "job"]);
    assert_eq!(output.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&output.stderr).contains("(PROCESS_NOT_FOUND)"));
}

#[test]
fn a_log_is_followed_to_the_end_of_the_process() {
    let server = Server::start();
    text(&server, &["start", "--id", "p", "-c", "echo begun; until [ -e go ]; do sleep 0.05; done; echo done; exit 5"]);
    let mut child = tool(&server, &["logs", "-f", "p"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "begun");
    let mut attached = tool(&server, &["attach", "p"]).spawn().unwrap();
    std::fs::write(server.workspace().join("go"), "").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "done");
    assert!(lines.next().is_none());
    assert_eq!(end_of(child), Some(0));
    let mut all = String::new();
    attached.stdout.take().unwrap().read_to_string(&mut all).unwrap();
    assert_eq!(all, "begun\ndone\n");
    assert_eq!(end_of(attached), Some(5), "attach passes the exit code on");
}

#[test]
fn input_reaches_a_process_and_detaching_leaves_it() {
    let server = Server::start();
    text(&server, &["start", "-i", "--id", "cat", "--", "cat"]);
    let mut child = tool(&server, &["attach", "-i", "cat"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"first\n").unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "first");
    signal(&child, Signal::INT);
    assert_eq!(end_of(child), Some(0));
    assert!(text(&server, &["ps"]).contains("running"));
    let child = tool(&server, &["attach", "-i", "-n", "0", "cat"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.as_ref().unwrap().write_all(b"second\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"second\n".as_slice()));
}

#[test]
fn processes_are_signalled_and_ended() {
    let server = Server::start();
    text(&server, &["start", "--id", "t", "-c", "trap 'echo usr; exit 6' USR1; echo up; while :; do sleep 0.05; done"]);
    text(&server, &["wait", "t", "--log", "up"]);
    text(&server, &["kill", "-s", "USR1", "t"]);
    assert_eq!(run(&server, &["wait", "t"]).status.code(), Some(6));
    text(&server, &["start", "--id", "s", "--", "sleep", "600"]);
    assert_eq!(run(&server, &["wait", "s", "-t", "100ms"]).status.code(), Some(255), "it runs on");
    let output = run(&server, &["kill", "no-such", "s"]);
    assert_eq!(output.status.code(), Some(1), "one of them is not there");
    assert_eq!(run(&server, &["wait", "s"]).status.code(), Some(143), "the other was ended");
}

#[test]
fn info_tells_what_keeps_the_sandbox_awake() {
    let server = Server::start();
    assert!(text(&server, &["info"]).contains("activity   idle for"));
    text(&server, &["start", "--keep-alive", "--id", "k", "--", "sleep", "600"]);
    let told = text(&server, &["info"]);
    assert!(told.contains("activity   busy: 0 commands, 0 terminals, 1 processes"), "{told}");
    let json: serde_json::Value = serde_json::from_str(&text(&server, &["--json", "info"])).unwrap();
    assert_eq!((&json["activity"]["kept"], &json["activity"]["busy"]), (&1.into(), &true.into()), "{json}");
    text(&server, &["kill", "k"]);
    assert!(text(&server, &["info"]).contains("activity   idle for"));
}
