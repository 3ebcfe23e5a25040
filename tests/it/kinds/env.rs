//! `env.*`: variables of the sandbox, and what goes before what.

use std::collections::BTreeMap;

use sandwire::Client;
use sandwire::protocol::kind::command::Launch;
use sandwire::protocol::kind::env::{List, Listing, Set};
use sandwire::protocol::kind::exec::Params;
use sandwire::protocol::kind::process::{Start, Wait};
use sandwire::protocol::kind::session::Create;
use sandwire::protocol::kind::{EnvList, EnvSet, Exec, ProcessLogs, ProcessStart, ProcessWait, SessionCreate};
use sandwire::protocol::kind::{process, pty};
use sandwire::protocol::{ByteString, Code, Error};
use sandwire_tests::server::Server;

use super::{ask, line, refusal, served, served_by};
use crate::common::{collect, run};

type Variables = BTreeMap<ByteString, Option<ByteString>>;

fn variables(env: &[(&str, Option<&str>)]) -> Variables {
    env.iter().map(|(name, value)| ((*name).into(), value.map(Into::into))).collect()
}

async fn set(client: &Client, env: &[(&str, Option<&str>)]) -> Result<(), Error> {
    ask::<EnvSet>(client, &Set { env: variables(env) }).await.map(drop)
}

async fn list(client: &Client) -> Listing {
    ask::<EnvList>(client, &List {}).await.unwrap()
}

fn exec(session: Option<&str>, run: Launch) -> Params {
    Params { run, session: session.map(str::to_owned), ..Params::default() }
}

/// What a command writes, in a session if one is named.
async fn told(client: &Client, session: Option<&str>, run_: Launch) -> String {
    let (out, err, exit) = run(client, &exec(session, run_)).await;
    assert_eq!((exit.unwrap().code, String::from_utf8_lossy(&err).as_ref()), (Some(0), ""));
    String::from_utf8(out).unwrap()
}

fn logs_of(id: String) -> process::Logs {
    process::Logs { id, from: process::From::Start, follow: false, output: None, timestamps: false }
}

const SHOW: &str = "echo \"${A-none} ${B-none} ${C-none} ${D-none}\"";

async fn create(client: &Client, id: &str, env: &[(&str, Option<&str>)]) {
    let params = Create { id: Some(id.to_owned()), env: variables(env), ..Create::default() };
    ask::<SessionCreate>(client, &params).await.unwrap();
}

#[tokio::test]
async fn what_is_nearer_goes_before_and_null_unsets() {
    let server = ["A", "B", "C", "D"].into_iter().fold(Server::builder(), |it, name| it.env(name, "server"));
    let (_server, client) = served_by(server).await;
    assert_eq!(told(&client, None, line(SHOW)).await, "server server server server\n");
    set(&client, &[("B", Some("sandbox")), ("C", Some("sandbox")), ("D", None)]).await.unwrap();
    assert_eq!(told(&client, None, line(SHOW)).await, "server sandbox sandbox none\n");
    create(&client, "s", &[("C", Some("session")), ("D", Some("session"))]).await;
    assert_eq!(told(&client, Some("s"), line(SHOW)).await, "server sandbox session session\n");
    let own = Launch { env: variables(&[("A", None), ("D", Some("command"))]), ..line(SHOW) };
    assert_eq!(told(&client, Some("s"), own.clone()).await, "none sandbox session command\n");
    assert_eq!(told(&client, None, own).await, "none sandbox sandbox command\n");
    assert_eq!(told(&client, Some("s"), line(SHOW)).await, "server sandbox session session\n", "for that command only");
    let listing = list(&client).await;
    assert_eq!(listing.env, [("B".into(), "sandbox".into()), ("C".into(), "sandbox".into())].into());
    assert_eq!(listing.unset, ["D".into()]);
    let clear = Launch { clear_env: true, ..line(SHOW) };
    assert_eq!(told(&client, None, clear).await, "none none none none\n");
}

#[tokio::test]
async fn sessions_that_run_take_a_change_with_the_next_command() {
    let (_server, client) = served_by(Server::builder().env("A", "server")).await;
    create(&client, "made", &[("A", Some("own"))]).await;
    let clear = Create { id: Some("clear".to_owned()), clear_env: true, ..Create::default() };
    ask::<SessionCreate>(&client, &clear).await.unwrap();
    let within = async |session: &'static str, text: &str| told(&client, Some(session), line(text)).await;
    assert_eq!(within("default", "export B=mine; set -e; echo $A").await, "server\n");
    set(&client, &[("A", Some("it's\n$(x) \"new\"")), ("B", Some("2"))]).await.unwrap();
    assert_eq!(within("default", "printenv A B").await, "it's\n$(x) \"new\"\n2\n");
    assert_eq!(within("made", "echo $A $B").await, "own 2\n");
    assert_eq!(within("clear", "echo ${A-none}").await, "none\n");
    // What the session itself does with it from then on is its own, and outlives the shell.
    assert_eq!(within("default", "A=changed; readonly R=1; exit 0").await, "");
    set(&client, &[("B", None), ("R", Some("no")), ("LAST", Some("yes"))]).await.unwrap();
    assert_eq!(within("default", "echo $A ${B-none} $R $LAST").await, "changed none 1 yes\n");
    // A fresh shell begins with all of it.
    assert_eq!(run(&client, &exec(Some("default"), line("kill -9 $$"))).await.2.unwrap().signal.unwrap(), "SIGKILL");
    let renewed = Params { renew: true, ..exec(Some("default"), line("printenv A R LAST")) };
    assert_eq!(run(&client, &renewed).await.0, b"it's\n$(x) \"new\"\nno\nyes\n");
}

#[tokio::test]
async fn processes_and_terminals_have_them() {
    let (_server, client) = served().await;
    set(&client, &[("A", Some("of the sandbox"))]).await.unwrap();
    let start = Start { run: line("echo \"$A\""), ..Start::default() };
    let id = ask::<ProcessStart>(&client, &start).await.unwrap().id;
    ask::<ProcessWait>(&client, &Wait { id: id.clone(), timeout_ms: None }).await.unwrap();
    let logs = client.open::<ProcessLogs>(&logs_of(id)).unwrap();
    assert_eq!(collect(&logs).await.streams[1], b"of the sandbox\n");
    let open = pty::Open { run: line("echo \"$A\""), ..pty::Open::default() };
    let shown = collect(&client.open::<sandwire::protocol::kind::PtyOpen>(&open).unwrap()).await.streams[0].clone();
    assert!(String::from_utf8_lossy(&shown).contains("of the sandbox"));
}

#[tokio::test]
async fn what_is_no_variable_is_refused_and_changes_nothing() {
    let (_server, client) = served().await;
    for name in ["", "1A", "A-B", "A=B", "A B", "ü", "SANDWIRE_ID"] {
        let error = set(&client, &[("FINE", Some("x")), (name, Some("a secret value"))]).await.unwrap_err();
        assert_eq!(error.code, Code::ValidationFailed, "{name:?}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    set(&client, &[("A", Some("a\0b"))]).await.unwrap_err();
    let large = "x".repeat(65_000);
    set(&client, &[("LARGE", Some(&large))]).await.unwrap();
    assert_eq!(set(&client, &[("MORE", Some(&large))]).await.unwrap_err().code, Code::LimitExceeded);
    assert_eq!(list(&client).await.env.into_keys().collect::<Vec<_>>(), ["LARGE".into()]);
    set(&client, &[("LARGE", None), ("MORE", Some(&large))]).await.unwrap();
    assert_eq!(told(&client, None, line("echo ${#LARGE} ${#MORE}")).await, "0 65000\n");
}

#[tokio::test]
async fn a_value_is_in_no_list_of_processes_and_in_no_log() {
    const SECRET: &str = "s3cr3t-of-the-sandbox";
    let (server, client) = served_by(Server::builder().env("SANDWIRE_LOG", "trace")).await;
    set(&client, &[("KEY", Some(SECRET))]).await.unwrap();
    set(&client, &[("KEY", Some(SECRET)), ("1", Some(SECRET))]).await.unwrap_err();
    create(&client, "s", &[("OTHER", Some(SECRET))]).await;
    // Of all that runs, the one who asks included, whose pattern is another text.
    let look = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -c \"^.*s3cr3t-of-the-[s]andbox\"; true";
    for session in [None, Some("default"), Some("s")] {
        let own = Launch { env: variables(&[("MINE", Some(SECRET))]), ..line(look) };
        assert_eq!(told(&client, session, own).await, "0\n", "{session:?}");
        assert_eq!(told(&client, session, line("echo ${#KEY}")).await, format!("{}\n", SECRET.len()));
    }
    let missing = Launch { env: variables(&[("MINE", Some(SECRET))]), argv: vec!["/no/such".into()], ..line("") };
    let missing = Launch { command: None, ..missing };
    let error = refusal::<Exec>(&client, &exec(None, missing)).await;
    assert!(!format!("{error:?}").contains(SECRET));
    let environ = std::fs::read(format!("/proc/{}/environ", server.pid())).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&environ).contains(SECRET));
    assert!(!server.log().contains(SECRET), "the log has it");
    assert!(server.log().contains("listening") || !server.log().is_empty(), "there is a log");
}
