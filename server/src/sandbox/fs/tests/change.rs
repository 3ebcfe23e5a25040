//! Directories, links, permissions, renames, copies, removals.

use std::os::unix::fs::MetadataExt;

use sandwire_protocol::Code;
use sandwire_protocol::kind::file::{Chmod, Copied, Copy, Mkdir, Remove, Rename, Symlink};

use super::*;

const TREE: &str = "mkdir -p t/sub/deep t/empty; echo a > t/a; head -c 300000 /dev/urandom > t/sub/big; \
    ln -s ../a t/sub/link; ln -s /nowhere t/broken; chmod 711 t/sub; chmod 400 t/a; mkfifo t/fifo; \
    touch -d @1000000000 t/a t/sub/deep t/sub t";

#[tokio::test]
async fn directories_are_made() {
    let (dir, files) = workspace();
    let mkdir = |name: &str, parents, mode| files.mkdir(Mkdir { path: path(name), parents, mode });
    assert_eq!(mkdir("a/b", false, None).await.unwrap_err().code, Code::FileNotFound);
    mkdir("a/b", true, Some(0o1777)).await.unwrap();
    assert_eq!(dir.path().join("a/b").metadata().unwrap().mode() & 0o7777, 0o1777);
    mkdir("a/b", true, None).await.unwrap();
    mkdir("/", true, None).await.unwrap();
    assert_eq!(mkdir("a/b", false, None).await.unwrap_err().code, Code::FileExists);
    std::fs::write(dir.path().join("f"), "").unwrap();
    assert_eq!(mkdir("f", true, None).await.unwrap_err().code, Code::NotDirectory);
    assert_eq!(mkdir("x", false, Some(0o10000)).await.unwrap_err().code, Code::ValidationFailed);
}

#[tokio::test]
async fn renames() {
    let (dir, files) = workspace();
    shell(dir.path(), "echo a > a; echo b > b; mkdir -p d/e full; touch full/x");
    let rename = |from: &str, to: &str, no_replace| files.rename(Rename { from: path(from), to: path(to), no_replace });
    assert_eq!(rename("a", "b", true).await.unwrap_err().code, Code::FileExists);
    rename("a", "b", false).await.unwrap();
    assert_eq!(std::fs::read(dir.path().join("b")).unwrap(), b"a\n");
    let missing = rename("a", "c", false).await.unwrap_err();
    assert_eq!((missing.code, missing.details.get("path")), (Code::FileNotFound, Some(&"a".into())));
    assert_eq!(rename("d", "full", false).await.unwrap_err().code, Code::DirectoryNotEmpty);
    assert_eq!(rename("d", "d/e/f", false).await.unwrap_err().code, Code::ValidationFailed);
    assert_eq!(rename("b", "full", false).await.unwrap_err().code, Code::IsDirectory);
    rename("d", "n", true).await.unwrap();
    assert!(dir.path().join("n/e").is_dir());
}

#[tokio::test]
async fn a_tree_is_copied_with_modes_times_and_links() {
    let (dir, files) = workspace();
    shell(dir.path(), TREE);
    let copy = |from: &str, to: &str, recursive, no_replace| {
        files.copy(Copy { from: path(from), to: path(to), recursive, no_replace })
    };
    assert_eq!(copy("t", "u", false, false).await.unwrap_err().code, Code::IsDirectory);
    assert_eq!(copy("t", "u", true, true).await.unwrap(), Copied { count: 9, bytes: 300_002 });
    assert_eq!(picture(&dir.path().join("t")), picture(&dir.path().join("u")));
    assert_eq!(copy("t", "u", true, true).await.unwrap_err().code, Code::FileExists);
    copy("t", "u", true, false).await.unwrap();
    assert_eq!(picture(&dir.path().join("t")), picture(&dir.path().join("u")));
    assert_eq!(copy("t", "t/sub/inside", true, false).await.unwrap_err().code, Code::ValidationFailed);
    assert_eq!(copy("t", "t", true, false).await.unwrap_err().code, Code::ValidationFailed);
    copy("t/a", "b", false, true).await.unwrap();
    assert_eq!(copy("t/a", "b", false, true).await.unwrap_err().code, Code::FileExists);
    copy("t/a", "t/a", false, false).await.unwrap();
    assert_eq!(std::fs::read(dir.path().join("b")).unwrap(), b"a\n");
    assert_eq!(copy("t/a", "u", false, false).await.unwrap_err().code, Code::IsDirectory);
    copy("/proc/sys/kernel/ostype", "os", false, false).await.unwrap();
    assert_eq!(std::fs::read(dir.path().join("os")).unwrap(), b"Linux\n");
}

#[tokio::test]
async fn a_move_crosses_file_systems() {
    let (dir, files) = workspace();
    let mount = Mount::tmpfs("4m");
    shell(dir.path(), TREE);
    shell(dir.path(), "chown 12:34 t/a");
    let before = picture(&dir.path().join("t"));
    let there = mount.path().join("t");
    let rename = |from: &Path, to: &Path| Rename { from: from.into(), to: to.into(), no_replace: true };
    let from = dir.path().join("t");
    let error = files.rename(rename(&from, &there)).await.unwrap_err();
    assert_eq!((error.code, error.details.get("errno")), (Code::Filesystem, Some(&libc::EXDEV.into())));
    files.move_to(rename(&from, &there)).await.unwrap();
    assert!(!from.exists());
    assert_eq!(picture(&there), before);
    assert_eq!(there.join("a").metadata().unwrap().uid(), 12);
    files.move_to(rename(&there.join("a"), &dir.path().join("a"))).await.unwrap();
    assert!(!there.join("a").exists());
    assert_eq!(std::fs::read(dir.path().join("a")).unwrap(), b"a\n");
    assert_eq!(names(mount.path()).len(), 1);
}

#[tokio::test]
async fn a_move_that_fails_moves_nothing() {
    let (dir, files) = workspace();
    let mount = Mount::tmpfs("100k");
    shell(dir.path(), TREE);
    let before = picture(&dir.path().join("t"));
    for name in ["t", "t/sub/big"] {
        let params = Rename { from: path(name), to: mount.path().join("x").as_path().into(), no_replace: false };
        assert_eq!(files.move_to(params).await.unwrap_err().code, Code::NoSpace);
        assert!(names(mount.path()).is_empty());
    }
    assert_eq!(picture(&dir.path().join("t")), before);
}

#[tokio::test]
async fn removals() {
    let (dir, files) = workspace();
    shell(dir.path(), TREE);
    shell(dir.path(), "mkdir keep; touch keep/k; ln -s ../keep t/out; mkdir e; ln -s keep link");
    let remove = |name: &str, recursive, force| files.remove(Remove { path: path(name), recursive, force });
    assert_eq!(remove("t", false, false).await.unwrap_err().code, Code::DirectoryNotEmpty);
    assert_eq!(remove("none", false, false).await.unwrap_err().code, Code::FileNotFound);
    assert_eq!(remove("none/none", true, true).await.unwrap().count, 0);
    assert_eq!(remove("e", false, false).await.unwrap().count, 1);
    assert_eq!(remove("link", true, false).await.unwrap().count, 1);
    assert_eq!(remove("t", true, false).await.unwrap().count, 10);
    assert!(dir.path().join("keep/k").exists());
    assert_eq!(remove("keep/..", true, true).await.unwrap_err().code, Code::ValidationFailed);
    assert_eq!(remove("/", true, true).await.unwrap_err().code, Code::ValidationFailed);
}

#[tokio::test]
async fn permissions_and_links() {
    let (dir, files) = workspace();
    shell(dir.path(), "mkdir -p d/s; touch d/f d/s/g out; ln -s ../out d/l; chmod 600 out");
    files.chmod(Chmod { path: path("d"), mode: 0o750, recursive: true }).await.unwrap();
    assert_eq!(shell(dir.path(), "stat -c %a d d/f d/s d/s/g out | xargs"), "750 750 750 750 600\n");
    files.chmod(Chmod { path: path("d"), mode: 0, recursive: true }).await.unwrap();
    assert_eq!(shell(dir.path(), "stat -c %a d d/f d/s d/s/g out | xargs"), "0 0 0 0 600\n");
    files.symlink(Symlink { path: path("new"), target: path("../any\u{ff}where") }).await.unwrap();
    assert_eq!(std::fs::read_link(dir.path().join("new")).unwrap(), Path::new("../any\u{ff}where"));
    let again = files.symlink(Symlink { path: path("new"), target: path("x") }).await;
    assert_eq!(again.unwrap_err().code, Code::FileExists);
}
