//! `file.mkdir`, `remove`, `rename`, `move`, `copy`, `chmod`, `symlink`.

use std::os::unix::fs::MetadataExt;

use sandwire::protocol::Code;
use sandwire::protocol::kind::file::{Chmod, Copied, Copy, Mkdir, Remove, Rename, Symlink};
use sandwire::protocol::kind::{FileChmod, FileCopy, FileMkdir, FileMove, FileRemove, FileRename, FileSymlink};
use sandwire_tests::wait::wait_for;

use crate::common::noise;
use crate::kinds::place::{Place, told};

fn rename(from: &str, to: &str) -> Rename {
    Rename { from: from.into(), to: to.into(), no_replace: false }
}

fn copy(from: &str, to: &str) -> Copy {
    Copy { from: from.into(), to: to.into(), ..Copy::default() }
}

fn remove(path: &str) -> Remove {
    Remove { path: path.into(), ..Remove::default() }
}

/// Names, kinds, modes, times and contents of all that is below.
fn picture(place: &Place, dir: &str) -> String {
    place.sh(&format!(
        "cd {dir} && find . -printf '%P %y %m %l %T@\\n' | LC_ALL=C sort && \
         find . -type f | LC_ALL=C sort | xargs -d '\\n' -r sha256sum"
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn directories_are_made() {
    let place = Place::start().await;
    let mkdir = async |path: &str, parents, mode| {
        place.told::<FileMkdir>(&Mkdir { path: path.into(), parents, mode }).await.result.map_err(|error| error.code)
    };
    place.sh("touch f; mkdir there; ln -s there link; ln -s nowhere dangling");
    for (path, plain, with_parents) in [
        ("new", Ok(()), Ok(())),
        ("deep/er", Err(Code::FileNotFound), Ok(())),
        ("there", Err(Code::FileExists), Ok(())),
        ("there/", Err(Code::FileExists), Ok(())),
        ("link", Err(Code::FileExists), Ok(())),
        ("f", Err(Code::FileExists), Err(Code::NotDirectory)),
        ("f/x", Err(Code::NotDirectory), Err(Code::NotDirectory)),
        ("dangling", Err(Code::FileExists), Err(Code::FileNotFound)),
        (".", Err(Code::FileExists), Ok(())),
        ("/", Err(Code::ValidationFailed), Ok(())),
        ("there/..", Err(Code::ValidationFailed), Ok(())),
        ("/proc/x", Err(Code::FileNotFound), Err(Code::FileNotFound)),
    ] {
        assert_eq!(mkdir(path, false, None).await.map(drop), plain, "{path}");
        assert_eq!(mkdir(path, true, None).await.map(drop), with_parents, "{path} with its parents");
    }
    mkdir("a/b/c", true, Some(0o2700)).await.unwrap();
    mkdir("private", false, Some(0o1777)).await.unwrap();
    mkdir("there", true, Some(0o700)).await.unwrap();
    assert_eq!(place.sh("stat -c %a a a/b a/b/c private new there"), "755\n755\n2700\n1777\n755\n755\n");
    assert_eq!(mkdir("no", false, Some(0o10000)).await, Err(Code::ValidationFailed));
    assert!(!place.at("no").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_removed_is_gone_and_nothing_else() {
    let place = Place::start().await;
    let remove = async |path: &str, recursive, force| {
        let params = Remove { recursive, force, ..remove(path) };
        place.told::<FileRemove>(&params).await.result.map(|removed| removed.count).map_err(|error| error.code)
    };
    place.sh("mkdir -p keep/sub tree/a/b/c empty; touch keep/file f tree/x tree/a/y; ln -s ../keep tree/link; \
         ln -s keep link; ln -s nowhere dangling; mkfifo tree/fifo; chmod 000 tree/a/y");
    for (path, recursive, force, expected) in [
        ("tree", false, true, Err(Code::DirectoryNotEmpty)),
        ("none", false, false, Err(Code::FileNotFound)),
        ("none", true, true, Ok(0)),
        ("none/x", false, false, Err(Code::FileNotFound)),
        ("none/x", false, true, Ok(0)),
        ("f/x", false, false, Err(Code::NotDirectory)),
        ("f/x", true, true, Ok(0)),
        ("f", false, false, Ok(1)),
        ("empty", false, false, Ok(1)),
        ("link", true, false, Ok(1)),
        ("dangling", false, false, Ok(1)),
        ("tree", true, false, Ok(8)),
        ("tree", true, false, Err(Code::FileNotFound)),
        ("/proc/version", false, true, Err(Code::PermissionDenied)),
    ] {
        assert_eq!(remove(path, recursive, force).await, expected, "{path} {recursive} {force}");
    }
    assert_eq!(place.sh("find | LC_ALL=C sort"), ".\n./keep\n./keep/file\n./keep/sub\n");
    // A tree of many names and levels, and one that is being filled meanwhile.
    place.sh("mkdir -p many/{0..9}/{0..9}; touch many/{0..9}/{0..9}/{0..39}; mkdir -p $(printf 'many/%.0s' {1..700})");
    assert_eq!(remove("many", true, false).await, Ok(1 + 10 + 100 + 4000 + 699));
    assert_eq!(place.names(), ["keep"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn renames_replace_as_the_kernel_does_or_not_at_all() {
    let place = Place::start().await;
    // (from, to, no_replace, what is said); each twice, as a rename and as a move.
    let cases = [
        ("f", "new", false, None),
        ("f", "g", false, None),
        ("f", "g", true, Some(Code::FileExists)),
        ("f", "new", true, None),
        ("f", "f", false, None),
        ("f", "dangling", true, Some(Code::FileExists)),
        ("f", "d", false, Some(Code::IsDirectory)),
        ("d", "f", false, Some(Code::NotDirectory)),
        ("d", "full", false, Some(Code::DirectoryNotEmpty)),
        ("full", "d", false, None),
        ("full", "d", true, Some(Code::FileExists)),
        ("full", "full/sub/x", false, Some(Code::ValidationFailed)),
        ("link", "moved", false, None),
        ("none", "x", false, Some(Code::FileNotFound)),
        ("f", "none/x", false, Some(Code::FileNotFound)),
        ("f", "g/x", false, Some(Code::NotDirectory)),
    ];
    for (from, to, no_replace, expected) in cases {
        for moved in [false, true] {
            place.sh(
                "rm -rf *; echo f > f; echo g > g; mkdir -p d full/sub; ln -s f link; ln -s nowhere dangling; touch full/x",
            );
            let params = Rename { no_replace, ..rename(from, to) };
            let before = picture(&place, ".");
            let result = if moved {
                place.told::<FileMove>(&params).await.result
            } else {
                place.told::<FileRename>(&params).await.result
            };
            let what = format!("{from} to {to}, {no_replace}, moved {moved}");
            assert_eq!(result.as_ref().err().map(|error| error.code), expected, "{what}: {result:?}");
            match result {
                Err(error) => {
                    assert_eq!(picture(&place, "."), before, "{what}");
                    assert!(error.details.contains_key("path"), "{error:?}");
                }
                Ok(_) if from != to => assert!(std::fs::symlink_metadata(place.at(from)).is_err(), "{what}"),
                Ok(_) => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_move_goes_to_other_file_systems_and_a_rename_says_so() {
    let mounts = "mkdir other small; mount -t tmpfs none other; mount -t tmpfs -o size=200k none small; mkdir other/{full,empty}; echo x > other/full/x; echo f > other/f";
    let place = Place::with_mounts(mounts).await;
    let tree = "rm -rf t u; mkdir -p t/a/b t/empty; head -c 300000 /dev/urandom > t/a/big; echo x > t/a/b/f; ln -s ../a t/a/link; \
                truncate -s 30M t/a/hole; ln -s nowhere t/dangling; mkfifo t/fifo; chmod 750 t/a; chmod 4711 t/a/b/f; chown -h 123:456 t/a/big t/dangling; \
                touch -d @1000000000.5 t/a/b/f t/a t/empty";
    place.sh(tree);
    let before = picture(&place, "t");
    let error = place.refused::<FileRename>(rename("t", "other/t")).await;
    assert_eq!((error.code, error.details.get("errno")), (Code::Filesystem, Some(&libc::EXDEV.into())));
    assert!(error.message.contains("file.move"), "{error}");
    let files = place.files();
    for to in ["other/t", "other/empty"] {
        files.move_with(&rename("t", to)).await.unwrap();
        assert!(!place.at("t").exists());
        let hole = std::fs::metadata(place.inside(to).join("a/hole")).unwrap();
        assert_eq!((hole.len(), hole.blocks()), (30 << 20, 0), "holes stay holes");
        files.move_with(&rename(to, "u")).await.unwrap();
        assert_eq!(picture(&place, "u"), before);
        assert_eq!(place.sh("stat -c '%u:%g' u/a/big u/dangling; mv u t"), "123:456\n123:456\n");
    }
    // What it may not replace stays, and so does what was to be moved; nothing half made is left beside.
    for (from, to, no_replace, code) in [
        ("t", "other/full", false, Code::DirectoryNotEmpty),
        ("t", "other/full", true, Code::FileExists),
        ("t", "other/f", false, Code::NotDirectory),
        ("t/a/big", "other/f", true, Code::FileExists),
        ("t/a/big", "other/full", false, Code::IsDirectory),
        ("t", "small/t", false, Code::NoSpace),
        ("t/a/big", "small/big", false, Code::NoSpace),
    ] {
        let error = place.refused::<FileMove>(Rename { no_replace, ..rename(from, to) }).await;
        assert_eq!(error.code, code, "{from} to {to}: {error}");
        let left = |dir: &str| std::fs::read_dir(place.inside(dir)).unwrap().count();
        assert_eq!((picture(&place, "t"), left("other"), left("small")), (before.clone(), 2, 0), "{from} to {to}");
    }
    files.move_with(&rename("t/a/big", "other/f")).await.unwrap();
    assert_eq!(std::fs::metadata(place.inside("other/f")).unwrap().len(), 300_000);
    assert!(!place.at("t/a/big").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn copies_are_like_what_they_were_made_from() {
    let place = Place::start().await;
    place.sh(
        "mkdir -p t/a/b t/empty; head -c 3000000 /dev/urandom > t/a/big; echo x > t/a/b/f; ln -s ../a t/a/link; \
         ln -s /nowhere t/dangling; chmod 750 t/a; chmod 4711 t/a/b/f; touch -h -d @5 t/dangling; \
         truncate -s 50M t/sparse; echo in the middle | dd of=t/sparse bs=1M seek=20 conv=notrunc status=none; touch -d @1000000000.5 t/a/b/f t/a t/empty t",
    );
    let before = picture(&place, "t");
    let files = place.files();
    let whole = Copy { recursive: true, ..copy("t", "u") };
    assert_eq!(files.copy_with(&whole).await.unwrap(), Copied { count: 9, bytes: 3_000_002 + (50 << 20) });
    assert_eq!((picture(&place, "u"), picture(&place, "t")), (before.clone(), before.clone()));
    assert_eq!(place.sh("stat -c %b u/sparse"), place.sh("stat -c %b t/sparse"), "holes stay holes");
    // Into one that is there, which keeps what else it has.
    place.sh("echo own > u/own; rm u/a/b/f; ln -s /etc/passwd u/a/b/f");
    files.copy_with(&whole).await.unwrap();
    assert_eq!(place.sh("cat u/own u/a/b/f; rm u/own; touch -d @1000000000.5 u"), "own\nx\n");
    assert_eq!(picture(&place, "u"), before);
    // Single ones.
    assert_eq!(files.copy_with(&copy("t/a/b/f", "f")).await.unwrap(), Copied { count: 1, bytes: 2 });
    assert_eq!(place.sh("stat -c '%a %.1Y' f"), "4711 1000000000.5\n");
    assert_eq!(files.copy_with(&copy("t/dangling", "l")).await.unwrap(), Copied { count: 1, bytes: 0 });
    assert_eq!(place.sh("readlink l"), "/nowhere\n");
    files.copy_with(&copy("t/a/b/f", "l")).await.unwrap();
    assert_eq!(place.sh("stat -c %F l; cat l"), "regular file\nx\n", "a link is replaced, not followed");
    files.copy_with(&copy("f", "f")).await.unwrap();
    files.copy_with(&copy("/proc/version", "v")).await.unwrap();
    assert_eq!(place.sh("cat f v"), format!("x\n{}", std::fs::read_to_string("/proc/version").unwrap()));
    let names = place.names();
    let no_replace = |from: &str, to: &str| Copy { no_replace: true, recursive: true, ..copy(from, to) };
    for (params, code) in [
        (copy("t", "x"), Code::IsDirectory),
        (copy("f", "t"), Code::IsDirectory),
        (Copy { recursive: true, ..copy("t", "f") }, Code::NotDirectory),
        (no_replace("t", "u"), Code::FileExists),
        (no_replace("f", "l"), Code::FileExists),
        (no_replace("t/dangling", "l"), Code::FileExists),
        (Copy { recursive: true, ..copy("t", "t") }, Code::ValidationFailed),
        (Copy { recursive: true, ..copy("t", "t/a/b/t") }, Code::ValidationFailed),
        (copy("none", "x"), Code::FileNotFound),
        (copy("f", "none/x"), Code::FileNotFound),
        (copy("f", "f/x"), Code::NotDirectory),
    ] {
        assert_eq!(place.code::<FileCopy>(params.clone()).await, code, "{params:?}");
    }
    assert_eq!((place.names(), picture(&place, "t")), (names, before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_copy_that_is_given_up_leaves_no_part_of_a_file() {
    let place = Place::start().await;
    place.sh("mkdir t; for i in {1..3000}; do echo x > t/$i; done");
    let call = place.client.open::<FileCopy>(&Copy { recursive: true, ..copy("t", "u") }).unwrap();
    wait_for("the copy to begin", || place.at("u").exists()).await;
    call.cancel();
    // It may have been done already.
    if let Err(error) = told(&call).await.result {
        assert_eq!(error.code, Code::Cancelled);
    }
    place.wait_open(0).await;
    assert_eq!(place.sh("find u -type f -empty | wc -l"), "0\n");
    let mounts = "mkdir small; mount -t tmpfs -o size=100k none small";
    let place = Place::with_mounts(mounts).await;
    std::fs::write(place.at("big"), noise(1, 300_000)).unwrap();
    assert_eq!(place.code::<FileCopy>(copy("big", "small/big")).await, Code::NoSpace);
    place.sh("mkdir t; mv big t");
    assert_eq!(place.code::<FileCopy>(Copy { recursive: true, ..copy("t", "small/t") }).await, Code::NoSpace);
    assert_eq!(std::fs::read_dir(place.inside("small/t")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn permissions_are_set_on_one_or_on_all() {
    let place = Place::without_override().await;
    place.sh("mkdir -p t/a; touch t/f t/a/g out; ln -s ../out t/link; ln -s t link; chmod 644 t/f t/a/g out");
    let chmod = async |path: &str, mode, recursive| {
        place.told::<FileChmod>(&Chmod { path: path.into(), mode, recursive }).await.result.map_err(|error| error.code)
    };
    let modes = || place.sh("stat -c %a t t/a t/f t/a/g out").replace('\n', " ");
    chmod("t", 0o1711, false).await.unwrap();
    assert_eq!(modes(), "1711 755 644 644 644 ");
    chmod("link", 0o750, true).await.unwrap();
    assert_eq!(modes(), "750 750 750 750 644 ", "a link is followed at the top, and left out below");
    // Rights that are taken away are taken from the inside out, and given from the outside in.
    chmod("t", 0o000, true).await.unwrap();
    chmod("t", 0o700, true).await.unwrap();
    assert_eq!(modes(), "700 700 700 700 644 ");
    chmod("t/f", 0o6755, true).await.unwrap();
    assert_eq!(place.sh("stat -c %a t/f"), "6755\n");
    for (path, mode, code) in [
        ("t", 0o10000, Code::ValidationFailed),
        ("none", 0o600, Code::FileNotFound),
        ("t/f/x", 0o600, Code::NotDirectory),
        ("/proc/self/status", 0o600, Code::PermissionDenied),
    ] {
        assert_eq!(chmod(path, mode, false).await, Err(code), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn links_say_what_was_asked_for() {
    let place = Place::start().await;
    place.sh("touch f; mkdir d");
    let link = async |path: &str, target: &str| {
        let params = Symlink { path: path.into(), target: target.into() };
        place.told::<FileSymlink>(&params).await.result.map(drop).map_err(|error| error.code)
    };
    for (path, target) in [("a", "f"), ("d/b", "../no/where"), ("c", "/abs"), ("e", "."), ("l", "l")] {
        link(path, target).await.unwrap();
        assert_eq!(std::fs::read_link(place.at(path)).unwrap().to_str(), Some(target));
    }
    let long = "x".repeat(4096);
    for (path, target, code) in [
        ("f", "x", Code::FileExists),
        ("a", "x", Code::FileExists),
        ("no/x", "x", Code::FileNotFound),
        ("f/x", "x", Code::NotDirectory),
        ("x", "", Code::ValidationFailed),
        ("x", "a\0b", Code::ValidationFailed),
        ("x", &long, Code::NameTooLong),
    ] {
        assert_eq!(link(path, target).await, Err(code), "{path} {target:.10}");
    }
}
