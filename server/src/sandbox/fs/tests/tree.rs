//! Trees as tar, with GNU tar on the other side.

use std::io::Write as _;
use std::process::Stdio;

use sandwire_protocol::Code;
use sandwire_protocol::kind::file::{TreeEnd, TreeRead, TreeWrite};

use super::*;

const TREE: &str = "mkdir -p t/empty t/sub; echo a > t/a; head -c 300000 /dev/urandom > t/sub/big; : > t/none; \
    ln -s ../a t/sub/link; ln -s /no/where t/broken; ln t/a t/sub/hard; chmod 711 t/sub; chmod 400 t/a; \
    n=$(printf 'long%.0s' {1..50}); mkdir -p t/$n/$n; echo deep > t/$n/$n/$n; ln -s $n/$n/$n t/longlink; \
    echo bytes > $'t/caf\\xe9\\xff'; echo text > t/größe; touch -d '@-5.25' t/none; touch -d @1500000000.123456789 t/sub t/empty";

async fn pack(files: &Files, params: TreeRead) -> Result<(Vec<u8>, TreeEnd), Error> {
    let mut reader = files.tree_read(params).await?;
    let mut all = Vec::new();
    while let Some(piece) = reader.next(50_000).await {
        all.extend_from_slice(&piece);
    }
    Ok((all, reader.end().await?))
}

async fn unpack(files: &Files, to: &str, archive: &[u8]) -> Result<TreeEnd, Error> {
    let mut writer = files.tree_write(TreeWrite { path: path(to), owners: false }).await?;
    for piece in archive.chunks(7000) {
        if !writer.push(Bytes::copy_from_slice(piece)).await {
            break;
        }
    }
    writer.finish().await
}

fn gnu(dir: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut tar = Command::new("tar")
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = tar.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = tar.wait_with_output().unwrap();
    assert!(output.status.success());
    drop(writer.join().unwrap());
    output.stdout
}

#[tokio::test]
async fn gnu_tar_reads_what_is_packed() {
    let (dir, files) = workspace();
    shell(dir.path(), TREE);
    shell(dir.path(), "mkfifo t/fifo");
    let (archive, end) = pack(&files, TreeRead { path: path("t"), ..TreeRead::default() }).await.unwrap();
    assert_eq!(end.skipped, [path("fifo")]);
    std::fs::create_dir(dir.path().join("u")).unwrap();
    gnu(&dir.path().join("u"), &["-xp"], &archive);
    std::fs::remove_file(dir.path().join("t/fifo")).unwrap();
    shell(dir.path(), "touch -d @7 t/sub t/empty; touch -d @7 u/sub u/empty");
    assert_eq!(picture(&dir.path().join("u")), picture(&dir.path().join("t")));
    let listed = gnu(dir.path(), &["-t"], &archive);
    assert_eq!(listed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64, end.entries);
}

#[tokio::test]
async fn what_gnu_tar_packs_is_unpacked() {
    let (dir, files) = workspace();
    shell(dir.path(), TREE);
    for format in ["pax", "gnu", "oldgnu"] {
        let archive = gnu(dir.path(), &["-C", "t", "--format", format, "-c", "."], b"");
        let end = unpack(&files, format, &archive).await.unwrap();
        let (t, u) = (dir.path().join("t"), dir.path().join(format));
        assert_eq!(picture(&u), picture(&t), "{format}");
        assert!(end.entries > 10 && end.bytes > 300_000, "{end:?}");
        // Once more over what is there.
        unpack(&files, format, &archive).await.unwrap();
        assert_eq!(picture(&u), picture(&t), "{format}");
    }
}

#[tokio::test]
async fn there_and_back_again() {
    let (dir, files) = workspace();
    shell(dir.path(), TREE);
    let (archive, packed) = pack(&files, TreeRead { path: path("t"), ..TreeRead::default() }).await.unwrap();
    let unpacked = unpack(&files, "new/place", &archive).await.unwrap();
    assert_eq!(picture(&dir.path().join("new/place")), picture(&dir.path().join("t")));
    assert_eq!((packed.entries, packed.bytes), (unpacked.entries, unpacked.bytes));
    let times = "cd $0 && stat -c '%y' sub empty none";
    let exact = |at: &str| shell(dir.path(), &times.replace("$0", at));
    assert_eq!(exact("t"), exact("new/place"));
    let (single, _) = pack(&files, TreeRead { path: path("t/a"), ..TreeRead::default() }).await.unwrap();
    assert_eq!(gnu(dir.path(), &["-t"], &single), b"a\n");
    let some =
        TreeRead { path: path("t"), include: vec!["sub/*".into()], exclude: vec!["big".into()], ..TreeRead::default() };
    let (some, _) = pack(&files, some).await.unwrap();
    assert_eq!(gnu(dir.path(), &["-t"], &some), b"sub/hard\nsub/link\n");
}

#[tokio::test]
async fn a_checkout_of_git_survives() {
    let (dir, files) = workspace();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let clone = format!("git clone -q --no-hardlinks {} r", repository.display());
    shell(dir.path(), &clone);
    let (archive, _) = pack(&files, TreeRead { path: path("r"), ..TreeRead::default() }).await.unwrap();
    unpack(&files, "copy", &archive).await.unwrap();
    assert_eq!(shell(&dir.path().join("copy"), "git status --porcelain; git fsck --no-progress --no-dangling"), "");
}

#[tokio::test]
async fn hostile_archives_stay_inside() {
    let (dir, files) = workspace();
    shell(dir.path(), "mkdir out; echo secret > out/secret; mkdir e; ln -s ../out e/dir; echo evil > e/x; ln e/x e/y");
    let before = picture(&dir.path().join("out"));
    let cases: &[(&[&str], &str)] = &[
        (&["-c", "--transform", "s|^x|../out/x|", "x"], "../out/x"),
        (&["-cP", "--transform", "s|^x|/tmp/sandwire-x|", "x"], "/tmp/sandwire-x"),
        (&["-c", "--transform", "s|^x|dir/x|", "dir", "x"], "dir/x"),
        (&["-c", "--transform", "s|^x|dir/secret|", "dir", "x"], "dir/secret"),
        (&["-c", "--transform", "s|^x|a/../../out/x|", "x"], "a/../../out/x"),
        (&["-c", "--hard-dereference", "--transform", "s|^x|dir|;s|^y|dir/y|", "x", "y"], "dir/y"),
    ];
    for (number, (arguments, entry)) in cases.iter().enumerate() {
        let mut arguments = arguments.to_vec();
        arguments.insert(1, "-P");
        let archive = gnu(&dir.path().join("e"), &arguments, b"");
        let error = unpack(&files, &format!("u{number}"), &archive).await.unwrap_err();
        assert_eq!(error.code, Code::ValidationFailed, "{arguments:?}: {error}");
        assert_eq!(error.details.get("entry"), Some(&(*entry).into()));
    }
    // A file over a link replaces the link.
    shell(dir.path(), "mkdir over; ln -s ../out/secret over/x");
    let archive = gnu(&dir.path().join("e"), &["-c", "x"], b"");
    unpack(&files, "over", &archive).await.unwrap();
    assert_eq!(std::fs::read(dir.path().join("over/x")).unwrap(), b"evil\n");
    // A hard link to what is outside.
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Link);
    header.set_path("h").unwrap();
    header.as_old_mut().linkname[..13].copy_from_slice(b"../out/secret");
    header.set_size(0);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    let mut archive = header.as_bytes().to_vec();
    archive.extend_from_slice(&[0; 1024]);
    assert_eq!(unpack(&files, "link", &archive).await.unwrap_err().code, Code::ValidationFailed);
    assert_eq!(picture(&dir.path().join("out")), before);
}

#[tokio::test]
async fn broken_archives_are_told() {
    let (dir, files) = workspace();
    shell(dir.path(), TREE);
    let (archive, _) = pack(&files, TreeRead { path: path("t/sub/big"), ..TreeRead::default() }).await.unwrap();
    for cut in [0, 100, 600, 100_000, archive.len() - 1024] {
        let error = unpack(&files, "u", &archive[..cut]).await.unwrap_err();
        assert_eq!(error.code, Code::ValidationFailed, "{cut}: {error}");
    }
    assert!(!dir.path().join("u/big").exists() || dir.path().join("u/big").metadata().unwrap().len() == 300_000);
    let mut wrong = archive;
    wrong[0] ^= 1;
    assert!(unpack(&files, "v", &wrong).await.unwrap_err().message.contains("checksum"));
    let mount = Mount::tmpfs("100k");
    let (archive, _) = pack(&files, TreeRead { path: path("t/sub/big"), ..TreeRead::default() }).await.unwrap();
    let error = unpack(&files, mount.path().join("x").to_str().unwrap(), &archive).await.unwrap_err();
    assert_eq!((error.code, error.details.get("entry")), (Code::NoSpace, Some(&"big".into())));
    assert!(names(&mount.path().join("x")).is_empty());
}

#[tokio::test]
async fn a_file_that_changes_does_not_break_the_archive() {
    let (dir, files) = workspace();
    for (name, command) in [("shrinks", "truncate -s 1000 t/1"), ("grows", "head -c 9000000 /dev/zero >> t/1")] {
        shell(dir.path(), "rm -rf t; mkdir t; head -c 5000000 /dev/urandom > t/1; echo after > t/2");
        let mut reader = files.tree_read(TreeRead { path: path("t"), ..TreeRead::default() }).await.unwrap();
        let mut archive = reader.next(1000).await.unwrap().to_vec();
        shell(dir.path(), command);
        while let Some(piece) = reader.next(100_000).await {
            archive.extend_from_slice(&piece);
        }
        assert_eq!(reader.end().await.unwrap().skipped, [path("1")], "{name}");
        std::fs::create_dir(dir.path().join(name)).unwrap();
        gnu(&dir.path().join(name), &["-x"], &archive);
        assert_eq!(dir.path().join(name).join("1").metadata().unwrap().len(), 5_000_000);
        assert_eq!(std::fs::read(dir.path().join(name).join("2")).unwrap(), b"after\n");
    }
}
