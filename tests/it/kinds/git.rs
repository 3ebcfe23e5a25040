//! `git.checkout`: the real git, against a real server of git behind HTTP, and files.

mod secrets;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sandwire::protocol::kind::git::{CheckedOut, Checkout, CheckoutDown, Progress};
use sandwire::protocol::kind::{Exec, GitCheckout, exec};
use sandwire::protocol::{Code, Error};
use sandwire::{Client, Reply};
use sandwire_tests::proxy::{Direction, Proxy};
use sandwire_tests::server::{self, Server};
use sandwire_tests::wait::wait_for;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{ask, refusal, served};
use crate::common::{argv, collect, run, shell};

const USER: &str = "ada";
const PASSWORD: &str = "s3cret/p@ss word";

/// A repository with a history, a branch, a tag and a submodule, and who serves it.
struct Origin {
    folder: TempDir,
    child: Child,
    port: u16,
}

impl Origin {
    fn start() -> Origin {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new("sh").arg("-ec").arg(MAKE).current_dir(folder.path()).envs(alone()).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let mut child = Command::new("python3")
            .args(["-u", "-c", include_str!("git/server.py")])
            .arg(folder.path())
            .arg(USER)
            .envs(alone())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Not as an argument: tests look for it there.
        writeln!(child.stdin.as_mut().unwrap(), "{PASSWORD}").unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Origin { port: port.trim().parse().unwrap(), folder, child }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// No settings of whoever runs the tests.
fn alone() -> [(&'static str, &'static str); 2] {
    [("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")]
}

const MAKE: &str = r#"
commit() { git add -A && git -c user.name=A -c user.email=a@b.example commit -qm "$1"; }
git init -q -b main part; cd part; echo part > part; commit part; cd ..
git init -q -b main work; cd work
echo one > file; commit one; git tag v1
echo two > file; head -c 300000 /dev/urandom > large; commit two
git checkout -qb feature/x; echo x > file; commit x; git checkout -q main
git clone -q --bare . ../shop.git; cd ..
git clone -q --bare part part.git; rm -r work part
git init -q --bare -b main empty.git
for name in shop part empty; do git -C $name.git config uploadpack.allowFilter true; done
"#;

async fn checkout(client: &Client, params: &Checkout) -> Result<CheckedOut, Error> {
    ask::<GitCheckout>(client, params).await
}

fn of(url: impl Into<String>) -> Checkout {
    Checkout { url: url.into().into(), ..Checkout::default() }
}

/// What a shell of the sandbox prints.
async fn said(client: &Client, command: &str) -> String {
    let (out, err, exit) = run(client, &shell(command)).await;
    assert_eq!(exit.unwrap().code, Some(0), "{command}: {}", String::from_utf8_lossy(&err));
    String::from_utf8(out).unwrap()
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_repository_comes_by_http_with_branch_depth_filter_and_progress() {
    let (origin, (server, client)) = (Origin::start(), served().await);
    let call = client.open::<GitCheckout>(&of(origin.url("open/shop.git"))).unwrap();
    let mut phases: Vec<Progress> = Vec::new();
    let done = loop {
        match call.recv().await {
            Reply::Event(CheckoutDown::Progress(progress)) => phases.push(progress),
            Reply::Closed(result) => break result.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(done.url, origin.url("open/shop.git"));
    assert_eq!(done.directory, server.workspace().join("shop").as_path().into());
    assert_eq!(done.branch.as_deref(), Some("main"));
    assert_eq!(done.commit.as_deref(), Some(said(&client, "git -C shop rev-parse HEAD").await.trim()));
    assert_eq!(said(&client, "cat shop/file; git -C shop log --format=%s").await, "two\ntwo\none\n");
    let received = phases.iter().rfind(|it| it.phase == "Receiving objects").unwrap();
    assert_eq!((received.percent, received.done), (Some(100), received.total), "{phases:?}");
    assert!(received.text.starts_with("Receiving objects: 100%"));

    let branch = Checkout {
        branch: Some("feature/x".to_owned()),
        depth: Some(1),
        directory: Some("deep/in/it".into()),
        ..of(origin.url("open/shop.git"))
    };
    let done = checkout(&client, &branch).await.unwrap();
    assert_eq!(done.branch.as_deref(), Some("feature/x"));
    assert_eq!(said(&client, "cat deep/in/it/file; git -C deep/in/it log --format=%s").await, "x\nx\n");

    let tag = Checkout { branch: Some("v1".to_owned()), directory: Some("tag".into()), ..branch };
    let done = checkout(&client, &tag).await.unwrap();
    assert_eq!((done.branch, said(&client, "cat tag/file").await.as_str()), (None, "one\n"));

    let lazy = Checkout {
        filter: Some("blob:none".to_owned()),
        directory: Some("-lazy dir".into()),
        ..of(origin.url("open/shop.git"))
    };
    checkout(&client, &lazy).await.unwrap();
    assert_eq!(said(&client, "git -C './-lazy dir' config remote.origin.partialclonefilter").await, "blob:none\n");

    let empty = checkout(&client, &of(origin.url("open/empty.git"))).await.unwrap();
    assert_eq!((empty.branch.as_deref(), empty.commit), (Some("main"), None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_session_gives_directory_and_variables() {
    let (origin, (server, client)) = (Origin::start(), served().await);
    let within = |line: &str| exec::Params { session: Some("default".to_owned()), ..shell(line) };
    // What would send git elsewhere is no part of it.
    let (.., exit) = run(&client, &within("mkdir src; cd src; export GIT_DIR=/nowhere NAME=value")).await;
    assert_eq!(exit.unwrap().code, Some(0));
    let url = format!("file://{}", origin.file("shop.git").display());
    let inside = Checkout { session: Some("default".to_owned()), depth: Some(1), ..of(&url) };
    let done = checkout(&client, &inside).await.unwrap();
    assert_eq!(done.directory, server.workspace().join("src/shop").as_path().into());
    assert_eq!(said(&client, "git -C src/shop log --format=%s").await, "two\n");

    let path = Checkout {
        cwd: Some("src".into()),
        directory: Some("other".into()),
        depth: Some(1),
        ..of(origin.file("shop.git").to_str().unwrap())
    };
    checkout(&client, &path).await.unwrap();
    assert_eq!(said(&client, "git -C src/other log --format=%s").await, "two\n");

    // A submodule of http comes along; one that is a path of the machine, which nobody asked for, does not.
    let add = |url: &str| {
        format!(
            "cd src/other && git -c protocol.file.allow=always submodule add -q {url} part && \
             git -c user.name=A -c user.email=a@b commit -qm sub && git push -q origin HEAD:sub --force && git reset -q --hard HEAD~1 && rm -rf part .git/modules"
        )
    };
    said(&client, &add(&origin.url("open/part.git"))).await;
    let sub = Checkout {
        branch: Some("sub".to_owned()),
        recurse_submodules: true,
        directory: Some("whole".into()),
        ..of(origin.url("open/shop.git"))
    };
    checkout(&client, &sub).await.unwrap();
    assert_eq!(said(&client, "cat whole/part/part").await, "part\n");
    said(&client, &add(origin.file("part.git").to_str().unwrap())).await;
    let error = refusal::<GitCheckout>(&client, &Checkout { directory: Some("half".into()), ..sub }).await;
    assert_eq!(error.code, Code::GitCloneFailed, "{error:?}");
    assert!(!server.workspace().join("half").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_failure_has_its_code_and_leaves_nothing() {
    let (origin, (server, client)) = (Origin::start(), served().await);
    let into = |url: &str| Checkout { directory: Some("made/by/git".into()), ..of(url) };
    let branch = |name: &str| Checkout { branch: Some(name.to_owned()), ..into(&origin.url("open/shop.git")) };
    let missing = origin.file("none.git");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap().port();
    drop(listener);
    for (params, code) in [
        (into(&origin.url("open/none.git")), Code::GitRepositoryNotFound),
        (into(missing.to_str().unwrap()), Code::GitRepositoryNotFound),
        (into(&format!("file://{}", missing.display())), Code::GitRepositoryNotFound),
        (of(format!("file://{}/x", server.workspace().display())), Code::GitRepositoryNotFound),
        (into(&origin.url("private/shop.git")), Code::GitAuthFailed),
        (
            Checkout {
                username: Some(USER.into()),
                password: Some("wrong".into()),
                ..into(&origin.url("private/shop.git"))
            },
            Code::GitAuthFailed,
        ),
        (branch("nowhere"), Code::GitBranchNotFound),
        (branch("a b"), Code::ValidationFailed),
        (branch("--upload-pack=touch /tmp/x"), Code::ValidationFailed),
        (into(&format!("http://127.0.0.1:{closed}/x.git")), Code::GitNetworkError),
        (into(&format!("git://127.0.0.1:{closed}/x.git")), Code::GitNetworkError),
        (into(&format!("ssh://git@127.0.0.1:{closed}/x.git")), Code::GitNetworkError),
        (into("http://no-such-host.invalid/x.git"), Code::GitNetworkError),
        (into("ext::sh -c touch% made"), Code::InvalidGitUrl),
        (into("--upload-pack=touch made"), Code::InvalidGitUrl),
        (into("relative/path"), Code::InvalidGitUrl),
        (into(""), Code::InvalidGitUrl),
        (of("https://git.example"), Code::InvalidGitUrl),
        (Checkout { cwd: Some("nowhere".into()), ..into(&origin.url("open/shop.git")) }, Code::InvalidProcessCwd),
        (Checkout { session: Some("nobody".to_owned()), ..into(&origin.url("open/shop.git")) }, Code::SessionNotFound),
        (Checkout { depth: Some(0), ..into(&origin.url("open/shop.git")) }, Code::ValidationFailed),
        (Checkout { timeout_ms: Some(300), ..into(&origin.url("mute/shop.git")) }, Code::Timeout),
        (
            Checkout { env: [("PATH".into(), Some("/nowhere".into()))].into(), ..into(&origin.url("open/shop.git")) },
            Code::GitNotInstalled,
        ),
    ] {
        let error = refusal::<GitCheckout>(&client, &params).await;
        assert_eq!(error.code, code, "{error:?}");
        assert!(is_empty(&server.workspace()), "{error:?} leaves something");
    }
    // What it began is gone too.
    wait_for("all of git to be gone", || server.started().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_there_is_never_touched() {
    let (origin, (server, client)) = (Origin::start(), served().await);
    let folder = server.workspace().join("shop");
    std::fs::create_dir(&folder).unwrap();
    // An empty directory is filled, and empty again when that fails.
    let error = refusal::<GitCheckout>(&client, &of(origin.url("open/none.git"))).await;
    assert_eq!(error.code, Code::GitRepositoryNotFound);
    let failing = Checkout { branch: Some("nowhere".to_owned()), ..of(origin.url("open/shop.git")) };
    assert_eq!(refusal::<GitCheckout>(&client, &failing).await.code, Code::GitBranchNotFound);
    assert!(is_empty(&folder));
    checkout(&client, &of(origin.url("open/shop.git"))).await.unwrap();
    assert_eq!(std::fs::read_to_string(folder.join("file")).unwrap(), "two\n");
    std::fs::write(folder.join("own"), "mine").unwrap();
    let error = refusal::<GitCheckout>(&client, &failing).await;
    assert_eq!(error.code, Code::DirectoryNotEmpty, "{error:?}");
    assert_eq!(std::fs::read_to_string(folder.join("own")).unwrap(), "mine");
    let file = Checkout { directory: Some("shop/own".into()), ..failing.clone() };
    assert_eq!(refusal::<GitCheckout>(&client, &file).await.code, Code::NotDirectory);

    // Who gives up gets nothing, and of two into one directory one is refused.
    let slow = Checkout { directory: Some("slow".into()), ..of(origin.url("mute/shop.git")) };
    let first = client.open::<GitCheckout>(&slow).unwrap();
    wait_for("git to begin", || server.workspace().join("slow/.git").exists()).await;
    let error = refusal::<GitCheckout>(&client, &slow).await;
    assert_eq!(error.code, Code::DirectoryNotEmpty, "{error:?}");
    assert!(server.workspace().join("slow/.git").exists());
    first.cancel();
    assert_eq!(collect(&first).await.result.unwrap_err().code, Code::Cancelled);
    wait_for("all of it to be gone", || !server.workspace().join("slow").exists() && server.started().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_survives_cuts_and_a_reader_that_does_not_read() {
    let (origin, server) = (Origin::start(), Server::start());
    let proxy = Proxy::start(server.address()).await.unwrap();
    let client = Client::connect(server::url(proxy.address())).await.unwrap();
    client.states().wait_for(|state| matches!(state, sandwire::State::Connected { .. })).await.unwrap();
    proxy.cut_randomly(7, 100..500);
    client.reconnect();
    for number in 0..6 {
        let into = Checkout { directory: Some(format!("d{number}").into()), ..of(origin.url("open/shop.git")) };
        let done = checkout(&client, &into).await.unwrap();
        assert_eq!(done.branch.as_deref(), Some("main"));
    }
    assert!(proxy.counters().connections > 2, "it was not cut");
    proxy.keep_whole();
    // Nothing comes to the client any more, and git ends all the same.
    proxy.stall(Direction::Down, true);
    let call = client.open::<GitCheckout>(&of(origin.url("open/shop.git"))).unwrap();
    wait_for("the files", || server.workspace().join("shop/large").exists()).await;
    wait_for("git to end", || server.started().is_empty()).await;
    proxy.stall(Direction::Down, false);
    assert_eq!(collect(&call).await.result.unwrap().branch.as_deref(), Some("main"));
    let status = client.open::<Exec>(&argv(&["git", "-C", "shop", "status", "--porcelain"])).unwrap();
    assert_eq!(collect(&status).await.streams[1], b"");
}
