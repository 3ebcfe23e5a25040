//! `process.signal`, `process.kill`, `process.wait`, and starts after an end.

use sandwire::protocol::Code;
use sandwire::protocol::error::Detail;
use sandwire::protocol::kind::command::Target;
use sandwire::protocol::kind::process::{
    From, Get, Info, Kill, LogEvent, Restart, RestartPolicy, Signal, Start, State, Wait,
};
use sandwire::protocol::kind::{
    ProcessKill, ProcessLogs, ProcessRemove, ProcessSignal, ProcessStart, ProcessStats, ProcessWait, ProcessWaitLog,
    process,
};
use sandwire::{Client, Reply};
use sandwire_tests::wait::{wait_for, wait_until_async};

use super::{ended, get, logs, named, start, wait_log};
use crate::kinds::{ask, refusal, served};

async fn kill(client: &Client, id: &str, grace_ms: Option<u64>) -> Info {
    ask::<ProcessKill>(client, &Kill { id: id.to_owned(), grace_ms }).await.unwrap()
}

fn signal(id: &str, signal: &str, target: Target) -> Signal {
    Signal { id: id.to_owned(), signal: signal.to_owned(), target }
}

#[tokio::test]
async fn signals_have_names_numbers_and_targets() {
    let (server, client) = served().await;
    for (id, name, expected) in [("a", "SIGUSR1", "SIGUSR1"), ("b", "hup", "SIGHUP"), ("c", "12", "SIGUSR2")] {
        start(&client, named(id, "exec sleep 600")).await;
        ask::<ProcessSignal>(&client, &signal(id, name, Target::Group)).await.unwrap();
        assert_eq!(ended(&client, id).await.exit.unwrap().signal.as_deref(), Some(expected));
    }
    for name in ["", "0", "NOPE", "99"] {
        let error = refusal::<ProcessSignal>(&client, &signal("a", name, Target::Group)).await;
        assert_eq!((error.code, error.details.get("signal")), (Code::ValidationFailed, Some(&Detail::from(name))));
    }
    // Who has ended takes no signal, and it is told how it ended.
    for target in [Target::Group, Target::Leader, Target::Tree] {
        let error = refusal::<ProcessSignal>(&client, &signal("a", "TERM", target)).await;
        assert_eq!((error.code, error.details.get("exit")), (Code::ProcessExited, Some(&Detail::from("SIGUSR1"))));
    }
    let error = refusal::<ProcessStats>(&client, &Get { id: "b".to_owned() }).await;
    assert_eq!((error.code, error.details.get("exit")), (Code::ProcessExited, Some(&Detail::from("SIGHUP"))));

    let trap = |name: &str| {
        format!(
            "trap 'echo {name} >>hits; exit' USR1; echo up {name}; exec >/dev/null 2>&1; while :; do sleep 0.01; done"
        )
    };
    let command = format!("({0}) & setsid bash -c \"{1}\" & {2}", trap("group"), trap("session"), trap("leader"));
    let hits = server.workspace().join("hits");
    for (target, hit) in [(Target::Leader, 1), (Target::Group, 2), (Target::Tree, 3)] {
        let id = format!("{target:?}");
        start(&client, named(&id, &command)).await;
        for name in ["group", "session", "leader"] {
            ask::<ProcessWaitLog>(&client, &wait_log(&id, &format!("up {name}"))).await.unwrap();
        }
        ask::<ProcessSignal>(&client, &signal(&id, "USR1", target)).await.unwrap();
        let said = || std::fs::read_to_string(&hits).unwrap_or_default();
        wait_for("those who are meant to be hit", || said().lines().count() >= hit).await;
        kill(&client, &id, Some(0)).await;
        let all = ["leader", "group", "session"];
        let found = said();
        assert!(all.iter().enumerate().all(|(at, name)| found.contains(name) == (at < hit)), "{target:?}: {found}");
        std::fs::remove_file(&hits).unwrap();
    }
}

#[tokio::test]
async fn a_kill_answers_when_nothing_of_the_tree_is_left() {
    let (server, client) = served().await;
    let sleepers = "sleep 600 & (setsid sleep 600 &) ; ( (nohup sleep 600 >/dev/null 2>&1 &) & ) ; \
                    setsid bash -c 'trap \"\" TERM HUP INT; (sleep 600; sleep 600) & wait' & echo up; wait";
    for (id, grace_ms) in [("gently", Some(200)), ("at-once", Some(0))] {
        start(&client, named(id, sleepers)).await;
        ask::<ProcessWaitLog>(&client, &wait_log(id, "up")).await.unwrap();
        wait_for("all of it to run", || server.started().len() >= 6).await;
        let info = kill(&client, id, grace_ms).await;
        assert_eq!(server.started(), [0; 0], "{id}: gone when the answer comes");
        assert_eq!(info.state, State::Exited);
        let expected = if grace_ms == Some(0) { "SIGKILL" } else { "SIGTERM" };
        assert_eq!(info.exit.unwrap().signal.as_deref(), Some(expected));
    }
    // One that has ended is no error; what it left behind is ended.
    start(&client, named("left", "setsid nohup sleep 600 >/dev/null 2>&1 & exit 4")).await;
    assert_eq!(ended(&client, "left").await.exit.unwrap().code, Some(4));
    assert_eq!(server.started().len(), 1);
    let info = kill(&client, "left", Some(1000)).await;
    assert_eq!((info.exit.unwrap().code, server.started().len()), (Some(4), 0));
    assert_eq!(kill(&client, "left", None).await.state, State::Exited);
    // A stopped one is ended, too.
    start(&client, named("stopped", "echo up; kill -STOP $$")).await;
    ask::<ProcessWaitLog>(&client, &wait_log("stopped", "up")).await.unwrap();
    assert_eq!(kill(&client, "stopped", None).await.exit.unwrap().signal.as_deref(), Some("SIGTERM"));
    wait_for("everything to be reaped", || server.zombies() == 0).await;
}

#[tokio::test]
async fn the_grace_is_that_of_the_kill_or_of_the_start() {
    let (server, client) = served().await;
    let ignores = "trap '' TERM; echo up; while :; do sleep 0.02; done";
    let run = |id: &str, grace_ms| Start { grace_ms, ..named(id, ignores) };
    for (id, of_start, of_kill) in [("start", Some(50), None), ("kill", Some(3_600_000), Some(50))] {
        start(&client, run(id, of_start)).await;
        ask::<ProcessWaitLog>(&client, &wait_log(id, "up")).await.unwrap();
        assert_eq!(kill(&client, id, of_kill).await.exit.unwrap().signal.as_deref(), Some("SIGKILL"), "{id}");
    }
    // Who asks is not waited for; a later one can be harder, and both are answered.
    start(&client, run("twice", None)).await;
    ask::<ProcessWaitLog>(&client, &wait_log("twice", "up")).await.unwrap();
    let patient = client.open::<ProcessKill>(&Kill { id: "twice".to_owned(), grace_ms: Some(3_600_000) }).unwrap();
    let given_up = client.open::<ProcessKill>(&Kill { id: "twice".to_owned(), grace_ms: Some(3_600_000) }).unwrap();
    given_up.cancel();
    assert_eq!(given_up.result().await.unwrap_err().code, Code::Cancelled);
    assert_eq!(get(&client, "twice").await.unwrap().state, State::Running);
    kill(&client, "twice", Some(0)).await;
    assert_eq!(patient.result().await.unwrap().exit.unwrap().signal.as_deref(), Some("SIGKILL"));
    // `force` ends it in its own grace.
    start(&client, run("removed", Some(50))).await;
    ask::<ProcessWaitLog>(&client, &wait_log("removed", "up")).await.unwrap();
    ask::<ProcessRemove>(&client, &process::Remove { id: "removed".to_owned(), force: true }).await.unwrap();
    assert_eq!((get(&client, "removed").await.unwrap_err().code, server.started().len()), (Code::ProcessNotFound, 0));
}

#[tokio::test]
async fn all_who_wait_are_told_and_a_time_that_is_over_changes_nothing() {
    let (server, client) = served().await;
    start(&client, named("p", "until [ -e go ]; do sleep 0.01; done; exit 8")).await;
    let wait = |timeout_ms| Wait { id: "p".to_owned(), timeout_ms };
    let waiting: Vec<_> = (0..20).map(|_| client.open::<ProcessWait>(&wait(None)).unwrap()).collect();
    for time in [0, 50] {
        let error = refusal::<ProcessWait>(&client, &wait(Some(time))).await;
        assert_eq!((error.code, error.details.get("timeout_ms")), (Code::Timeout, Some(&Detail::from(time))));
    }
    waiting[0].cancel();
    assert_eq!(waiting[0].result().await.unwrap_err().code, Code::Cancelled);
    assert_eq!(get(&client, "p").await.unwrap().state, State::Running, "it goes on");
    std::fs::write(server.workspace().join("go"), "").unwrap();
    for one in &waiting[1..] {
        assert_eq!(one.result().await.unwrap().exit.unwrap().code, Some(8));
    }
    assert_eq!(ask::<ProcessWait>(&client, &wait(Some(60_000))).await.unwrap().exit.unwrap().code, Some(8));
    // Its own time ends the process itself.
    let timed = Start { timeout_ms: Some(50), ..named("timed", "sleep 600") };
    start(&client, timed).await;
    let exit = ended(&client, "timed").await.exit.unwrap();
    assert!(exit.timed_out && exit.signal.as_deref() == Some("SIGTERM"), "{exit:?}");
    let hard =
        Start { timeout_ms: Some(1500), grace_ms: Some(50), ..named("hard", "trap '' TERM; sleep 600; sleep 600") };
    start(&client, hard).await;
    let exit = ended(&client, "hard").await.exit.unwrap();
    assert!(exit.timed_out && exit.signal.as_deref() == Some("SIGKILL"), "{exit:?}");
}

fn restart(policy: RestartPolicy, max: Option<u32>, backoff_ms: u64) -> Option<Restart> {
    Some(Restart { policy, max, backoff_ms: Some(backoff_ms) })
}

#[tokio::test]
async fn a_process_is_started_again_as_its_policy_says() {
    let (_server, client) = served().await;
    for (id, command, policy, restarts, code) in [
        ("never-needed", "exit 0", RestartPolicy::OnFailure, 0, Some(0)),
        ("fails", "echo run; exit 9", RestartPolicy::OnFailure, 2, Some(9)),
        ("killed", "kill -9 $$", RestartPolicy::OnFailure, 2, None),
        ("always", "exit 0", RestartPolicy::Always, 2, Some(0)),
        ("recovers", "echo >>tries; [ $(wc -l <tries) = 2 ]", RestartPolicy::OnFailure, 1, Some(0)),
    ] {
        start(&client, Start { restart: restart(policy, Some(2), 1), ..named(id, command) }).await;
        let info = ended(&client, id).await;
        assert_eq!((info.restarts, info.exit.unwrap().code), (restarts, code), "{id}");
    }
    let none = Start { restart: restart(RestartPolicy::Always, Some(0), 1), ..named("none", "exit 5") };
    start(&client, none).await;
    assert_eq!(ended(&client, "none").await.restarts, 0);
    // The log tells where each run began, and how the one before it ended.
    let call = client.open::<ProcessLogs>(&logs("fails", From::Start)).unwrap();
    let (mut out, mut events) = (Vec::new(), Vec::new());
    let end = loop {
        match call.recv().await {
            Reply::Data(_, data) => out.extend_from_slice(&data),
            Reply::Event(LogEvent::Restarted { pid, exit }) => events.push((out.len(), pid, exit.code)),
            Reply::Event(_) | Reply::End(_) => {}
            Reply::Closed(end) => break end.unwrap(),
        }
    };
    assert_eq!((out.as_slice(), end.offset, end.ended), (b"run\nrun\nrun\n".as_slice(), 12, true));
    let [(4, _, Some(9)), (8, last, Some(9))] = events[..] else { panic!("{events:?}") };
    assert_eq!(get(&client, "fails").await.unwrap().pid, last);
}

#[tokio::test]
async fn between_two_runs_a_process_is_neither_running_nor_over() {
    let (_server, client) = served().await;
    let pause = 3_600_000;
    let pausing = Start { restart: restart(RestartPolicy::Always, None, pause), stdin: true, ..named("p", "exit 3") };
    start(&client, pausing.clone()).await;
    let look = || async {
        let info = get(&client, "p").await.unwrap();
        if info.state == State::Restarting { Ok(info) } else { Err(info) }
    };
    let info = wait_until_async("the first run to end", look).await;
    assert_eq!((info.exit.unwrap().code, info.restarts), (Some(3), 0));
    assert!(info.ended_ms.unwrap() >= info.started_ms);
    assert_eq!(super::list(&client, true).await, ["p"], "it has not ended");
    let error = refusal::<ProcessSignal>(&client, &signal("p", "TERM", Target::Group)).await;
    assert_eq!(error.code, Code::ProcessExited);
    let error = refusal::<ProcessWait>(&client, &Wait { id: "p".to_owned(), timeout_ms: Some(1) }).await;
    assert_eq!(error.code, Code::Timeout);
    let error = refusal::<ProcessRemove>(&client, &process::Remove { id: "p".to_owned(), force: false }).await;
    assert_eq!(error.code, Code::ValidationFailed);
    assert_eq!(refusal::<ProcessStart>(&client, &pausing).await.code, Code::ProcessExists);
    let info = kill(&client, "p", None).await;
    assert_eq!((info.state, info.exit.unwrap().code, info.restarts), (State::Exited, Some(3), 0));

    // Each run has its own input and its own time; asking for the end ends the starts, too.
    let timed = Start {
        restart: restart(RestartPolicy::OnFailure, Some(1), 1),
        timeout_ms: Some(50),
        ..named("timed", "sleep 600")
    };
    start(&client, timed).await;
    let info = ended(&client, "timed").await;
    assert!(info.restarts == 1 && info.exit.unwrap().timed_out);
    let forever = Start { restart: restart(RestartPolicy::Always, None, 1), ..named("forever", "exec sleep 600") };
    let first = start(&client, forever).await.pid;
    ask::<ProcessSignal>(&client, &signal("forever", "KILL", Target::Leader)).await.unwrap();
    let look = || async {
        let info = get(&client, "forever").await.unwrap();
        if info.pid != first && info.state == State::Running { Ok(info) } else { Err(info) }
    };
    let info = wait_until_async("the second run", look).await;
    assert_eq!((info.restarts, info.ended_ms, info.exit), (1, None, None));
    assert_eq!(kill(&client, "forever", None).await.restarts, 1);
}
