//! What waits for a store that says nothing cannot even be killed: it is given up, its callers are answered, and it ends with
//! the mount.

mod files;
mod kernels;

use rustix::process::Signal;
use sandwire::protocol::Error;
use sandwire::protocol::kind::command::{Exit, Launch};
use sandwire::protocol::kind::{
    Exec, Kind, ProcessKill, ProcessStart, ProcessWait, PtyClose, PtyList, PtyOpen, SessionCreate, SessionDelete,
    SessionGet, exec, process, pty, session,
};
use sandwire::{Call, Reply};
use sandwire_tests::wait::DEADLINE;

use super::*;
use crate::common::collect;
use crate::kinds::event;

/// A bucket at `data` with so many directories that nobody has looked into.
async fn mounted(client: &Client) -> Store {
    let store = Store::start(None);
    store.make("mute");
    for number in 0..13 {
        store.put(&format!("mute/deep{number}/file"), b"x");
    }
    mount(client, &of(&store, "mute", "data")).await;
    store
}

/// What has to be answered, whatever the store does.
#[track_caller]
fn answered<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move {
        let answer = tokio::time::timeout(DEADLINE / 2, work).await;
        answer.unwrap_or_else(|_late| panic!("{place}: not answered"))
    }
}

/// How a channel ends that was cancelled.
async fn cancelled<K: Kind>(call: Call<K>) {
    call.cancel();
    let result = answered(collect(&call)).await.result;
    assert!(result.as_ref().is_err_and(|error| error.code == Code::Cancelled), "{result:?}");
}

/// A command, in that session and that directory where one is named, that is ended at once when its end is asked for.
fn command(session: Option<&str>, cwd: Option<&str>, command: &str) -> exec::Params {
    let run = Launch { command: Some(command.into()), cwd: cwd.map(Into::into), ..Launch::default() };
    exec::Params { run, session: session.map(Into::into), grace_ms: Some(0), ..exec::Params::default() }
}

/// The same, with little time: more than it takes to come to wait for the store.
fn short(session: Option<&str>, cwd: Option<&str>, text: &str) -> exec::Params {
    exec::Params { timeout_ms: Some(1500), ..command(session, cwd, text) }
}

/// Returns when that process waits for s3fs, or behind another one that does: nothing ends that, in the latter case not even
/// a signal that it has already.
async fn waits(pid: u32) {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    wait_for("the process to wait for the store", || {
        let stat = read("stat");
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('D')) || read("wchan") == "request_wait_answer"
    })
    .await;
}

async fn ended(client: &Client, params: &exec::Params) -> Result<Exit, Error> {
    answered(run(client, params)).await.2
}

/// What a command of a session says.
async fn heard(client: &Client, session: &str, text: &str) -> String {
    let (out, _, exit) = answered(run(client, &command(Some(session), None, text))).await;
    assert_eq!(exit.unwrap().code, Some(0), "{text}");
    String::from_utf8(out).unwrap()
}

async fn make(client: &Client, id: &str, cwd: Option<&str>) {
    let create = session::Create { id: Some(id.into()), cwd: cwd.map(Into::into), ..session::Create::default() };
    ask::<SessionCreate>(client, &create).await.unwrap();
    heard(client, id, &format!("A=of-{id}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_killed_is_given_up_and_nobody_else_waits() {
    let (server, client) = served().await;
    let store = mounted(&client).await;
    make(&client, "inside", Some("data")).await;
    for id in ["enters", "reads", "lent", "fed", "deleted", "other"] {
        make(&client, id, None).await;
    }
    said(&client, "mkdir here; echo x > here/file").await;
    store.signal(Signal::STOP);
    let many = Client::connect(server.url()).await.unwrap();
    let ((), (), terminal, left) = tokio::join!(
        commands(&server, &client),
        sessions(&server, &client),
        terminals(&client),
        files::long_work(&server, &many),
    );

    unmount(&client, "data").await;
    left.fail().await;
    let wait = process::Wait { id: "late".into(), timeout_ms: None };
    let exit = answered(ask::<ProcessWait>(&client, &wait)).await.unwrap().exit.unwrap();
    assert_eq!(exit.signal.as_deref(), Some("SIGKILL"));
    let exit = answered(collect(&terminal)).await.result.unwrap().exit;
    assert_eq!(exit.signal.as_deref(), Some("SIGHUP"));
    assert_eq!(heard(&client, "inside", "cd /; echo $A").await, "of-inside\n");
    for id in ["inside", "enters", "reads", "lent", "fed", "late", "other"] {
        ask::<SessionDelete>(&client, &session::Delete { id: id.into(), grace_ms: Some(0) }).await.unwrap();
    }
    ask::<PtyClose>(&client, &pty::Close { id: "inside".into(), grace_ms: Some(0) }).await.unwrap();
    wait_for("all of it to be gone", || server.started().is_empty()).await;
}

async fn commands(server: &Server, client: &Client) {
    let late = async |params: exec::Params| {
        let error = ended(client, &params).await.unwrap_err();
        assert_eq!(error.code, Code::Timeout, "{error:?}");
    };
    let given_up = async {
        let call = client.open::<Exec>(&command(None, Some("data/deep1"), "true")).unwrap();
        let within = client.open::<Exec>(&command(None, None, "touch begun; read line < data/deep2/file")).unwrap();
        wait_for("the command", || server.workspace().join("begun").exists()).await;
        futures_util::future::join(cancelled(call), cancelled(within)).await;
    };
    let killed = async {
        let cwd = Some("data/deep11".into());
        let run = Launch { argv: vec!["true".into()], cwd, ..Launch::default() };
        let start = process::Start { id: Some("late".into()), run, ..process::Start::default() };
        waits(ask::<ProcessStart>(client, &start).await.unwrap().pid).await;
        let kill = process::Kill { id: "late".into(), grace_ms: Some(0) };
        assert_eq!(answered(refusal::<ProcessKill>(client, &kill)).await.code, Code::Timeout);
    };
    tokio::join!(
        late(short(None, Some("data/deep0"), "true")),
        late(short(None, None, "read line < data/deep3/file")),
        given_up,
        killed,
    );
    assert_eq!(said(client, "echo here").await.0, "here\n");
}

async fn sessions(server: &Server, client: &Client) {
    let workspace = &server.workspace();
    let timeout = async |params: exec::Params| {
        let ended = ended(client, &params).await;
        assert!(ended.as_ref().is_err_and(|error| error.code == Code::Timeout), "{ended:?}");
        // Told once, and then it has a fresh shell.
        let session = params.session.as_deref().unwrap();
        let lost = ended_with(client, session).await;
        assert_eq!(lost, Code::SessionTerminated);
        assert_eq!(heard(client, session, "echo $A-").await, "-\n");
    };
    let deleted = async {
        let call = client.open::<Exec>(&command(Some("deleted"), None, "touch entering; cd data/deep12")).unwrap();
        wait_for("the command", || workspace.join("entering").exists()).await;
        let get = session::Get { id: "deleted".into() };
        waits(ask::<SessionGet>(client, &get).await.unwrap().pid.unwrap()).await;
        let delete = session::Delete { id: "deleted".into(), grace_ms: Some(0) };
        answered(ask::<SessionDelete>(client, &delete)).await.unwrap();
        assert_eq!(answered(collect(&call)).await.result.unwrap_err().code, Code::Timeout);
    };
    let created = async {
        let create =
            session::Create { id: Some("late".into()), cwd: Some("data/deep4".into()), ..session::Create::default() };
        cancelled(client.open::<SessionCreate>(&create).unwrap()).await;
        make(client, "late", None).await;
    };
    let reads = async {
        let call = client.open::<Exec>(&command(Some("reads"), None, "touch reading; cat data/deep5/file")).unwrap();
        wait_for("the command", || workspace.join("reading").exists()).await;
        cancelled(call).await;
    };
    let fed = exec::Params { stdin: true, ..short(Some("fed"), Some("data/deep6"), "true") };
    let others = async {
        for _ in 0..20 {
            assert_eq!(heard(client, "other", "echo $A").await, "of-other\n");
        }
    };
    // Of one that is in the bucket, processes and terminals begin.
    let inside = async {
        assert_eq!(heard(client, "inside", "echo $A").await, "of-inside\n");
        let run = Launch { argv: vec!["true".into()], ..Launch::default() };
        let session = Some("inside".to_owned());
        let start = process::Start { run, session: session.clone(), ..process::Start::default() };
        let started = answered(ask::<ProcessStart>(client, &start)).await.unwrap();
        let terminal =
            client.open::<PtyOpen>(&pty::Open { id: Some("inside".into()), session, ..pty::Open::default() }).unwrap();
        assert!(matches!(answered(event(&terminal)).await, pty::Down::Attached { .. }));
        terminal.cancel();
        // It may have ended: s3fs still knows the bucket's own directory.
        let kill = process::Kill { id: started.id, grace_ms: Some(0) };
        let killed = answered(ask::<ProcessKill>(client, &kill)).await;
        assert!(killed.as_ref().map_or_else(|error| error.code == Code::Timeout, |it| it.exit.is_some()), "{killed:?}");
    };
    tokio::join!(
        timeout(short(Some("enters"), None, "cd data/deep0")),
        timeout(short(Some("lent"), Some("data/deep1"), "true")),
        timeout(fed),
        deleted,
        created,
        reads,
        others,
        inside,
    );
}

async fn ended_with(client: &Client, session: &str) -> Code {
    ended(client, &command(Some(session), None, "true")).await.unwrap_err().code
}

/// Gives the one that could not be closed.
async fn terminals(client: &Client) -> Call<PtyOpen> {
    let open = |id: &str, cwd: &str| {
        let run = Launch { argv: vec!["cat".into()], cwd: Some(cwd.into()), ..Launch::default() };
        client.open::<PtyOpen>(&pty::Open { id: Some(id.into()), run, ..pty::Open::default() }).unwrap()
    };
    let (stuck, other) = (open("stuck", "data/deep10"), open("other", "."));
    for terminal in [&other, &stuck] {
        let pty::Down::Attached { id, pid, .. } = answered(event(terminal)).await else { panic!("not attached") };
        if id == "stuck" {
            waits(pid).await;
        }
    }
    let close = pty::Close { id: "stuck".into(), grace_ms: Some(0) };
    let closed = async {
        assert_eq!(answered(refusal::<PtyClose>(client, &close)).await.code, Code::Timeout);
    };
    let echo = async {
        for number in 0..20 {
            let line = format!("line {number}\r\n");
            other.write(0, Bytes::from(format!("line {number}\n"))).await.unwrap();
            let mut seen = String::new();
            while !seen.contains(&format!("{line}{line}")) {
                if let Reply::Data(_, bytes) = answered(other.recv()).await {
                    seen += &String::from_utf8_lossy(&bytes);
                }
            }
        }
    };
    tokio::join!(closed, echo);
    // It is still there, and nobody says that it has ended.
    let listed = ask::<PtyList>(client, &pty::List {}).await.unwrap().terminals;
    assert!(listed.iter().any(|it| it.id == "stuck" && it.exit.is_none()), "{listed:?}");
    ask::<PtyClose>(client, &pty::Close { id: "other".into(), grace_ms: Some(0) }).await.unwrap();
    stuck
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_ends_although_nothing_in_a_bucket_can_be_killed() {
    for signals in [&[Signal::TERM][..], &[Signal::TERM, Signal::INT]] {
        let builder = sandwire_tests::python::with_kernels().args(["--drain-time", "0s"]);
        let (mut server, client) = super::super::served_by(builder).await;
        let store = mounted(&client).await;
        make(&client, "enters", None).await;
        store.signal(Signal::STOP);
        let before = server.started().len();
        let calls = [
            command(None, Some("data/deep0"), "true"),
            command(None, None, "read line < data/deep1/file"),
            command(Some("enters"), None, "touch entering; cd data/deep2"),
        ];
        let calls = calls.map(|params| client.open::<Exec>(&params).unwrap());
        let run = Launch { argv: vec!["true".into()], cwd: Some("data/deep3".into()), ..Launch::default() };
        let terminal = client.open::<PtyOpen>(&pty::Open { run: run.clone(), ..pty::Open::default() }).unwrap();
        ask::<ProcessStart>(&client, &process::Start { run, ..process::Start::default() }).await.unwrap();
        let kernel = sandwire::protocol::kind::kernel::Create {
            cwd: Some("data/deep4".into()),
            ..sandwire::protocol::kind::kernel::Create::default()
        };
        let kernel = client.open::<sandwire::protocol::kind::KernelCreate>(&kernel).unwrap();
        let search = file::Search { path: "data/deep5".into(), ..file::Search::default() };
        let search = client.open::<sandwire::protocol::kind::FileSearch>(&search).unwrap();
        wait_for("all to have begun", || server.started().len() >= before + 5).await;
        wait_for("the session", || server.workspace().join("entering").exists()).await;
        signals.iter().for_each(|signal| server.signal(*signal));
        assert!(server.wait_exit().success(), "{}", server.log());
        let path = server.workspace().join("data");
        assert!(!is_mounted(&path) && !path.exists(), "after {signals:?}: {}", server.log());
        wait_for("all of it to be gone", || server.started().is_empty()).await;
        drop((calls, terminal, kernel, search));
    }
}
