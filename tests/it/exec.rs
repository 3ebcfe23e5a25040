//! `exec`: every parameter, every way to end, every error.

use std::time::Duration;

use bytes::Bytes;
use sandwire::protocol::Code;
use sandwire::protocol::kind::command::{Launch, Limits, Target};
use sandwire::protocol::kind::file::Stat;
use sandwire::protocol::kind::{Exec, FileStat, exec};
use sandwire::{Client, Reply};
use sandwire_tests::server::Server;
use sandwire_tests::wait::wait_for;

use crate::common::{argv, collect, noise, run, run_with, shell};

async fn served() -> (Server, Client) {
    let server = Server::start();
    let client = Client::connect(server.url()).await.unwrap();
    (server, client)
}

#[tokio::test]
async fn a_command_ends_as_it_ended_and_nothing_is_made_up() {
    let (_server, client) = served().await;
    for (command, code, signal) in [
        ("exit 0", Some(0), None),
        ("exit 3", Some(3), None),
        ("exit 137", Some(137), None),
        ("kill -9 $$", None, Some("SIGKILL")),
        ("kill -TERM $$", None, Some("SIGTERM")),
        ("kill -s RTMIN+2 $$", None, Some("SIGRTMIN+2")),
        ("nosuchcommand 2>/dev/null", Some(127), None),
    ] {
        let exit = run(&client, &shell(command)).await.2.unwrap();
        assert_eq!((exit.code, exit.signal.as_deref()), (code, signal), "{command}");
        assert!(exit.duration_us > 0 && !exit.timed_out && !exit.oom_killed);
    }
}

#[tokio::test]
async fn output_is_bytes_apart_and_whole() {
    let (_server, client) = served().await;
    let (out, err, exit) = run(&client, &shell(r"printf 'a\0\xff\r\n'; printf 'e\nrr' >&2; exit 1")).await;
    assert_eq!((out.as_slice(), err.as_slice()), (b"a\0\xff\r\n".as_slice(), b"e\nrr".as_slice()));
    assert_eq!(exit.unwrap().code, Some(1));
    let merged = exec::Params { merge_stderr: true, ..shell("for i in 1 2 3; do echo o$i; echo e$i >&2; done") };
    let (out, err, _) = run(&client, &merged).await;
    assert_eq!(String::from_utf8(out).unwrap(), "o1\ne1\no2\ne2\no3\ne3\n");
    assert!(err.is_empty());
}

#[tokio::test]
async fn standard_input_is_empty_or_a_stream_that_end_closes() {
    let (_server, client) = served().await;
    assert_eq!(run(&client, &shell("cat; echo end")).await.0, b"end\n");
    let input = noise(1, 3_000_000);
    let (out, exit) = run_with(&client, shell("cat"), input.clone()).await;
    assert!(out == input, "what went in comes out");
    assert_eq!(exit.unwrap().code, Some(0));
    let (_, exit) = run_with(&client, shell("exec 0<&-; exit 4"), noise(2, 1_000_000)).await;
    assert_eq!(exit.unwrap().code, Some(4), "a command that does not read its input ends all the same");
    let call = client.open::<Exec>(&shell("sleep 100")).unwrap();
    call.write(0, Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(collect(&call).await.result.unwrap_err().code, Code::StdinNotOpen);
}

#[tokio::test]
async fn where_with_what_and_as_whom() {
    let (server, client) = served().await;
    std::fs::create_dir(server.workspace().join("sub")).unwrap();
    let launch = |launch: Launch| exec::Params { run: launch, ..exec::Params::default() };
    let pwd = Launch { command: Some("pwd -P".into()), cwd: Some("sub".into()), ..Launch::default() };
    let expected = format!("{}\n", server.workspace().join("sub").canonicalize().unwrap().display());
    assert_eq!(run(&client, &launch(pwd)).await.0, expected.as_bytes());
    let env = [("A".into(), Some("1 2".into())), ("HOME".into(), None)].into();
    let env = Launch { command: Some("echo $A ${HOME-gone}".into()), env, ..Launch::default() };
    assert_eq!(run(&client, &launch(env)).await.0, b"1 2 gone\n");
    let user = Launch { command: Some("id -un".into()), user: Some("nobody".to_owned()), ..Launch::default() };
    assert_eq!(run(&client, &launch(user)).await.0, b"nobody\n");
    let (out, _, _) = run(&client, &shell("env")).await;
    let env = String::from_utf8(out).unwrap();
    assert!(!env.contains("SANDWIRE_TOKEN"), "{env}");
}

#[tokio::test]
async fn what_cannot_be_started_is_an_error_with_a_code() {
    let (server, client) = served().await;
    std::fs::write(server.workspace().join("plain"), "echo hi").unwrap();
    let cwd = |cwd: &str| {
        let run = Launch { command: Some("true".into()), cwd: Some(cwd.into()), ..Launch::default() };
        exec::Params { run, ..exec::Params::default() }
    };
    let both = Launch { argv: vec!["a".into()], command: Some("b".into()), ..Launch::default() };
    let user = Launch { command: Some("id".into()), user: Some("nosuchuser".to_owned()), ..Launch::default() };
    for (params, code) in [
        (argv(&["nosuchprogram"]), Code::CommandNotFound),
        (argv(&["/no/such/program"]), Code::CommandNotFound),
        (argv(&["./plain"]), Code::CommandPermissionDenied),
        (cwd("/no/such/dir"), Code::InvalidProcessCwd),
        (cwd("plain"), Code::InvalidProcessCwd),
        (exec::Params::default(), Code::ValidationFailed),
        (exec::Params { run: both, ..exec::Params::default() }, Code::ValidationFailed),
        (exec::Params { run: user, ..exec::Params::default() }, Code::UserNotFound),
        (argv(&["a\0b"]), Code::ValidationFailed),
    ] {
        let error = run(&client, &params).await.2.unwrap_err();
        assert_eq!(error.code, code, "{params:?}: {error}");
        assert!(error.message.len() > 10, "{error}");
    }
}

#[tokio::test]
async fn a_timeout_ends_the_whole_tree_and_says_so() {
    let (server, client) = served().await;
    let command = "trap '' TERM; setsid sleep 1000 & echo before; sleep 1000; sleep 1000";
    let params = exec::Params { timeout_ms: Some(300), grace_ms: Some(200), ..shell(command) };
    let (out, _, exit) = run(&client, &params).await;
    let exit = exit.unwrap();
    assert_eq!(out, b"before\n");
    assert!(exit.timed_out && exit.signal.as_deref() == Some("SIGKILL"), "{exit:?}");
    wait_for("nothing of the command is left", || server.started().is_empty() && server.zombies() == 0).await;
}

#[tokio::test]
async fn signals_reach_group_leader_or_tree() {
    let (_server, client) = served().await;
    for (target, expected) in [(Target::Leader, "leader\n"), (Target::Group, "child\nleader\n")] {
        let command = "(trap 'echo child; exit' INT; echo up; while :; do sleep 0.05; done) & \
                       trap 'wait; echo leader; exit 9' INT; echo up; while :; do sleep 0.05; done";
        let command = if target == Target::Leader { command.replace("wait; ", "") } else { command.to_owned() };
        let call = client.open::<Exec>(&shell(&command)).unwrap();
        let mut out = Vec::new();
        while String::from_utf8_lossy(&out).matches("up\n").count() < 2 {
            if let Reply::Data(_, data) = call.recv().await {
                out.extend_from_slice(&data);
            }
        }
        call.event(exec::Up::Signal { signal: "INT".to_owned(), target }).await.unwrap();
        let rest = collect(&call).await;
        assert_eq!(rest.result.unwrap().code, Some(9));
        assert_eq!(String::from_utf8(rest.streams[1].clone()).unwrap(), expected);
    }
    let call = client.open::<Exec>(&shell("sleep 100")).unwrap();
    call.event(exec::Up::Signal { signal: "NOSUCH".to_owned(), target: Target::Group }).await.unwrap();
    assert_eq!(collect(&call).await.result.unwrap_err().code, Code::ValidationFailed);
}

#[tokio::test]
async fn a_signal_overtakes_input_that_nobody_reads() {
    let (_server, client) = served().await;
    let call = client.open::<Exec>(&exec::Params { stdin: true, ..shell("sleep 1000") }).unwrap();
    let flood = async { while call.write(0, Bytes::from(vec![0; 1 << 16])).await.is_ok() {} };
    let stopped = tokio::time::timeout(Duration::from_millis(500), flood).await;
    assert!(stopped.is_err(), "the pipe is full, so writing waits");
    call.event(exec::Up::Signal { signal: "SIGUSR1".to_owned(), target: Target::Group }).await.unwrap();
    assert_eq!(collect(&call).await.result.unwrap().signal.as_deref(), Some("SIGUSR1"));
}

#[tokio::test]
async fn cancel_ends_the_tree_wherever_it_went() {
    let (server, client) = served().await;
    let call =
        client.open::<Exec>(&shell("(setsid nohup sleep 1000 >/dev/null 2>&1 &) ; echo up; sleep 1000")).unwrap();
    assert!(matches!(call.recv().await, Reply::Data(1, data) if data == "up\n"));
    assert!(!server.started().is_empty());
    call.cancel();
    assert_eq!(collect(&call).await.result.unwrap_err().code, Code::Cancelled);
    wait_for("nothing of the command is left", || server.started().is_empty()).await;
    drop(client.open::<Exec>(&shell("sleep 1000")).unwrap());
    wait_for("a dropped call ends its command", || server.started().is_empty() && server.zombies() == 0).await;
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_pipe_open_does_not_hold_the_end() {
    let (_server, client) = served().await;
    let (out, _, exit) = run(&client, &shell("sleep 1000 & head -c 200000 /dev/zero; echo done")).await;
    assert_eq!(out.len(), 200_005);
    assert_eq!(exit.unwrap().code, Some(0));
}

#[tokio::test]
async fn limits_are_held_and_told() {
    let (_server, client) = served().await;
    let limited = |command: &str, limits: Limits| {
        let run = Launch { command: Some(command.into()), limits: Some(limits), ..Launch::default() };
        exec::Params { run, ..exec::Params::default() }
    };
    let output = Limits { output_bytes: Some(10), ..Limits::default() };
    let (out, _, exit) = run(&client, &limited("head -c 1000000 /dev/zero", output)).await;
    let exit = exit.unwrap();
    assert_eq!((out.len(), exit.output_dropped, exit.code), (10, 999_990, Some(0)));
    let files = Limits { open_files: Some(23), ..Limits::default() };
    assert_eq!(run(&client, &limited("ulimit -n", files)).await.0, b"23\n");
    let memory = Limits { memory_bytes: Some(64 << 20), ..Limits::default() };
    let hog = "python3 -c 'x = bytearray(200 << 20)'";
    match run(&client, &limited(hog, memory)).await.2 {
        Ok(exit) => assert!(exit.oom_killed && exit.code != Some(0), "{exit:?}"),
        // A machine without writable cgroups says so instead of ignoring the limit.
        Err(error) => assert_eq!(error.code, Code::NotSupported),
    }
}

#[tokio::test]
async fn the_server_takes_all_descriptors_and_commands_get_what_it_was_given() {
    let server = Server::builder().through(["prlimit", "--nofile=64:4096"]).start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let own = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(own.split_ascii_whitespace().nth(3), Some("4096"), "{own}");
    let client = Client::connect(server.url()).await.unwrap();
    let ask = shell("ulimit -Sn; ulimit -Hn");
    assert_eq!(run(&client, &ask).await.0, b"64\n4096\n");
    // The same for a command that is forked: it has a limit of its own.
    let mut limited = ask;
    limited.run.limits = Some(Limits { file_bytes: Some(1 << 30), ..Limits::default() });
    assert_eq!(run(&client, &limited).await.0, b"64\n4096\n");
}

/// As where `ulimit -u` or the cgroup's `pids.max` is reached. Only root can become a user who has no processes yet.
#[tokio::test]
async fn without_room_for_processes_the_error_says_so_and_files_are_still_reached() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let become_nobody = ["setpriv", "--reuid=64321", "--regid=64321", "--clear-groups", "prlimit", "--nproc=16"];
    let server = Server::builder().through(become_nobody).start();
    let client = Client::connect(server.url()).await.unwrap();
    let mut running = Vec::new();
    let refused = loop {
        let call = client.open::<Exec>(&exec::Params { report_start: true, ..argv(&["sleep", "1000"]) }).unwrap();
        match call.recv().await {
            Reply::Closed(result) => break result.unwrap_err(),
            _ => running.push(call),
        }
        assert!(running.len() < 16, "nothing bounds the processes");
    };
    assert_eq!(refused.code, Code::ProcessSpawnFailed);
    assert!(refused.message.contains("ulimit -u"), "{refused}");
    let stat = Stat { path: "/".into(), ..Stat::default() };
    client.call::<FileStat>(&stat).await.unwrap();
}
