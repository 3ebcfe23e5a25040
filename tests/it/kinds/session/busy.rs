//! A session that is busy, cut off, or another user's; what a command in it costs.

use std::time::Duration;

use sandwire::protocol::Code;
use sandwire::protocol::kind::command::Launch;
use sandwire::protocol::kind::exec::Params;
use sandwire::protocol::kind::process::{Start, Wait};
use sandwire::protocol::kind::session::{Create, Get};
use sandwire::protocol::kind::{Exec, ProcessStart, ProcessWait, PtyOpen, SessionGet, pty};
use sandwire::{Call, Client, Reply, State};
use sandwire_tests::proxy::{Direction, Proxy};
use sandwire_tests::server::{self, Server};

use super::super::{ask, line, refusal, served};
use super::life::create;
use super::{code, said, sees, told, within};
use crate::common::{collect, run, run_with};

fn terminal(id: &str, command: &str) -> pty::Open {
    let session = Some("default".to_owned());
    pty::Open { id: Some(id.to_owned()), run: line(command), session, reuse: true, ..pty::Open::default() }
}

async fn shows(call: &Call<PtyOpen>, text: &str) {
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains(text) {
        match call.recv().await {
            Reply::Data(_, data) => shown.extend_from_slice(&data),
            Reply::Closed(result) => panic!("{text:?} is not shown: {result:?}"),
            Reply::Event(_) | Reply::End(_) => {}
        }
    }
}

#[tokio::test]
async fn who_begins_in_a_busy_session_does_not_wait_for_its_command() {
    let (_server, client) = served().await;
    assert_eq!(code(&client, "cd /usr; export A='x y'").await, 0);
    let show = "pwd; echo \"[$A|$B]\"";
    let known = client.open::<PtyOpen>(&terminal("known", &format!("{show}; exec cat"))).unwrap();
    shows(&known, "[x y|]").await;
    let busy = "cd lib; export B=later; echo up; (sleep 7000); sleep 7000; exit 1";
    let long = client.open::<Exec>(&within("default", busy)).unwrap();
    sees(&long, "up").await;
    // One that is there needs nothing of it.
    let again = client.open::<PtyOpen>(&terminal("known", "no")).unwrap();
    shows(&again, "[x y|]").await;
    let fresh = client.open::<PtyOpen>(&terminal("fresh", &format!("{show}; exec cat"))).unwrap();
    shows(&fresh, "/usr/lib").await;
    let out = tempfile::NamedTempFile::new().unwrap();
    let run_ = line(&format!("{{ {show}; }} >{}", out.path().display()));
    let start = Start { run: run_, session: Some("default".to_owned()), ..Start::default() };
    let id = ask::<ProcessStart>(&client, &start).await.unwrap().id;
    ask::<ProcessWait>(&client, &Wait { id, timeout_ms: None }).await.unwrap();
    assert_eq!(std::fs::read_to_string(out.path()).unwrap(), "/usr/lib\n[x y|later]\n");
    long.cancel();
    assert_eq!(told(&client, "default", "echo \"$B\"; pwd").await, "later\n/usr/lib\n", "it never blocked the session");
    // Of a command that runs no program, nothing can be seen; the directory can.
    let deaf = client.open::<Exec>(&within("default", "echo up; while :; do :; done")).unwrap();
    sees(&deaf, "up").await;
    assert_eq!(refusal::<ProcessStart>(&client, &start).await.code, Code::Timeout);
    let run_ = Launch { clear_env: true, ..line("exit 0") };
    let clear = Start { run: run_, session: Some("default".to_owned()), ..Start::default() };
    assert_eq!(ask::<ProcessStart>(&client, &clear).await.unwrap().cwd.as_deref(), Some("/usr/lib"));
    deaf.cancel();
    drop(again);
}

#[tokio::test]
async fn a_builtin_costs_no_fork() {
    let (server, client) = served().await;
    let shell = told(&client, "default", "echo $$ $BASHPID").await;
    let (shell, same) = shell.trim().split_once(' ').unwrap();
    assert_eq!(shell, same, "it is the shell itself that runs it");
    let shell: u32 = shell.parse().unwrap();
    // A child that was waited for has had faults of its own (proc(5), `cminflt`); what runs is a child still.
    let forked = |pid: u32| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        line.rsplit(')').next().unwrap().split_whitespace().nth(8).unwrap().parse::<u64>().unwrap()
    };
    let before = (forked(server.pid()), forked(shell), server.started().len());
    for number in 0..50 {
        assert_eq!(told(&client, "default", &format!("n={number}; cd /; echo $n")).await, format!("{number}\n"));
    }
    let own = Launch { cwd: Some("/usr".into()), env: [("A".into(), Some("1".into()))].into(), ..line("echo $A $PWD") };
    let (out, _, _) = run(&client, &Params { run: own, ..within("default", "") }).await;
    assert_eq!(out, b"1 /usr\n");
    assert_eq!((forked(server.pid()), forked(shell), server.started().len()), before);
    assert_eq!(told(&client, "default", "(echo child)").await, "child\n");
    assert!(forked(shell) > before.1, "a fork is seen");
}

#[tokio::test]
async fn a_command_tells_what_it_used() {
    let (_server, client) = served().await;
    let burn = "i=0; while ((i < 300000)); do ((i += 1)); done";
    let of_shell = said(&client, burn).await.2.unwrap().usage;
    assert!(of_shell.user_us + of_shell.system_us > 0, "{of_shell:?}");
    let of_child = said(&client, &format!("bash -c '{burn}'")).await.2.unwrap().usage;
    assert!(of_child.user_us + of_child.system_us > 0, "{of_child:?}");
    let idle = said(&client, ":").await.2.unwrap().usage;
    assert!(idle.user_us < of_child.user_us + of_shell.user_us, "of this command alone: {idle:?}");
    let left = said(&client, "exit 3").await.2.unwrap().usage;
    assert!(left.user_us < of_child.user_us + of_shell.user_us, "of this command alone: {left:?}");
    assert_eq!(left.max_rss, None);
}

#[tokio::test]
async fn another_user_has_a_session_like_everybody() {
    let (_server, client) = served().await;
    let user = Some("nobody".to_owned());
    let made =
        create(&client, Create { id: Some("n".to_owned()), user, cwd: Some("/".into()), ..Create::default() }).await;
    if !rustix::process::geteuid().is_root() {
        assert_eq!(made.unwrap_err().code, Code::PermissionDenied);
        return;
    }
    made.unwrap();
    assert_eq!(told(&client, "n", "id -un; cd /usr; export A=1; L=local; umask 027").await, "nobody\n");
    assert_eq!(run(&client, &within("n", "exit 3")).await.2.unwrap().code, Some(3));
    assert_eq!(told(&client, "n", "pwd; echo $A $L; umask").await, "/usr\n1 local\n0027\n");
    let env = [("A".into(), Some("own".into()))].into();
    let own = Params { run: Launch { env, cwd: Some("lib".into()), ..line("pwd; echo $A") }, ..within("n", "") };
    assert_eq!(run(&client, &own).await.0, b"/usr/lib\nown\n");
    assert_eq!(run_with(&client, within("n", "read x; echo $x"), "in\n".into()).await.0, b"in\n");
    let timed = Params { timeout_ms: Some(300), ..within("n", "sleep 1000") };
    assert!(run(&client, &timed).await.2.unwrap().timed_out);
    let start =
        Start { run: line("[ $(id -un) = nobody ] && [ $A = 1 ]"), session: Some("n".to_owned()), ..Start::default() };
    let id = ask::<ProcessStart>(&client, &start).await.unwrap().id;
    let ended = ask::<ProcessWait>(&client, &Wait { id, timeout_ms: None }).await.unwrap();
    assert_eq!(ended.exit.unwrap().code, Some(0));
    assert!(run(&client, &within("n", "kill -9 $$")).await.2.unwrap().shell_ended);
    assert_eq!(refusal::<Exec>(&client, &within("n", "echo")).await.code, Code::SessionTerminated);
    assert_eq!(told(&client, "n", "id -un").await, "nobody\n");
    // The files by which it is told are its own and nobody else's.
    let other = create(
        &client,
        Create {
            id: Some("m".to_owned()),
            user: Some("daemon".to_owned()),
            cwd: Some("/".into()),
            ..Create::default()
        },
    );
    other.await.unwrap();
    let home = told(&client, "n", "trap -p EXIT | grep -o '/[^ ]*/x'").await;
    let spy = format!("cat {0} {1}/t {1}/v 2>/dev/null | wc -c", home.trim(), home.trim().trim_end_matches("/x"));
    assert_eq!(told(&client, "m", &spy).await, "0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_survive_cuts_with_nothing_lost_and_nothing_twice() {
    let server = Server::start();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let client = Client::connect(server::url(proxy.address())).await.unwrap();
    client.states().wait_for(|state| matches!(state, State::Connected { .. })).await.unwrap();
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    proxy.cut_randomly(seed, 500..60_000);
    proxy.split(Direction::Up, Some(300));
    client.reconnect();
    let session = async |id: &'static str| {
        create(&client, Create { id: Some(id.to_owned()), ..Create::default() }).await.unwrap();
        assert_eq!(told(&client, id, "n=0").await, "");
        for round in 1..=15_u32 {
            let text = format!("((n++)); echo $n >&2; seq 1 20000; exit {round}");
            let input = format!("{round}\n").repeat(3000);
            let calls = [
                client.open::<Exec>(&within(id, &text)).unwrap(),
                client.open::<Exec>(&within(id, "echo $n")).unwrap(),
            ];
            let [long, short] = [collect(&calls[0]).await, collect(&calls[1]).await];
            assert_eq!(long.result.unwrap().code, Some(i32::try_from(round).unwrap()));
            assert_eq!((long.streams[1].len(), &long.streams[2][..]), (108_894, format!("{round}\n").as_bytes()));
            assert_eq!(short.streams[1], format!("{round}\n").as_bytes());
            let (echoed, exit) = run_with(&client, within(id, "cat"), input.clone().into()).await;
            assert_eq!((echoed.len(), exit.unwrap().code), (input.len(), Some(0)));
            assert_eq!(echoed, input.as_bytes());
        }
        let info = ask::<SessionGet>(&client, &Get { id: id.to_owned() }).await.unwrap();
        assert_eq!((info.commands, info.lost), (46, 0), "each was run once");
    };
    tokio::join!(session("a"), session("b"));
    assert!(proxy.counters().connections > 5, "it was cut {} times", proxy.counters().connections);
}

#[tokio::test]
async fn a_shell_that_runs_nothing_any_more_hangs_nobody() {
    let (_server, client) = served().await;
    let deaf = [
        "set -n",
        "set -o noexec; false",
        "trap false DEBUG; shopt -s extdebug",
        "shopt -s extdebug; set -T; f() { return 2; }; trap f DEBUG",
        "readonly BASH_EXECUTION_STRING",
        "BASH_EXECUTION_STRING=nope",
        "enable -n mapfile printf eval",
        "enable -n builtin trap unset",
        "builtin() { :; }; enable -n eval printf",
    ];
    for command in deaf {
        let ends = tokio::time::timeout(Duration::from_secs(60), said(&client, command)).await;
        let exit = ends.unwrap_or_else(|_| panic!("{command} hangs")).2.unwrap();
        assert!(exit.code.is_some(), "{command}: {exit:?}");
        let renewed = Params { renew: true, ..within("default", "echo on") };
        let next = tokio::time::timeout(Duration::from_secs(60), run(&client, &renewed)).await;
        let (out, _, exit) = next.unwrap_or_else(|_| panic!("what comes after {command} hangs"));
        assert_eq!((&out[..], exit.unwrap().code), (&b"on\n"[..], Some(0)), "after {command}");
    }
}
