//! Reading and writing.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use sandwire_protocol::Code;
use sandwire_protocol::kind::file::WriteMode;

use super::*;

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 7 + at / 251) % 256).unwrap()).collect()
}

#[tokio::test]
async fn what_is_written_is_read() {
    let (dir, files) = workspace();
    for length in [0, 1, 1000, 262_143, 262_144, 262_145, 3_000_000] {
        let content = pattern(length);
        let written = write(&files, Write { path: path("a"), ..Write::default() }, &content).await.unwrap();
        assert_eq!(written.bytes, length as u64);
        let (back, end) = read(&files, Read { path: path("a"), ..Read::default() }).await.unwrap();
        assert!(back == content, "{length}");
        assert_eq!((end.bytes, end.changed), (length as u64, false));
        assert_eq!(end.etag, written.etag);
        assert_eq!(names(dir.path()).len(), 1);
    }
}

#[tokio::test]
async fn ranges_and_tails() {
    let (_dir, files) = workspace();
    let content = pattern(700_000);
    write(&files, Write { path: path("a"), ..Write::default() }, &content).await.unwrap();
    let cases = [
        (Read { offset: Some(10), length: Some(5), ..Read::default() }, &content[10..15]),
        (Read { offset: Some(699_999), ..Read::default() }, &content[699_999..]),
        (Read { offset: Some(10_000_000), ..Read::default() }, &content[..0]),
        (Read { length: Some(0), ..Read::default() }, &content[..0]),
        (Read { length: Some(300_000), ..Read::default() }, &content[..300_000]),
        (Read { tail: Some(3), ..Read::default() }, &content[699_997..]),
        (Read { tail: Some(400_000), length: Some(300_000), ..Read::default() }, &content[300_000..600_000]),
        (Read { tail: Some(u64::MAX), ..Read::default() }, &content[..]),
    ];
    for (params, expected) in cases {
        let (back, _) = read(&files, Read { path: path("a"), ..params.clone() }).await.unwrap();
        assert!(back == expected, "{params:?}: {} of {}", back.len(), expected.len());
    }
    let both = Read { path: path("a"), tail: Some(1), offset: Some(1), ..Read::default() };
    assert_eq!(read(&files, both).await.unwrap_err().code, Code::ValidationFailed);
}

#[tokio::test]
async fn files_without_a_size_have_content() {
    let (_dir, files) = workspace();
    let (content, _) = read(&files, Read { path: path("/proc/self/status"), ..Read::default() }).await.unwrap();
    assert!(content.starts_with(b"Name:"));
    let (tail, _) =
        read(&files, Read { path: path("/proc/sys/kernel/ostype"), tail: Some(3), ..Read::default() }).await.unwrap();
    assert_eq!(tail, b"ux\n");
    let (sys, _) = read(&files, Read { path: path("/sys/kernel/mm/transparent_hugepage/enabled"), ..Read::default() })
        .await
        .unwrap();
    assert!(!sys.is_empty());
}

#[tokio::test]
async fn what_is_no_file_is_refused_without_hanging() {
    let (dir, files) = workspace();
    shell(dir.path(), "mkfifo fifo; mkdir dir; ln -s loop loop; touch file");
    let cases = [
        ("fifo", Code::SpecialFile),
        ("/dev/zero", Code::SpecialFile),
        ("dir", Code::IsDirectory),
        ("loop", Code::TooManyLinks),
        ("none", Code::FileNotFound),
        ("file/x", Code::NotDirectory),
        ("", Code::ValidationFailed),
        ("a\0b", Code::ValidationFailed),
    ];
    for (name, code) in cases {
        let error = read(&files, Read { path: path(name), ..Read::default() }).await.unwrap_err();
        assert_eq!(error.code, code, "read {name:?}: {error}");
        if name != "none" {
            let error = write(&files, Write { path: path(name), ..Write::default() }, b"x").await.unwrap_err();
            assert_eq!(error.code, code, "write {name:?}: {error}");
        }
    }
    let long = read(&files, Read { path: path("x".repeat(300)), ..Read::default() }).await.unwrap_err();
    assert_eq!(long.code, Code::NameTooLong);
    assert_eq!(long.details.get("errno"), Some(&libc::ENAMETOOLONG.into()));
    let long = read(&files, Read { path: path("x/".repeat(3000)), ..Read::default() }).await.unwrap_err();
    assert_eq!(long.code, Code::NameTooLong);
    let append = Write { path: path("fifo"), how: Some(WriteMode::Append), ..Write::default() };
    assert_eq!(write(&files, append, b"x").await.unwrap_err().code, Code::SpecialFile);
}

#[tokio::test]
async fn a_change_while_reading_is_told() {
    let (dir, files) = workspace();
    std::fs::write(dir.path().join("a"), pattern(2_000_000)).unwrap();
    let mut reader = files.read(Read { path: path("a"), ..Read::default() }).await.unwrap();
    assert_eq!(reader.info().size, 2_000_000);
    reader.next(1000).await.unwrap().unwrap();
    shell(dir.path(), "echo more >> a");
    while reader.next(65536).await.unwrap().is_some() {}
    let end = reader.end().await.unwrap();
    assert!(end.changed);
    assert_eq!(end.bytes, 2_000_005);
}

#[tokio::test]
async fn replacing_keeps_mode_owner_and_link() {
    let (dir, files) = workspace();
    shell(
        dir.path(),
        "echo old > real; chmod 751 real; chown 12:34 real; ln -s real link; mkdir d; ln -s ../new d/dangling",
    );
    write(&files, Write { path: path("link"), fsync: true, ..Write::default() }, b"new").await.unwrap();
    let meta = dir.path().join("real").metadata().unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.uid(), meta.gid()), (0o751, 12, 34));
    assert!(dir.path().join("link").is_symlink());
    assert_eq!(std::fs::read(dir.path().join("real")).unwrap(), b"new");
    write(&files, Write { path: path("d/dangling"), ..Write::default() }, b"x").await.unwrap();
    assert_eq!(std::fs::read(dir.path().join("new")).unwrap(), b"x");
    let mask = u32::from_str_radix(shell(dir.path(), "umask").trim(), 8).unwrap();
    assert_eq!(dir.path().join("new").metadata().unwrap().permissions().mode() & 0o7777, 0o644 & !mask);
    write(&files, Write { path: path("p/q/r"), parents: true, mode: Some(0o4711), ..Write::default() }, b"x")
        .await
        .unwrap();
    assert_eq!(dir.path().join("p/q/r").metadata().unwrap().mode() & 0o7777, 0o4711);
}

#[tokio::test]
async fn without_the_end_nothing_has_changed() {
    let (dir, files) = workspace();
    std::fs::write(dir.path().join("a"), "old").unwrap();
    let before = picture(dir.path());
    let mut writer = files.write(Write { path: path("a"), ..Write::default() }).unwrap();
    for _ in 0..8 {
        writer.push(pattern(200_000).into()).await.unwrap();
    }
    assert_eq!(names(dir.path()).len(), 2, "there is a temporary file now");
    drop(writer);
    // The last batch may still be on its way on another thread.
    while names(dir.path()).len() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(picture(dir.path()), before);
    let error = write(&files, Write { path: path("a"), size: Some(4), ..Write::default() }, b"abc").await.unwrap_err();
    assert_eq!(error.code, Code::ValidationFailed);
    let error = write(&files, Write { path: path("a"), size: Some(2), ..Write::default() }, b"abc").await.unwrap_err();
    assert_eq!(error.code, Code::ValidationFailed);
    assert_eq!(picture(dir.path()), before);
}

#[tokio::test]
async fn create_append_patch() {
    let (dir, files) = workspace();
    let how = |name: &str, how, offset| Write { path: path(name), how: Some(how), offset, ..Write::default() };
    write(&files, how("a", WriteMode::Create, None), b"one").await.unwrap();
    assert_eq!(write(&files, how("a", WriteMode::Create, None), b"x").await.unwrap_err().code, Code::FileExists);
    shell(dir.path(), "ln -s nowhere dangling");
    assert_eq!(write(&files, how("dangling", WriteMode::Create, None), b"x").await.unwrap_err().code, Code::FileExists);
    write(&files, how("a", WriteMode::Append, None), b"two").await.unwrap();
    write(&files, how("a", WriteMode::Patch, Some(1)), b"NE").await.unwrap();
    assert_eq!(std::fs::read(dir.path().join("a")).unwrap(), b"oNEtwo");
    let mut writer = files.write(how("b", WriteMode::Create, None)).unwrap();
    writer.push(b"mine".as_slice().into()).await.unwrap();
    std::fs::write(dir.path().join("b"), "theirs").unwrap();
    assert_eq!(writer.finish().await.unwrap_err().code, Code::FileExists);
    assert_eq!(std::fs::read(dir.path().join("b")).unwrap(), b"theirs");
    assert_eq!(names(dir.path()).len(), 2 + 1);
}

#[tokio::test]
async fn a_condition_on_the_tag_holds_to_the_end() {
    let (dir, files) = workspace();
    let first = write(&files, Write { path: path("a"), ..Write::default() }, b"1").await.unwrap();
    let on = |tag: &str| Write { path: path("a"), if_match: Some(tag.to_owned()), ..Write::default() };
    let second = write(&files, on(&first.etag), b"2").await.unwrap();
    assert_ne!(first.etag, second.etag);
    assert_eq!(write(&files, on(&first.etag), b"3").await.unwrap_err().code, Code::PreconditionFailed);
    let mut writer = files.write(on(&second.etag)).unwrap();
    for _ in 0..3 {
        writer.push(pattern(200_000).into()).await.unwrap();
    }
    shell(dir.path(), "echo other > a");
    assert_eq!(writer.finish().await.unwrap_err().code, Code::PreconditionFailed);
    assert_eq!(std::fs::read(dir.path().join("a")).unwrap(), b"other\n");
    assert_eq!(names(dir.path()).len(), 1);
    std::fs::remove_file(dir.path().join("a")).unwrap();
    assert_eq!(write(&files, on(&first.etag), b"3").await.unwrap_err().code, Code::PreconditionFailed);
}

#[tokio::test]
async fn a_full_disk_leaves_nothing() {
    let mount = Mount::tmpfs("1m");
    let files = Files::new(mount.path().to_owned(), Arc::default());
    std::fs::write(mount.path().join("a"), "old").unwrap();
    let error = write(&files, Write { path: path("a"), ..Write::default() }, &pattern(3_000_000)).await.unwrap_err();
    assert_eq!(error.code, Code::NoSpace);
    assert_eq!(error.details.get("errno"), Some(&libc::ENOSPC.into()));
    assert_eq!(std::fs::read(mount.path().join("a")).unwrap(), b"old");
    assert_eq!(names(mount.path()).len(), 1);
}

#[tokio::test]
async fn readers_see_the_old_or_the_new() {
    let (dir, files) = workspace();
    std::fs::write(dir.path().join("a"), vec![b'a'; 100_000]).unwrap();
    let file = dir.path().join("a");
    let watcher = std::thread::spawn(move || {
        let mut seen = 0;
        while seen < 200 {
            let content = std::fs::read(&file).unwrap();
            assert_eq!(content.len(), 100_000);
            assert!(content.iter().all(|byte| *byte == content[0]));
            seen += 1;
        }
    });
    let mut letter = 0;
    while !watcher.is_finished() {
        letter = (letter + 1) % 26;
        let content = vec![b'a' + letter; 100_000];
        write(&files, Write { path: path("a"), ..Write::default() }, &content).await.unwrap();
    }
    watcher.join().unwrap();
}

#[tokio::test]
async fn names_that_are_not_text() {
    let (dir, files) = workspace();
    let name = b"caf\xe9\xff \n";
    write(&files, Write { path: path(name), ..Write::default() }, b"x").await.unwrap();
    assert!(dir.path().join(std::ffi::OsStr::from_bytes(name)).exists());
    assert_eq!(read(&files, Read { path: path(name), ..Read::default() }).await.unwrap().0, b"x");
}
