//! `file.tree_read` and `file.tree_write`, with other programs' tar on the other side.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use sandwire::Reply;
use sandwire::protocol::error::Detail;
use sandwire::protocol::kind;
use sandwire::protocol::kind::file::{TreeEnd, TreeRead, TreeWrite};
use sandwire::protocol::{ByteString, Code, Error};
use sandwire_tests::wait::wait_for;

use super::place::{Place, bash, told};
use crate::common::noise;

/// Everything that a tree may hold, in `t`.
pub(super) const TREE: &str = "mkdir -p t/empty t/sub; echo a > t/a; head -c 300000 /dev/urandom > t/sub/big; : > t/none; \
    ln -s ../a t/sub/link; ln -s /no/where t/broken; ln t/a t/sub/hard; chmod 711 t/sub; chmod 400 t/a; chmod 1777 t/empty; \
    n=$(printf 'long%.0s' {1..50}); mkdir -p t/$n/$n; echo deep > t/$n/$n/$n; ln -s $n/$n/$n t/longlink; \
    echo bytes > $'t/caf\\xe9\\xff'; echo text > t/größe; echo line > $'t/a\\nb'; touch -d '@-5.25' t/none; \
    truncate -s 300000 t/hole; touch -d @1500000000.123456789 t/sub t/empty; touch -h -d @1234567890 t/broken";

fn read(path: &str) -> TreeRead {
    TreeRead { path: path.into(), ..TreeRead::default() }
}

pub(super) fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

async fn pack(place: &Place, params: TreeRead) -> (Vec<u8>, TreeEnd) {
    let told = place.told::<kind::TreeRead>(&params).await;
    (told.bytes, told.result.unwrap())
}

async fn unpack(place: &Place, params: &TreeWrite, archive: impl Into<Bytes>) -> Result<TreeEnd, Error> {
    let call = place.client.open::<kind::TreeWrite>(params).unwrap();
    // What is refused ends before all is sent.
    if call.write(0, archive.into()).await.is_ok() {
        let _ = call.end(0);
    }
    told(&call).await.result
}

fn into(path: &str) -> TreeWrite {
    TreeWrite { path: path.into(), owners: false }
}

/// What `program` makes of `input`, in a directory.
pub(super) fn piped(dir: &Path, program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new(program);
    let mut child =
        command.args(arguments).current_dir(dir).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}");
        output.stdout
    })
}

/// An archive that this Python makes with `add(name, content, attribute = value, …)`.
pub(super) fn archive(script: &str) -> Vec<u8> {
    let head = "import io, sys, tarfile as T\n\
        out = io.BytesIO()\n\
        t = T.open(fileobj=out, mode='w', format=T.PAX_FORMAT)\n\
        def add(name, content=b'', **attributes):\n  \
          i = T.TarInfo(name); i.size = len(content)\n  \
          for k, v in attributes.items(): setattr(i, k, v)\n  \
          t.addfile(i, io.BytesIO(content))\n\
        def link(name, to, type=T.SYMTYPE): add(name, type=type, linkname=to)\n";
    let tail = "\nt.close() if not t.closed else None\nsys.stdout.buffer.write(out.getvalue())";
    piped(Path::new("/"), "python3", &["-c", &format!("{head}{script}{tail}")], b"")
}

/// Names, kinds, modes, targets, times, link counts and contents of all that is below.
fn picture(dir: &Path) -> String {
    picture_with("%T@", dir)
}

/// The same, with times as find(1) is told to show them.
fn picture_with(time: &str, dir: &Path) -> String {
    bash(
        dir,
        &"find . -mindepth 1 -printf '%P %y %m %l TIME %n %s\\0' | LC_ALL=C sort -z | sed -z 's/^\\(.* d .*\\) [0-9]*$/\\1/' | cat -v; \
         find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum"
            .replace("TIME", time),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_packed_is_what_tar_unpacks() {
    let place = Place::start().await;
    place.sh(TREE);
    place.sh("mkfifo t/fifo; mkdir u");
    let (archive, end) = pack(&place, read("t")).await;
    assert_eq!(end.skipped, [ByteString::from("fifo")]);
    piped(&place.at("u"), "tar", &["-xp"], &archive);
    place.sh("rm t/fifo; touch -d @1500000000 t/sub u/sub");
    assert_eq!(picture(&place.at("u")), picture(&place.at("t")));
    let listed = piped(&place.at("u"), "tar", &["-t", "--quoting-style=escape"], &archive);
    assert_eq!(listed.split(|byte| *byte == b'\n').count() as u64 - 1, end.entries);
    assert!(!listed.windows(2).any(|two| two == b"./") && listed.windows(7).any(|name| name == b"\nempty/"));
    // a big none hole and the rest; the hard link has no content of its own.
    assert_eq!(end.bytes, 2 + 300_000 + 300_000 + 5 + 6 + 5 + 5);
    let (single, end) = pack(&place, read("t/a")).await;
    assert_eq!((piped(&place.at("u"), "tar", &["-xO"], &single), end.entries, end.bytes), (b"a\n".to_vec(), 1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_others_pack_is_unpacked() {
    let place = Place::start().await;
    place.sh(TREE);
    let dir = place.server.workspace();
    for format in ["pax", "gnu", "oldgnu"] {
        let archive = piped(&dir, "tar", &["-C", "t", "--format", format, "-c", "."], b"");
        let end = unpack(&place, &into(&format!("new/{format}")), archive.clone()).await.unwrap();
        // Only pax has parts of a second.
        let picture = |dir: &Path| picture_with(if format == "pax" { "%T@" } else { "%Ts" }, dir);
        assert_eq!(picture(&dir.join("new").join(format)), picture(&dir.join("t")), "{format}");
        assert!(end.skipped.is_empty());
        // Over what is there: files and links are replaced, never written through; directories stay.
        place.sh(&format!(
            "cd new/{format}; echo secret > ../../secret; ln -sf ../../secret a; rm broken; echo file > broken; \
             touch own; chmod 700 sub; rm -r none; mkdir none; rmdir none; ln sub/big out"
        ));
        unpack(&place, &into(&format!("new/{format}")), archive).await.unwrap();
        place.sh(&format!("rm new/{format}/own new/{format}/out; [ $(cat secret) = secret ]"));
        assert_eq!(picture(&dir.join("new").join(format)), picture(&dir.join("t")), "{format} again");
    }
    for format in ["v7", "ustar"] {
        let archive = piped(&dir, "tar", &["--format", format, "-c", "t/a", "t/sub/link", "t/empty"], b"");
        let end = unpack(&place, &into(format), archive).await.unwrap();
        assert_eq!((end.entries, end.bytes), (3, 2), "{format}");
        let names = format!("cd {format}/t; readlink sub/link; cat a; stat -c %a a empty");
        assert_eq!(place.sh(&names), "../a\na\n400\n1777\n", "{format}");
    }
    // From here to here, with the content in every size of piece.
    let (archive, packed) = pack(&place, read("t")).await;
    let call = place.client.open::<kind::TreeWrite>(&into("pieces")).unwrap();
    let mut rest = Bytes::from(archive);
    for size in std::iter::successors(Some(1), |size| Some(size * 2 + 1)) {
        if rest.is_empty() {
            break;
        }
        call.write(0, rest.split_to(size.min(rest.len()))).await.unwrap();
    }
    call.end(0).unwrap();
    let unpacked = told(&call).await.result.unwrap();
    assert_eq!((packed.entries, packed.bytes), (unpacked.entries, unpacked.bytes));
    assert_eq!(picture(&dir.join("pieces")), picture(&dir.join("t")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn globs_and_ignore_files_choose() {
    let place = Place::start().await;
    place.sh(
        "git init -q r; mkdir -p r/t/src/sub r/t/out; touch r/t/{a.rs,b.log} r/t/src/{c.rs,d.log} r/t/src/sub/e.rs r/t/out/f.rs r/t/.h; \
         echo '*.log' > r/.gitignore; echo /out > r/t/.gitignore",
    );
    let names = async |params: TreeRead| {
        let (archive, _) = pack(&place, params).await;
        String::from_utf8(piped(Path::new("/"), "tar", &["-t"], &archive)).unwrap()
    };
    let all = ".gitignore\n.h\na.rs\nb.log\nout/\nout/f.rs\nsrc/\nsrc/c.rs\nsrc/d.log\nsrc/sub/\nsrc/sub/e.rs\n";
    assert_eq!(names(read("r/t")).await, all);
    for (include, exclude, gitignore, expected) in [
        (["*.rs"].as_slice(), [].as_slice(), false, "a.rs\nout/f.rs\nsrc/c.rs\nsrc/sub/e.rs\n"),
        (&["src/**"], &["*.log"], false, "src/c.rs\nsrc/sub/\nsrc/sub/e.rs\n"),
        (&[], &["src", "out"], false, ".gitignore\n.h\na.rs\nb.log\n"),
        (&[], &[], true, ".gitignore\n.h\na.rs\nsrc/\nsrc/c.rs\nsrc/sub/\nsrc/sub/e.rs\n"),
        (&["*.rs"], &["sub"], true, "a.rs\nsrc/c.rs\n"),
        (&["none"], &[], false, ""),
    ] {
        let params = TreeRead { include: strings(include), exclude: strings(exclude), gitignore, ..read("r/t") };
        assert_eq!(names(params).await, expected, "{include:?} {exclude:?} {gitignore}");
    }
    for (include, exclude) in [(vec!["[".to_owned()], vec![]), (vec![], vec!["{".to_owned()])] {
        let code = place.code::<kind::TreeRead>(TreeRead { include, exclude, ..read("r/t") }).await;
        assert_eq!(code, Code::ValidationFailed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_could_not_be_packed_as_it_is_is_told() {
    let place = Place::without_override().await;
    place.sh("mkdir -p t/shut; echo x > t/closed; echo y > t/shut/in; chmod 000 t/closed t/shut; echo z > t/open");
    let (archive, end) = pack(&place, read("t")).await;
    assert_eq!(end.skipped, ["closed", "shut"].map(ByteString::from).to_vec());
    assert_eq!(piped(Path::new("/"), "tar", &["-t"], &archive), b"open\nshut/\n");
    assert_eq!(place.code::<kind::TreeRead>(read("t/shut")).await, Code::PermissionDenied);
    // One that shrinks while it is read is filled up, one that grows is cut; both are told, and the archive is whole.
    for change in ["truncate -s 1000 u/big", "echo more >> u/big", "rm u/big; echo other > u/big"] {
        place.sh("rm -rf u; mkdir u; head -c 8000000 /dev/urandom > u/big; echo last > u/z");
        let call = place.client.open::<kind::TreeRead>(&read("u")).unwrap();
        let Reply::Data(0, first) = call.recv().await else { panic!("no data") };
        place.sh(change);
        let rest = told(&call).await;
        let whole = [first.as_ref(), &rest.bytes].concat();
        let replaced = change.starts_with("rm");
        let expected = if replaced { vec![] } else { vec![ByteString::from("big")] };
        assert_eq!(rest.result.unwrap().skipped, expected, "{change}");
        assert_eq!(piped(Path::new("/"), "tar", &["-xO", "z"], &whole), b"last\n", "{change}");
        assert_eq!(piped(Path::new("/"), "tar", &["-xO", "big"], &whole).len(), 8_000_000, "{change}");
    }
    // At most 100 are named.
    place.sh("mkdir v; for i in {1..120}; do mkfifo v/$i; done");
    let (_, end) = pack(&place, read("v")).await;
    assert_eq!((end.entries, end.skipped.len()), (0, 100));
    // Nothing stays open when the reader goes.
    let call = place.client.open::<kind::TreeRead>(&read("u")).unwrap();
    place.sh("head -c 8000000 /dev/urandom > u/big");
    assert!(matches!(call.recv().await, Reply::Data(..)));
    drop(call);
    place.wait_open(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rights_are_taken_only_when_asked_for() {
    let place = Place::start().await;
    let made = archive(
        "add('f', b'x', mode=0o6755, uid=1234, gid=5678, mtime=1500000000.25)\nadd('d', type=T.DIRTYPE, mode=0o3755, uid=1234)\nlink('l', 'f')",
    );
    unpack(&place, &into("plain"), made.clone()).await.unwrap();
    assert_eq!(place.sh("cd plain; stat -c '%a %u %g %.2Y' f; stat -c '%a %u' d"), "755 0 0 1500000000.25\n1755 0\n");
    unpack(&place, &TreeWrite { owners: true, ..into("full") }, made.clone()).await.unwrap();
    assert_eq!(place.sh("cd full; stat -c '%a %u %g' f; stat -c '%a %u' d"), "6755 1234 5678\n3755 1234\n");
    let prefix = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--reuid", "65534", "--clear-groups"];
    let other = tempfile::tempdir().unwrap();
    bash(other.path(), "chmod 777 .");
    let builder = sandwire_tests::server::Server::builder().arg("--workspace").arg(other.path()).through(prefix);
    let nobody = Place::of(builder).await;
    let owners = TreeWrite { owners: true, ..into("x") };
    assert_eq!(unpack(&nobody, &owners, made.clone()).await.unwrap_err().code, Code::PermissionDenied);
    unpack(&nobody, &into("y"), made).await.unwrap();
    assert_eq!(std::fs::metadata(other.path().join("y/f")).unwrap().uid(), 65534);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn hostile_archives_stay_inside_and_are_told_apart() {
    let place = Place::start().await;
    place.sh("mkdir out; echo secret > out/secret; mkdir in; ln -s ../out in/there");
    let outside = || (picture(&place.at("out")), place.names());
    let before = outside();
    // (what the archive holds, the entry that is named, what it says)
    for (script, entry, says) in [
        ("add('../out/x', b'evil')", "../out/x", "outside"),
        ("add('a/../../out/x', b'evil')", "a/../../out/x", "outside"),
        ("add('..', type=T.DIRTYPE)", "..", "outside"),
        ("add('/tmp/sandwire-evil', b'evil')", "/tmp/sandwire-evil", "absolute"),
        ("link('l', '../out')\nadd('l/x', b'evil')", "l/x", "symbolic link"),
        ("link('l', '../out')\nadd('l/d', type=T.DIRTYPE)", "l/d", "symbolic link"),
        ("link('l', '.')\nlink('l/m', '../out')\nadd('l/m/x', b'evil')", "l/m", "symbolic link"),
        ("add('there/x', b'evil')", "there/x", "symbolic link"),
        ("add('there', type=T.DIRTYPE, mode=0)", "there", "symbolic link"),
        ("link('h', '../out/secret', T.LNKTYPE)", "h", "outside"),
        ("link('h', '/etc/passwd', T.LNKTYPE)", "h", "outside"),
        ("link('h', 'there/secret', T.LNKTYPE)", "h", "symbolic link"),
        ("add('f', b'x')\nadd('f/x', b'evil')", "f/x", "not a directory"),
        ("add('f', b'x')\nadd('f', type=T.DIRTYPE)", "f", "not a directory"),
        ("i = T.TarInfo('x'); i.pax_headers = {'path': 'a\\0b'}; t.addfile(i)", "a\0b", "NUL"),
        ("i = T.TarInfo('x'); i.pax_headers = {'path': '../out/x'}; t.addfile(i)", "../out/x", "outside"),
        ("i = T.TarInfo('x'); i.pax_headers = {'comment': 'x' * 70000}; t.addfile(i)", "(the beginning)", "at most"),
        ("i = T.TarInfo('x'); i.pax_headers = {'GNU.sparse.major': '1'}; t.addfile(i)", "(the beginning)", "sparse"),
        ("add('a', b'1' * 600)\nt.close()\nout.truncate(512 + 100)", "a", "in the middle"),
        ("add('a', b'1' * 600)\nadd('b')\nt.close()\nout.truncate(2048)", "b", "without its end"),
        ("add('a')\nt.close()\nout.truncate(700)", "a", "without its end"),
        ("t.close(); out.seek(0); out.write(b'not a tar' * 1000)", "(the beginning)", "checksum"),
        (
            "t.close(); import gzip; v = gzip.compress(out.getvalue()); out.seek(0); out.write(v + b'x' * 600)",
            "(the beginning)",
            "checksum",
        ),
        ("t.close(); out.truncate(0)", "(the beginning)", "without its end"),
        (
            "add('a')\nb = bytearray(out.getvalue()[:512]); b[124:136] = b'not a size!!'\n\
             b[148:156] = b' ' * 8; b[148:156] = b'%06o\\0 ' % sum(b); out.seek(0); out.write(b); t.close()",
            "(the beginning)",
            "not a number",
        ),
    ] {
        let error = unpack(&place, &into("in"), archive(script)).await.expect_err(script);
        assert_eq!(error.code, Code::ValidationFailed, "{script}: {error}");
        let Some(Detail::Text(named)) = error.details.get("entry") else { panic!("{script}: {error:?}") };
        assert_eq!(named.trim_end_matches('/'), entry, "{script}: {error}");
        assert!(error.message.contains(says), "{script}: {error}");
        assert_eq!(outside(), before, "{script}");
        place.sh("rm -rf in; mkdir in; ln -s ../out in/there");
    }
    assert!(!Path::new("/tmp/sandwire-evil").exists());
    // Others that the kernel refuses, with its own codes.
    for (script, code) in [
        ("add('n' * 300, b'x')", Code::NameTooLong),
        ("add('d/x', b'x')\nadd('d', b'x')", Code::IsDirectory),
        ("link('h', 'none', T.LNKTYPE)", Code::FileNotFound),
    ] {
        let error = unpack(&place, &into("in"), archive(script)).await.expect_err(script);
        assert_eq!(error.code, code, "{script}: {error}");
        assert!(error.details.contains_key("entry"), "{script}: {error:?}");
    }
    // These are passed over, and told.
    let odd = "add('fifo', type=T.FIFOTYPE)\nadd('null', type=T.CHRTYPE, devmajor=1, devminor=3)\nadd('sda', type=T.BLKTYPE, devmajor=8)\n\
               add('what', b'x' * 600, type=b'Z')\nadd('f', b'x')\nlink('l', '/etc/passwd')\nlink('h', 'l', T.LNKTYPE)";
    let end = unpack(&place, &into("odd"), archive(odd)).await.unwrap();
    assert_eq!(end.skipped, ["fifo", "null", "sda", "what"].map(ByteString::from).to_vec());
    assert_eq!((end.entries, place.sh("ls odd; readlink odd/h")), (3, "f\nh\nl\n/etc/passwd\n".to_owned()));
    assert_eq!(
        unpack(&place, &into("in/there"), archive("add('x')")).await.unwrap().entries,
        1,
        "asked for by the caller"
    );
    assert_eq!(unpack(&place, &into("odd/f"), archive("add('x')")).await.unwrap_err().code, Code::NotDirectory);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_did_not_come_whole_leaves_no_part_of_a_file() {
    let place = Place::start().await;
    let content = noise(7, 4_000_000);
    std::fs::write(place.at("big"), &content).unwrap();
    place.sh("mkdir t; mv big t; echo a > t/a");
    let whole = Bytes::from(pack(&place, read("t")).await.0);
    let begun = async |client: &sandwire::Client| {
        let call = client.open::<kind::TreeWrite>(&into("u")).unwrap();
        call.write(0, whole.slice(..3_000_000)).await.unwrap();
        wait_for("the file to begin", || place.at("u/big").exists()).await;
        call
    };
    let gone = || place.at("u/a").exists() && !place.at("u/big").exists();
    let call = begun(&place.client).await;
    call.cancel();
    assert_eq!(told(&call).await.result.unwrap_err().code, Code::Cancelled);
    wait_for("the part to go", gone).await;
    let call = begun(&place.client).await;
    call.end(0).unwrap();
    assert_eq!(told(&call).await.result.unwrap_err().code, Code::ValidationFailed);
    assert!(gone());
    let client = sandwire::Client::connect(place.server.url()).await.unwrap();
    let _call = begun(&client).await;
    client.clone().close().await;
    wait_for("the part to go", gone).await;
    let call = begun(&place.client).await;
    call.write(1, "x".into()).await.unwrap();
    assert_eq!(told(&call).await.result.unwrap_err().code, Code::ValidationFailed, "there is only stream 0");
    wait_for("the part to go", gone).await;
    // What follows the end of the archive is taken and means nothing.
    let end = unpack(&place, &into("u"), [whole.as_ref(), &vec![7; 300_000]].concat()).await.unwrap();
    assert_eq!((end.entries, end.bytes), (2, 4_000_002));
    assert!(std::fs::read(place.at("u/big")).unwrap() == content);
    let full = Place::with_mounts("mkdir u; mount -t tmpfs -o size=1m none u").await;
    let error = unpack(&full, &into("u"), whole).await.unwrap_err();
    assert_eq!((error.code, error.details.get("entry")), (Code::NoSpace, Some(&"big".into())));
    assert!(full.inside("u/a").exists() && !full.inside("u/big").exists());
}
