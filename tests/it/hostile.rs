//! Bad input: each has its named error, and another client's running command is not hurt.

mod trunk;

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use sandwire::protocol::frame::{Body, Frame, GoAway, Hello, Outcome, Welcome};
use sandwire::protocol::kind;
use sandwire::protocol::{Code, Error};
use sandwire::{Client, Reply};
use sandwire_tests::server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::common::{collect, shell};

/// A client that says what it likes.
struct Raw(WebSocketStream<TcpStream>);

/// What the server did about it.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// Closed with this code and a reason that begins with this name.
    Closed(u16, String),
    /// The lane was ended with this reason.
    LaneEnded(String),
    /// The channel failed.
    Failed(Code),
}

impl Raw {
    async fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let (socket, _) = tokio_tungstenite::client_async(server.url(), stream).await.unwrap();
        Self(socket)
    }

    async fn greeted(server: &Server) -> Self {
        let mut raw = Self::connect(server).await;
        let token: [u8; 16] = std::array::from_fn(|_| fastrand::u8(..));
        raw.send(1, 0, hello(&token)).await;
        loop {
            if let Body::Welcome(payload) = raw.next().await.unwrap().body {
                let welcome: Welcome = kind::decode(&payload).unwrap();
                assert!(!welcome.resumed && welcome.version == 1);
                return raw;
            }
        }
    }

    async fn send(&mut self, lane: u32, channel: u32, body: Body) {
        self.send_bytes(Frame { lane, channel, body }.encode()).await;
    }

    async fn send_bytes(&mut self, bytes: impl Into<Bytes>) {
        // A server that has closed already is about to be asked why.
        let _ = self.0.send(Message::Binary(bytes.into())).await;
    }

    async fn next(&mut self) -> Result<Frame, Verdict> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Binary(bytes))) => return Ok(Frame::decode(&bytes).unwrap()),
                Some(Ok(Message::Close(Some(close)))) => {
                    let name = close.reason.split(':').next().unwrap_or_default().to_owned();
                    return Err(Verdict::Closed(close.code.into(), name));
                }
                Some(Ok(_)) => {}
                other => panic!("the connection ended without a word: {other:?}"),
            }
        }
    }

    async fn verdict(&mut self) -> Verdict {
        let verdict = async {
            loop {
                match self.next().await {
                    Ok(Frame { lane: 1, body: Body::GoAway(payload), .. }) => {
                        let go_away: GoAway = kind::decode(&payload).unwrap();
                        return Verdict::LaneEnded(go_away.reason);
                    }
                    Ok(Frame { body: Body::Close(Outcome::Error(payload)), .. }) => {
                        return Verdict::Failed(kind::decode::<Error>(&payload).unwrap().code);
                    }
                    Ok(_) => {}
                    Err(verdict) => return verdict,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), verdict).await.expect("the server says something")
    }
}

fn hello(token: &[u8]) -> Body {
    let hello = Hello { version: 1, token: token.to_vec(), ..Hello::default() };
    Body::Hello(kind::encode(&hello).unwrap())
}

fn open(kind: &str, params: &'static [u8]) -> Body {
    Body::Open { kind: kind.to_owned(), class: None, params: Bytes::from_static(params) }
}

/// `{"run": {"command": "sleep 1000"}, "stdin": true}`
const SLEEP: &[u8] = b"\x82\xa3run\x81\xa7command\xaasleep 1000\xa5stdin\xc3";

fn closed(code: u16, name: &str) -> Verdict {
    Verdict::Closed(code, name.to_owned())
}

fn ended(name: &str) -> Verdict {
    Verdict::LaneEnded(name.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_malformed_thing_has_its_name_and_hurts_nobody_else() {
    let server = Server::start();
    let neighbour = Client::connect(server.url()).await.unwrap();
    let command = "for i in $(seq 1 100000); do read line || exit 7; echo $line; done";
    let params = sandwire::protocol::kind::exec::Params { stdin: true, ..shell(command) };
    let running = neighbour.open::<kind::Exec>(&params).unwrap();
    let mut lines = 0;

    let valid = Frame { lane: 1, channel: 1, body: open("exec", SLEEP) }.encode();
    let truncated = valid.slice(..valid.len() - 3);
    let trailing = Bytes::from([&valid[..], b"x"].concat());
    let before_hello = |bytes: Bytes| (vec![bytes], true);
    let frame = |channel, body| Frame { lane: 1, channel, body }.encode();
    let open_sleep = || frame(1, open("exec", SLEEP));
    let data = |channel| frame(channel, Body::Data { stream: 0, data: Bytes::from_static(b"x") });
    let flood: Vec<Bytes> = std::iter::once(open_sleep())
        .chain((0..40).map(|_| frame(1, Body::Data { stream: 0, data: vec![0; 60_000].into() })))
        .collect();
    let cases: Vec<((Vec<Bytes>, bool), Verdict)> = vec![
        (before_hello(Bytes::from_static(b"not a frame")), closed(1002, "MALFORMED_FRAME")),
        (before_hello(Bytes::new()), closed(1002, "MALFORMED_FRAME")),
        (before_hello(Bytes::from(vec![0xff; 70_000])), closed(1002, "MALFORMED_FRAME")),
        (before_hello(Bytes::from(vec![0; (1 << 20) + 1])), closed(1009, "FRAME_TOO_LARGE")),
        (before_hello(valid.clone()), closed(1002, "UNEXPECTED_FRAME")),
        (before_hello(frame(0, hello(b"short"))), closed(1002, "MALFORMED_FRAME")),
        (before_hello(frame(0, Body::Hello(Bytes::from_static(b"\xc1")))), closed(1002, "MALFORMED_FRAME")),
        (before_hello(frame(0, Body::Welcome(Bytes::from_static(b"\x80")))), closed(1002, "UNEXPECTED_FRAME")),
        ((vec![truncated], false), closed(1002, "MALFORMED_FRAME")),
        ((vec![trailing], false), closed(1002, "MALFORMED_FRAME")),
        ((vec![Bytes::from_static(b"\x93\x63\xce\0\0\0\x01\xce\0\0\0\x01")], false), closed(1002, "UNKNOWN_FRAME")),
        ((vec![frame(0, hello(&[9; 16]))], false), closed(1002, "UNEXPECTED_FRAME")),
        ((vec![frame(1, open("no.such.kind", b"\x80"))], false), Verdict::Failed(Code::UnknownKind)),
        ((vec![frame(1, open("exec", b"\xc1"))], false), Verdict::Failed(Code::ValidationFailed)),
        ((vec![frame(1, open("exec", b"\x81\xa3run\x05"))], false), Verdict::Failed(Code::ValidationFailed)),
        ((vec![frame(2, open("exec", SLEEP))], false), ended("BAD_CHANNEL_ID")),
        ((vec![open_sleep(), open_sleep()], false), ended("BAD_CHANNEL_ID")),
        ((vec![data(7)], false), ended("NO_SUCH_CHANNEL")),
        ((vec![open_sleep(), frame(1, Body::Cancel), frame(1, Body::Cancel)], false), ended("WRONG_STATE")),
        (
            (vec![open_sleep(), frame(1, Body::End { stream: 0 }), frame(1, Body::End { stream: 0 })], false),
            ended("WRONG_STATE"),
        ),
        ((vec![open_sleep(), frame(1, Body::Close(Outcome::Result(Bytes::new())))], false), ended("WRONG_STATE")),
        ((vec![open_sleep(), frame(1, Body::Credit { bytes: u32::MAX })], false), ended("CREDIT_OVERFLOW")),
        ((vec![frame(0, Body::Ack { received: 1_000_000 })], false), ended("BAD_ACK")),
        ((flood, false), ended("WINDOW_EXCEEDED")),
    ];
    for (number, ((frames, before_hello), expected)) in cases.into_iter().enumerate() {
        let mut raw = if before_hello { Raw::connect(&server).await } else { Raw::greeted(&server).await };
        for bytes in frames {
            raw.send_bytes(bytes).await;
        }
        assert_eq!(raw.verdict().await, expected, "case {number}");
        // The neighbour's command still answers, on its own connection.
        running.write(0, Bytes::from_static(b"line\n")).await.unwrap();
        assert!(matches!(running.recv().await, Reply::Data(1, data) if data == "line\n"), "after case {number}");
        lines += 1;
    }
    running.end(0).unwrap();
    assert_eq!(collect(&running).await.result.unwrap().code, Some(7));
    assert!(lines > 20);
    sandwire_tests::wait::wait_for("the commands of ended lanes are ended", || {
        // A lane that was only disconnected is kept; it has no command in these cases.
        server.started().is_empty()
    })
    .await;
}

/// R-PING-2: the text `ping` is answered by the text `pong`; a flood of them costs nobody anything.
#[tokio::test]
async fn the_text_ping_is_answered() {
    let server = Server::start();
    let mut raw = Raw::greeted(&server).await;
    for _ in 0..2_000 {
        raw.0.feed(Message::Text("ping".into())).await.unwrap();
    }
    raw.0.flush().await.unwrap();
    let pong = async { while raw.0.next().await.unwrap().unwrap() != Message::Text("pong".into()) {} };
    tokio::time::timeout(Duration::from_secs(20), pong).await.unwrap();
    raw.send(1, 1, open("exec", b"\x81\xa3run\x81\xa7command\xa4true")).await;
    loop {
        match raw.0.next().await.unwrap().unwrap() {
            Message::Text(text) => assert_eq!(text, "pong"),
            Message::Binary(bytes) => {
                if let Body::Close(outcome) = Frame::decode(&bytes).unwrap().body {
                    return assert!(matches!(outcome, Outcome::Result(_)));
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_text_message_is_refused_by_name() {
    let server = Server::start();
    let mut raw = Raw::greeted(&server).await;
    raw.0.send(Message::Text("hello".into())).await.unwrap();
    assert_eq!(raw.verdict().await, closed(1002, "MALFORMED_FRAME"));
}

#[tokio::test]
async fn too_many_channels_are_refused_politely_and_then_not() {
    let server = Server::builder().args(["--max-channels-per-lane", "3"]).start();
    let mut raw = Raw::greeted(&server).await;
    for id in [1, 3, 5, 7] {
        raw.send(1, id, open("exec", SLEEP)).await;
    }
    assert_eq!(raw.verdict().await, Verdict::Failed(Code::LimitExceeded));
}

#[tokio::test]
async fn a_hello_that_does_not_come_and_a_request_that_does_not_end_are_not_waited_for() {
    let server = Server::builder().args(["--handshake-timeout", "300ms"]).start();
    let mut slow = TcpStream::connect(server.address()).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: loc").await.unwrap();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "it was closed, unanswered");
    let mut raw = Raw::connect(&server).await;
    assert_eq!(raw.verdict().await, closed(1008, "HELLO_TIMEOUT"));
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so() {
    let server = Server::builder().args(["--max-connections", "2"]).start();
    let first = Client::connect(server.url()).await.unwrap();
    let _second = Client::connect(server.url()).await.unwrap();
    match Client::connect(server.url()).await {
        Err(sandwire::Error::Refused { status: 503, body }) => assert!(body.contains("max_connections"), "{body}"),
        other => panic!("{other:?}"),
    }
    drop(first);
    sandwire_tests::wait::wait_until_async("a place is free again", || Client::connect(server.url())).await;
}

/// What a client asks for and does not read must not cost more than the channels that it may open.
#[tokio::test(flavor = "multi_thread")]
async fn results_that_nobody_reads_hold_the_places_of_their_channels() {
    let args = ["--max-channels", "16", "--retained-bytes-per-lane", "512KiB", "--lane-ttl", "0s"];
    let server = Server::builder().args(args).start();
    for number in 0..600 {
        std::fs::write(server.workspace().join(format!("{number:0>250}")), "").unwrap();
    }
    let other = Client::connect(server.url()).await.unwrap();
    let mut raw = Raw::greeted(&server).await;
    let list = kind::encode(&kind::file::List { path: ".".into(), ..kind::file::List::default() }).unwrap();
    for number in 0..100 {
        // Answers are neither read nor acknowledged.
        raw.send(1, 2 * number + 1, Body::Open { kind: "file.list".to_owned(), class: None, params: list.clone() })
            .await;
    }
    let ask = || async { crate::common::run(&other, &shell("true")).await.2 };
    let refused = sandwire_tests::wait::wait_until_async("the places are taken", || async {
        ask().await.err().ok_or("there is a place")
    });
    let refused = refused.await;
    assert_eq!((refused.code, &refused.details["limit"]), (Code::LimitExceeded, &"max_channels".into()));
    drop(raw);
    sandwire_tests::wait::wait_until_async("the places are free again", ask).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_repeats_something_long_arrives() {
    let server = Server::start();
    let client = Client::connect(server.url()).await.unwrap();
    let long = "x".repeat(900_000);
    let get = kind::process::Get { id: long.clone() };
    let sandwire::Error::Remote(error) = client.call::<kind::ProcessGet>(&get).await.unwrap_err() else {
        panic!("the server answers")
    };
    assert_eq!(error.code, Code::ProcessNotFound);
    let error = crate::common::run(&client, &crate::common::argv(&[&long])).await.2.unwrap_err();
    assert_eq!(error.code, Code::CommandNotFound);
    assert!(error.message.len() <= 8 << 10 && error.message.contains("the program x"));
}

/// A message of a mebibyte that never ends is held for few connections only; the others are not read that far.
#[tokio::test(flavor = "multi_thread")]
async fn messages_that_never_end_cost_little_and_hold_nobody() {
    const CONNECTIONS: usize = 100;
    let server = Server::start();
    let other = Client::connect(server.url()).await.unwrap();
    crate::common::run(&other, &shell("true")).await.2.unwrap();
    let idle = server.rss();
    let mut unfinished = Vec::new();
    for _ in 0..CONNECTIONS {
        let raw = Raw::greeted(&server).await;
        let mut stream = raw.0.into_inner();
        // The head of a masked binary message of a mebibyte (RFC 6455, section 5.2), and most of it.
        let mut head = vec![0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0];
        head.resize(1_000_000, b'x');
        // What is not read fills the kernel's buffers.
        let _ = tokio::time::timeout(Duration::from_millis(50), stream.write_all(&head)).await;
        unfinished.push(stream);
    }
    assert_eq!(crate::common::run(&other, &shell("echo here")).await.0, b"here\n");
    let grown = server.rss().saturating_sub(idle);
    // Six of them whole, 80 KiB of each of the others, and tables.
    assert!(grown < 60 << 20, "{grown}");
    drop(unfinished);
    // Long messages of others are read again.
    let long = crate::common::argv(&["printf", "%.3s", &"x".repeat(120_000)]);
    assert_eq!(crate::common::run(&other, &long).await.0, b"xxx");
}
