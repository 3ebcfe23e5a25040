//! `sandwire backup` and `sandwire restore`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use sandwire_tests::server::Server;
use sandwire_tests::wait::block_until;
use serde_json::Value;

use super::{end_of, run, run_with, signal, text, tool};
use crate::common::noise;

#[test]
fn a_directory_goes_to_a_file_and_back() {
    let server = Server::start();
    let here = tempfile::tempdir().unwrap();
    let workspace = server.workspace();
    fs::create_dir_all(workspace.join("app/skip")).unwrap();
    fs::write(workspace.join("app/data"), noise(1, 300_000)).unwrap();
    fs::write(workspace.join("app/skip/f"), b"x").unwrap();
    // The name is the directory's, and the file is for nobody else.
    let made = tool(&server, &["backup", "app", "--exclude", "skip"]).current_dir(here.path()).output().unwrap();
    let said = String::from_utf8(made.stdout).unwrap();
    let archive = here.path().join("app.tar.zst");
    assert!(said.starts_with("app.tar.zst: 293K, 2 entries, 293K of content, sha256 "), "{said}");
    assert_eq!(fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600);
    let archive = archive.to_str().unwrap();
    fs::write(workspace.join("app/data"), b"changed").unwrap();
    let refused = run(&server, &["restore", archive, "app"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(1) && said.contains("--replace") && said.contains("(DIRECTORY_NOT_EMPTY)"),
        "{said}"
    );
    assert_eq!(text(&server, &["restore", archive, ":app", "--replace"]), ":app: 2 entries, 293K of content\n");
    assert_eq!(fs::read(workspace.join("app/data")).unwrap(), noise(1, 300_000));
    assert!(!workspace.join("app/skip").exists());

    // Through pipes, with another compression, as JSON.
    let piped = run(&server, &["backup", "app", "-o", "-", "--compression", "gzip", "--level", "1"]);
    assert_eq!((piped.status.code(), &piped.stdout[..3]), (Some(0), &[0x1f, 0x8b, 8][..]));
    let restored = run_with(&server, &["--json", "restore", "-", "copy/of/it"], &piped.stdout);
    let told: Value = serde_json::from_slice(&restored.stdout).unwrap();
    assert_eq!(told, serde_json::json!({ "entries": 2, "bytes": 300_000 }));
    assert_eq!(fs::read(workspace.join("copy/of/it/data")).unwrap(), noise(1, 300_000));
    let file = here.path().join("x.tar");
    let told = text(&server, &["--json", "backup", "app", "--compression", "none", "-o", file.to_str().unwrap()]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let sha256 = told["sha256"].as_str().unwrap();
    assert_eq!(told["archive_bytes"].as_u64().unwrap(), fs::metadata(&file).unwrap().len());
    text(&server, &["restore", file.to_str().unwrap(), "y", "--sha256", sha256]);
    let other = run(&server, &["restore", archive, "z", "--sha256", sha256]);
    assert!(String::from_utf8_lossy(&other.stderr).contains("(BACKUP_DAMAGED)"), "{other:?}");
}

#[test]
fn a_local_file_is_whole_or_not_there() {
    let server = Server::start();
    let here = tempfile::tempdir().unwrap();
    let names = || fs::read_dir(here.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    let archive = here.path().join("a");
    fs::write(&archive, b"old").unwrap();
    let output = run(&server, &["backup", "none", "-o", archive.to_str().unwrap()]);
    assert_eq!((output.status.code(), fs::read(&archive).unwrap()), (Some(1), b"old".to_vec()));
    assert_eq!(names(), ["a"]);
    // Interrupted in the middle.
    text(&server, &["exec", "-c", "mkdir t; head -c 100000000 /dev/urandom > t/f"]);
    let child = tool(&server, &["backup", "t", "--level", "6", "-o", archive.to_str().unwrap()]).spawn().unwrap();
    block_until("the temporary file", || if names().len() == 2 { Ok(()) } else { Err("not yet") });
    signal(&child, Signal::INT);
    assert_eq!(end_of(child), Some(130));
    assert_eq!((names(), fs::read(&archive).unwrap()), (vec!["a".into()], b"old".to_vec()));
    // A file that is not there, and one that is no archive.
    for (file, code) in [("none", ""), ("a", "(BACKUP_DAMAGED)")] {
        let output = run(&server, &["restore", here.path().join(file).to_str().unwrap(), "r"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(code), "{said}");
    }
    assert_eq!(text(&server, &["ls"]), "t/\n");
}
