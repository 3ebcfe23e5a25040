//! `sandwire exec`.

use std::io::{BufRead, BufReader, Read};

use rustix::process::Signal;
use sandwire_tests::proxy::Proxy;
use sandwire_tests::server::Server;
use sandwire_tests::wait::block_until;
use serde_json::Value;

use super::{end_of, feed, run, run_with, signal, text, tool};
use crate::common::noise;

#[test]
fn exit_codes_and_streams_pass_through() {
    let server = Server::start();
    let output = run(&server, &["exec", "-c", r"printf 'a\0\377'; printf err >&2; exit 3"]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), b"a\0\xff".as_slice()));
    assert_eq!(output.stderr, b"err");
    for (args, code, says) in [
        (vec!["exec", "-c", "kill -9 $$"], 137, "SIGKILL"),
        (vec!["exec", "--timeout", "200ms", "--", "sleep", "60"], 124, "time"),
        (vec!["exec", "--", "no-such-program"], 255, "(COMMAND_NOT_FOUND)"),
        (vec!["exec", "ls -la | wc -l"], 255, "with -c"),
        (vec!["exec", "--stream", "--", "true"], 2, "--json"),
        (vec!["exec", "-C", "/no/such", "--", "true"], 255, "(INVALID_PROCESS_CWD)"),
        (vec!["exec"], 2, "nothing to run"),
        (vec!["exec", "--no-such-flag"], 2, "--no-such-flag"),
    ] {
        let output = run(&server, &args);
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(says), "{args:?}: {said}");
    }
}

#[test]
fn flags_shape_the_command() {
    let server = Server::start();
    std::fs::create_dir(server.workspace().join("sub")).unwrap();
    let line = "echo $A $B ${HOME-none} $(basename $PWD); echo e >&2";
    let args = ["exec", "-C", "sub", "-e", "A=1=2", "--env", "B=x", "--unset", "HOME", "--merge", "-c", line];
    assert_eq!(text(&server, &args), "1=2 x none sub\ne\n");
    assert_eq!(text(&server, &["exec", "--", "echo", "--json", "-q"]), "--json -q\n");
    let output = run(&server, &["exec", "--limit-output", "1K", "-c", "yes | head -c 100000"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 1024));
    assert!(String::from_utf8_lossy(&output.stderr).contains("98976 bytes of output"));
}

#[test]
fn fifty_mebibytes_go_in_and_come_out_equal() {
    let server = Server::start();
    let input = noise(7, 50 << 20);
    let output = run_with(&server, &["exec", "--", "cat"], &input);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout == input, "what went in comes out");
    let output = run_with(&server, &["exec", "-n", "--", "cat"], b"not for it");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
}

#[test]
fn a_reader_that_has_had_enough_ends_the_command() {
    let server = Server::start();
    let mut child = tool(&server, &["exec", "--", "yes"]).spawn().unwrap();
    let mut first = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(141), b"".as_slice()));
    block_until("yes to end", || if server.started().is_empty() { Ok(()) } else { Err(server.started()) });
}

#[test]
fn signals_reach_the_command_and_a_second_interrupt_ends_it() {
    let server = Server::start();
    for (sent, name) in [(Signal::INT, "INT"), (Signal::TERM, "TERM"), (Signal::HUP, "HUP")] {
        let line = format!("trap 'echo got; exit 9' {name}; echo ready; while :; do sleep 0.05; done");
        let mut child = tool(&server, &["exec", "-c", &line]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        signal(&child, sent);
        assert_eq!(lines.next().unwrap().unwrap(), "got");
        assert_eq!(end_of(child), Some(9));
    }
    let line = "trap 'echo ignored' INT; echo ready; while :; do sleep 0.05; done";
    let mut child = tool(&server, &["exec", "--grace", "100ms", "-c", line]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    signal(&child, Signal::INT);
    assert_eq!(lines.next().unwrap().unwrap(), "ignored");
    signal(&child, Signal::INT);
    assert_eq!(end_of(child), Some(130));
    block_until("the command to end", || if server.started().is_empty() { Ok(()) } else { Err(server.started()) });
}

#[test]
fn a_lane_that_is_lost_is_no_exit_code_of_the_command() {
    let server = Server::start();
    let mut child = tool(&server, &["exec", "-c", "echo ready; sleep 600"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let address = server.address().to_string();
    drop(server);
    let _other = Server::builder().listen(address).start();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(end_of(child), Some(255));
    assert!(said.contains("started anew") && said.contains("(OPERATION_INTERRUPTED)"), "{said}");
}

#[test]
fn no_server_and_a_wrong_token_are_told() {
    let server = Server::builder().env("SANDWIRE_TOKEN", "sesame-sesame-sesame").start();
    let output = run(&server, &["info"]);
    assert_eq!(output.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&output.stderr).contains("SANDWIRE_TOKEN"), "{output:?}");
    let output = tool(&server, &["exec", "-c", "echo hello"]).env("SANDWIRE_TOKEN", "sesame-sesame-sesame").output();
    assert_eq!(output.unwrap().stdout, b"hello\n");
    let file = server.workspace().join("token");
    std::fs::write(&file, "sesame-sesame-sesame\n").unwrap();
    let args = ["--token-file", file.to_str().unwrap(), "exec", "-c", "echo hello"];
    assert_eq!(text(&server, &args), "hello\n");
    // A flag wins over a variable; a variable that is empty is none.
    let with = |args: &[&str], name: &str, value: &str| tool(&server, args).env(name, value).output().unwrap();
    assert_eq!(with(&args, "SANDWIRE_TOKEN", "another").stdout, b"hello\n");
    assert_eq!(with(&["--url", &server.url(), "info"], "SANDWIRE_URL", "nowhere").status.code(), Some(255));
    assert_eq!(with(&args, "SANDWIRE_CA", "").stdout, b"hello\n");
    let usage = with(&["logs", "-f"], "SANDWIRE_TOKEN", "secret");
    assert!(!String::from_utf8_lossy(&usage.stderr).contains("--token"), "{usage:?}");
    for (url, says) in [
        ("127.0.0.1:1", "is sandwire-server running there?"),
        ("ftp://host", "must begin with ws://"),
        ("ws://127.0.0.1:99999", "from 1 to 65535"),
        (&format!("wss://{}", server.address()), "ws://"),
        (&format!("ws://{}/elsewhere", server.address()), "the WebSocket is at /v1/connect"),
    ] {
        let output = run(&server, &["--url", url, "info"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(255) && said.contains(says), "{url}: {output:?}");
    }
}

#[test]
fn a_command_is_told_in_json() {
    let server = Server::start();
    let line = r"echo out; printf '\377' >&2; kill -9 $$";
    let output = run(&server, &["exec", "--json", "-c", line]);
    assert_eq!(output.status.code(), Some(137));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["signal"], &told["stdout"]), (&"SIGKILL".into(), &"out\n".into()));
    assert_eq!((&told["stderr_base64"], &told["truncated"]), (&"/w==".into(), &false.into()));
    assert!(told["duration_us"].is_u64() && told.get("code").is_none());

    let output = run(&server, &["--json", "exec", "--stream", "-c", "echo one; read x; echo two; exit 4"]);
    assert_eq!(output.status.code(), Some(4));
    let lines: Vec<Value> = output.stdout.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let (end, pieces) = lines.split_last().unwrap();
    assert_eq!(end["exit"]["code"], 4);
    assert!(pieces.iter().all(|piece| piece["stream"] == "stdout"));
    assert_eq!(pieces.iter().map(|piece| piece["text"].as_str().unwrap()).collect::<String>(), "one\ntwo\n");

    let output = run(&server, &["--json", "exec", "--", "no-such-program"]);
    let told: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(told["error"]["code"], "COMMAND_NOT_FOUND");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(255), 0));
}

#[test]
fn a_server_that_shuts_down_says_so() {
    let server = Server::start();
    let mut child = tool(&server, &["exec", "-c", "echo ready; until [ -e go ]; do sleep 0.05; done"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    server.signal(Signal::TERM);
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.next().unwrap().unwrap().contains("shutting down"));
    std::fs::write(server.workspace().join("go"), "").unwrap();
    assert_eq!(end_of(child), Some(0));
}

#[test]
fn a_connection_that_is_cut_again_and_again_loses_nothing() {
    let server = Server::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let proxy = runtime.block_on(Proxy::start(server.address())).unwrap();
    proxy.cut_randomly(11, 50_000..2_000_000);
    let input = noise(12, 8_000_000);
    let mut command = tool(&server, &["exec", "-c", "cat; exit 6"]);
    command.env("SANDWIRE_URL", proxy.address().to_string());
    let output = feed(command, &input);
    assert_eq!(output.status.code(), Some(6), "{:?}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout == input, "what went in comes out");
    assert!(proxy.counters().connections > 3);
}
