//! What bounds a visitor: time, size, number.

use std::io::{Read, Write};
use std::time::Duration;

use crate::lane;
use crate::server::{Answer, Server, TOKEN, head, wait_for};

#[test]
fn slow_requests_are_closed_and_hurt_nobody() {
    let server = Server::start_with(&["--handshake-timeout", "300ms"], &[("SANDWIRE_TOKEN", TOKEN)]);
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let body = head("POST", "/v1/tickets", server.address, &[&bearer], 100);
    let slow = ["", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow", &body].map(|part| {
        let mut stream = server.connect();
        stream.write_all(part.as_bytes()).unwrap();
        stream
    });
    assert_eq!(server.get("/healthz", &[]).status, 200, "others are served meanwhile");
    for mut stream in slow {
        let mut rest = Vec::new();
        // What it says is not promised; that it ends is.
        drop(stream.read_to_end(&mut rest));
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
    }
    // One byte at a time does not draw it out either.
    let mut stream = server.connect();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nX-Slow: ").unwrap();
    wait_for("the drip to be cut", || {
        let sent = stream.write_all(b"x");
        let ended = matches!(stream.read(&mut [0]), Ok(0));
        (sent.is_err() || ended).then_some(())
    });
}

#[test]
fn a_large_head_is_refused() {
    let server = Server::start(&[]);
    let mut stream = server.connect();
    let large = format!("X-Large: {}", "x".repeat(64 << 10));
    // The server may close before all of it is written.
    drop(stream.write_all(head("GET", "/healthz", server.address, &[&large], 0).as_bytes()));
    let mut said = [0; 12];
    if stream.read_exact(&mut said).is_ok() {
        assert_eq!(&said, b"HTTP/1.1 431");
    }
    let many: Vec<String> = (0..100).map(|number| format!("X-{number}: x")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(server.get("/healthz", &many).status, 431);
    assert_eq!(server.get("/healthz", &[]).status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_the_limit_are_told_when_to_come_back() {
    let server = Server::start(&["--max-connections", "1"]);
    let lane = lane::open(&server, &[]).await;
    for _ in 0..50 {
        let refused = server.get("/healthz", &[]);
        assert_eq!(refused.code(), (503, "LIMIT_EXCEEDED".to_owned()));
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    lane.closed.abort();
    drop(lane);
    let answer = wait_for("the place to be free again", || {
        tokio::task::block_in_place(|| Some(server.get("/healthz", &[])).filter(|answer| answer.status == 200))
    });
    assert_eq!(answer.json()["status"], "ok");
}

#[test]
fn one_request_a_connection() {
    let server = Server::start(&[]);
    let mut stream = server.connect();
    let request = head("GET", "/healthz", server.address, &[], 0);
    stream.write_all(request.repeat(2).as_bytes()).unwrap();
    let answer = Answer::read(&mut stream);
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(answer.body.matches("HTTP/1.1").count(), 0);
}
