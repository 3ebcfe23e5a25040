//! `file.write`.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use sandwire::protocol::Code;
use sandwire::protocol::kind::FileWrite;
use sandwire::protocol::kind::file::{Write, WriteMode, Written};
use sandwire_tests::server::Server;
use sandwire_tests::wait::wait_for;

use crate::common::noise;
use crate::kinds::place::{Place, told};

fn to(path: &str) -> Write {
    Write { path: path.into(), ..Write::default() }
}

fn how(how: WriteMode, path: &str) -> Write {
    Write { how: Some(how), ..to(path) }
}

const MODES: [WriteMode; 4] = [WriteMode::Replace, WriteMode::Create, WriteMode::Append, WriteMode::Patch];

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_old_content_is_seen_until_the_new_is_whole() {
    let place = Place::start().await;
    std::fs::write(place.at("f"), "old").unwrap();
    let content = noise(1, 2_000_000);
    let begun = async || {
        let call = place.client.open::<FileWrite>(&to("f")).unwrap();
        call.write(0, content.clone()).await.unwrap();
        wait_for("a temporary file", || place.names().len() == 2).await;
        assert_eq!(std::fs::read(place.at("f")).unwrap(), b"old");
        call
    };
    // Cancelled, dropped, refused for its size, and with its client gone: as if nothing had been.
    let call = begun().await;
    call.cancel();
    assert_eq!(told(&call).await.result.unwrap_err().code, Code::Cancelled);
    wait_for("the temporary file to go", || place.names() == ["f"]).await;
    drop(begun().await);
    wait_for("the temporary file to go", || place.names() == ["f"]).await;
    let other = Place { client: sandwire::Client::connect(place.server.url()).await.unwrap(), ..Place::start().await };
    let call = other.client.open::<FileWrite>(&to("f")).unwrap();
    call.write(0, content.clone()).await.unwrap();
    wait_for("a temporary file", || place.names().len() == 2).await;
    other.client.clone().close().await;
    wait_for("the temporary file to go", || place.names() == ["f"]).await;
    assert_eq!(std::fs::read(place.at("f")).unwrap(), b"old");
    // And whole.
    let call = begun().await;
    call.end(0).unwrap();
    let Written { bytes, etag } = told(&call).await.result.unwrap();
    assert_eq!((bytes, &etag), (2_000_000, &place.files().stat("f").await.unwrap().etag));
    assert!(std::fs::read(place.at("f")).unwrap() == content && place.names() == ["f"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_way_to_treat_what_is_there() {
    let place = Place::start().await;
    // (how, offset, content of the file before, of the write, of the file after)
    for (mode, offset, before, content, after) in [
        (None, None, Some("old and long"), "new", Some("new")),
        (Some(WriteMode::Replace), None, None, "new", Some("new")),
        (Some(WriteMode::Replace), None, Some("old"), "", Some("")),
        (Some(WriteMode::Create), None, None, "new", Some("new")),
        (Some(WriteMode::Create), None, Some("old"), "new", None),
        (Some(WriteMode::Append), None, Some("old"), " new", Some("old new")),
        (Some(WriteMode::Append), None, None, "new", Some("new")),
        (Some(WriteMode::Patch), Some(1), Some("old"), "X", Some("oXd")),
        (Some(WriteMode::Patch), None, Some("old"), "XY", Some("XYd")),
        (Some(WriteMode::Patch), Some(5), Some("old"), "X", Some("old\0\0X")),
        (Some(WriteMode::Patch), Some(1), None, "X", Some("\0X")),
    ] {
        let what = format!("{mode:?} {offset:?} {before:?}");
        place.sh("rm -f f");
        if let Some(before) = before {
            std::fs::write(place.at("f"), before).unwrap();
        }
        let inode = std::fs::metadata(place.at("f")).map(|info| info.ino()).ok();
        let written = place.write(Write { how: mode, offset, ..to("f") }, content).await;
        let now = std::fs::read(place.at("f")).unwrap();
        match after {
            Some(after) => {
                let written = written.unwrap();
                assert_eq!((now.as_slice(), written.bytes), (after.as_bytes(), content.len() as u64), "{what}");
                assert_eq!(written.etag, place.files().stat("f").await.unwrap().etag, "{what}");
            }
            None => {
                assert_eq!(
                    (now.as_slice(), written.unwrap_err().code),
                    (b"old".as_slice(), Code::FileExists),
                    "{what}"
                );
            }
        }
        if let (Some(WriteMode::Append | WriteMode::Patch), Some(inode)) = (mode, inode) {
            assert_eq!(std::fs::metadata(place.at("f")).unwrap().ino(), inode, "{what}: in place");
        }
        assert_eq!(place.names(), ["f"], "{what}");
    }
    for offset in [i64::MAX as u64, u64::MAX] {
        let error = place.write(Write { offset: Some(offset), ..how(WriteMode::Patch, "f") }, "x").await.unwrap_err();
        assert!(matches!(error.code, Code::Filesystem | Code::ValidationFailed), "{error}");
    }
    // What was created meanwhile by another stays.
    let call = place.client.open::<FileWrite>(&how(WriteMode::Create, "late")).unwrap();
    call.write(0, noise(2, 1_000_000)).await.unwrap();
    wait_for("a temporary file", || place.names().len() == 2).await;
    std::fs::write(place.at("late"), "theirs").unwrap();
    call.end(0).unwrap();
    assert_eq!(told(&call).await.result.unwrap_err().code, Code::FileExists);
    assert_eq!((std::fs::read(place.at("late")).unwrap(), place.names().len()), (b"theirs".to_vec(), 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn appends_of_many_are_all_there_and_seen_at_once() {
    let place = Place::start().await;
    let lines = |writer: usize| (0..200).map(|line| format!("{writer} {line}\n")).collect::<String>();
    let all = (0..8).map(|writer| place.write(how(WriteMode::Append, "log"), lines(writer)));
    for written in futures_util::future::join_all(all).await {
        written.unwrap();
    }
    let log = std::fs::read_to_string(place.at("log")).unwrap();
    for writer in 0..8 {
        let own: String = log.split_inclusive('\n').filter(|line| line.starts_with(&format!("{writer} "))).collect();
        assert_eq!(own, lines(writer));
    }
    let call = place.client.open::<FileWrite>(&how(WriteMode::Append, "live")).unwrap();
    for line in ["one\n", "two\n"] {
        call.write(0, line.into()).await.unwrap();
        let seen = || std::fs::read_to_string(place.at("live")).is_ok_and(|text| text.ends_with(line));
        wait_for("what was appended, before the end", seen).await;
    }
    drop(call);
    place.wait_open(0).await;
    assert_eq!(std::fs::read_to_string(place.at("live")).unwrap(), "one\ntwo\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn modes_and_owners_are_kept_or_set() {
    let place = Place::of(Server::builder().through(["bash", "-c", "umask 027; exec \"$@\"", "bash"])).await;
    let mode = |name: &str| std::fs::metadata(place.at(name)).unwrap().permissions().mode() & 0o7777;
    for write in MODES {
        let name = format!("new-{write:?}");
        place.write(how(write, &name), "x").await.unwrap();
        assert_eq!(mode(&name), 0o640, "{write:?}: 0644 less the umask");
        let name = format!("set-{write:?}");
        place.write(Write { mode: Some(0o4777), ..how(write, &name) }, "x").await.unwrap();
        assert_eq!(mode(&name) & 0o777, 0o777, "{write:?}: a mode is meant exactly");
        let too_much = Write { mode: Some(0o10000), ..how(write, "no") };
        assert_eq!(place.code::<FileWrite>(too_much).await, Code::ValidationFailed);
    }
    assert_eq!(mode("set-Replace"), 0o4777);
    for write in [WriteMode::Replace, WriteMode::Append, WriteMode::Patch] {
        place.sh("echo old > kept; chmod 751 kept; chown 12345:23456 kept");
        place.write(how(write, "kept"), "x").await.unwrap();
        let info = std::fs::metadata(place.at("kept")).unwrap();
        assert_eq!((mode("kept"), info.uid(), info.gid()), (0o751, 12345, 23456), "{write:?}");
        place.write(Write { mode: Some(0o604), ..how(write, "kept") }, "x").await.unwrap();
        assert_eq!((mode("kept"), std::fs::metadata(place.at("kept")).unwrap().uid()), (0o604, 12345), "{write:?}");
    }
    place.write(Write { parents: true, ..to("a/b/c") }, "x").await.unwrap();
    assert_eq!((mode("a"), mode("a/b"), mode("a/b/c")), (0o750, 0o750, 0o640));
    assert_eq!(place.write(to("n/m"), "x").await.unwrap_err().code, Code::FileNotFound);
    for parents in [true, false] {
        let error = place.write(Write { parents, ..to("kept/x/y") }, "x").await.unwrap_err();
        assert_eq!(error.code, Code::NotDirectory, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn conditions_are_held() {
    let place = Place::start().await;
    std::fs::write(place.at("f"), "one").unwrap();
    let first = place.files().stat("f").await.unwrap().etag;
    let matching = |etag: &str| Write { if_match: Some(etag.to_owned()), ..to("f") };
    let second = place.write(matching(&first), "two").await.unwrap().etag;
    assert_ne!(first, second);
    let error = place.write(matching(&first), "three").await.unwrap_err();
    assert_eq!(error.code, Code::PreconditionFailed);
    assert_eq!(error.details.get("etag"), Some(&second.as_str().into()));
    let missing = Write { path: "none".into(), ..matching(&first) };
    assert_eq!(place.write(missing, "x").await.unwrap_err().code, Code::PreconditionFailed);
    let never = Write { how: Some(WriteMode::Create), ..matching(&first) };
    assert_eq!(place.code::<FileWrite>(never).await, Code::ValidationFailed);
    // Changed between the first byte and the last.
    let call = place.client.open::<FileWrite>(&matching(&second)).unwrap();
    call.write(0, noise(3, 1_000_000)).await.unwrap();
    wait_for("a temporary file", || place.names().len() == 2).await;
    std::fs::write(place.at("f"), "theirs").unwrap();
    call.end(0).unwrap();
    assert_eq!(told(&call).await.result.unwrap_err().code, Code::PreconditionFailed);
    // Another number of bytes than was said.
    let sized = |size: u64| Write { size: Some(size), ..to("f") };
    for (size, content) in [(5, "1234"), (3, "1234"), (0, "1"), (u64::MAX, "")] {
        let error = place.write(sized(size), content).await.unwrap_err();
        assert_eq!((error.code, error.details.get("parameter")), (Code::ValidationFailed, Some(&"size".into())));
    }
    let offset = Write { offset: Some(0), ..to("f") };
    assert_eq!(place.code::<FileWrite>(offset).await, Code::ValidationFailed, "an offset is for `patch`");
    let call = place.client.open::<FileWrite>(&to("f")).unwrap();
    call.write(1, "x".into()).await.unwrap();
    assert_eq!(told(&call).await.result.unwrap_err().code, Code::ValidationFailed, "there is only stream 0");
    assert_eq!((std::fs::read(place.at("f")).unwrap(), place.names()), (b"theirs".to_vec(), vec!["f".to_owned()]));
    assert_eq!(place.write(sized(4), "1234").await.unwrap().bytes, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn links_are_followed_and_kept() {
    let place = Place::start().await;
    place.sh("mkdir d e; echo old > d/f; chmod 600 d/f; ln -s ../d/f e/link; ln -s e/link twice; ln -s new e/dangling");
    for write in [WriteMode::Replace, WriteMode::Append, WriteMode::Patch] {
        place.write(how(write, "twice"), "new").await.unwrap();
        assert_eq!(
            place.sh("readlink twice e/link; stat -c %a d/f; ls -A d e"),
            "e/link\n../d/f\n600\nd:\nf\n\ne:\ndangling\nlink\n"
        );
    }
    assert_eq!(place.sh("cat d/f"), "newnew");
    place.write(to("e/dangling"), "made").await.unwrap();
    assert_eq!(place.sh("cat e/new; readlink e/dangling"), "madenew\n");
    // `create` wants that there is nothing, not even a link to nothing.
    place.sh("ln -s nothing e/free");
    for name in ["twice", "e/free", "d"] {
        assert_eq!(place.write(how(WriteMode::Create, name), "x").await.unwrap_err().code, Code::FileExists, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn when_asked_to_it_is_synced_before_it_is_seen() {
    // The kernel refuses fsync(2) to this server, so that who calls it is found out.
    let script = "import ctypes, os, platform, sys\n\
        call = {'x86_64': 74, 'aarch64': 82}[platform.machine()]\n\
        class Step(ctypes.Structure):\n  _fields_ = [('c', ctypes.c_ushort), ('t', ctypes.c_ubyte), ('f', ctypes.c_ubyte), ('k', ctypes.c_uint)]\n\
        class Program(ctypes.Structure):\n  _fields_ = [('n', ctypes.c_ushort), ('s', ctypes.POINTER(Step))]\n\
        steps = (Step * 4)((0x20, 0, 0, 0), (0x15, 0, 1, call), (0x06, 0, 0, 0x50005), (0x06, 0, 0, 0x7fff0000))\n\
        libc = ctypes.CDLL(None)\n\
        assert libc.prctl(38, 1, 0, 0, 0) == 0\n\
        assert libc.prctl(22, 2, ctypes.byref(Program(4, steps)), 0, 0) == 0\n\
        os.execvp(sys.argv[1], sys.argv[1:])";
    let place = Place::of(Server::builder().through(["python3", "-c", script])).await;
    for write in MODES {
        let name = format!("f-{write:?}");
        let error = place.write(Write { fsync: true, ..how(write, &name) }, "new").await.unwrap_err();
        assert_eq!((error.code, error.details.get("errno")), (Code::Filesystem, Some(&libc::EIO.into())), "{write:?}");
    }
    let in_place: Vec<_> = [WriteMode::Append, WriteMode::Patch].map(|write| format!("f-{write:?}")).into();
    assert_eq!(place.names(), in_place, "what could not be synced did not replace anything");
    place.write(to("f-Replace"), "new").await.unwrap();
    let place = Place::start().await;
    for write in MODES {
        place.write(Write { fsync: true, ..how(write, &format!("f-{write:?}")) }, "new").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_full_or_read_only_disk_is_told_and_nothing_is_left() {
    let mounts = "mkdir full fixed; echo old > fixed/f; mount -t tmpfs -o size=1m none full; \
                  mount --bind fixed fixed; mount -o remount,ro,bind fixed; echo old > full/f; echo there > full/g";
    let place = Place::with_mounts(mounts).await;
    let large = noise(4, 3_000_000);
    let names = || std::fs::read_dir(place.inside("full")).unwrap().count();
    for write in [WriteMode::Replace, WriteMode::Create] {
        let name = if write == WriteMode::Create { "full/new" } else { "full/f" };
        let error = place.write(how(write, name), large.clone()).await.unwrap_err();
        assert_eq!((error.code, error.details.get("errno")), (Code::NoSpace, Some(&libc::ENOSPC.into())), "{write:?}");
        wait_for("the temporary file to go", || names() == 2).await;
    }
    assert_eq!(std::fs::read(place.inside("full/f")).unwrap(), b"old\n");
    // In place, what fitted is there.
    assert_eq!(place.write(how(WriteMode::Append, "full/g"), large.clone()).await.unwrap_err().code, Code::NoSpace);
    assert!(std::fs::read(place.inside("full/g")).unwrap().starts_with(b"there\n"));
    for write in MODES {
        let name = if write == WriteMode::Create { "fixed/new" } else { "fixed/f" };
        let error = place.write(how(write, name), "x").await.unwrap_err();
        assert_eq!((error.code, error.details.get("errno")), (Code::ReadOnly, Some(&libc::EROFS.into())), "{write:?}");
    }
}
