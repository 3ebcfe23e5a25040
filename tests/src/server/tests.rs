//! With small programs in the server's place: what the harness itself promises.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// A program that does what `script` says and gets the server's arguments.
fn program(folder: &TempDir, script: &str) -> PathBuf {
    let path = folder.path().join("server");
    std::fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn with(script: &str) -> (Builder, TempDir) {
    let folder = TempDir::new().unwrap();
    (Server::builder_of(program(&folder, script)), folder)
}

const LISTENS: &str = "echo before; echo 'listening on http://127.0.0.1:4711'";

#[test]
fn reads_the_address_passes_settings_and_shows_the_output() {
    let (builder, _folder) = with(&format!("{LISTENS}; echo \"$@ $SANDWIRE_TOKEN $PWD\" >&2; exec sleep 1000"));
    let mut server = builder.arg("--x").config("a = 1").env("SANDWIRE_TOKEN", "t").start();
    assert_eq!(server.url(), "ws://127.0.0.1:4711/v1/connect");
    block_until("the output", || {
        let log = server.log();
        let whole = log.contains("--listen 127.0.0.1:0 --config /") && log.contains("sandwire.toml --x t /");
        if whole && log.contains("/workspace\n") { Ok(()) } else { Err(log) }
    });
    // Before, its memory is the shell's.
    let program = || std::fs::read_to_string(format!("/proc/{}/comm", server.pid())).unwrap_or_default();
    block_until("the sleep", || if program() == "sleep\n" { Ok(()) } else { Err(program()) });
    let rss = server.rss();
    assert!(rss > 0 && server.peak_rss() >= rss && server.threads() == 1);
    server.signal(Signal::TERM);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&server.wait_exit()), Some(15));
}

#[test]
fn tells_why_a_server_does_not_start() {
    let (builder, _folder) = with("echo 'a token is wanted' >&2; exit 3");
    let (status, log) = builder.refused();
    assert_eq!((status.code(), log.as_str()), (Some(3), "a token is wanted\n"));
    let (builder, _folder) = with("echo 'no port' >&2; exit 4");
    let (why, log) = builder.launch().unwrap_err();
    assert!(why.contains("exit status: 4") && log == "no port\n", "{why} {log}");
}

#[test]
fn ends_all_that_was_started_also_what_left_its_group_and_parent() {
    let (builder, _folder) = with(&format!("(setsid sleep 1001 &); sleep 1002 & {LISTENS}; exec sleep 1003"));
    let server = builder.start();
    block_until("both children", || match server.started() {
        started if started.len() == 2 => Ok(()),
        other => Err(other),
    });
    let (mark, workspace) = (server.home.mark(), server.workspace());
    server.signal(Signal::STOP);
    drop(server);
    block_until("nothing to be left", || match marked(&mark).count() {
        0 => Ok(()),
        left => Err(left),
    });
    assert!(!workspace.exists());
}

#[test]
fn counts_zombies() {
    // bash would wait for its child: sleep, in its place by then, never does.
    let (builder, _folder) = with(&format!("sleep 0.3 & {LISTENS}; exec sleep 1004"));
    let server = builder.start();
    block_until("one", || if server.zombies() == 1 { Ok(()) } else { Err(server.zombies()) });
}

#[test]
fn keeps_only_the_last_of_the_output() {
    let (builder, _folder) = with(&format!("{LISTENS}; head -c 1000000 /dev/zero; echo last; exec sleep 1005"));
    let server = builder.start();
    block_until("the last line", || if server.log().ends_with("last\n") { Ok(()) } else { Err(()) });
    assert!(server.log().len() <= LOG);
}

#[test]
#[should_panic(expected = "run `cargo build --workspace`")]
fn names_the_remedy_for_a_missing_program() {
    drop(binary("no-such-program"));
}
