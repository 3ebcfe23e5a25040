//! `sandwire open`, and the link that the server says on a terminal.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use sandwire_tests::server::{Server, binary};
use serde_json::Value;

use super::{run, text, tool};

const TOKEN: &str = "a-token-for-everything";

/// Opens a link as a browser does: the status, and the head of the answer.
fn visit(link: &str) -> (u16, String) {
    let (host, path) = link.trim_end().strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split("\r\n\r\n").next().unwrap().to_ascii_lowercase())
}

fn signs_in_once(link: &str) {
    let (status, head) = visit(link);
    assert!(status == 303 && head.contains("set-cookie: sandwire_"), "{head}");
    assert_eq!(visit(link).0, 403, "once");
}

#[test]
fn a_link_signs_in_once_with_what_it_was_asked_for() {
    let server = Server::builder().env("SANDWIRE_TOKEN", TOKEN).start();
    let link = text(&server, &["open", "--print", "--token", TOKEN]);
    assert_eq!(link.lines().count(), 1, "{link}");
    signs_in_once(&link);
    let told: Value = serde_json::from_str(&text(&server, &["--json", "open", "--token", TOKEN])).unwrap();
    signs_in_once(told["url"].as_str().unwrap());

    let refused = run(&server, &["open", "--print"]);
    assert!(refused.status.code() == Some(255) && refused.stdout.is_empty(), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("SANDWIRE_TOKEN"), "{refused:?}");
    let wrong = run(&server, &["open", "--print", "--token", TOKEN, "--scope", "root"]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("root"), "{wrong:?}");
}

#[test]
fn a_browser_is_told_where_there_is_one() {
    let server = Server::builder().env("SANDWIRE_TOKEN", TOKEN).start();
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let opener = folder.path().join("xdg-open");
    std::fs::write(&opener, format!("#!/bin/bash\nprintf %s \"$1\" >'{}'\n", told.display())).unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let open = |path: &str| {
        let mut command = tool(&server, &["open", "--token", TOKEN]);
        let output = command.env("PATH", path).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(open(folder.path().to_str().unwrap()), "");
    signs_in_once(&std::fs::read_to_string(&told).unwrap());
    signs_in_once(&open("/nowhere"));
}

#[test]
fn the_server_says_a_link_to_who_started_it_on_a_terminal() {
    let pair = native_pty_system().openpty(PtySize { rows: 30, cols: 200, ..PtySize::default() }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = CommandBuilder::new(binary("sandwire-server"));
    command.args(["--listen", "127.0.0.1:0", "--log", "off"]);
    command.cwd(folder.path());
    command.env("SANDWIRE_TOKEN", TOKEN);
    let mut server = pair.slave.spawn_command(command).unwrap();
    let mut screen = pair.master.try_clone_reader().unwrap();
    let mut shown = String::new();
    let mut buffer = [0; 1024];
    while !shown.contains("minutes)") {
        let count = screen.read(&mut buffer).unwrap();
        shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    let link = shown.lines().find_map(|line| line.trim_end().strip_prefix("open ")).unwrap().to_owned();
    assert!(link.contains("/?ticket=") && !shown.contains(TOKEN), "{shown}");
    signs_in_once(&link);
    server.kill().unwrap();
    server.wait().unwrap();
}
