//! Paths of every sort, for every kind that takes one.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use sandwire::protocol::kind::file::{
    Chmod, Copy, FileType, List, Mkdir, Read, Remove, Rename, Search, Stat, Symlink, TreeRead, TreeWrite, Watch, Write,
    WriteMode,
};
use sandwire::protocol::kind::{self, FileChmod, FileCopy, FileList, FileMkdir, FileMove, FileRead, FileRemove};
use sandwire::protocol::kind::{FileRename, FileSearch, FileStat, FileSymlink, FileWatch};
use sandwire::protocol::{ByteString, Code};

use crate::kinds::place::{Place, told};

/// Kinds that want the directory of a path to be there, and follow a link at its end.
const FOLLOWING: [&str; 8] = ["read", "write", "stat", "list", "chmod", "search", "watch", "tree_read"];

/// Asks every kind about a path that none should take, and returns what each says. With `only`, only these are asked.
async fn all(place: &Place, path: &[u8], only: Option<&[&str]>) -> BTreeMap<&'static str, Option<Code>> {
    all_in(place, "", path, only).await
}

/// As [`all`], with the other path of kinds that take two in this directory: it ends in a slash.
pub(super) async fn all_in(
    place: &Place,
    dir: &str,
    path: &[u8],
    only: Option<&[&str]>,
) -> BTreeMap<&'static str, Option<Code>> {
    let path = || ByteString::new(path);
    let mut said = BTreeMap::new();
    macro_rules! ask {
        ($name:literal, $kind:ty, $params:expr) => {
            if only.is_none_or(|only| only.contains(&$name)) {
                said.insert($name, place.told::<$kind>(&$params).await.result.err().map(|error| error.code));
            }
        };
    }
    let from = || format!("{dir}there").as_str().into();
    let to = || format!("{dir}free").as_str().into();
    ask!("read", FileRead, Read { path: path(), ..Read::default() });
    ask!("stat", FileStat, Stat { path: path(), no_follow: false });
    ask!("list", FileList, List { path: path(), ..List::default() });
    ask!("mkdir", FileMkdir, Mkdir { path: path(), ..Mkdir::default() });
    ask!("remove", FileRemove, Remove { path: path(), ..Remove::default() });
    ask!("rename from", FileRename, Rename { from: path(), to: to(), no_replace: true });
    ask!("rename to", FileRename, Rename { from: from(), to: path(), no_replace: true });
    ask!("move from", FileMove, Rename { from: path(), to: to(), no_replace: true });
    ask!("move to", FileMove, Rename { from: from(), to: path(), no_replace: true });
    ask!("copy from", FileCopy, Copy { from: path(), to: to(), recursive: true, no_replace: true });
    ask!("copy to", FileCopy, Copy { from: from(), to: path(), recursive: true, no_replace: true });
    ask!("chmod", FileChmod, Chmod { path: path(), mode: 0o700, recursive: false });
    ask!("symlink", FileSymlink, Symlink { path: path(), target: "x".into() });
    ask!("search", FileSearch, Search { path: path(), ..Search::default() });
    ask!("watch", FileWatch, Watch { path: path(), ..Watch::default() });
    ask!("tree_read", kind::TreeRead, TreeRead { path: path(), ..TreeRead::default() });
    if only.is_none_or(|only| only.contains(&"write")) {
        let written = place.write(Write { path: path(), ..Write::default() }, "x").await;
        said.insert("write", written.err().map(|error| error.code));
    }
    if only.is_none_or(|only| only.contains(&"tree_write")) {
        let call = place.client.open::<kind::TreeWrite>(&TreeWrite { path: path(), owners: false }).unwrap();
        if call.write(0, vec![0; 1024].into()).await.is_ok() {
            let _ = call.end(0);
        }
        said.insert("tree_write", told(&call).await.result.err().map(|error| error.code));
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_path_that_cannot_be_is_refused_by_every_kind() {
    let place = Place::start().await;
    place.sh("echo there > there; ln -s loop loop; ln -s nowhere dangling; mkdir d");
    let before = place.names();
    let (name, path) = ("n".repeat(256), "n/".repeat(2100));
    for (path, code) in [
        (b"".as_slice(), Code::ValidationFailed),
        (b"a\0b", Code::ValidationFailed),
        (b"/dev/zero\0", Code::ValidationFailed),
        (name.as_bytes(), Code::NameTooLong),
        (path.as_bytes(), Code::NameTooLong),
        (b"loop/x", Code::TooManyLinks),
        (b"there/x", Code::NotDirectory),
        (b"/dev/zero/x", Code::NotDirectory),
    ] {
        for (kind, said) in all(&place, path, None).await {
            assert_eq!(said, Some(code), "{kind} {}", String::from_utf8_lossy(path));
        }
    }
    for path in ["dangling/x", "none/x"] {
        for (kind, said) in all(&place, path.as_bytes(), None).await {
            // A tree makes the directories that it wants; a link to nothing cannot be one.
            let made = kind == "tree_write" && path == "none/x";
            assert_eq!(said, (!made).then_some(Code::FileNotFound), "{kind} {path}");
        }
    }
    place.sh("rm -r none");
    for (path, code) in [("loop", Code::TooManyLinks), ("dangling", Code::FileNotFound), ("none", Code::FileNotFound)] {
        // Writing makes what is missing.
        let following = FOLLOWING.iter().copied().filter(|kind| path == "loop" || *kind != "write").collect::<Vec<_>>();
        for (kind, said) in all(&place, path.as_bytes(), Some(&following)).await {
            assert_eq!(said, Some(code), "{kind} {path}");
        }
    }
    // An operation on an entry has to name one.
    let entries = ["mkdir", "remove", "rename from", "rename to", "move from", "copy to", "symlink", "write"];
    for path in ["/", "d/..", ".."] {
        for (kind, said) in all(&place, path.as_bytes(), Some(&entries)).await {
            assert_eq!(said, Some(Code::ValidationFailed), "{kind} {path}");
        }
    }
    assert_eq!(place.names(), before, "nothing was left behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn devices_fifos_and_sockets_are_refused_and_nothing_hangs() {
    let place = Place::start().await;
    place.sh("mkdir d; mkfifo d/fifo; ln -s d/fifo link; echo needle > d/file; mknod d/null c 1 3");
    let _socket = std::os::unix::net::UnixListener::bind(place.at("d/socket")).unwrap();
    for path in ["d/fifo", "link", "d/socket", "d/null", "/dev/zero", "/dev/full", "/dev/stdin", "/dev/tty"] {
        let read = Read { path: path.into(), meta: true, tail: Some(1), ..Read::default() };
        if path != "/dev/stdin" {
            assert_eq!(place.code::<FileRead>(read).await, Code::SpecialFile, "{path}");
            let tree = TreeRead { path: path.into(), ..TreeRead::default() };
            assert_eq!(place.code::<kind::TreeRead>(tree).await, Code::SpecialFile, "{path}");
            for how in [WriteMode::Replace, WriteMode::Append, WriteMode::Patch] {
                let write = Write { path: path.into(), how: Some(how), ..Write::default() };
                assert_eq!(place.write(write, "x").await.unwrap_err().code, Code::SpecialFile, "{path} {how:?}");
            }
        }
        for (kind, said) in all(&place, path.as_bytes(), Some(&["list", "search", "tree_write"])).await {
            assert_eq!(said, Some(Code::NotDirectory), "{kind} {path}");
        }
        assert_eq!(place.files().stat(path).await.unwrap().file_type, FileType::Other, "{path}");
    }
    for path in ["d/fifo", "d/socket", "d/null"] {
        assert_eq!(place.files().stat(path).await.unwrap().etag, "", "{path}");
    }
    // Among others they are passed over.
    let search = Search { path: "d".into(), pattern: Some("needle|^$".to_owned()), ..Search::default() };
    let told = place.told::<FileSearch>(&search).await;
    let end = told.result.unwrap();
    assert_eq!((told.events.len(), end.files, end.matches, end.unreadable), (1, 1, 1, 0));
    let told = place.told::<kind::TreeRead>(&TreeRead { path: "d".into(), ..TreeRead::default() }).await;
    let end = told.result.unwrap();
    assert_eq!((end.entries, end.skipped), (1, ["fifo", "null", "socket"].map(ByteString::from).to_vec()));
    // Directories are no files either.
    for (kind, said) in all(&place, b"d", Some(&["read", "write"])).await {
        assert_eq!(said, Some(Code::IsDirectory), "{kind}");
    }
    // A copy of a special file is one like it.
    let copy = Copy { from: "d".into(), to: "e".into(), recursive: true, no_replace: false };
    place.files().copy_with(&copy).await.unwrap();
    assert_eq!(place.sh("stat -c '%n %F' e/fifo e/null"), "e/fifo fifo\ne/null character special file\n");
    place.files().copy_with(&Copy { from: "d/fifo".into(), to: "f".into(), ..Copy::default() }).await.unwrap();
    assert_eq!(place.sh("stat -c %F f"), "fifo\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn names_that_are_not_utf_8_survive_every_kind() {
    let place = Place::start().await;
    let files = place.files();
    let name = |text: &[u8]| ByteString::new(text);
    let (dir, file) = (name(b"d\xff\xfe"), name(b"d\xff\xfe/caf\xe9 \n\t'\"\\"));
    files.mkdir(dir.clone()).await.unwrap();
    files.write_all(file.clone(), "needle\n").await.unwrap();
    assert!(place.at(std::ffi::OsStr::from_bytes(file.as_bytes())).is_file());
    let list = List { path: ".".into(), recursive: true, ..List::default() };
    let listing = place.client.call::<FileList>(&list).await.unwrap();
    let paths: Vec<_> = listing.entries.into_iter().map(|entry| entry.path).collect();
    assert_eq!(paths, [dir.clone(), file.clone()]);
    assert_eq!(files.read(paths[1].clone()).unwrap().bytes(100).await.unwrap(), b"needle\n");
    assert_eq!(files.stat(file.clone()).await.unwrap().path, file);
    let page = List { cursor: Some(dir.clone()), ..list };
    assert_eq!(place.client.call::<FileList>(&page).await.unwrap().entries.len(), 1);
    let search = Search { path: ".".into(), pattern: Some("needle".to_owned()), ..Search::default() };
    let told = place.told::<FileSearch>(&search).await;
    let [kind::file::SearchDown::Line { path, .. }] = &told.events[..] else { panic!("{:?}", told.events) };
    assert_eq!(path, &file);
    files.symlink(file.clone(), name(b"link\x80")).await.unwrap();
    assert_eq!(files.symlink_stat(name(b"link\x80")).await.unwrap().target, Some(file.clone()));
    assert_eq!(files.stat(name(b"link\x80")).await.unwrap().size, 7);
    let moved = name(b"moved\xf0\x28");
    files.rename(file.clone(), moved.clone()).await.unwrap();
    let copied = Copy { from: moved.clone(), to: file.clone(), ..Copy::default() };
    assert_eq!(files.copy_with(&copied).await.unwrap().bytes, 7);
    files.remove_with(&Remove { path: moved.clone(), ..Remove::default() }).await.unwrap();
    // In an error it can be read, though not exactly.
    let error = place.refused::<FileRead>(Read { path: moved, ..Read::default() }).await;
    assert!(error.message.contains("moved\u{fffd}("), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn dots_are_resolved_by_the_kernel_and_relative_paths_from_the_workspace() {
    let place = Place::start().await;
    place.sh("mkdir -p a/b other/sub; echo here > a/x; echo there > other/x; ln -s ../other/sub a/link");
    let read = async |path: &str| place.files().read(path).unwrap().bytes(100).await.unwrap();
    assert_eq!(read("a/b/../x").await, b"here\n");
    assert_eq!(read("a/link/../x").await, b"there\n", "`..` of where the link leads, not of where it is");
    assert_eq!(read("./a//b/.././/x").await, b"here\n");
    assert_eq!(read(place.at("a/x").to_str().unwrap()).await, b"here\n");
    place.files().write_all("a/link/../made", "x").await.unwrap();
    assert!(place.at("other/made").is_file());
    std::fs::write(place.at("../beside"), "y").unwrap();
    assert_eq!(read("../beside").await, b"y");
}
