//! `sandwire forward`, `info`, `ping`, `top`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Command};

use rustix::process::Signal;
use sandwire_tests::server::{Server, binary};
use serde_json::Value;

use super::{end_of, run, run_with, signal, text, tool};

/// A `forward --json` to this port: the process, and the local address.
fn forward(server: &Server, port: &str) -> (Child, String) {
    let mut child = tool(server, &["--json", "forward", &format!("0:{port}")]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    (child, told["local"].as_str().unwrap().to_owned())
}

#[test]
fn a_port_is_forwarded_for_many_at_once() {
    let server = Server::start();
    std::fs::write(server.workspace().join("page"), "the page").unwrap();
    text(&server, &["start", "--id", "web", "--", "python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]);
    let line = text(&server, &["wait", "web", "--log", r"port (\d+)"]);
    let port = line.split("port ").nth(1).unwrap().split(' ').next().unwrap();
    let (child, local) = forward(&server, port);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(&local).unwrap();
                stream.write_all(b"GET /page HTTP/1.0\r\n\r\n").unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                assert!(answer.starts_with("HTTP/1.0 200") && answer.ends_with("the page"), "{answer}");
            });
        }
    });
    signal(&child, Signal::INT);
    assert_eq!(end_of(child), Some(0));
}

#[test]
fn each_direction_of_a_forwarded_connection_has_its_own_end() {
    let server = Server::start();
    // Answers only when it has seen the end of what is sent.
    let echo = "import socket\ns = socket.create_server(('127.0.0.1', 0))\nprint('port', s.getsockname()[1], flush=True)\n\
                c, _ = s.accept()\nall = b''\nwhile data := c.recv(65536): all += data\nc.sendall(all[::-1])\nc.close()";
    text(&server, &["start", "--id", "echo", "--", "python3", "-c", echo]);
    let line = text(&server, &["wait", "echo", "--log", r"port \d+"]);
    let (child, local) = forward(&server, line.trim().trim_start_matches("port "));
    let sent = crate::common::noise(9, 2_000_000);
    let mut stream = TcpStream::connect(&local).unwrap();
    stream.write_all(&sent).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer.reverse();
    assert!(answer == sent);
    // Nobody listens there any more: the local connection is reset, not ended as if all were well.
    let mut stream = TcpStream::connect(&local).unwrap();
    assert_eq!(stream.read(&mut [0; 1]).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    signal(&child, Signal::INT);
    assert_eq!(end_of(child), Some(0));
}

#[test]
fn the_sandbox_tells_what_and_how_it_is() {
    let server = Server::start();
    let workspace = server.workspace().to_str().unwrap().to_owned();
    assert!(text(&server, &["info"]).contains(&workspace));
    let info: Value = serde_json::from_str(&text(&server, &["info", "--json"])).unwrap();
    assert_eq!(info["workspace"].as_str(), Some(workspace.as_str()));
    let pongs = text(&server, &["--json", "ping", "-n", "3", "-i", "0"]);
    assert!(pongs.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["round_trip_us"].is_u64()));
    assert_eq!(pongs.lines().count(), 3);
    let samples = text(&server, &["--json", "top", "-n", "2", "-i", "100ms"]);
    assert!(samples.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["memory_used"].is_u64()));
    assert_eq!(samples.lines().count(), 2);
}

#[test]
fn completions_complete() {
    let server = Server::start();
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(text(&server, &["completions", shell]).contains("sandwire"));
    }
    // As bash itself asks for them: the words of the line, and which of them the cursor is on.
    let script = r#"
        source <("$1" completions bash)
        ask() {
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
            local function=$(complete -p sandwire | sed 's/.*-F \([^ ]*\).*/\1/')
            "$function" sandwire "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
            echo "${COMPREPLY[*]}"
        }
        ask sandwire fo
        ask sandwire unex
        ask sandwire expose --loc
        ask sandwire logs --fol
        ask sandwire terminal cl"#;
    let tool = binary("sandwire");
    let output = Command::new("bash").args(["--norc", "-c", script, "bash"]).arg(tool).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "forward\nunexpose\n--local-host\n--follow\nclose\n",
        "{output:?}"
    );
}

#[test]
fn a_certificate_is_trusted_when_it_is_given() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let server = Server::builder().arg("--tls-cert").arg(&certificate).arg("--tls-key").arg(&key).start();
    let url = format!("wss://localhost:{}", server.address().port());
    let trusting = ["--url", &url, "--ca", certificate.to_str().unwrap(), "exec", "-c", "cat; exit 3"];
    let output = run_with(&server, &trusting, b"through TLS");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), b"through TLS".as_slice()), "{output:?}");
    let output = tool(&server, &["--url", &url, "info"]).env("SANDWIRE_CA", &certificate).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for (args, says) in [
        (vec!["--url", &url, "info"], "--ca FILE"),
        (vec!["--url", &url, "--ca", key.to_str().unwrap(), "info"], "no certificate"),
        (vec!["--url", &url, "--ca", "/no/such", "info"], "/no/such"),
        (vec!["--url", &url.replace("localhost", "127.0.0.1"), "--ca", certificate.to_str().unwrap(), "info"], "TLS"),
    ] {
        let output = run(&server, &args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() != Some(0) && said.contains(says), "{args:?}: {said}");
    }
}
