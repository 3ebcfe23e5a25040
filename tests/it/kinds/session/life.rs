//! Sessions made, seen, shared, handed on and deleted.

use rustix::process::Signal;
use sandwire::Client;
use sandwire::protocol::kind::command::{Launch, Limits};
use sandwire::protocol::kind::exec::Params;
use sandwire::protocol::kind::process::{Start, Wait};
use sandwire::protocol::kind::session::{Create, Created, Delete, Get, List, State};
use sandwire::protocol::kind::{
    Done, Exec, ProcessStart, ProcessWait, SessionCreate, SessionDelete, SessionGet, SessionList,
};
use sandwire::protocol::{Code, Error};
use sandwire_tests::server::Server;
use sandwire_tests::wait::wait_for;

use super::super::{ask, line, refusal, served, served_by};
use super::{code, sees, told, within};
use crate::common::{collect, run};

pub(super) async fn create(client: &Client, params: Create) -> Result<Created, Error> {
    ask::<SessionCreate>(client, &params).await
}

pub(super) async fn delete(client: &Client, id: &str) -> Result<Done, Error> {
    ask::<SessionDelete>(client, &Delete { id: id.to_owned(), grace_ms: None }).await
}

fn named(id: &str) -> Create {
    Create { id: Some(id.to_owned()), ..Create::default() }
}

#[tokio::test]
async fn a_session_is_made_seen_and_deleted() {
    let (server, client) = served().await;
    let env = [("A".into(), Some("1".into())), ("HOME".into(), None)].into();
    let made = create(&client, Create { cwd: Some("/usr".into()), env, ..named("s") }).await.unwrap();
    assert!(made.created);
    assert_eq!(
        (made.session.id.as_str(), made.session.state, made.session.cwd.as_deref()),
        ("s", State::Idle, Some("/usr"))
    );
    assert_eq!(told(&client, "s", "pwd; echo $A ${HOME-none}; cd lib; exit").await, "/usr\n1 none\n");
    let info = ask::<SessionGet>(&client, &Get { id: "s".into() }).await.unwrap();
    assert_eq!((info.cwd.as_deref(), info.commands, info.lost, info.state), (Some("/usr"), 1, 0, State::Idle));
    assert_eq!(refusal::<SessionCreate>(&client, &named("s")).await.code, Code::SessionExists);
    let same = create(&client, Create { reuse: true, ..named("s") }).await.unwrap();
    assert_eq!((same.created, same.session.created_ms), (false, made.session.created_ms));
    let other = create(&client, Create::default()).await.unwrap().session;
    let listed: Vec<String> =
        ask::<SessionList>(&client, &List {}).await.unwrap().sessions.into_iter().map(|it| it.id).collect();
    assert_eq!(listed, ["s".to_owned(), other.id]);
    delete(&client, "s").await.unwrap();
    for error in [
        refusal::<SessionGet>(&client, &Get { id: "s".into() }).await,
        refusal::<SessionDelete>(&client, &Delete { id: "s".into(), grace_ms: None }).await,
        refusal::<Exec>(&client, &within("s", "echo")).await,
    ] {
        assert_eq!(error.code, Code::SessionNotFound);
    }
    drop(server);
}

#[tokio::test]
async fn two_sessions_run_at_once_without_a_trace_of_each_other() {
    let (_server, client) = served().await;
    create(&client, named("a")).await.unwrap();
    create(&client, named("b")).await.unwrap();
    let long = client.open::<Exec>(&within("a", "X=a; cd /usr; f() { :; }; echo up; sleep 1000")).unwrap();
    sees(&long, "up").await;
    assert_eq!(told(&client, "b", "echo \"[$X]\"; declare -F; X=b").await, "[]\n");
    assert_eq!(code(&client, "echo default").await, 0);
    let info = ask::<SessionGet>(&client, &Get { id: "a".into() }).await.unwrap();
    assert_eq!((info.state, info.queued), (State::Busy, 0));
    long.cancel();
    assert_eq!(told(&client, "a", "echo $X").await, "a\n");
    assert_eq!(told(&client, "b", "echo $X").await, "b\n");
}

#[tokio::test]
async fn what_a_session_cannot_do_is_refused() {
    let (_server, client) = served().await;
    let refused = async |run: Launch| {
        let params = Params { run, ..within("default", "") };
        refusal::<Exec>(&client, &params).await.code
    };
    let command = || Some("echo".into());
    for run in [
        Launch::default(),
        Launch { argv: vec!["echo".into()], command: command(), ..Launch::default() },
        Launch { command: command(), shell: Some("/bin/sh".into()), ..Launch::default() },
        Launch { command: command(), clear_env: true, ..Launch::default() },
        Launch { command: command(), user: Some("nobody".into()), ..Launch::default() },
        Launch { command: command(), limits: Some(Limits { pids: Some(9), ..Limits::default() }), ..Launch::default() },
        Launch { command: command(), env: [("a b".into(), None)].into(), ..Launch::default() },
        Launch { command: Some("a\0b".into()), ..Launch::default() },
    ] {
        assert_eq!(refused(run.clone()).await, Code::ValidationFailed, "{run:?}");
    }
    let nowhere = Launch { command: command(), cwd: Some("/no/such".into()), ..Launch::default() };
    assert_eq!(refused(nowhere).await, Code::InvalidProcessCwd);
    assert_eq!(told(&client, "default", "echo lives").await, "lives\n");
    let limits = Some(Limits { output_bytes: Some(3), ..Limits::default() });
    let short = Launch { command: Some("echo 12345".into()), limits, ..Launch::default() };
    let (out, _, exit) = run(&client, &Params { run: short, ..within("default", "") }).await;
    assert_eq!((&out[..], exit.unwrap().output_dropped), (&b"123"[..], 3));
    for params in [
        named("a/b"),
        Create { shell: Some("/no/such/shell".into()), ..named("x") },
        Create { shell: Some("/bin/cat".into()), ..named("x") },
        Create { cwd: Some("/no/such".into()), ..named("x") },
        Create { user: Some("no-such-user".into()), ..named("x") },
    ] {
        create(&client, params.clone()).await.expect_err(&format!("{params:?}"));
    }
    assert_eq!(ask::<SessionList>(&client, &List {}).await.unwrap().sessions.len(), 1, "nothing is left of them");
}

#[tokio::test]
async fn there_are_only_so_many_and_only_so_many_wait() {
    let (_server, client) = served_by(Server::builder().env("SANDWIRE_MAX_SESSIONS", "2")).await;
    create(&client, named("a")).await.unwrap();
    create(&client, named("b")).await.unwrap();
    assert_eq!(refusal::<SessionCreate>(&client, &named("c")).await.code, Code::LimitExceeded);
    assert_eq!(refusal::<Exec>(&client, &within("default", "echo")).await.code, Code::LimitExceeded);
    delete(&client, "b").await.unwrap();
    assert_eq!(code(&client, "echo").await, 0);
    let first = client.open::<Exec>(&within("a", "echo up; read x < <(sleep 1000)")).unwrap();
    sees(&first, "up").await;
    let waiting: Vec<_> = (0..64).map(|n| client.open::<Exec>(&within("a", &format!("echo {n}"))).unwrap()).collect();
    assert_eq!(refusal::<Exec>(&client, &within("a", "echo")).await.code, Code::LimitExceeded);
    first.cancel();
    for (number, call) in waiting.iter().enumerate() {
        assert_eq!(collect(call).await.streams[1], format!("{number}\n").as_bytes());
    }
}

#[tokio::test]
async fn deleting_ends_all_of_it_and_nothing_else() {
    let (server, client) = served().await;
    create(&client, named("s")).await.unwrap();
    assert_eq!(told(&client, "s", "sleep 4000 & exit 0").await, "");
    assert_eq!(told(&client, "s", "(setsid sleep 4001 &)").await, "");
    let start = Start { run: line("exec sleep 4002"), session: Some("s".into()), ..Start::default() };
    let process = ask::<ProcessStart>(&client, &start).await.unwrap();
    let runs = client.open::<Exec>(&within("s", "echo up; sleep 4003")).unwrap();
    sees(&runs, "up").await;
    let waits = client.open::<Exec>(&within("s", "echo no")).unwrap();
    delete(&client, "s").await.unwrap();
    assert_eq!(collect(&waits).await.result.unwrap_err().code, Code::SessionNotFound);
    assert_eq!(collect(&runs).await.result.unwrap().signal.as_deref(), Some("SIGTERM"));
    assert_eq!(told(&client, "default", "pgrep -f '^sleep 400[013]' | cat").await, "");
    assert_eq!(told(&client, "default", "pgrep -f '^sleep 400[2]'").await, format!("{}\n", process.pid));
    let left = homes(server.pid());
    assert_eq!(left.len(), 1, "that of the default session: {left:?}");
    // A session of the same name is another one.
    create(&client, named("s")).await.unwrap();
    assert_eq!(told(&client, "s", "jobs").await, "");
}

/// Directories of sessions that the server has.
fn homes(server: u32) -> Vec<std::path::PathBuf> {
    let fds = std::fs::read_dir(format!("/proc/{server}/fd")).unwrap();
    fds.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok())
        .filter(|path| path.ends_with("d") && path.to_string_lossy().contains("/sandwire-"))
        .collect()
}

#[tokio::test]
async fn a_process_takes_over_what_the_session_has_and_never_blocks_it() {
    let (_server, client) = served().await;
    assert_eq!(code(&client, "cd /usr; export A='x y' B=b; C=c; g() { echo g; }; export -f g").await, 0);
    let start = |command: &str, run: Launch| Start {
        run: Launch { command: Some(command.into()), ..run },
        session: Some("default".into()),
        ..Start::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let command = format!("{{ pwd; echo \"$A|$B|${{C-none}}\"; g; }} >{}", out.display());
    let ends = async |params: Start| {
        let process = ask::<ProcessStart>(&client, &params).await.unwrap();
        let info = ask::<ProcessWait>(&client, &Wait { id: process.id, timeout_ms: None }).await.unwrap();
        assert_eq!(info.exit.unwrap().code, Some(0));
        std::fs::read_to_string(&out).unwrap()
    };
    assert_eq!(ends(start(&command, Launch::default())).await, "/usr\nx y|b|none\ng\n");
    let own = Launch {
        cwd: Some("lib".into()),
        env: [("A".into(), Some("own".into())), ("B".into(), None)].into(),
        ..Launch::default()
    };
    assert_eq!(ends(start(&command, own)).await, "/usr/lib\nown||none\ng\n");
    ask::<ProcessStart>(&client, &start("sleep 5000", Launch::default())).await.unwrap();
    assert_eq!(told(&client, "default", "echo free").await, "free\n");
    // In its turn: what commands before it have changed, it has.
    let before = client.open::<Exec>(&within("default", "sleep 0.2; export A=later")).unwrap();
    let after = client.open::<ProcessStart>(&start(&command, Launch::default())).unwrap();
    assert_eq!(collect(&before).await.result.unwrap().code, Some(0));
    let process = after.result().await.unwrap();
    ask::<ProcessWait>(&client, &Wait { id: process.id, timeout_ms: None }).await.unwrap();
    assert!(std::fs::read_to_string(&out).unwrap().contains("later"));
}

#[tokio::test]
async fn nothing_is_left_when_the_server_ends() {
    let (server, client) = served().await;
    let home = told(&client, "default", "trap -p EXIT | grep -o '/[^ ]*/x'").await;
    let home = std::path::PathBuf::from(home.trim()).parent().unwrap().to_owned();
    assert!(home.exists());
    assert_eq!(code(&client, "sleep 6000 &").await, 0);
    // Nobody but the shell is left to tidy up.
    server.signal(Signal::KILL);
    wait_for("the end", || !home.exists()).await;
}
