//! `sandwire cp` and the other subcommands for files.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use sandwire_tests::server::Server;
use sandwire_tests::wait::block_until;
use serde_json::Value;

use super::{end_of, run, run_with, signal, text, tool};
use crate::common::noise;

/// A tree with everything that a tar can hold: modes, links, empty directories, long names and names that are no UTF-8.
fn plant(top: &Path) {
    let deep = top.join("a/b").join("c".repeat(120)).join("d".repeat(120));
    fs::create_dir_all(&deep).unwrap();
    fs::create_dir(top.join("empty")).unwrap();
    fs::write(deep.join("leaf"), b"deep").unwrap();
    fs::write(top.join("big"), noise(3, 3_000_001)).unwrap();
    fs::write(top.join("none"), b"").unwrap();
    fs::write(top.join(std::ffi::OsStr::from_bytes(b"a/no \xff utf8")), b"x").unwrap();
    fs::write(top.join("run.sh"), b"#!/bin/sh\necho ran\n").unwrap();
    fs::set_permissions(top.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(top.join("none"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("run.sh", top.join("link")).unwrap();
    symlink("nowhere/at/all", top.join("a/dangling")).unwrap();
    symlink("x".repeat(300), top.join("a/long-link")).unwrap();
}

#[track_caller]
fn same(left: &Path, right: &Path) {
    let output = Command::new("diff").args(["-r", "--no-dereference"]).arg(left).arg(right).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    for name in ["run.sh", "none", "empty"] {
        let mode = |top: &Path| fs::metadata(top.join(name)).unwrap().permissions().mode();
        assert_eq!(mode(left), mode(right), "{name}");
    }
}

#[test]
fn trees_are_equal_after_a_copy_both_ways() {
    let server = Server::start();
    let here = tempfile::tempdir().unwrap();
    let tree = here.path().join("tree");
    fs::create_dir(&tree).unwrap();
    plant(&tree);
    let local = tree.to_str().unwrap();
    // A new tree gets the name, as with cp.
    text(&server, &["cp", "-r", local, ":made"]);
    same(&tree, &server.workspace().join("made"));
    // Into one that is there.
    text(&server, &["cp", "-r", local, ":made/empty"]);
    same(&tree, &server.workspace().join("made/empty/tree"));
    fs::remove_dir_all(server.workspace().join("made/empty/tree")).unwrap();
    // And out again: new, and into one that is there.
    let back = here.path().join("back");
    text(&server, &["cp", "-r", ":made", back.to_str().unwrap()]);
    same(&tree, &back);
    text(&server, &["cp", "-r", ":made", back.join("empty").to_str().unwrap()]);
    same(&tree, &back.join("empty/made"));
    // Within the sandbox.
    text(&server, &["cp", "-r", ":made", ":copy"]);
    same(&tree, &server.workspace().join("copy"));
    // Nothing half made is left beside.
    let mut names: Vec<_> = fs::read_dir(server.workspace()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["copy", "made"]);
    let mut names: Vec<_> = fs::read_dir(here.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["back", "tree"]);
}

#[test]
fn trees_are_tar_streams_for_pipes() {
    let server = Server::start();
    let tree = server.workspace().join("tree");
    fs::create_dir(&tree).unwrap();
    plant(&tree);
    let tar = run(&server, &["cp", "-r", ":tree", "-"]);
    assert_eq!(tar.status.code(), Some(0));
    let output = run_with(&server, &["--json", "cp", "-r", "-", ":again"], &tar.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    same(&tree, &server.workspace().join("again"));
    let copied: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(copied["bytes"].as_u64().unwrap() > 3_000_000, "{copied}");
    let output = run(&server, &["cp", "-r", "--exclude", "a", "--exclude", "big", ":tree", "-"]);
    assert!(output.stdout.len() < 20_000);
}

#[test]
fn files_go_both_ways_and_replace_whole() {
    let server = Server::start();
    let here = tempfile::tempdir().unwrap();
    let local = |name: &str| here.path().join(name).to_str().unwrap().to_owned();
    let content = noise(4, 5_000_000);
    fs::write(local("one"), &content).unwrap();
    fs::set_permissions(local("one"), fs::Permissions::from_mode(0o750)).unwrap();
    text(&server, &["cp", &local("one"), ":two"]);
    let two = server.workspace().join("two");
    assert!(fs::read(&two).unwrap() == content);
    assert_eq!(fs::metadata(&two).unwrap().permissions().mode() & 0o777, 0o750);
    text(&server, &["cp", ":two", &local("three")]);
    assert!(fs::read(local("three")).unwrap() == content);
    // Into directories, several at once.
    fs::create_dir(server.workspace().join("dir")).unwrap();
    text(&server, &["cp", &local("one"), &local("three"), ":dir"]);
    assert!(fs::read(server.workspace().join("dir/three")).unwrap() == content);
    text(&server, &["cp", ":dir/one", &local(".")]);
    // Standard input and output.
    assert_eq!(run_with(&server, &["cp", "-", ":in"], b"piped").status.code(), Some(0));
    assert_eq!(text(&server, &["cp", ":in", "-"]), "piped");
    // Through a link on this side: the link stays.
    symlink("three", local("link")).unwrap();
    text(&server, &["cp", ":in", &local("link")]);
    assert_eq!(fs::read(local("three")).unwrap(), b"piped");
    for (args, code, says) in [
        (vec!["cp", ":dir", "/tmp"], 2, "say -r"),
        (vec!["cp", "a", "b"], 2, "colon"),
        (vec!["cp", "/no/such", ":x"], 1, "/no/such"),
        (vec!["cp", ":no-such", "/tmp/x"], 1, "(FILE_NOT_FOUND)"),
        (vec!["cp", ":in", ":two", ":in"], 2, "no directory"),
    ] {
        let output = run(&server, &args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(code) && said.contains(says), "{args:?}: {output:?}");
    }
}

#[test]
fn an_interrupted_copy_leaves_nothing() {
    let server = Server::start();
    let mut child = tool(&server, &["cp", "-", ":never"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, &noise(5, 8_000_000)).unwrap();
    // The new file may have no name yet, so its descriptor is what shows it.
    let open = || {
        let links = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
        let links = links.filter_map(|link| fs::read_link(link.unwrap().path()).ok());
        links.filter(|path| path.starts_with(server.workspace()) && *path != server.workspace()).count()
    };
    block_until("the copy to begin", || if open() == 1 { Ok(()) } else { Err(open()) });
    signal(&child, rustix::process::Signal::INT);
    assert_eq!(end_of(child), Some(130));
    block_until("the copy to be given up", || if open() == 0 { Ok(()) } else { Err(open()) });
    assert_eq!(fs::read_dir(server.workspace()).unwrap().count(), 0);
}

#[test]
fn files_are_listed_read_made_moved_and_removed() {
    let server = Server::start();
    text(&server, &["mkdir", "-p", "d/e"]);
    fs::write(server.workspace().join("d/f"), "0123456789").unwrap();
    fs::write(server.workspace().join(".hidden"), "").unwrap();
    assert_eq!(text(&server, &["ls"]), "d/\n");
    assert_eq!(text(&server, &["ls", "-aR", ":"]), ".hidden\nd/\nd/e/\nd/f\n");
    assert!(text(&server, &["ls", "-l", "d"]).contains("-rw-r--r--"));
    assert_eq!(text(&server, &["cat", "--range", "2-4", "d/f"]), "234");
    assert_eq!(text(&server, &["cat", "--range", "-3", ":d/f"]), "789");
    assert_eq!(text(&server, &["cat", "d/f", "d/f"]), "01234567890123456789");
    text(&server, &["mv", "d/f", "d/e"]);
    let info: Value = serde_json::from_str(&text(&server, &["--json", "stat", "d/e/f"])).unwrap();
    assert_eq!((info["size"].as_u64(), info["type"].as_str()), (Some(10), Some("file")));
    for line in text(&server, &["--json", "ls", "-R"]).lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    let output = run(&server, &["rm-file", "d"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("-r removes"), "{output:?}");
    text(&server, &["rm-file", "-r", "d"]);
    assert!(!server.workspace().join("d").exists());
}

#[test]
fn files_are_found_and_watched() {
    let server = Server::start();
    fs::write(server.workspace().join("a.txt"), "one\nneedle two\n").unwrap();
    fs::write(server.workspace().join("b.log"), "needle\n").unwrap();
    assert_eq!(text(&server, &["search", "needle", "-g", "*.txt"]), "a.txt:2:needle two\n");
    assert_eq!(text(&server, &["search", "--name", "*.log"]), "b.log\n");
    assert_eq!(run(&server, &["search", "nothing like it"]).status.code(), Some(1));
    let mut child = tool(&server, &["--json", "watch"]).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert!(next().get("ready").is_some());
    fs::write(server.workspace().join("new"), "x").unwrap();
    let change = next();
    assert_eq!((change["change"]["path"].as_str(), change["change"]["change"].as_str()), (Some("new"), Some("create")));
    signal(&child, rustix::process::Signal::INT);
    assert_eq!(end_of(child), Some(0));
}

#[test]
fn permissions_and_links_are_changed() {
    let server = Server::start();
    let path = |name: &str| server.workspace().join(name);
    fs::create_dir(path("dir")).unwrap();
    fs::write(path("dir/file"), "").unwrap();
    let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode() & 0o7777;
    text(&server, &["chmod", "0640", ":dir/file"]);
    assert_eq!(mode("dir/file"), 0o640);
    text(&server, &["chmod", "-R", "700", "dir"]);
    assert_eq!((mode("dir"), mode("dir/file")), (0o700, 0o700));
    assert_eq!(run(&server, &["chmod", "u+x", "dir"]).status.code(), Some(2));
    text(&server, &["ln", "-s", "dir", "link"]);
    assert_eq!(fs::read_link(path("link")).unwrap(), Path::new("dir"));
    assert_eq!(run(&server, &["ln", "-s", "other", "link"]).status.code(), Some(1), "it is there already");
    text(&server, &["ln", "-sf", "../elsewhere", "link"]);
    assert_eq!(fs::read_link(path("link")).unwrap(), Path::new("../elsewhere"));
    text(&server, &["ln", "-s", "/etc/hosts", "dir"]);
    assert_eq!(fs::read_link(path("dir/hosts")).unwrap(), Path::new("/etc/hosts"));
    assert_eq!(run(&server, &["ln", "dir/file", "hard"]).status.code(), Some(2), "there are no hard links");
    assert_eq!(run(&server, &["rm", "dir"]).status.code(), Some(1));
    assert_eq!(text(&server, &["--json", "rm-file", "-r", "dir"]), "{\"count\":3}\n");
}
