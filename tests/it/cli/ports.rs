//! `sandwire ports`, `expose`, `unexpose`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use rustix::process::Signal;
use sandwire_tests::server::Server;
use serde_json::Value;

use super::{end_of, run, signal, text, tool};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The line of a port in the table.
fn row(table: &str, port: u16) -> Option<&str> {
    table.lines().find(|line| line.split_whitespace().next() == Some(port.to_string().as_str()))
}

#[test]
fn a_port_is_listed_exposed_reached_and_shut_again() {
    let server = Server::start();
    std::fs::write(server.workspace().join("page"), "the page").unwrap();
    text(&server, &["start", "--id", "web", "--", "python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]);
    let line = text(&server, &["wait", "web", "--log", r"port (\d+)"]);
    let port: u16 = line.split("port ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let shown = port.to_string();
    let table = text(&server, &["ports"]);
    let found = row(&table, port).unwrap_or_else(|| panic!("{table}"));
    for word in ["127.0.0.1", "web", "-", "http.server"] {
        assert!(found.split_whitespace().any(|it| it == word), "{word} in {found}");
    }
    let own = server.address().port();
    assert!(row(&table, own).is_none() && row(&text(&server, &["ports", "--all"]), own).is_some());

    let url = text(&server, &["expose", &shown]);
    let host =
        url.trim().strip_prefix("http://").and_then(|url| url.strip_suffix('/')).unwrap_or_else(|| panic!("{url}"));
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(stream, "GET /page HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("the page"), "{answer}");
    assert_eq!(text(&server, &["expose", &shown]), url, "again it is the same");
    assert!(row(&text(&server, &["ports"]), port).unwrap().contains(url.trim()));
    let listing = json(&text(&server, &["--json", "ports"]));
    assert_eq!(listing["exposed"][0]["url"].as_str(), Some(url.trim()));
    assert!(listing["ports"].as_array().unwrap().iter().any(|it| it["port"] == port && it["process"] == "web"));

    // Nobody listens there: the table has it all the same.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let args = ["--json", "expose", &free.to_string(), "--name", "shop", "--token", "demo_1", "--local-host"];
    let exposed = json(&text(&server, &args));
    assert_eq!((exposed["name"].as_str(), exposed["token"].as_str()), (Some("shop"), Some("demo_1")));
    assert_eq!(exposed["local_host"], true);
    assert!(row(&text(&server, &["ports"]), free).unwrap().contains("demo_1"));
    let both = text(&server, &["--json", "unexpose", &shown, &free.to_string(), "1"]);
    assert_eq!(both.lines().map(|line| json(line)["existed"] == true).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(text(&server, &["unexpose", &shown]), "");
    assert_eq!(json(&text(&server, &["--json", "ports"]))["exposed"], serde_json::json!([]));
}

#[test]
fn what_changes_is_told_line_by_line() {
    let server = Server::start();
    let mut child = tool(&server, &["--json", "ports", "--watch", "--interval", "250ms"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = |name: &str, port: Option<u16>| loop {
        let event = json(&lines.next().unwrap().unwrap());
        let of = event[name]["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        if !event[name].is_null() && of == port {
            return event;
        }
    };
    next("ready", None);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(next("opened", Some(port))["opened"]["pid"], std::process::id());
    text(&server, &["expose", &port.to_string()]);
    next("exposed", Some(port));
    text(&server, &["unexpose", &port.to_string()]);
    next("unexposed", Some(port));
    drop(listener);
    next("closed", Some(port));
    signal(&child, Signal::INT);
    assert_eq!(end_of(child), Some(0));
}

#[test]
fn what_is_wrong_is_said() {
    let server = Server::start();
    let own = server.address().port().to_string();
    for (args, code, says) in [
        (vec!["expose", "0"], 1, "INVALID_PORT"),
        (vec!["expose", own.as_str()], 1, "the server's own"),
        (vec!["expose", "80", "--token", "No"], 1, "a-z"),
        (vec!["expose", "70000"], 2, "70000"),
        (vec!["expose"], 2, "PORT"),
        (vec!["unexpose"], 2, "PORTS"),
        (vec!["ports", "--interval", "1s"], 2, "--watch"),
        (vec!["ports", "--watch", "--interval", "1ms"], 1, "250"),
    ] {
        let output = run(&server, &args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(code) && said.contains(says), "{args:?}: {output:?}");
    }
    for (command, example) in [
        ("ports", "sandwire ports --watch"),
        ("expose", "sandwire expose 8000"),
        ("unexpose", "sandwire unexpose 8000"),
    ] {
        assert!(text(&server, &[command, "--help"]).contains(example), "{command}");
    }
}
