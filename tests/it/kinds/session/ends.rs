//! How commands in a session are ended, and how shells end.

use std::time::Duration;

use sandwire::protocol::Code;
use sandwire::protocol::kind::command::{Launch, Target};
use sandwire::protocol::kind::env::Set;
use sandwire::protocol::kind::exec::{Down, Params, Up};
use sandwire::protocol::kind::session::{Create, Get};
use sandwire::protocol::kind::{EnvSet, Exec, SessionGet, session};
use sandwire_tests::wait::wait_for;

use super::super::{ask, event, line, refusal, served};
use super::life::create;
use super::{code, said, sees, told, within};
use crate::common::{collect, run};

/// Long enough for a shell to begin, short enough to wait for.
const SHORT: u64 = 300;

fn timed(command: &str, grace_ms: u64) -> Params {
    Params { timeout_ms: Some(SHORT), grace_ms: Some(grace_ms), ..within("default", command) }
}

#[tokio::test]
async fn a_timeout_ends_the_command_and_leaves_the_session_with_its_state() {
    let (_server, client) = served().await;
    assert_eq!(code(&client, "cd /usr; L=local; f() { echo f; }").await, 0);
    let ignores = "bash -c 'trap \"\" TERM; while :; do sleep 0.2; done'";
    let never = [
        ("sleep 1881", 60_000, "SIGTERM"),
        ("sleep 1881; sleep 1881; echo no", 60_000, "SIGTERM"),
        ("while :; do sleep 0.01; done", 60_000, "SIGTERM"),
        ("while :; do :; done", 60_000, "SIGTERM"),
        ("g() { g2; }; g2() { while true; do true; done; }; g", 60_000, "SIGTERM"),
        ("sleep 1881 | sleep 1881 & (sleep 1881 &); wait", 60_000, "SIGTERM"),
        ("setsid sleep 1881 & sleep 1881", 60_000, "SIGTERM"),
        (ignores, 100, "SIGKILL"),
    ];
    for (command, grace, signal) in never {
        let (_, _, exit) = run(&client, &timed(command, grace)).await;
        let exit = exit.unwrap();
        assert!(exit.timed_out && !exit.shell_ended, "{command}: {exit:?}");
        assert_eq!((exit.code, exit.signal.as_deref()), (None, Some(signal)), "{command}");
        assert_eq!(told(&client, "default", "pwd; echo $L; f").await, "/usr\nlocal\nf\n", "after {command}");
        assert_eq!(told(&client, "default", "pgrep -f 'sleep 188[1]' | cat").await, "", "after {command}");
    }
    // What began before is not of the command.
    assert_eq!(code(&client, "sleep 2000 & job=$!").await, 0);
    assert!(run(&client, &timed("sleep 1881", 60_000)).await.2.unwrap().timed_out);
    assert_eq!(code(&client, "kill -0 $job").await, 0);
}

#[tokio::test]
async fn a_shell_that_cannot_be_made_to_give_up_is_ended() {
    let (_server, client) = served().await;
    let (_, _, exit) = run(&client, &timed("trap '' 62; while :; do :; done", 100)).await;
    let exit = exit.unwrap();
    assert!(exit.timed_out && exit.shell_ended, "{exit:?}");
    assert_eq!(exit.signal.as_deref(), Some("SIGKILL"));
    assert_eq!(refusal::<Exec>(&client, &within("default", "echo")).await.code, Code::SessionTerminated);
    assert_eq!(told(&client, "default", "echo fresh").await, "fresh\n");
}

#[tokio::test]
async fn a_timeout_of_the_session_holds_where_none_is_given() {
    let (_server, client) = served().await;
    let params = session::Create { id: Some("s".into()), timeout_ms: Some(SHORT), ..session::Create::default() };
    super::life::create(&client, params).await.unwrap();
    assert!(run(&client, &within("s", "sleep 1771")).await.2.unwrap().timed_out);
    let longer = Params { timeout_ms: Some(60_000), ..within("s", "sleep 0.5; echo done") };
    assert_eq!(run(&client, &longer).await.0, b"done\n");
}

#[tokio::test]
async fn cancel_ends_the_command_and_leaves_the_session() {
    let (_server, client) = served().await;
    assert_eq!(code(&client, "cd /usr; L=local").await, 0);
    for command in ["echo up; sleep 3000; echo no", "echo up; while :; do :; done"] {
        let call = client.open::<Exec>(&within("default", command)).unwrap();
        sees(&call, "up").await;
        let waits = client.open::<Exec>(&within("default", "echo never; touch /tmp/never-$$")).unwrap();
        let next = client.open::<Exec>(&within("default", "pwd; echo $L")).unwrap();
        waits.cancel();
        assert_eq!(collect(&waits).await.result.unwrap_err().code, Code::Cancelled);
        call.cancel();
        assert_eq!(collect(&call).await.result.unwrap_err().code, Code::Cancelled);
        let next = collect(&next).await;
        assert_eq!(next.streams[1], b"/usr\nlocal\n");
        assert_eq!(next.result.unwrap().code, Some(0));
    }
    assert_eq!(told(&client, "default", "pgrep -f 'sleep 300[0]' | cat").await, "");
    drop(client);
}

#[tokio::test]
async fn a_signal_reaches_what_the_command_started_and_ends_its_rest() {
    let (_server, client) = served().await;
    assert_eq!(code(&client, "L=local").await, 0);
    for (command, signal, code, name) in [
        ("echo up; sleep 1771; echo no", "INT", None, Some("SIGINT")),
        ("echo up; while :; do :; done", "TERM", None, Some("SIGTERM")),
        (
            "bash -c 'trap \"exit 7\" USR1; echo up; while :; do sleep 0.01; done'; echo \"rest $?\"; exit 9",
            "USR1",
            Some(9),
            None,
        ),
    ] {
        let call = client.open::<Exec>(&within("default", command)).unwrap();
        sees(&call, "up").await;
        call.event(Up::Signal { signal: signal.to_owned(), target: Target::Group }).await.unwrap();
        let got = collect(&call).await;
        let exit = got.result.unwrap();
        assert_eq!((exit.code, exit.signal.as_deref(), exit.shell_ended), (code, name, false), "{command}");
        if code.is_some() {
            assert_eq!(String::from_utf8_lossy(&got.streams[1]), "rest 7\n");
        }
        assert_eq!(told(&client, "default", "echo $L").await, "local\n");
    }
}

#[tokio::test]
async fn a_shell_that_ends_is_told_once_and_followed_by_a_fresh_one() {
    let (_server, client) = served().await;
    let ends = [
        ("kill -9 $$", None, Some("SIGKILL")),
        ("exec true", Some(0), None),
        ("exec sh -c 'echo other; exit 6'", Some(6), None),
        ("kill -TERM $$", None, Some("SIGTERM")),
    ];
    for (command, code_, signal) in ends {
        assert_eq!(code(&client, "L=local; cd /usr").await, 0);
        let (out, _, exit) = said(&client, command).await;
        let exit = exit.unwrap();
        if command.contains("-TERM") && !exit.shell_ended {
            // It left its state on its way out.
            continue;
        }
        assert_eq!((exit.code, exit.signal.as_deref()), (code_, signal), "{command}");
        assert!(exit.shell_ended, "{command}");
        assert_eq!(out == "other\n", command.contains("other"));
        let info = ask::<SessionGet>(&client, &session::Get { id: "default".into() }).await.unwrap();
        assert_eq!((info.state, info.pid), (session::State::Ended, None));
        let error = refusal::<Exec>(&client, &within("default", "echo no")).await;
        assert_eq!(error.code, Code::SessionTerminated, "{command}");
        assert!(error.details.contains_key("signal") || error.details.contains_key("exit_code"), "{error:?}");
        assert_eq!(told(&client, "default", "echo fresh $L").await, "fresh\n");
    }
    // By option it is not told.
    assert_eq!(said(&client, "kill -9 $$").await.2.unwrap().signal.as_deref(), Some("SIGKILL"));
    let renewed = Params { renew: true, ..within("default", "echo fresh") };
    assert_eq!(run(&client, &renewed).await.0, b"fresh\n");
    assert_eq!(told(&client, "default", "echo on").await, "on\n");
}

#[tokio::test]
async fn a_shell_that_is_killed_while_idle_is_told_and_leaves_no_zombie() {
    let (_server, client) = served().await;
    let pid: i32 = told(&client, "default", "echo $$").await.trim().parse().unwrap();
    std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    wait_for("its end", || !std::path::Path::new(&format!("/proc/{pid}")).exists()).await;
    assert_eq!(refusal::<Exec>(&client, &within("default", "echo")).await.code, Code::SessionTerminated);
    assert_eq!(told(&client, "default", "echo fresh").await, "fresh\n");
}

#[tokio::test]
async fn the_start_names_the_shell() {
    let (_server, client) = served().await;
    let call = client.open::<Exec>(&Params { report_start: true, ..within("default", "echo $$") }).unwrap();
    let Down::Started { pid } = event(&call).await;
    assert_eq!(collect(&call).await.streams[1], format!("{pid}\n").as_bytes());
}

/// Given up as early as can be: before its shell has heard of it, while what it has of its own is set, when it begins.
#[tokio::test]
async fn whenever_a_command_is_given_up_the_session_is_what_it_was() {
    let (_server, client) = served().await;
    // Of a shell that gave up, a POSIX shell takes over no more than is exported.
    for (shell, plain, exported) in [("bash", "PLAIN", 1), ("dash", "export PLAIN", 2)] {
        create(&client, Create { id: Some(shell.to_owned()), shell: Some(shell.into()), ..Create::default() })
            .await
            .unwrap();
        told(&client, shell, &format!("cd /usr; export A=\"it's\nold\"; {plain}=\"p '' q\"; umask 027")).await;
        for round in 0..60 {
            let new = Set { env: [("ROUND".into(), Some(round.to_string().into()))].into() };
            ask::<EnvSet>(&client, &new).await.unwrap();
            let env = ["A", "PLAIN", "NONE"].map(|name| (name.into(), Some("own".into()))).into();
            let run = Launch { cwd: Some("lib".into()), env, ..line("while :; do sleep 0.001; done") };
            let call = client.open::<Exec>(&Params { run, grace_ms: Some(60_000), ..within(shell, "") }).unwrap();
            // Every moment of the beginning has its turn.
            tokio::time::sleep(Duration::from_micros(150 * round)).await;
            call.cancel();
            let show = "pwd; echo \"$A|$PLAIN|${NONE-none}|$ROUND\"; env | grep -c -e ^A= -e ^PLAIN= -e ^NONE=; umask";
            let expected = format!("/usr\nit's\nold|p '' q|none|{round}\n{exported}\n0027\n");
            assert_eq!(told(&client, shell, show).await, expected, "{shell}, round {round}");
        }
        let info = ask::<SessionGet>(&client, &Get { id: shell.to_owned() }).await.unwrap();
        assert_eq!(info.lost, 0, "{shell}");
    }
}
