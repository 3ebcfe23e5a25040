//! `backup.create` and `backup.restore`: what goes in comes back, and other programs unpack it too.

mod whole;

use std::path::Path;

use bytes::Bytes;
use futures_util::FutureExt;
use sandwire::kinds::backup::Progress;
use sandwire::protocol::kind::backup::{Compression, Create, Created, Restore, Restored};
use sandwire::protocol::kind::file::{Search, SearchDown};
use sandwire::protocol::kind::{BackupCreate, BackupRestore, FileSearch};
use sandwire::protocol::{ByteString, Code, Error};
use sandwire::{Client, Reply};
use sandwire_tests::proxy::{Cut, Direction, Proxy};
use sandwire_tests::server::{self, Server};
use sandwire_tests::wait::wait_for;
use sha2::{Digest, Sha256};

use super::place::{Place, bash, told};
use super::tree::{TREE, piped, strings};
use crate::common::noise;

const ALL: [Compression; 3] = [Compression::Zstd, Compression::Gzip, Compression::None];

fn of(path: &str) -> Create {
    Create { path: path.into(), ..Create::default() }
}

fn to(path: &str) -> Restore {
    Restore { path: path.into(), ..Restore::default() }
}

async fn pack(client: &Client, params: &Create) -> (Vec<u8>, Created) {
    let told = told(&client.open::<BackupCreate>(params).unwrap()).await;
    let created = told.result.unwrap();
    assert_eq!(created.archive_bytes, told.bytes.len() as u64);
    let sum: String = Sha256::digest(&told.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(created.sha256, sum);
    (told.bytes, created)
}

async fn restore(client: &Client, params: &Restore, archive: impl Into<Bytes>) -> Result<Restored, Error> {
    let call = client.open::<BackupRestore>(params).unwrap();
    // What is refused ends before all is sent.
    if call.write(0, archive.into()).await.is_ok() {
        let _ = call.end(0);
    }
    told(&call).await.result
}

/// Everything that there is to say of a directory, itself included.
fn picture(dir: &Path) -> String {
    let itself = bash(dir, "stat -c '%a %u:%g %y' .");
    itself + &below(dir)
}

/// The same, without itself: its time changes when something is made in it.
fn below(dir: &Path) -> String {
    bash(
        dir,
        "find . -mindepth 1 -type d -printf '%P %m %U:%G %T@\\0' -o -printf '%P %y %m %U:%G %l %T@ %n\\0' | LC_ALL=C sort -z | cat -v; \
         find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum",
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_odd_tree_comes_back_as_it_was_and_tar_unpacks_it() {
    let place = Place::start().await;
    place.sh(TREE);
    place.sh("mkfifo t/fifo; chown 12:34 t/sub/big; chmod 6755 t/sub/big; chown -h 56:78 t/broken; mkdir t/.hidden; \
        chmod 500 t/empty; chown 9:9 t; touch -d @1400000000.5 t/sub t/.hidden t/empty; chmod 1751 t; touch -d @1300000000.25 t");
    for compression in ALL {
        let create = Create { compression: Some(compression), ..of("t") };
        let (archive, created) = pack(&place.client, &create).await;
        assert_eq!(created.skipped, [ByteString::from("fifo")], "{compression:?}");
        place.sh("rm -f t/fifo; touch -d @1300000000.25 t; rm -rf b u; mkdir u");
        let restored = restore(&place.client, &to("b"), archive.clone()).await.unwrap();
        assert_eq!(restored, Restored { entries: created.entries, bytes: created.bytes, replaced: false });
        assert_eq!(picture(&place.at("b")), picture(&place.at("t")), "{compression:?}");
        let flag = match compression {
            Compression::Zstd => "--zstd",
            Compression::Gzip => "--gzip",
            Compression::None => "--sparse",
        };
        piped(&place.at("u"), "tar", &[flag, "-xp"], &archive);
        assert_eq!(picture(&place.at("u")), picture(&place.at("t")), "{compression:?}");
        place.sh("mkfifo t/fifo; touch -d @1300000000.25 t");
    }
    // The same in small pieces; as hard as it can be; and of a directory with nothing in it.
    let hard = Create { level: Some(6), ..of("t") };
    let (archive, created) = pack(&place.client, &hard).await;
    let call = place.client.open::<BackupRestore>(&Restore { sha256: Some(created.sha256), ..to("pieces") }).unwrap();
    let mut rest = Bytes::from(archive);
    while !rest.is_empty() {
        call.write(0, rest.split_to(rest.len().min(977))).await.unwrap();
    }
    call.end(0).unwrap();
    told(&call).await.result.unwrap();
    place.sh("rm t/fifo; touch -d @1300000000.25 t; mkdir nothing; chmod 700 nothing");
    assert_eq!(picture(&place.at("pieces")), picture(&place.at("t")));
    let (archive, created) = pack(&place.client, &of("nothing")).await;
    assert_eq!((created.entries, created.bytes), (1, 0));
    restore(&place.client, &to("again"), archive).await.unwrap();
    assert_eq!(picture(&place.at("again")), picture(&place.at("nothing")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn globs_and_ignore_files_choose() {
    let place = Place::start().await;
    place.sh("git init -q r; mkdir -p r/t/src r/t/out; touch r/t/{a.rs,b.log} r/t/src/{c.rs,d.log} r/t/out/f.rs; echo '*.log' > r/.gitignore; \
        echo /out > r/t/.gitignore");
    for (exclude, gitignore, expected) in [
        (["src", "*.rs"].as_slice(), false, "./\n.gitignore\nb.log\nout/\n"),
        (&[], true, "./\n.gitignore\na.rs\nsrc/\nsrc/c.rs\n"),
        (&["a.*"], true, "./\n.gitignore\nsrc/\nsrc/c.rs\n"),
    ] {
        let params = Create { exclude: strings(exclude), gitignore, ..of("r/t") };
        let (archive, _) = pack(&place.client, &params).await;
        let names = piped(Path::new("/"), "tar", &["--zstd", "-t"], &archive);
        assert_eq!(String::from_utf8(names).unwrap(), expected, "{exclude:?} {gitignore}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_makes_no_sense_is_refused() {
    let place = Place::start().await;
    place.sh("mkdir t; touch f; mkfifo p");
    for (params, code) in [
        (of("none"), Code::FileNotFound),
        (of("f"), Code::NotDirectory),
        (of("p"), Code::NotDirectory),
        (of(""), Code::ValidationFailed),
        (Create { level: Some(7), ..of("t") }, Code::ValidationFailed),
        (Create { level: Some(0), ..of("t") }, Code::ValidationFailed),
        (Create { level: Some(10), compression: Some(Compression::Gzip), ..of("t") }, Code::ValidationFailed),
        (Create { level: Some(1), compression: Some(Compression::None), ..of("t") }, Code::ValidationFailed),
        (Create { exclude: strings(&["["]), ..of("t") }, Code::ValidationFailed),
    ] {
        assert_eq!(place.code::<BackupCreate>(params.clone()).await, code, "{params:?}");
    }
    for sha256 in ["", "abc", &"g".repeat(64)] {
        let params = Restore { sha256: Some(sha256.to_owned()), ..to("t") };
        assert_eq!(place.code::<BackupRestore>(params).await, Code::ValidationFailed, "{sha256}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_that_is_limited_to_paths_reaches_no_others() {
    let dir = tempfile::tempdir().unwrap();
    bash(
        dir.path(),
        "mkdir -p open/t outside/t; echo x > open/t/x; echo secret > outside/t/s; ln -s ../outside/t open/link; ln -s ../outside/new open/new",
    );
    let config = format!(
        "[[tokens]]\nname = 'all'\ntoken = 'everything'\n[[tokens]]\nname = 'limited'\ntoken = 'only-open'\npaths = ['{0}']\n\
         [[tokens]]\nname = 'reader'\ntoken = 'only-reading'\nscopes = ['file-read']",
        dir.path().join("open").display()
    );
    let server = Server::builder().config(config).start();
    let with = async |token: &str| Client::builder(server.url()).token(token).connect().await.unwrap();
    let (client, reader) = (with("only-open").await, with("only-reading").await);
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (archive, _) = pack(&client, &of(&at("open/t"))).await;
    let before = below(dir.path());
    for name in ["outside/t", "outside/none", "open/../outside/t", "open/link", "none"] {
        let error = client.open::<BackupCreate>(&of(&at(name))).unwrap().result().await.unwrap_err();
        assert_eq!(error.code, Code::PermissionDenied, "{name}");
    }
    // The allowed directory itself would be made beside it, where nothing is allowed.
    for name in [
        "outside/t",
        "outside/none",
        "outside/none/x",
        "open/../outside/t",
        "open/link",
        "open/link/x",
        "open/new",
        "open",
    ] {
        let error = restore(&client, &Restore { replace: true, ..to(&at(name)) }, archive.clone()).await.unwrap_err();
        assert_eq!(error.code, Code::PermissionDenied, "{name}");
    }
    let error = restore(&reader, &to(&at("open/u")), archive.clone()).await.unwrap_err();
    assert_eq!(error.code, Code::PermissionDenied);
    assert_eq!(below(dir.path()), before);
    restore(&client, &to(&at("open/a/b")), archive).await.unwrap();
    assert_eq!(bash(dir.path(), "cat open/a/b/x; ls -A open/a open"), "x\nopen:\na\nlink\nnew\nt\n\nopen/a:\nb\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_one_takes_a_bounded_memory_both_ways() {
    let place = Place::start().await;
    place.sh("mkdir t; head -c 110000000 /dev/urandom > t/noise; for i in {1..2000}; do echo $i > t/$i; done; truncate -s 60M t/hole");
    let file = tempfile::NamedTempFile::new().unwrap();
    let idle = place.server.rss();
    let (mut told, mut last) = (0, Progress::default());
    let mut progress = |now: Progress| {
        assert!(now.entries >= last.entries && now.bytes >= last.bytes && now.archive_bytes >= last.archive_bytes);
        (told, last) = (told + 1, now);
    };
    let output = tokio::fs::File::create(file.path()).await.unwrap();
    let created = place.client.backup().create_to(&of("t"), output, &mut progress).await.unwrap();
    assert!(created.archive_bytes > 110_000_000 && created.archive_bytes < 112_000_000, "{created:?}");
    assert_eq!(created.bytes, 110_000_000 + (60 << 20) + 8893);
    let input = tokio::fs::File::open(file.path()).await.unwrap();
    let restored = place.client.backup().restore_from(&to("u"), input, |_| {}).await.unwrap();
    assert_eq!((restored.entries, restored.bytes), (created.entries, created.bytes));
    assert!(place.server.peak_rss() < idle + (40 << 20), "{} of {idle}", place.server.peak_rss());
    assert_eq!(place.sh("cmp t/noise u/noise && cmp t/hole u/hole && diff -r t u && ls u | wc -l"), "2002\n");
}

/// Does something while the connection is cut again and again, each time after so many bytes of it.
async fn cut_while<T>(proxy: &Proxy, direction: Direction, work: impl Future<Output = T>) -> T {
    let cuts = async {
        loop {
            let before = proxy.counters().connections;
            proxy.cut_after(direction, 400_000, Cut::Reset);
            wait_for("a new connection", || proxy.counters().connections > before).await;
        }
    };
    tokio::select! {
        done = work => done,
        () = cuts => unreachable!("it is cut for ever"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_go_on_through_lost_connections() {
    let server = Server::start();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let client = Client::connect(server::url(proxy.address())).await.unwrap();
    let dir = server.workspace();
    std::fs::create_dir(dir.join("t")).unwrap();
    std::fs::write(dir.join("t/noise"), noise(5, 6_000_000)).unwrap();
    bash(&dir, "for i in {1..300}; do echo $i > t/$i; done");
    let (archive, created) = cut_while(&proxy, Direction::Down, pack(&client, &of("t"))).await;
    let params = Restore { sha256: Some(created.sha256), ..to("u") };
    cut_while(&proxy, Direction::Up, restore(&client, &params, archive)).await.unwrap();
    assert_eq!(picture(&dir.join("u")), picture(&dir.join("t")));
    let connections = proxy.counters().connections;
    assert!(connections > 10, "it was cut {connections} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_waits_its_turn_and_holds_up_nobody_else() {
    let place = Place::start().await;
    place.sh("mkdir t; head -c 8000000 /dev/urandom > t/noise; echo needle > t/n");
    let begun = async || {
        let call = place.client.open::<BackupCreate>(&of("t")).unwrap();
        assert!(matches!(call.recv().await, Reply::Data(1, _)));
        call
    };
    let held = [begun().await, begun().await];
    let third = place.client.open::<BackupCreate>(&of("t")).unwrap();
    // Other trees and searches go on.
    let search = Search { path: "t".into(), pattern: Some("needle".to_owned()), ..Search::default() };
    let found = place.told::<FileSearch>(&search).await;
    assert!(matches!(found.events.as_slice(), [SearchDown::Line { .. }]));
    assert!(third.recv().now_or_never().is_none(), "it has begun already");
    held[0].cancel();
    assert_eq!(told(&held[0]).await.result.unwrap_err().code, Code::Cancelled);
    assert_eq!(told(&third).await.result.unwrap().entries, 3);
    let rest = told(&held[1]).await;
    assert_eq!(rest.result.unwrap().entries, 3);
}
