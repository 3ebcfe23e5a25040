//! `file.watch`.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use sandwire::kinds::stream::Feed;
use sandwire::protocol::kind::FileWatch;
use sandwire::protocol::kind::file::{Watch, WatchDown};
use sandwire::protocol::{Code, Error};
use sandwire_tests::server::{Server, Signal};
use sandwire_tests::wait::DEADLINE;

use super::place::{Place, bash};

fn of(path: &str) -> Watch {
    Watch { path: path.into(), ..Watch::default() }
}

/// A watch that stands.
struct Watching(Feed<FileWatch>);

impl Watching {
    async fn begin(place: &Place, params: Watch) -> Self {
        let mut watching = Self(place.files().watch_with(&params).unwrap());
        assert_eq!(watching.next().await.unwrap(), "ready");
        watching
    }

    /// The next event, as text; how the watch ended, when it has.
    async fn next(&mut self) -> Result<String, Error> {
        let next = tokio::time::timeout(DEADLINE, self.0.next()).await.expect("nothing is told");
        match next.expect("a watch ends with an error") {
            Ok(WatchDown::Ready {}) => Ok("ready".to_owned()),
            Ok(WatchDown::Overflow {}) => Ok("overflow".to_owned()),
            Ok(WatchDown::Change { change, path, from, directory }) => {
                let from = from.map(|from| format!("{from} > ")).unwrap_or_default();
                Ok(format!("{change:?} {from}{path}{}", if directory { "/" } else { "" }))
            }
            Err(sandwire::Error::Remote(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    }

    /// All events up to the one about `mark`, a new name.
    async fn until(&mut self, mark: &str) -> Vec<String> {
        let mark = format!("Create {mark}");
        let mut events = Vec::new();
        loop {
            match self.next().await.unwrap() {
                event if event == mark => return events,
                event => events.push(event),
            }
        }
    }

    /// What is told of this script, which runs in the workspace. `mark` is made after it.
    async fn of(&mut self, place: &Place, script: &str, mark: &str) -> Vec<String> {
        burst(place, &format!("{script}; : > {mark}"));
        self.until(mark).await
    }

    /// Waits until it tells what happens again: one overflow may follow another.
    async fn settle(&mut self, place: &Place, mark: &str) {
        for number in 0.. {
            place.sh(&format!(": > {mark}{number}"));
            loop {
                let event = self.next().await.unwrap();
                if event == format!("Create {mark}{number}") {
                    return;
                }
                if event == "overflow" {
                    break;
                }
            }
        }
    }

    /// Waits for all of these, in any order.
    async fn see(&mut self, wanted: impl IntoIterator<Item = String>) {
        let mut wanted: BTreeSet<String> = wanted.into_iter().collect();
        while !wanted.is_empty() {
            let event = self.next().await.unwrap();
            assert_ne!(event, "overflow", "{wanted:?}");
            wanted.remove(&event);
        }
    }

    /// The last event, and the error after it.
    async fn end(&mut self) -> (String, Error) {
        let mut last = String::new();
        loop {
            match self.next().await {
                Ok(event) => last = event,
                Err(error) => return (last, error),
            }
        }
    }
}

/// Runs a script in the workspace so that the server sees what it did at once, however slow the machine is.
fn burst(place: &Place, script: &str) {
    place.server.signal(Signal::STOP);
    place.sh(script);
    place.server.signal(Signal::CONT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_change_is_told_as_what_it_is() {
    let place = Place::start().await;
    place.sh("mkdir -p d/e; echo x | tee d/old gone mode a b > d/e/deep; mkdir full; touch full/x; ln -s a link");
    let mut watch = Watching::begin(&place, Watch { debounce_ms: Some(200), ..of(".") }).await;
    let mut number = 0;
    let mut next_mark = || {
        number += 1;
        format!("mark{number}")
    };
    for (script, expected) in [
        ("echo new > new", ["Create new"].as_slice()),
        ("mkdir n", &["Create n/"]),
        ("echo more >> d/e/deep", &["Modify d/e/deep"]),
        ("truncate -s 0 d/e/deep", &["Modify d/e/deep"]),
        ("chmod 600 mode", &["Attrib mode"]),
        ("touch -d @5 mode", &["Attrib mode"]),
        ("chmod 700 d", &["Attrib d/"]),
        ("rm gone", &["Remove gone"]),
        ("rmdir n", &["Remove n/"]),
        ("rm -r full", &["Remove full/x", "Remove full/"]),
        ("mv d/old d/e/new", &["Rename d/old > d/e/new"]),
        ("mv d/e d/f", &["Rename d/e > d/f/"]),
        ("echo x >> d/f/deep", &["Modify d/f/deep"]),
        ("mv a b", &["Rename a > b"]),
        ("ln b hard", &["Create hard"]),
        ("ln -s b soft", &["Create soft"]),
        ("rm soft", &["Remove soft"]),
        ("mv b ../outside", &["Remove b"]),
        ("mv ../outside back", &["Create back"]),
        ("mkfifo fifo", &["Create fifo"]),
        // Merged: what is over before it is told is not told.
        ("echo 1 > c; echo 2 >> c; chmod 600 c", &["Create c"]),
        ("echo t > t; rm t", &[]),
        ("rm c; echo 3 > c", &["Modify c"]),
        ("echo 4 > c.tmp; mv c.tmp c", &["Create c"]),
        ("mv c c1; mv c1 c2", &["Rename c > c2"]),
        ("mv c2 c; mv c c2", &[]),
        ("mv c2 c; rm c", &["Remove c2"]),
        ("cat d/f/deep link > /dev/null; ls -R > /dev/null", &[]),
    ] {
        let mark = next_mark();
        let events = watch.of(&place, script, &mark).await;
        let expected: Vec<_> = expected.iter().map(|event| (*event).to_owned()).collect();
        assert_eq!(events, expected, "{script}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn globs_flatness_and_time_are_as_asked_for() {
    let place = Place::start().await;
    place.sh("mkdir -p src/sub node_modules/x; touch src/a.rs src/sub/b.rs");
    let globs = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>();
    let some = Watch {
        include: globs(&["*.rs", "mark*"]),
        exclude: globs(&["node_modules", "/src/sub/"]),
        debounce_ms: Some(1000),
        ..of(".")
    };
    let mut some = Watching::begin(&place, some).await;
    let mut flat = Watching::begin(&place, Watch { flat: true, ..of(".") }).await;
    let mut never = Watching::begin(&place, Watch { debounce_ms: Some(60_000), ..of(".") }).await;
    let mut at_once = Watching::begin(&place, Watch { debounce_ms: Some(0), ..of(".") }).await;
    let script = "echo > src/c.rs; echo > src/c.txt; echo > node_modules/x/y.rs; echo > src/sub/b.rs; mv src/c.txt src/d.rs; \
                  mv src/a.rs src/a.txt; mv src/c.rs src/e.rs; mkdir made.rs; echo > made.rs/in; : > mark";
    burst(&place, script);
    let expected =
        ["Create src/d.rs", "Remove src/a.rs", "Create src/e.rs", "Create made.rs/"].map(str::to_owned).to_vec();
    assert_eq!(some.until("mark").await, expected);
    assert_eq!(flat.until("mark").await, ["Create made.rs/"]);
    let events = at_once.until("mark").await;
    assert!(events.contains(&"Create made.rs/in".to_owned()), "{events:?}");
    let waited = tokio::time::timeout(Duration::from_millis(1), never.next()).await;
    assert!(waited.is_err(), "{waited:?}");
    for (params, parameter) in [
        (Watch { debounce_ms: Some(60_001), ..of(".") }, "debounce_ms"),
        (Watch { include: globs(&["["]), ..of(".") }, "include"),
        (Watch { exclude: globs(&["{"]), ..of(".") }, "exclude"),
    ] {
        let error = place.refused::<FileWatch>(params).await;
        assert_eq!((error.code, error.details.get("parameter")), (Code::ValidationFailed, Some(&parameter.into())));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nothing_in_new_directories_is_missed() {
    let place = Place::start().await;
    let mut watch = Watching::begin(&place, of(".")).await;
    // As fast as it can be made; what is there before the directory is watched is told too.
    place.sh("for i in {1..100}; do mkdir -p a$i/b/c; echo x > a$i/b/c/f; done");
    watch.see((1..=100).map(|i| format!("Create a{i}/b/c/f"))).await;
    place.sh("mkdir -p ../moved/in/deep; touch ../moved/in/deep/f; mv ../moved .");
    watch.see(["Create moved/", "Create moved/in/", "Create moved/in/deep/f"].map(str::to_owned)).await;
    // Names below a renamed directory are the new ones at once.
    place.sh("for i in {1..20}; do mv a$i z$i; echo y >> z$i/b/c/f; mkdir z$i/b/n; echo > z$i/b/n/g; done");
    watch.see((1..=20).flat_map(|i| [format!("Modify z{i}/b/c/f"), format!("Create z{i}/b/n/g")])).await;
    // A directory of the same name, again and again.
    place.sh(
        "for i in {1..30}; do mkdir again; echo > again/f$i; mv again gone$i; done; mkdir again; echo > again/last",
    );
    watch.see(["Create again/last".to_owned()]).await;
    place.sh("git init -q repo; cd repo; git -c user.name=x -c user.email=x commit -q --allow-empty -m x; rm -rf .git; echo end > end");
    watch.see(["Create repo/end".to_owned()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_end_of_what_is_watched_is_told() {
    let place = Place::start().await;
    for (script, directory) in
        [("rm -r d", "/"), ("mv d ../elsewhere; rm -r ../elsewhere", "/"), ("rm f", ""), ("mv f g; rm g", "")]
    {
        place.sh("mkdir -p d/e; touch d/e/f f");
        let path = if directory.is_empty() { "f" } else { "d" };
        let mut watch = Watching::begin(&place, of(path)).await;
        place.sh(script);
        let (last, error) = watch.end().await;
        assert_eq!((last, error.code), (format!("Remove {directory}"), Code::WatchFailed), "{script}");
    }
    // One that is no longer where it was, because a directory above it was moved, ends when that shows.
    place.sh("mkdir -p up/watched");
    let mut watch = Watching::begin(&place, of("up/watched")).await;
    place.sh("mv up down; mkdir down/watched/new");
    let (last, error) = watch.end().await;
    assert_eq!((last.as_str(), error.code), ("Remove /", Code::WatchFailed));
    // A file is watched through its replacement, through a link to it too.
    place.sh("echo 1 > f; ln -s f link; touch other");
    for path in ["f", "link"] {
        let mut watch = Watching::begin(&place, of(path)).await;
        burst(&place, "echo 2 > f");
        assert_eq!(watch.next().await.unwrap(), "Modify ", "{path}");
        burst(&place, "echo > other; echo 3 > new; mv new f");
        assert!(["Create ", "Modify "].contains(&watch.next().await.unwrap().as_str()), "{path}");
        place.sh("echo 4 >> f");
        assert_eq!(watch.next().await.unwrap(), "Modify ", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn too_many_changes_are_told_as_such_and_it_goes_on() {
    let place = Place::start().await;
    let mut watch = Watching::begin(&place, of(".")).await;
    let other = Place { server: Server::start(), client: sandwire::Client::connect(place.server.url()).await.unwrap() };
    let mut unread = Watching::begin(&other, of(".")).await;
    place.sh("mkdir going");
    let mut going = Watching::begin(&place, of("going")).await;
    // More than the kernel's queue holds, while the server cannot take any.
    place.server.signal(Signal::STOP);
    let queue = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let names: usize = queue.trim().parse().unwrap();
    std::fs::create_dir(place.at("many")).unwrap();
    for number in 0..=names {
        std::fs::write(place.at(format!("f{number}")), "").unwrap();
    }
    std::fs::create_dir(place.at("late")).unwrap();
    std::fs::remove_dir(place.at("going")).unwrap();
    place.server.signal(Signal::CONT);
    let mut events = 0;
    while watch.next().await.unwrap() != "overflow" {
        events += 1;
    }
    assert!(events <= names, "{events}");
    watch.settle(&place, "mark").await;
    // Directories that came while changes were lost are watched.
    place.sh(": > late/x; : > many/y; : > mark2");
    let events = watch.until("mark2").await;
    assert_eq!(events, ["Create late/x", "Create many/y"]);
    // An end that nobody heard is told.
    let (last, error) = going.end().await;
    assert_eq!((last.as_str(), error.code), ("Remove /", Code::WatchFailed));
    // Who did not read is told as well.
    while unread.next().await.unwrap() != "overflow" {}
    unread.settle(&place, "end").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_watch_sees_only_what_its_token_may_see() {
    let dir = tempfile::tempdir().unwrap();
    bash(dir.path(), "mkdir -p open/sub outside/in; ln -s ../outside open/link");
    let open = dir.path().join("open");
    let config = format!("[[tokens]]\nname = 'limited'\ntoken = 'only-for-open'\npaths = ['{}']", open.display());
    let server = Server::builder().config(config).start();
    let client = sandwire::Client::builder(server.url()).token("only-for-open").connect().await.unwrap();
    let place = Place { server, client };
    let mut watch = Watching::begin(&place, of(open.to_str().unwrap())).await;
    // A directory that is a link by the time that it is looked at, and one that is moved outside.
    bash(
        &open,
        "for i in {1..200}; do mkdir s$i; rmdir s$i; ln -s ../outside s$i; done; mkdir m; : > m/f; mv m ../outside/m; : > mark",
    );
    watch.until("mark").await;
    bash(&open, "echo secret > ../outside/name; echo > ../outside/in/name; echo > ../outside/m/name; : > mark2");
    let events = watch.until("mark2").await;
    assert!(!events.iter().any(|event| event.contains("name")), "{events:?}");
    assert_eq!(place.code::<FileWatch>(of(dir.path().to_str().unwrap())).await, Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn watches_share_one_instance_and_let_go() {
    let place = Place::start().await;
    place.sh("mkdir -p a/b");
    let descriptors = || {
        let links = std::fs::read_dir(format!("/proc/{}/fd", place.server.pid())).unwrap();
        let instances: Vec<_> = links
            .filter_map(Result::ok)
            .filter(|link| std::fs::read_link(link.path()).is_ok_and(|to| to.to_string_lossy().contains("inotify")))
            .map(|link| link.file_name())
            .collect();
        let held = |name: &std::ffi::OsString| {
            let info = format!("/proc/{}/fdinfo/{}", place.server.pid(), name.to_string_lossy());
            std::fs::read_to_string(info).unwrap().matches("inotify wd").count()
        };
        instances.iter().map(held).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    for _ in 0..40 {
        all.push(Watching::begin(&place, of("a")).await);
    }
    assert_eq!(descriptors(), [2], "two directories in one instance");
    let error = place.refused::<FileWatch>(of("a")).await;
    assert_eq!((error.code, error.details.get("limit")), (Code::LimitExceeded, Some(&40.into())));
    place.sh(": > a/b/f");
    for watch in &mut all {
        assert_eq!(watch.next().await.unwrap(), "Create b/f");
    }
    all.truncate(1);
    place.sh(": > a/g");
    assert_eq!(all[0].next().await.unwrap(), "Create g");
    drop(all);
    sandwire_tests::wait::wait_for("the kernel's watches to go", || descriptors() == [0]).await;
}
