//! A token's limit on paths, and the ways around it that must not work.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sandwire_protocol::Code;
use sandwire_protocol::kind::file::{self, Chmod, Copy, List, Mkdir, Remove, Rename, Stat, Symlink, TreeRead, Watch};

use super::*;
use crate::sandbox::fs::PathPolicy;

fn limited() -> (TempDir, Files) {
    let (dir, files) = workspace();
    shell(dir.path(), "mkdir -p in/sub out ro; echo secret > out/secret; echo inside > in/a; echo read > ro/r");
    shell(
        dir.path(),
        "ln -s ../out in/escape; ln -s ../out/secret in/file; ln -s ../out/new in/dangling; ln -s a in/ok",
    );
    let root = |name: &str| -> PathBuf { dir.path().join(name) };
    let policy = PathPolicy::limited(Some(&[root("in"), root("ro")]), Some(&[root("in")]));
    let files = files.limited_to(Arc::new(policy));
    (dir, files)
}

fn denied<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert_eq!(result.unwrap_err().code, Code::PermissionDenied);
}

#[tokio::test]
async fn every_operation_respects_it() {
    let (dir, files) = limited();
    let before = picture(&dir.path().join("out"));
    for name in ["in/escape/secret", "in/file", "out/secret", "in/../out/secret", "in/sub/../../out/secret"] {
        denied(read(&files, Read { path: path(name), ..Read::default() }).await);
        denied(files.stat(Stat { path: path(name), ..Stat::default() }).await);
        denied(write(&files, Write { path: path(name), ..Write::default() }, b"x").await);
        denied(files.chmod(Chmod { path: path(name), mode: 0o777, ..Chmod::default() }).await);
        denied(files.copy(Copy { from: path(name), to: path("in/copy"), ..Copy::default() }).await.and_then(|_| {
            // A link is copied as a link; what it leads to stays out of reach.
            std::fs::remove_file(dir.path().join("in/copy")).unwrap();
            Err::<(), _>(Error::new(Code::PermissionDenied, "a link"))
        }));
        denied(files.watch(Watch { path: path(name), ..Watch::default() }).await);
    }
    for name in ["in/escape/secret", "out/secret", "in/../out/secret"] {
        denied(files.remove(Remove { path: path(name), ..Remove::default() }).await);
        let rename = |from: &str, to: &str| Rename { from: path(from), to: path(to), ..Rename::default() };
        denied(files.rename(rename(name, "in/b")).await);
        denied(files.rename(rename("in/a", name)).await);
        denied(files.move_to(rename(name, "in/b")).await);
        denied(files.move_to(rename("in/a", name)).await);
        denied(files.copy(Copy { from: path("in/a"), to: path(name), ..Copy::default() }).await);
        denied(files.symlink(Symlink { path: path(name), target: path("x") }).await);
    }
    for name in ["out", "in/escape", ".", "..", "/"] {
        denied(files.list(List { path: path(name), ..List::default() }).await);
        denied(files.tree_read(TreeRead { path: path(name), ..TreeRead::default() }).await.unwrap().end().await);
        denied(files.search(file::Search { path: path(name), ..file::Search::default() }).await.unwrap().end().await);
        denied(files.watch(Watch { path: path(name), ..Watch::default() }).await);
        denied(files.tree_write(file::TreeWrite { path: path(name), owners: false }).await.unwrap().finish().await);
    }
    denied(files.mkdir(Mkdir { path: path("out/d"), ..Mkdir::default() }).await);
    denied(files.mkdir(Mkdir { path: path("in/escape/d/e"), parents: true, ..Mkdir::default() }).await);
    denied(write(&files, Write { path: path("in/dangling"), ..Write::default() }, b"x").await);
    denied(files.remove(Remove { path: path("in"), recursive: true, force: true }).await);
    // Reading is allowed there, changing is not.
    assert_eq!(read(&files, Read { path: path("ro/r"), ..Read::default() }).await.unwrap().0, b"read\n");
    denied(write(&files, Write { path: path("ro/r"), ..Write::default() }, b"x").await);
    denied(files.rename(Rename { from: path("ro/r"), to: path("in/r"), ..Rename::default() }).await);
    assert_eq!(read(&files, Read { path: path("in/ok"), ..Read::default() }).await.unwrap().0, b"inside\n");
    assert_eq!(picture(&dir.path().join("out")), before);
}

#[tokio::test]
async fn what_is_outside_is_not_even_told_to_exist() {
    let (_dir, files) = limited();
    for name in ["out/none", "out/secret/x", "in/escape/none", "/none", "in/dangling"] {
        denied(files.stat(Stat { path: path(name), ..Stat::default() }).await);
    }
    let missing = files.stat(Stat { path: path("in/none/none"), ..Stat::default() }).await.unwrap_err();
    assert_eq!(missing.code, Code::FileNotFound);
}

#[tokio::test]
async fn removing_and_walking_do_not_follow_links() {
    let (dir, files) = limited();
    let before = picture(&dir.path().join("out"));
    let listing = files.list(List { path: path("in"), recursive: true, ..List::default() }).await.unwrap();
    assert!(listing.entries.iter().all(|entry| !entry.path.to_string().contains('/')), "{listing:?}");
    files.chmod(Chmod { path: path("in"), mode: 0o700, recursive: true }).await.unwrap();
    files.remove(Remove { path: path("in/escape"), recursive: true, force: false }).await.unwrap();
    shell(dir.path(), "ln -s ../../out in/sub/again");
    files.remove(Remove { path: path("in/sub"), recursive: true, force: false }).await.unwrap();
    assert_eq!(picture(&dir.path().join("out")), before);
}

/// Swaps a directory and a link to the outside as fast as it can while `work` is done.
async fn while_swapping<F: Future<Output = ()>>(dir: &Path, mut work: impl FnMut() -> F) {
    let stop = Arc::new(AtomicBool::new(false));
    let (flag, place) = (Arc::clone(&stop), dir.join("in"));
    std::os::unix::fs::symlink("../out", place.join("swapped")).unwrap();
    std::fs::create_dir(place.join("real")).unwrap();
    std::fs::write(place.join("real/secret"), "harmless").unwrap();
    let swapper = std::thread::spawn(move || {
        while !flag.load(Ordering::Relaxed) {
            let (a, b) = (place.join("real"), place.join("swapped"));
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            rustix::fs::renameat_with(rustix::fs::CWD, &a, rustix::fs::CWD, &b, flags).unwrap();
        }
    });
    for _ in 0..2000 {
        work().await;
    }
    stop.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
}

#[tokio::test]
async fn a_race_of_links_wins_nothing() {
    let (dir, files) = limited();
    std::fs::set_permissions(dir.path().join("out/secret"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let before = picture(&dir.path().join("out"));
    while_swapping(dir.path(), || async {
        let name = path("in/swapped/secret");
        if let Ok((content, _)) = read(&files, Read { path: name.clone(), ..Read::default() }).await {
            assert_eq!(content, b"harmless");
        }
        if write(&files, Write { path: name.clone(), ..Write::default() }, b"harmless").await.is_err() {
            let found = files.search(file::Search {
                path: path("in"),
                pattern: Some("secret".into()),
                ..file::Search::default()
            });
            let mut found = found.await.unwrap();
            assert_eq!(found.next().await, None);
        }
        drop(files.chmod(Chmod { path: name, mode: 0o644, ..Chmod::default() }).await);
    })
    .await;
    assert_eq!(picture(&dir.path().join("out")), before);
}

#[tokio::test]
async fn a_race_of_links_removes_nothing() {
    let (dir, files) = limited();
    let before = picture(&dir.path().join("out"));
    while_swapping(dir.path(), || async {
        drop(files.remove(Remove { path: path("in/swapped/secret"), ..Remove::default() }).await);
        drop(files.rename(Rename { from: path("in/a"), to: path("in/swapped/b"), no_replace: true }).await);
        drop(files.rename(Rename { from: path("in/swapped/b"), to: path("in/a"), no_replace: true }).await);
    })
    .await;
    assert_eq!(picture(&dir.path().join("out")), before);
}
