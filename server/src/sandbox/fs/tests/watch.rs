//! Watching, with real programs that change things.

use std::time::Duration;

use sandwire_protocol::Code;
use sandwire_protocol::kind::file::{Change, Watch, WatchDown};

use super::super::MAX_WATCHES;
use super::*;
use crate::sandbox::fs::Watching;

async fn watch(files: &Files, params: Watch) -> Watching {
    let mut watching = files.watch(params).await.unwrap();
    assert_eq!(watching.next().await, Some(WatchDown::Ready {}));
    watching
}

fn show(event: &WatchDown) -> String {
    match event {
        WatchDown::Ready {} => "ready".into(),
        WatchDown::Overflow {} => "overflow".into(),
        WatchDown::Change { change, path, from, directory } => {
            let slash = if *directory { "/" } else { "" };
            let from = from.as_ref().map(|from| format!("{from} -> ")).unwrap_or_default();
            format!("{change:?} {from}{path}{slash}")
        }
    }
}

/// Every event up to the creation of `mark`, which is made once the rest is on its way.
async fn until_mark(dir: &Path, watching: &mut Watching, mark: &str) -> Vec<String> {
    std::fs::write(dir.join(mark), "").unwrap();
    let mut events = Vec::new();
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while let Some(event) = watching.next().await {
            if matches!(&event, WatchDown::Change { path, .. } if path.to_string() == mark) {
                return;
            }
            events.push(show(&event));
        }
    });
    waited.await.unwrap();
    events
}

fn everything(name: &str) -> Watch {
    Watch { path: path(name), ..Watch::default() }
}

#[tokio::test]
async fn changes_are_merged_and_in_order() {
    let (dir, files) = workspace();
    shell(dir.path(), "mkdir d; echo x > d/old; echo x > gone; echo x > mode");
    let mut watching = watch(&files, everything(".")).await;
    shell(
        dir.path(),
        "echo 1 > new; echo 2 >> new; echo y >> d/old; rm gone; chmod 600 mode; echo t > temp; rm temp; mv d/old d/moved; echo z > z.tmp; mv z.tmp z",
    );
    let events = until_mark(dir.path(), &mut watching, "mark").await;
    let expected = ["Create new", "Modify d/old", "Remove gone", "Attrib mode", "Rename d/old -> d/moved", "Create z"];
    assert_eq!(events, expected);
    shell(dir.path(), "mv d/moved /tmp/sandwire-watch-$$; mv /tmp/sandwire-watch-$$ back; rm z; echo again > z");
    let events = until_mark(dir.path(), &mut watching, "mark2").await;
    assert_eq!(events, ["Remove d/moved", "Create back", "Modify z"]);
}

#[tokio::test]
async fn directories_that_come_later_are_watched_at_once() {
    let (dir, files) = workspace();
    let mut watching = watch(&files, everything(".")).await;
    shell(dir.path(), "for i in {1..40}; do mkdir -p a$i/b/c; echo x > a$i/b/c/f; done; git init -q repo");
    let mut wanted: std::collections::BTreeSet<String> = (1..=40).map(|i| format!("Create a{i}/b/c/f")).collect();
    wanted.insert("Create repo/.git/HEAD".to_owned());
    let all = tokio::time::timeout(Duration::from_secs(20), async {
        while !wanted.is_empty() {
            wanted.remove(&show(&watching.next().await.unwrap()));
        }
    });
    assert!(all.await.is_ok(), "{wanted:?}");
    shell(dir.path(), "mv a1 renamed; echo y >> renamed/b/c/f; mkdir renamed/n; echo z > renamed/n/z");
    let events = until_mark(dir.path(), &mut watching, "mark").await;
    assert!(events.contains(&"Rename a1 -> renamed/".to_owned()), "{events:?}");
    assert!(events.contains(&"Modify renamed/b/c/f".to_owned()), "{events:?}");
    let mut more = vec![];
    while !more.contains(&"Create renamed/n/z".to_owned()) && !events.contains(&"Create renamed/n/z".to_owned()) {
        more.push(show(&tokio::time::timeout(Duration::from_secs(20), watching.next()).await.unwrap().unwrap()));
    }
}

#[tokio::test]
async fn globs_and_flatness() {
    let (dir, files) = workspace();
    shell(dir.path(), "mkdir -p src node_modules/x");
    let params =
        Watch { include: vec!["*.rs".into(), "mark".into()], exclude: vec!["node_modules".into()], ..everything(".") };
    let mut some = watch(&files, params).await;
    let mut flat = watch(&files, Watch { flat: true, ..everything(".") }).await;
    shell(
        dir.path(),
        "echo > src/a.rs; echo > src/a.txt; echo > node_modules/x/y.rs; mv src/a.txt src/b.rs; echo > top",
    );
    assert_eq!(until_mark(dir.path(), &mut some, "mark").await, ["Create src/a.rs", "Create src/b.rs"]);
    let seen = show(&flat.next().await.unwrap());
    assert_eq!(seen, "Create top");
}

#[tokio::test]
async fn a_file_is_watched_through_its_replacement_and_ends_with_it() {
    let (dir, files) = workspace();
    shell(dir.path(), "echo 1 > f; echo > other");
    let mut watching = watch(&files, everything("f")).await;
    shell(dir.path(), "echo x > other; echo 2 > g; mv g f");
    assert!(matches!(
        watching.next().await,
        Some(WatchDown::Change { change: Change::Create | Change::Modify, path, .. }) if path.is_empty()
    ));
    shell(dir.path(), "echo 3 > f");
    assert_eq!(show(&watching.next().await.unwrap()), "Modify ");
    shell(dir.path(), "rm f");
    assert_eq!(show(&watching.next().await.unwrap()), "Remove ");
    assert_eq!(watching.next().await, None);
    assert_eq!(watching.end().await.unwrap_err().code, Code::WatchFailed);
}

#[tokio::test]
async fn the_end_of_the_directory_ends_the_watch() {
    let (dir, files) = workspace();
    for command in ["rm -r d", "mv d /tmp/sandwire-gone-$$; rm -r /tmp/sandwire-gone-$$"] {
        shell(dir.path(), "mkdir -p d/e; touch d/e/f");
        let mut watching = watch(&files, everything("d")).await;
        shell(dir.path(), command);
        let mut last = None;
        while let Some(event) = watching.next().await {
            last = Some(event);
        }
        assert_eq!(show(&last.unwrap()), "Remove /");
        assert_eq!(watching.end().await.unwrap_err().code, Code::WatchFailed);
    }
    let missing = files.watch(everything("none")).await.unwrap_err();
    assert_eq!(missing.code, Code::FileNotFound);
}

#[tokio::test]
async fn too_much_is_told_and_watched_on() {
    let (dir, files) = workspace();
    let mut watching = watch(&files, Watch { debounce_ms: Some(200), ..everything(".") }).await;
    shell(dir.path(), "for i in {1..9000}; do : > f$i; done; mkdir late");
    let overflow = tokio::time::timeout(Duration::from_secs(20), async {
        while watching.next().await.unwrap() != (WatchDown::Overflow {}) {}
    });
    overflow.await.unwrap();
    until_mark(dir.path(), &mut watching, "mark").await;
    shell(dir.path(), "echo > late/x");
    let events = until_mark(dir.path(), &mut watching, "mark2").await;
    assert!(events.contains(&"Create late/x".to_owned()), "{events:?}");
}

#[tokio::test]
async fn one_instance_serves_all_and_lets_go() {
    let (dir, files) = workspace();
    shell(dir.path(), "mkdir -p a/b");
    let instances =
        || shell(Path::new("/"), &format!("ls -l /proc/{}/fd | grep -c inotify || true", std::process::id()));
    let mut all = Vec::new();
    for _ in 0..MAX_WATCHES {
        all.push(watch(&files, everything("a")).await);
    }
    assert_eq!(files.watch(everything("a")).await.unwrap_err().code, Code::LimitExceeded);
    // Other tests of this process have instances of their own.
    assert!(instances().trim().parse::<usize>().unwrap() < MAX_WATCHES);
    shell(dir.path(), "echo > a/b/f");
    for watching in &mut all {
        assert_eq!(show(&watching.next().await.unwrap()), "Create b/f");
    }
    drop(all);
    while files.hub.watches() > 0 {
        tokio::task::yield_now().await;
    }
}
