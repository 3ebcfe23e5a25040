//! A restore changes everything or nothing, whatever comes in between, and leaves nothing behind.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bytes::Bytes;
use rustix::process::Signal;
use sandwire::protocol::Code;
use sandwire::protocol::kind::BackupRestore;
use sandwire::protocol::kind::backup::{Compression, Create, Restore};
use sandwire::{Call, Client};
use sandwire_tests::server::Server;
use sandwire_tests::wait::wait_for;
use sha2::{Digest, Sha256};

use super::super::place::{Place, bash, told};
use super::super::tree::{archive, piped};
use super::{ALL, below, of, pack, picture, restore, to};
use crate::common::noise;

/// What was there before.
const OLD: &str = "mkdir -p old/sub; echo old > old/sub/f; ln -s sub old/l; touch -d @1200000000 old/sub old";

fn replacing(path: &str) -> Restore {
    Restore { replace: true, ..to(path) }
}

/// What is where a restore is going on, besides what was there.
fn litter(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains(".sandwire-")).collect()
}

/// A tar as `backup.create` might have sealed it, compressed by gzip.
fn sealed(tar: &[u8]) -> Vec<u8> {
    let mut made = piped(Path::new("/"), "gzip", &["-c"], tar);
    let digest = Sha256::digest(&made);
    made.extend([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 36, 0, b'S', b'W', 32, 0]);
    made.extend(digest);
    made.extend([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn any_damaged_byte_is_found_and_nothing_changes() {
    let place = Place::start().await;
    place.sh(OLD);
    place.sh("mkdir -p t/d; echo hello > t/d/f; head -c 300 /dev/urandom > t/g; ln t/g t/h; ln -s f t/d/l");
    let before = below(&place.server.workspace());
    for compression in ALL {
        let (archive, _) = pack(&place.client, &Create { compression: Some(compression), ..of("t") }).await;
        let step = if compression == Compression::None { 37 } else { 3 };
        // Every so many, and the first and last bytes all: magic numbers, checksums, the seal.
        let ends = (0..24).chain(archive.len() - 64..archive.len());
        for (count, at) in ends.chain((24..archive.len() - 64).step_by(step)).enumerate() {
            let mut damaged = archive.clone();
            damaged[at] ^= 1 << (count % 8);
            let error = restore(&place.client, &replacing("old"), damaged).await.expect_err("damaged");
            assert!(error.message.len() > 10, "{compression:?} {at}: {error}");
        }
        for length in (0..archive.len()).step_by(step * 5).chain([archive.len() - 1]) {
            let error = restore(&place.client, &replacing("old"), archive[..length].to_vec()).await.expect_err("cut");
            assert_eq!(error.code, Code::BackupDamaged, "{compression:?} {length}: {error}");
        }
        for more in [&b"\0"[..], b"more", &archive] {
            let error = restore(&place.client, &replacing("old"), [&archive, more].concat()).await.expect_err("more");
            assert_eq!(error.code, Code::BackupDamaged, "{compression:?}: {error}");
        }
        assert_eq!(below(&place.server.workspace()), before, "{compression:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn another_archive_than_the_one_named_or_one_of_others_is_refused() {
    let place = Place::start().await;
    place.sh(OLD);
    place.sh("mkdir out; echo secret > out/secret; ln -s out there; mkdir t; echo new > t/f");
    let (made, created) = pack(&place.client, &of("t")).await;
    let before = below(&place.server.workspace());
    let other = Restore { sha256: Some("0".repeat(64)), ..replacing("old") };
    let error = restore(&place.client, &other, made.clone()).await.unwrap_err();
    assert_eq!(error.code, Code::BackupDamaged);
    assert!(error.message.contains(&created.sha256), "{error}");
    // One without a seal; and sealed ones that would lead outside.
    let plain = archive("add('f', b'x')");
    for others in [
        plain.clone(),
        piped(Path::new("/"), "zstd", &["-c"], &plain),
        b"no archive".to_vec(),
        noise(1, 90_000).to_vec(),
    ] {
        let error = restore(&place.client, &replacing("old"), others).await.unwrap_err();
        assert_eq!(error.code, Code::BackupDamaged, "{error}");
    }
    for script in [
        "add('../out/x', b'evil')",
        "add('a/../../out/x', b'evil')",
        "add('/tmp/sandwire-evil', b'evil')",
        "link('l', '../out')\nadd('l/x', b'evil')",
        "link('h', '../out/secret', T.LNKTYPE)",
    ] {
        let error = restore(&place.client, &replacing("old"), sealed(&archive(script))).await.expect_err(script);
        assert_eq!(error.code, Code::BackupDamaged, "{script}: {error}");
    }
    assert_eq!(below(&place.server.workspace()), before);
    // The seal itself is right: this one is taken, with upper case too.
    restore(&place.client, &replacing("old"), sealed(&plain)).await.unwrap();
    let upper = Restore { sha256: Some(created.sha256.to_uppercase()), ..replacing("old") };
    assert!(restore(&place.client, &upper, made).await.unwrap().replaced);
    assert_eq!(place.sh("cat old/f; ls -A"), "new\nold\nout\nt\nthere\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_there_is_replaced_only_when_that_is_said_and_in_one_step() {
    let place = Place::start().await;
    place.sh(OLD);
    place
        .sh("mkdir t empty; echo new > t/f; touch file; ln -s old link; ln -s nowhere/x dangling; mkdir -m 0 old/shut");
    let (archive, _) = pack(&place.client, &of("t")).await;
    let before = below(&place.server.workspace());
    for (path, params, code) in [
        ("old", to("old"), Code::DirectoryNotEmpty),
        ("link", to("link"), Code::DirectoryNotEmpty),
        ("file", replacing("file"), Code::NotDirectory),
        ("file/x", replacing("file/x"), Code::NotDirectory),
        ("none/../x", to("none/../x"), Code::FileNotFound),
        ("/", replacing("/"), Code::ValidationFailed),
    ] {
        let error = restore(&place.client, &params, archive.clone()).await.expect_err(path);
        assert_eq!(error.code, code, "{path}: {error}");
    }
    // A directory in which the server itself is, or its workspace.
    let parent = place.server.workspace().parent().unwrap().to_str().unwrap().to_owned();
    let error = restore(&place.client, &replacing(&parent), archive.clone()).await.unwrap_err();
    assert!(error.code == Code::ValidationFailed && error.message.contains("own directory"), "{error}");
    // Parents that are missing are not left behind either.
    let error = restore(&place.client, &to("a/b/c"), archive[..archive.len() - 1].to_vec()).await.unwrap_err();
    assert_eq!(error.code, Code::BackupDamaged);
    assert_eq!(below(&place.server.workspace()), before);

    let restored = async |params: Restore| restore(&place.client, &params, archive.clone()).await.unwrap().replaced;
    assert!(restored(to("empty")).await);
    assert!(!restored(to("a/b/c")).await);
    assert!(restored(replacing("link")).await);
    assert_eq!(
        place.sh("cat empty/f a/b/c/f old/f; readlink link; stat -c %a a a/b"),
        "new\nnew\nnew\nold\n755\n755\n"
    );
    assert!(litter(&place.server.workspace()).is_empty());

    // Whoever looks sees the old or the new, never neither.
    let looking = place.client.exec("for i in {1..100000}; do [ -d old ] || echo gone; done; echo seen").run();
    let changing = async {
        for _ in 0..10 {
            restored(replacing("old")).await;
        }
    };
    let (seen, ()) = tokio::join!(looking, changing);
    assert_eq!(seen.unwrap().text(), "seen\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_workspace_itself_is_replaced_and_everything_goes_on_there() {
    let place = Place::start().await;
    place.sh("echo one > f; mkdir d");
    let (archive, _) = pack(&place.client, &of(".")).await;
    place.sh("echo two > f; touch g");
    let inode = std::fs::metadata(place.server.workspace()).unwrap().ino();
    restore(&place.client, &replacing("."), archive).await.unwrap();
    assert_ne!(std::fs::metadata(place.server.workspace()).unwrap().ino(), inode);
    assert_eq!(place.client.exec("cat f; ls; echo x > new").run().await.unwrap().text(), "one\nd\nf\n");
    assert_eq!(place.files().stat("new").await.unwrap().size, 2);
    let cwd = std::fs::read_link(format!("/proc/{}/cwd", place.server.pid())).unwrap();
    assert_eq!(cwd, place.server.workspace());
    let beside = std::fs::read_dir(place.server.workspace().parent().unwrap()).unwrap();
    assert!(!beside.map(|entry| entry.unwrap().file_name()).any(|name| name.to_string_lossy().contains("-restore-")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_full_disk_and_a_mount_leave_everything_as_it_was() {
    let mounts = "mkdir small m; mount -t tmpfs -o size=1m none small; mkdir -p small/old m/in; echo old > small/old/f; mount -t tmpfs none m/in; echo in > m/in/f";
    let place = Place::with_mounts(mounts).await;
    std::fs::create_dir(place.inside("t")).unwrap();
    std::fs::write(place.inside("t/big"), noise(9, 2_000_000)).unwrap();
    let (archive, _) = pack(&place.client, &of("t")).await;
    let error = restore(&place.client, &replacing("small/old"), archive.clone()).await.unwrap_err();
    assert_eq!(error.code, Code::NoSpace, "{error}");
    assert_eq!(std::fs::read(place.inside("small/old/f")).unwrap(), b"old\n");
    assert_eq!(std::fs::read_dir(place.inside("small")).unwrap().count(), 1);
    for (path, says) in [("small", "mount point"), ("m/in", "mount point"), ("m", "mounted in it")] {
        let error = restore(&place.client, &replacing(path), archive.clone()).await.unwrap_err();
        assert!(error.code == Code::ValidationFailed && error.message.contains(says), "{path}: {error}");
    }
    assert_eq!(std::fs::read(place.inside("m/in/f")).unwrap(), b"in\n");
    assert!(litter(&place.inside(".")).is_empty() && litter(&place.inside("m")).is_empty());
    restore(&place.client, &to("m/in/new"), archive).await.unwrap();
}

/// A restore of which most has come and is unpacked, and the end of it is missing.
async fn begun(place: &Place, client: &Client, archive: &Bytes) -> Call<BackupRestore> {
    let call = client.open::<BackupRestore>(&replacing("old")).unwrap();
    call.write(0, archive.slice(..archive.len() - 100_000)).await.unwrap();
    wait_for("the unpacking to begin", || {
        litter(&place.server.workspace())
            .iter()
            .any(|name| place.at(name).join("big").metadata().is_ok_and(|big| big.len() > 1_000_000))
    })
    .await;
    call
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_gives_up_leaves_everything_as_it_was() {
    let place = Place::start().await;
    place.sh(OLD);
    place.sh("mkdir t");
    std::fs::write(place.at("t/big"), noise(11, 3_000_000)).unwrap();
    let archive = Bytes::from(pack(&place.client, &of("t")).await.0);
    let before = below(&place.server.workspace());
    let call = begun(&place, &place.client, &archive).await;
    call.cancel();
    assert_eq!(told(&call).await.result.unwrap_err().code, Code::Cancelled);
    // When that is told, nothing is left.
    assert_eq!(below(&place.server.workspace()), before);
    let call = begun(&place, &place.client, &archive).await;
    call.write(1, "x".into()).await.unwrap();
    assert_eq!(told(&call).await.result.unwrap_err().code, Code::ValidationFailed, "there is only stream 0");
    let client = Client::connect(place.server.url()).await.unwrap();
    let _call = begun(&place, &client, &archive).await;
    client.clone().close().await;
    wait_for("nothing to be left", || litter(&place.server.workspace()).is_empty()).await;
    assert_eq!(below(&place.server.workspace()), before);
    // Two at once: both are whole, and the last one stays.
    let (one, two) =
        (begun(&place, &place.client, &archive).await, place.client.open::<BackupRestore>(&replacing("old")).unwrap());
    two.write(0, archive.clone()).await.unwrap();
    two.end(0).unwrap();
    told(&two).await.result.unwrap();
    one.write(0, archive.slice(archive.len() - 100_000..)).await.unwrap();
    one.end(0).unwrap();
    told(&one).await.result.unwrap();
    assert_eq!(picture(&place.at("old")), picture(&place.at("t")));
    assert!(litter(&place.server.workspace()).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_killed_server_left_is_removed_by_the_next_restore() {
    let mut place = Place::start().await;
    place.sh(OLD);
    place.sh("mkdir t");
    std::fs::write(place.at("t/big"), noise(11, 3_000_000)).unwrap();
    let archive = Bytes::from(pack(&place.client, &of("t")).await.0);
    let before = picture(&place.at("old"));
    let _call = begun(&place, &place.client, &archive).await;
    place.server.signal(Signal::KILL);
    place.server.wait_exit();
    assert_eq!(picture(&place.at("old")), before);
    assert_eq!(litter(&place.server.workspace()).len(), 1, "that is hidden, and has our name in it");
    // One that looks alike, and is none.
    place.sh("mkdir .old.sandwire-restore-mine .other.sandwire-restore-0123456789abcdef");
    let next = Server::builder().arg("--workspace").arg(place.server.workspace()).start();
    let client = Client::connect(next.url()).await.unwrap();
    restore(&client, &replacing("old"), archive).await.unwrap();
    assert_eq!(picture(&place.at("old")), picture(&place.at("t")));
    assert_eq!(place.sh("ls -A"), ".old.sandwire-restore-mine\n.other.sandwire-restore-0123456789abcdef\nold\nt\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn without_root_owners_are_ours_and_what_is_read_only_is_replaced_too() {
    let place = Place::start().await;
    place.sh("mkdir t; echo x > t/f; chown 12:34 t t/f; chmod 6755 t/f");
    let (archive, _) = pack(&place.client, &of("t")).await;
    let other = tempfile::tempdir().unwrap();
    bash(
        other.path(),
        "mkdir -p old/shut/in; echo x > old/shut/in/f; chown -R 65534:65534 .; chmod 500 old/shut/in old/shut old",
    );
    let prefix = [
        "setpriv",
        "--bounding-set",
        "-all",
        "--inh-caps",
        "-all",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
    ];
    let nobody = Place::of(Server::builder().arg("--workspace").arg(other.path()).through(prefix)).await;
    let restored = restore(&nobody.client, &replacing("old"), archive).await.unwrap();
    assert!(restored.replaced);
    assert_eq!(bash(other.path(), "stat -c '%a %u:%g' old old/f; ls -A"), "755 65534:65534\n755 65534:65534\nold\n");
}
