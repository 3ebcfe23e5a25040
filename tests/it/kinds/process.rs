//! `process.*`: how background processes begin, are found, and are forgotten.

mod ends;
mod input;
mod log;
mod ready;

use std::time::SystemTime;

use sandwire::Client;
use sandwire::protocol::error::Detail;
use sandwire::protocol::kind::command::{Launch, Target};
use sandwire::protocol::kind::process::{
    Attach, From, Get, Info, Kill, List, Listing, Logs, Remove, Signal, Start, State, Wait, WaitLog, WaitPort,
};
use sandwire::protocol::kind::{
    ProcessAttach, ProcessGet, ProcessKill, ProcessList, ProcessLogs, ProcessRemove, ProcessSignal, ProcessStart,
    ProcessStats, ProcessWait, ProcessWaitLog, ProcessWaitPort,
};
use sandwire::protocol::{Code, Error};
use sandwire_tests::server::{Server, Signal as Sent};
use sandwire_tests::wait::wait_until_async;

use super::{ask, event, line, refusal, served, served_by, words};
use crate::common::collect;

/// A line of the shell, under this id.
fn named(id: &str, command: &str) -> Start {
    Start { id: Some(id.to_owned()), run: line(command), ..Start::default() }
}

async fn start(client: &Client, start: Start) -> Info {
    ask::<ProcessStart>(client, &start).await.unwrap()
}

async fn get(client: &Client, id: &str) -> Result<Info, Error> {
    ask::<ProcessGet>(client, &Get { id: id.to_owned() }).await
}

/// Waits for its end.
async fn ended(client: &Client, id: &str) -> Info {
    ask::<ProcessWait>(client, &Wait { id: id.to_owned(), timeout_ms: None }).await.unwrap()
}

async fn list(client: &Client, running: bool) -> Vec<String> {
    let listing = ask::<ProcessList>(client, &List { running, cursor: None }).await.unwrap();
    listing.processes.into_iter().map(|process| process.id).collect()
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

/// All of its log, from some place.
fn logs(id: &str, from: From) -> Logs {
    Logs { id: id.to_owned(), from, follow: false, output: None, timestamps: false }
}

fn attach(id: &str, stdin: bool) -> Attach {
    Attach { id: id.to_owned(), from: From::Start, stdin, timestamps: false }
}

#[tokio::test]
async fn a_process_is_told_of_as_it_is() {
    let (server, client) = served().await;
    std::fs::create_dir(server.workspace().join("sub")).unwrap();
    let command = "echo $$; until [ -e ../go ]; do sleep 0.01; done; exit 3";
    let before = now_ms();
    let info =
        start(&client, Start { run: Launch { cwd: Some("sub".into()), ..line(command) }, ..named("p", "") }).await;
    let after = now_ms();
    let workspace = server.workspace().canonicalize().unwrap();
    assert_eq!((info.id.as_str(), info.command.as_str()), ("p", command));
    assert_eq!(info.cwd.as_deref(), Some(workspace.join("sub").to_str().unwrap()));
    assert!((before..=after).contains(&info.started_ms), "{info:?}");
    assert_eq!((info.state, info.ended_ms, info.exit.as_ref(), info.restarts), (State::Running, None, None, 0));
    let said = ask::<ProcessWaitLog>(&client, &wait_log("p", r"^\d+$")).await.unwrap();
    assert_eq!(said.line, info.pid.to_string());
    let later = get(&client, "p").await.unwrap();
    assert_eq!((later.log_start, later.log_end), (0, said.line.len() as u64 + 1));
    assert_eq!(later, Info { log_end: later.log_end, ..info.clone() });
    std::fs::write(server.workspace().join("go"), "").unwrap();
    let info = ended(&client, "p").await;
    assert_eq!((info.state, info.pid, info.started_ms), (State::Exited, later.pid, later.started_ms));
    assert!((info.started_ms..=now_ms()).contains(&info.ended_ms.unwrap()), "{info:?}");
    assert_eq!(info.exit.as_ref().unwrap().code, Some(3));
    assert_eq!(get(&client, "p").await.unwrap(), info);

    // For people: arguments with spaces between, nothing of the environment, and not too much.
    let env = [("SECRET".into(), Some("s3cret".into()))].into();
    let long =
        start(&client, Start { run: Launch { env, ..words(&["echo", &"long ".repeat(1000)]) }, ..Start::default() });
    let command = long.await.command;
    assert!(command.starts_with("echo long long") && command.chars().count() < 300, "{command}");
    assert!(!command.contains("s3cret"));
}

fn wait_log(id: &str, pattern: &str) -> WaitLog {
    WaitLog { id: id.to_owned(), pattern: pattern.to_owned(), output: None, from: From::Start, timeout_ms: None }
}

#[tokio::test]
async fn an_id_is_taken_once_and_free_again() {
    let (_server, client) = served().await;
    for id in ["", " ", "a b", "a/b", "ä", "a\n", &"x".repeat(129)] {
        let error = refusal::<ProcessStart>(&client, &named(id, "true")).await;
        assert_eq!(error.code, Code::ValidationFailed, "{id:?}");
        assert_eq!(error.details.get("field"), Some(&Detail::from("id")));
    }
    let longest = "Az09._-".repeat(18) + "xx";
    assert_eq!(start(&client, named(&longest, "true")).await.id, longest);
    start(&client, named("taken", "sleep 600")).await;
    let error = refusal::<ProcessStart>(&client, &named("taken", "true")).await;
    assert_eq!((error.code, error.details.get("id")), (Code::ProcessExists, Some(&Detail::from("taken"))));
    ask::<ProcessKill>(&client, &Kill { id: "taken".to_owned(), grace_ms: None }).await.unwrap();
    let error = refusal::<ProcessStart>(&client, &named("taken", "true")).await;
    assert_eq!(error.code, Code::ProcessExists, "it is still kept");
    ask::<ProcessRemove>(&client, &Remove { id: "taken".to_owned(), force: false }).await.unwrap();
    start(&client, named("taken", "true")).await;
    // One that could not be started has never been.
    let missing = Start { run: words(&["no-such-program"]), ..named("fresh", "") };
    assert_eq!(refusal::<ProcessStart>(&client, &missing).await.code, Code::CommandNotFound);
    assert_eq!(get(&client, "fresh").await.unwrap_err().code, Code::ProcessNotFound);
    start(&client, named("fresh", "true")).await;
    let both = Start { run: Launch { command: Some("a".into()), ..words(&["b"]) }, ..Start::default() };
    assert_eq!(refusal::<ProcessStart>(&client, &both).await.code, Code::ValidationFailed);
    assert_eq!(refusal::<ProcessStart>(&client, &Start::default()).await.code, Code::ValidationFailed);
    // Without an id one is made, which never meets another.
    let mut made = Vec::new();
    for _ in 0..5 {
        let id = start(&client, Start { run: words(&["true"]), ..Start::default() }).await.id;
        assert!(!made.contains(&id) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)));
        made.push(id);
    }
    let next = made[4].rsplit_once('-').unwrap();
    let guessed = format!("{}-{}", next.0, next.1.parse::<u64>().unwrap() + 2);
    start(&client, named(&guessed, "true")).await;
    assert_ne!(start(&client, Start { run: words(&["true"]), ..Start::default() }).await.id, guessed);
}

#[tokio::test]
async fn all_ask_for_the_process_that_is_meant() {
    let (_server, client) = served().await;
    let id = || "no-such".to_owned();
    let get = Get { id: id() };
    let signal = Signal { id: id(), signal: "TERM".to_owned(), target: Target::Group };
    let port = WaitPort { id: Some(id()), port: 1, ..WaitPort::default() };
    for error in [
        refusal::<ProcessGet>(&client, &get).await,
        refusal::<ProcessStats>(&client, &get).await,
        refusal::<ProcessSignal>(&client, &signal).await,
        refusal::<ProcessKill>(&client, &Kill { id: id(), grace_ms: None }).await,
        refusal::<ProcessWait>(&client, &Wait { id: id(), timeout_ms: Some(1) }).await,
        refusal::<ProcessAttach>(&client, &attach("no-such", true)).await,
        refusal::<ProcessLogs>(&client, &logs("no-such", From::Start)).await,
        refusal::<ProcessWaitLog>(&client, &wait_log("no-such", "x")).await,
        refusal::<ProcessWaitPort>(&client, &port).await,
        refusal::<ProcessRemove>(&client, &Remove { id: id(), force: true }).await,
    ] {
        assert_eq!(error.code, Code::ProcessNotFound, "{error:?}");
        assert_eq!(error.details.get("id"), Some(&Detail::from("no-such")), "{error:?}");
    }
}

#[tokio::test]
async fn the_list_is_in_order_and_can_leave_out_what_has_ended() {
    let (_server, client) = served().await;
    assert!(list(&client, false).await.is_empty());
    for (id, command) in [("z", "sleep 600"), ("m", "true"), ("a", "sleep 600")] {
        start(&client, named(id, command)).await;
    }
    ended(&client, "m").await;
    assert_eq!(list(&client, false).await, ["z", "m", "a"], "oldest first");
    assert_eq!(list(&client, true).await, ["z", "a"]);
    let all = ask::<ProcessList>(&client, &List::default()).await.unwrap().processes;
    assert_eq!(all[0], get(&client, "z").await.unwrap());
    let error = refusal::<ProcessRemove>(&client, &Remove { id: "z".to_owned(), force: false }).await;
    assert_eq!(error.code, Code::ValidationFailed, "it runs");
    ask::<ProcessRemove>(&client, &Remove { id: "z".to_owned(), force: true }).await.unwrap();
    ask::<ProcessRemove>(&client, &Remove { id: "m".to_owned(), force: false }).await.unwrap();
    assert_eq!(list(&client, false).await, ["a"]);
    // They belong to the sandbox: whoever comes finds them.
    let other = client.clone();
    drop(client);
    assert_eq!(list(&other, true).await, ["a"]);
}

#[tokio::test]
async fn a_list_that_fits_in_no_frame_comes_in_pages() {
    let (server, client) = served_by(Server::builder().args(["--keep-processes", "1000"])).await;
    let deep: std::path::PathBuf = std::iter::repeat_n("d".repeat(200), 18).collect();
    std::fs::create_dir_all(server.workspace().join(&deep)).unwrap();
    let run = Launch { cwd: Some(deep.to_str().unwrap().into()), ..words(&["true", &"🦀".repeat(300)]) };
    let mut ids = Vec::new();
    for number in 0..120 {
        ids.push(
            start(&client, Start { id: Some(format!("p{number}")), run: run.clone(), ..Start::default() }).await.id,
        );
    }
    let (mut found, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = ask::<ProcessList>(&client, &List { running: false, cursor }).await.unwrap();
        found.extend(page.processes.into_iter().map(|process| process.id));
        pages += 1;
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert!(pages > 1 && found == ids, "each once, oldest first: {pages} {found:?}");
    let all = client.processes().list().await.unwrap();
    assert!(all.iter().map(|process| &process.id).eq(&ids), "the client puts the pages together");
    let behind = List { running: false, cursor: Some(u64::MAX) };
    assert_eq!(ask::<ProcessList>(&client, &behind).await.unwrap(), Listing::default());
}

#[tokio::test]
async fn processes_outlive_who_started_them() {
    let (server, client) = served().await;
    start(&client, Start { stdin: true, ..named("stays", "cat; exit 6") }).await;
    let attached = client.open::<ProcessAttach>(&attach("stays", true)).unwrap();
    attached.write(0, "from the first\n".into()).await.unwrap();
    ask::<ProcessWaitLog>(&client, &wait_log("stays", "first")).await.unwrap();
    // Neither who detaches nor who leaves closes the input.
    drop(attached);
    client.close().await;
    let client = Client::connect(server.url()).await.unwrap();
    assert_eq!(list(&client, true).await, ["stays"]);
    let attached = client.open::<ProcessAttach>(&attach("stays", true)).unwrap();
    attached.write(0, "from the second\n".into()).await.unwrap();
    attached.end(0).unwrap();
    let all = collect(&attached).await;
    assert_eq!(all.streams[1], b"from the first\nfrom the second\n");
    assert_eq!(all.result.unwrap().exit.unwrap().code, Some(6));
}

#[tokio::test]
async fn there_are_no_more_than_are_allowed_and_few_ended_ones() {
    let server = Server::builder().args(["--max-processes", "2", "--keep-processes", "1"]);
    let (_server, client) = served_by(server).await;
    for id in ["one", "two"] {
        start(&client, named(id, "sleep 600")).await;
    }
    let error = refusal::<ProcessStart>(&client, &named("three", "true")).await;
    assert_eq!((error.code, error.details.get("limit")), (Code::LimitExceeded, Some(&Detail::from("max_processes"))));
    assert!(error.message.contains("max_processes"), "the message names the setting: {error}");
    assert_eq!(get(&client, "three").await.unwrap_err().code, Code::ProcessNotFound);
    // What has ended takes no place, and the oldest of them goes.
    for id in ["one", "two"] {
        ask::<ProcessKill>(&client, &Kill { id: id.to_owned(), grace_ms: None }).await.unwrap();
    }
    assert_eq!(list(&client, false).await, ["two"]);
    assert_eq!(get(&client, "one").await.unwrap_err().code, Code::ProcessNotFound);
    for id in ["three", "four"] {
        start(&client, named(id, "sleep 600")).await;
    }
    assert_eq!(list(&client, true).await, ["three", "four"]);

    let (_server, client) = served_by(Server::builder().args(["--keep-processes-for", "100ms"])).await;
    start(&client, named("short", "true")).await;
    let gone = || async {
        match get(&client, "short").await {
            Err(error) if error.code == Code::ProcessNotFound => Ok(()),
            other => Err(other),
        }
    };
    wait_until_async("the ended process to be forgotten", gone).await;
    let (_server, client) = served_by(Server::builder().args(["--max-processes", "0"])).await;
    assert_eq!(refusal::<ProcessStart>(&client, &named("none", "true")).await.code, Code::LimitExceeded);
}

#[tokio::test]
async fn one_that_is_to_be_forgotten_goes_with_its_last_reader() {
    let (server, client) = served().await;
    start(&client, Start { auto_remove: true, ..named("quick", "true") }).await;
    let none = || async {
        let left = list(&client, false).await;
        if left.is_empty() { Ok(()) } else { Err(left) }
    };
    wait_until_async("the process to be forgotten", none).await;
    let command = "echo kept; until [ -e go ]; do sleep 0.01; done; echo to the end; exit 7";
    start(&client, Start { auto_remove: true, ..named("read", command) }).await;
    let attached = client.open::<ProcessAttach>(&attach("read", false)).unwrap();
    ask::<ProcessWaitLog>(&client, &wait_log("read", "kept")).await.unwrap();
    let waiting = client.open::<ProcessWait>(&Wait { id: "read".to_owned(), timeout_ms: None }).unwrap();
    get(&client, "read").await.unwrap();
    std::fs::write(server.workspace().join("go"), "").unwrap();
    let all = collect(&attached).await;
    assert_eq!(all.streams[1], b"kept\nto the end\n");
    assert_eq!(all.result.unwrap().exit.unwrap().code, Some(7));
    assert_eq!(waiting.result().await.unwrap().exit.unwrap().code, Some(7), "who waits is told");
    wait_until_async("the process to be forgotten", none).await;
    // One that runs is not forgotten because nobody reads.
    start(&client, Start { auto_remove: true, ..named("runs", "sleep 600") }).await;
    drop(client.open::<ProcessAttach>(&attach("runs", false)).unwrap());
    assert_eq!(list(&client, true).await, ["runs"]);
}

// On threads: waiting for the server to end must not keep the client from reading.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_down_starts_none_and_lets_the_others_end() {
    let (mut server, client) = served_by(Server::builder().args(["--drain-time", "1h"])).await;
    start(&client, named("p", "until [ -e go ]; do sleep 0.01; done; echo ended >end")).await;
    let attached = client.open::<ProcessAttach>(&attach("p", false)).unwrap();
    event(&attached).await;
    server.signal(Sent::TERM);
    let mut states = client.states();
    states.wait_for(|state| *state == sandwire::State::Draining).await.unwrap();
    assert_eq!(refusal::<ProcessStart>(&client, &named("late", "true")).await.code, Code::Draining);
    std::fs::write(server.workspace().join("go"), "").unwrap();
    assert_eq!(collect(&attached).await.result.unwrap().exit.unwrap().code, Some(0));
    tokio::task::block_in_place(|| assert!(server.wait_exit().success()));
    assert_eq!(std::fs::read_to_string(server.workspace().join("end")).unwrap(), "ended\n");
}
