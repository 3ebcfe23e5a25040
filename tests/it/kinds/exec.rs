//! `exec`, beyond what `exec.rs` beside this folder shows.

mod launch;
mod refused;

use std::os::unix::process::ExitStatusExt;

use bytes::Bytes;
use sandwire::Client;
use sandwire::protocol::Code;
use sandwire::protocol::kind::command::{Exit, Launch, Limits, Target};
use sandwire::protocol::kind::exec::{Down, Params, Up};
use sandwire::protocol::kind::{Exec, SandboxInfo, sandbox};
use sandwire::{Call, Reply};
use sandwire_tests::server::Server;
use sandwire_tests::wait::wait_for;

use super::{ask, event, line, refusal, served, words};
use crate::common::{collect, run, shell};

/// How to run it, and nothing else.
fn of(run: Launch) -> Params {
    Params { run, ..Params::default() }
}

/// What it says when it ends well.
async fn text(client: &Client, params: &Params) -> String {
    let (out, err, exit) = run(client, params).await;
    assert_eq!(exit.unwrap().code, Some(0), "{params:?}: {}", String::from_utf8_lossy(&err));
    String::from_utf8(out).unwrap()
}

/// Reads until standard output has this.
async fn sees(call: &Call<Exec>, text: &str) {
    let mut out = Vec::new();
    while !String::from_utf8_lossy(&out).contains(text) {
        match call.recv().await {
            Reply::Data(1, data) => out.extend_from_slice(&data),
            Reply::Closed(result) => panic!("{text:?} does not come: {out:?}, {result:?}"),
            Reply::Data(..) | Reply::End(_) | Reply::Event(_) => {}
        }
    }
}

#[tokio::test]
async fn the_start_is_told_when_it_is_asked_for_and_before_all_else() {
    let (_server, client) = served().await;
    let call = client.open::<Exec>(&Params { report_start: true, ..shell("echo $$; exit 2") }).unwrap();
    let Down::Started { pid } = event(&call).await;
    let rest = collect(&call).await;
    assert_eq!(rest.streams[1], format!("{pid}\n").as_bytes());
    assert_eq!(rest.result.unwrap().code, Some(2));
    let call = client.open::<Exec>(&shell("echo $$")).unwrap();
    assert!(matches!(call.recv().await, Reply::Data(1, _)), "nobody asked");
    let missing = Params { report_start: true, ..of(words(&["no-such-program"])) };
    assert_eq!(refusal::<Exec>(&client, &missing).await.code, Code::CommandNotFound);
}

#[tokio::test]
async fn input_ends_once_and_only_where_it_was_asked_for() {
    let (_server, client) = served().await;
    let call = client.open::<Exec>(&shell("sleep 600")).unwrap();
    call.end(0).unwrap();
    assert_eq!(collect(&call).await.result.unwrap_err().code, Code::StdinNotOpen);
    let call = client.open::<Exec>(&Params { stdin: true, ..shell("sleep 600") }).unwrap();
    call.write(1, Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(collect(&call).await.result.unwrap_err().code, Code::StdinNotOpen, "another stream");
    // The end of the input is no end of the command, nor the other way round.
    let call = client.open::<Exec>(&Params { stdin: true, ..shell("cat; echo behind; exit 3") }).unwrap();
    call.write(0, Bytes::from_static(b"in ")).await.unwrap();
    call.end(0).unwrap();
    let rest = collect(&call).await;
    assert_eq!((rest.streams[1].as_slice(), rest.result.unwrap().code), (b"in behind\n".as_slice(), Some(3)));
    let call = client.open::<Exec>(&Params { stdin: true, ..shell("exit 4") }).unwrap();
    assert_eq!(collect(&call).await.result.unwrap().code, Some(4));
}

#[tokio::test]
async fn grace_is_the_time_between_term_and_kill() {
    let (server, client) = served().await;
    let gentle = "trap 'echo gently; exit 7' TERM; echo up; while :; do sleep 0.02; done";
    let gone = || server.started().is_empty() && server.zombies() == 0;
    // Who ends on TERM says its own code, and that its time was over.
    let (out, _, exit) = run(&client, &Params { timeout_ms: Some(1500), ..shell(gentle) }).await;
    let exit = exit.unwrap();
    assert_eq!((out.as_slice(), exit.code, exit.timed_out), (b"up\ngently\n".as_slice(), Some(7), true));
    // Without grace there is no TERM to be trapped.
    let hard = Params { timeout_ms: Some(1500), grace_ms: Some(0), ..shell(gentle) };
    let (out, _, exit) = run(&client, &hard).await;
    let exit = exit.unwrap();
    assert_eq!((out.as_slice(), exit.signal.as_deref(), exit.timed_out), (b"up\n".as_slice(), Some("SIGKILL"), true));
    let exit = run(&client, &Params { timeout_ms: Some(0), ..shell("sleep 600") }).await.2.unwrap();
    assert!(exit.timed_out && exit.code.is_none(), "{exit:?}");
    let exit = run(&client, &Params { timeout_ms: Some(u64::MAX), grace_ms: Some(u64::MAX), ..shell("exit 1") }).await;
    assert!(!exit.2.unwrap().timed_out, "it ended in its time");

    // Who gives up ends it in the same way.
    for (grace_ms, file) in [(None, Some("gently\n")), (Some(0), None)] {
        let command = "trap 'echo gently >file; exit' TERM; echo up; while :; do sleep 0.02; done";
        let call = client.open::<Exec>(&Params { grace_ms, ..shell(command) }).unwrap();
        sees(&call, "up").await;
        call.cancel();
        assert_eq!(collect(&call).await.result.unwrap_err().code, Code::Cancelled);
        wait_for("the command to end", gone).await;
        assert_eq!(std::fs::read_to_string(server.workspace().join("file")).ok().as_deref(), file);
        std::fs::remove_file(server.workspace().join("file")).ok();
    }
}

#[tokio::test]
async fn a_signal_has_many_names_and_one_meaning() {
    let (_server, client) = served().await;
    let signalled = async |name: &str| -> Result<Exit, sandwire::protocol::Error> {
        let call = client.open::<Exec>(&Params { report_start: true, ..of(words(&["sleep", "600"])) }).unwrap();
        event(&call).await;
        call.event(Up::Signal { signal: name.to_owned(), target: Target::default() }).await.unwrap();
        collect(&call).await.result
    };
    for (name, expected) in [
        ("SIGUSR1", "SIGUSR1"),
        ("usr2", "SIGUSR2"),
        ("1", "SIGHUP"),
        ("SIGRTMIN+1", "SIGRTMIN+1"),
        ("RTMAX", "SIGRTMAX"),
        ("KILL", "SIGKILL"),
    ] {
        let exit = signalled(name).await.unwrap();
        assert_eq!((exit.signal.as_deref(), exit.code), (Some(expected), None), "{name}");
    }
    for name in ["", "0", "-9", "65", "SIG", "RTMIN+40"] {
        let error = signalled(name).await.unwrap_err();
        assert_eq!(error.code, Code::ValidationFailed, "{name}");
        assert!(error.details.contains_key("signal"), "{error:?}");
    }
}

#[tokio::test]
async fn a_signal_for_the_tree_reaches_who_left_the_group() {
    let (server, client) = served().await;
    // They say nothing to the pipes, which nobody reads once the first of them has ended.
    let trap = "exec 2>/dev/null; trap 'echo hit >>hits; exit' USR1; echo up >>hits; while :; do sleep 0.02; done";
    let command = format!("(setsid bash -c \"{trap}\" &) ; ( (bash -c \"{trap}\") & ) ; {trap}");
    let call = client.open::<Exec>(&shell(&command)).unwrap();
    let hits =
        |word: &str| std::fs::read_to_string(server.workspace().join("hits")).unwrap_or_default().matches(word).count();
    wait_for("all three to run", || hits("up") == 3).await;
    call.event(Up::Signal { signal: "USR1".to_owned(), target: Target::Tree }).await.unwrap();
    collect(&call).await.result.unwrap();
    wait_for("all three to be hit", || hits("hit") == 3).await;
}

#[tokio::test]
async fn a_signal_for_one_that_has_just_ended_is_no_error() {
    let server = Server::start();
    let client = Client::builder(server.url()).window(64 << 10).connect().await.unwrap();
    // Some of its output still waits in the pipe, so that the channel is open.
    let call = client.open::<Exec>(&shell("head -c 100000 /dev/zero; : >done; exit 3")).unwrap();
    wait_for("the command to end", || server.workspace().join("done").exists() && server.started().is_empty()).await;
    call.event(Up::Signal { signal: "TERM".to_owned(), target: Target::Group }).await.unwrap();
    let rest = collect(&call).await;
    assert_eq!((rest.streams[1].len(), rest.result.unwrap().code), (100_000, Some(3)));
}

#[tokio::test]
async fn the_end_tells_what_was_used() {
    let (_server, client) = served().await;
    let script = "import resource as r\nx = bytearray(200 << 20); sum(range(500000))\n\
                  u = r.getrusage(r.RUSAGE_SELF); print(int(u.ru_utime * 1e6), int(u.ru_stime * 1e6), u.ru_maxrss << 10)";
    let (out, _, exit) = run(&client, &of(words(&["python3", "-c", script]))).await;
    let (exit, out) = (exit.unwrap(), String::from_utf8(out).unwrap());
    let [user, system, rss] = out.split_whitespace().map(|word| word.parse().unwrap()).collect::<Vec<u64>>()[..] else {
        panic!("{out}")
    };
    // The kernel splits a time in two anew at each look; the sum only grows.
    assert!(exit.usage.user_us + exit.usage.system_us >= user + system, "{exit:?} {out}");
    let max_rss = exit.usage.max_rss.expect("more than the server ever had");
    assert!(max_rss >= rss.max(200 << 20) && max_rss < 2 * rss, "{exit:?} {out}");
    assert!(exit.duration_us >= exit.usage.user_us, "one thread uses no more than passes: {exit:?}");

    // Whether this machine makes core dumps is its own affair; that one was made is not made up.
    let command = "ulimit -c unlimited; kill -SEGV $$";
    let folder = tempfile::tempdir().unwrap();
    let here = std::process::Command::new("bash").args(["-c", command]).current_dir(folder.path()).status().unwrap();
    let exit = run(&client, &shell(command)).await.2.unwrap();
    assert_eq!((exit.signal.as_deref(), exit.core_dumped), (Some("SIGSEGV"), here.core_dumped()));
    let exit = run(&client, &shell("ulimit -c 0; kill -SEGV $$")).await.2.unwrap();
    assert_eq!((exit.signal.as_deref(), exit.core_dumped), (Some("SIGSEGV"), false));
}

#[tokio::test]
async fn each_limit_is_held_or_refused() {
    let (_server, client) = served().await;
    let with = |command: &str, limits: Limits| of(Launch { limits: Some(limits), ..line(command) });
    let limits = Limits::default;
    let file = Limits { file_bytes: Some(1000), ..limits() };
    let (out, _, exit) = run(&client, &with("head -c 5000 /dev/zero >f; s=$?; stat -c %s f; exit $s", file)).await;
    assert_eq!((out.as_slice(), exit.unwrap().code), (b"1000\n".as_slice(), Some(128 + 25)), "SIGXFSZ");
    let cpu = Limits { cpu_seconds: Some(1), ..limits() };
    let exit = run(&client, &with("while :; do :; done", cpu)).await.2.unwrap();
    assert_eq!((exit.signal.as_deref(), exit.timed_out), (Some("SIGXCPU"), false));
    // Both streams count together, and the command is not stopped.
    let output = Limits { output_bytes: Some(6), ..limits() };
    let (out, err, exit) = run(&client, &with("printf 123; printf 456 >&2; sleep 0; echo 789; exit 5", output)).await;
    let exit = exit.unwrap();
    assert_eq!((out.len() + err.len(), exit.output_dropped, exit.code), (6, 4, Some(5)));
    let (out, _, exit) = run(&client, &with("echo hello", Limits { output_bytes: Some(0), ..limits() })).await;
    assert_eq!((out.len(), exit.unwrap().output_dropped), (0, 6));
    for zero in [
        Limits { memory_bytes: Some(0), ..limits() },
        Limits { cpu_millis: Some(0), ..limits() },
        Limits { cpu_seconds: Some(0), ..limits() },
        Limits { pids: Some(0), ..limits() },
        Limits { open_files: Some(0), ..limits() },
    ] {
        let error = refusal::<Exec>(&client, &with("true", zero.clone())).await;
        assert!([Code::ValidationFailed, Code::NotSupported].contains(&error.code), "{zero:?}: {error}");
    }
    let error = refusal::<Exec>(&client, &with("true", Limits { open_files: Some(u64::MAX), ..limits() })).await;
    assert_eq!(error.code, Code::NotSupported, "more than the kernel has: {error}");

    let held = ask::<SandboxInfo>(&client, &sandbox::InfoParams {}).await.unwrap().limits;
    let holds = |name: &str| held.iter().any(|held| held == name);
    if holds("pids") {
        let forks = "import os\nfor n in range(99):\n  try:\n    if os.fork() == 0: os.read(0, 1); os._exit(0)\n  \
                     except BlockingIOError: break\nprint('only' if n < 30 else 'all', flush=True)";
        let few = Launch { limits: Some(Limits { pids: Some(30), ..limits() }), ..words(&["python3", "-c", forks]) };
        let call = client.open::<Exec>(&Params { stdin: true, ..of(few) }).unwrap();
        sees(&call, "only\n").await;
    }
    if holds("cpu") {
        let group = r#"one=$(sed -n 's/^[0-9]*:\([a-z,]*,\)\?cpu\(,[a-z,]*\)\?://p' /proc/self/cgroup)
            two=$(sed -n 's/^0:://p' /proc/self/cgroup)
            cat /sys/fs/cgroup/{cpu,cpu,cpuacct,unified,.}"$one$two"/cpu.{cfs_quota_us,max} 2>/dev/null | head -1"#;
        let quota = text(&client, &with(group, Limits { cpu_millis: Some(250), ..limits() })).await;
        assert!(quota.starts_with("25000"), "a quarter of 100 ms, not {quota:?}");
    }
}

#[tokio::test]
async fn a_lane_that_ends_takes_its_commands_along_and_a_command_does_not_take_its_daemons() {
    let (server, client) = served().await;
    let daemon = "setsid nohup sleep 600 >/dev/null 2>&1 & disown; exit 0";
    assert_eq!(run(&client, &shell(daemon)).await.2.unwrap().code, Some(0));
    assert_eq!(server.started().len(), 1, "one that was left on purpose stays");
    let stopped = client.open::<Exec>(&shell("(sleep 600 & sleep 600 & wait) & echo up; kill -STOP 0")).unwrap();
    let ignoring =
        client.open::<Exec>(&Params { grace_ms: Some(50), ..shell("trap '' TERM HUP INT; echo up; sleep 600") });
    let ignoring = ignoring.unwrap();
    sees(&stopped, "up").await;
    sees(&ignoring, "up").await;
    client.close().await;
    wait_for("only the daemon to be left", || server.started().len() == 1 && server.zombies() == 0).await;
}
