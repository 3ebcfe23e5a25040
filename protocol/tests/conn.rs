//! The handshake, liveness, and what a connection makes of frames that have no place.
#![allow(clippy::disallowed_methods, reason = "the machines are handed a beginning of time")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use sandwire_protocol::conn::{Conn, Step};
use sandwire_protocol::frame::{Body, CONNECTION, Frame, GoAway, Hello, Reset, Welcome};
use sandwire_protocol::kind::{class_of, encode};
use sandwire_protocol::lane::Role;
use sandwire_protocol::limits::{DEAD_AFTER, HELLO_WITHIN, INITIAL_WINDOW, PING_AFTER, VERSION};
use sandwire_protocol::schedule::Class;

fn hello() -> Hello {
    Hello { version: VERSION, token: vec![7; 16], ..Hello::default() }
}

fn frame(lane: u32, body: Body) -> Frame {
    let channel = u32::from(body.is_counted());
    Frame { lane, channel, body }
}

fn say_hello(lane: u32, hello: &Hello) -> Frame {
    frame(lane, Body::Hello(encode(hello).unwrap()))
}

fn welcome(version: u32) -> Body {
    Body::Welcome(encode(&Welcome { version, ..Welcome::default() }).unwrap())
}

fn open() -> Body {
    Body::Open { kind: "exec".to_owned(), class: None, params: Bytes::new() }
}

/// Hears a frame and says the name of the error, or nothing.
fn error(conn: &mut Conn, now: Instant, frame: Frame) -> Option<&'static str> {
    conn.handle_frame(now, frame).err().map(|error| error.name())
}

/// R-HELLO-2: what follows a HELLO at once finds its lane.
#[test]
fn requests_come_right_behind_hello() {
    let now = Instant::now();
    let mut server = Conn::new(Role::Server, now, 1);
    let step = server.handle_frame(now, say_hello(1, &hello())).unwrap();
    assert_eq!(step, Step::Hello(1, hello()));
    server.attach(1);
    assert!(matches!(server.handle_frame(now, frame(1, open())), Ok(Step::Lane(_))));
}

/// R-HELLO-3: WELCOME is first and comes once; what follows a refused HELLO is dropped.
#[test]
fn welcome_is_first_and_comes_once() {
    let now = Instant::now();
    let mut client = Conn::new(Role::Client, now, 1);
    client.attach(1);
    for body in [open(), Body::Ack { received: 0 }, Body::Ping { nonce: 1 }, Body::Pong { nonce: 1, received: 0 }] {
        assert_eq!(error(&mut client, now, frame(1, body)), Some("UNEXPECTED_FRAME"));
    }
    assert!(matches!(client.handle_frame(now, frame(1, welcome(VERSION))), Ok(Step::Welcome(1, _))));
    client.attach(1);
    assert!(matches!(client.handle_frame(now, frame(1, open())), Ok(Step::Lane(_))));
    assert_eq!(error(&mut client, now, frame(1, welcome(VERSION))), Some("UNEXPECTED_FRAME"));

    let mut server = Conn::new(Role::Server, now, 1);
    server.handle_frame(now, say_hello(1, &hello())).unwrap();
    // The server answers GOAWAY and does not attach the lane.
    for body in [open(), Body::Ack { received: 0 }, Body::Cancel] {
        assert_eq!(server.handle_frame(now, frame(1, body)), Ok(Step::Done));
    }
}

/// R-HELLO-3: after a lane ended, a new HELLO and a new WELCOME may come in the same number.
#[test]
fn a_lane_number_is_free_again_after_its_end() {
    let now = Instant::now();
    let ends: [Body; 2] =
        [Body::GoAway(encode(&GoAway::default()).unwrap()), Body::Reset(encode(&Reset::default()).unwrap())];
    for end in ends {
        let mut client = Conn::new(Role::Client, now, 1);
        let mut server = Conn::new(Role::Server, now, 1);
        for _ in 0..2 {
            assert!(matches!(server.handle_frame(now, say_hello(1, &hello())), Ok(Step::Hello(..))));
            server.attach(1);
            client.attach(1);
            assert!(matches!(client.handle_frame(now, frame(1, welcome(VERSION))), Ok(Step::Welcome(..))));
            client.handle_frame(now, frame(1, end.clone())).unwrap();
            server.handle_frame(now, frame(1, end.clone())).unwrap();
            assert_eq!(server.handle_frame(now, frame(1, open())), Ok(Step::Done));
        }
    }
}

/// R-HELLO-4, R-EVOLVE-4: a version that one side cannot speak.
#[test]
fn versions() {
    let now = Instant::now();
    let mut server = Conn::new(Role::Server, now, 9);
    let none = Hello { version: 0, ..hello() };
    assert_eq!(error(&mut server, now, say_hello(1, &none)), Some("UNSUPPORTED_VERSION"));
    let newer = Hello { version: VERSION + 5, ..hello() };
    assert!(matches!(server.handle_frame(now, say_hello(1, &newer)), Ok(Step::Hello(..))));
    for version in [0, VERSION + 1, u32::MAX] {
        let mut client = Conn::new(Role::Client, now, 1);
        client.attach(1);
        assert_eq!(error(&mut client, now, frame(1, welcome(version))), Some("UNSUPPORTED_VERSION"));
    }
}

/// R-HELLO-5: HELLO and WELCOME where they do not belong; too many lanes.
#[test]
fn handshakes_out_of_place() {
    let now = Instant::now();
    let mut server = Conn::new(Role::Server, now, 2);
    for body in [open(), Body::Ack { received: 0 }, Body::Ping { nonce: 1 }, welcome(VERSION)] {
        assert_eq!(error(&mut server, now, frame(1, body)), Some("UNEXPECTED_FRAME"));
    }
    assert_eq!(error(&mut server, now, say_hello(CONNECTION, &hello())), Some("UNEXPECTED_FRAME"));
    for lane in [5, 3] {
        server.handle_frame(now, say_hello(lane, &hello())).unwrap();
        server.attach(lane);
    }
    let refused = server.handle_frame(now, say_hello(9, &hello()));
    assert!(matches!(refused, Ok(Step::Broken(9, error)) if error.name() == "TOO_MANY_LANES"));
    let again = server.handle_frame(now, say_hello(5, &hello()));
    assert!(matches!(again, Ok(Step::Broken(5, error)) if error.name() == "UNEXPECTED_FRAME"));
    assert_eq!(error(&mut server, now, say_hello(3, &hello())), Some("UNEXPECTED_FRAME"), "there is no other lane");
    let mut client = Conn::new(Role::Client, now, 1);
    assert_eq!(error(&mut client, now, say_hello(1, &hello())), Some("UNEXPECTED_FRAME"));
    assert_eq!(error(&mut client, now, frame(1, welcome(VERSION))), Some("UNEXPECTED_FRAME"));
}

/// R-GOAWAY-4: what breaks the rules in a lane ends that lane, where the connection carries others.
#[test]
fn a_lane_takes_no_other_with_it() {
    let now = Instant::now();
    let none = Hello { version: 0, ..hello() };
    let header = |kind: u8, lane: u8| vec![0x94, kind, 0xce, 0, 0, 0, lane, 0xce, 0, 0, 0, 0];
    let garbage: Vec<(&str, Bytes)> = vec![
        ("MALFORMED_FRAME", header(6, 5).into()),
        ("MALFORMED_FRAME", [&header(3, 5)[..], &[0xc0]].concat().into()),
        ("MALFORMED_FRAME", [&header(3, 5)[..], &[0, 0]].concat().into()),
        ("MALFORMED_FRAME", frame(5, Body::GoAway(b"\xc1"[..].into())).encode()),
        ("UNKNOWN_FRAME", header(15, 5).into()),
        ("UNKNOWN_FRAME", header(0xff, 5).into()),
        ("UNEXPECTED_FRAME", say_hello(5, &hello()).encode()),
        ("UNEXPECTED_FRAME", say_hello(5, &none).encode()),
        ("UNEXPECTED_FRAME", frame(5, welcome(VERSION)).encode()),
        ("UNSUPPORTED_VERSION", say_hello(9, &none).encode()),
        ("MALFORMED_FRAME", say_hello(9, &Hello { token: vec![], ..hello() }).encode()),
        ("MALFORMED_FRAME", header(1, 9).into()),
    ];
    for (name, bytes) in garbage {
        let mut server = Conn::new(Role::Server, now, 9);
        let lane = u32::from(bytes[6]);
        for lane in [3, 5] {
            server.handle_frame(now, say_hello(lane, &hello())).unwrap();
            server.attach(lane);
        }
        let step = server.handle_message(now, &bytes);
        assert!(
            matches!(&step, Ok(Step::Broken(of, error)) if *of == lane && error.name() == name),
            "{name}: {step:?}"
        );
        // What the peer sent before it knew is dropped, whatever it is; the other lane is as it was.
        assert_eq!(server.handle_frame(now, frame(lane, open())), Ok(Step::Done));
        assert_eq!(server.handle_message(now, &header(15, lane as u8).into()), Ok(Step::Done));
        assert!(matches!(server.handle_frame(now, frame(3, open())), Ok(Step::Lane(_))));
        // The number is free for another client; one that is alone ends its connection.
        assert!(matches!(server.handle_frame(now, say_hello(lane, &hello())), Ok(Step::Hello(..))));
        let mut alone = Conn::new(Role::Server, now, 9);
        if lane == 5 {
            alone.handle_frame(now, say_hello(5, &hello())).unwrap();
            alone.attach(5);
        }
        assert_eq!(alone.handle_message(now, &bytes).unwrap_err().name(), name);
    }
    let mut server = Conn::new(Role::Server, now, 9);
    for lane in [3, 5] {
        server.handle_frame(now, say_hello(lane, &hello())).unwrap();
        server.attach(lane);
    }
    for bytes in [vec![], b"not a frame".to_vec(), header(6, 0), header(15, 0)] {
        assert!(server.handle_message(now, &bytes.into()).is_err(), "whose it is cannot be read, or it is the relay's");
    }
    assert_eq!(server.handle_message(now, &vec![0; (1 << 20) + 1].into()).unwrap_err().name(), "FRAME_TOO_LARGE");
}

/// R-HELLO-6: a connection that says no HELLO is closed, however lively it is otherwise.
#[test]
fn hello_must_come_in_time() {
    let start = Instant::now();
    let mut server = Conn::new(Role::Server, start, 1);
    let late = start + HELLO_WITHIN;
    server.handle_frame(late, frame(CONNECTION, Body::Ping { nonce: 1 })).unwrap();
    assert!(server.poll_timeout().unwrap() <= late);
    assert_eq!(server.handle_timeout(late).unwrap_err().name(), "HELLO_TIMEOUT");
    let mut server = Conn::new(Role::Server, start, 1);
    server.handle_frame(start, say_hello(1, &hello())).unwrap();
    server.attach(1);
    assert!(server.handle_timeout(late).is_ok());
}

/// R-HELLO-7: a HELLO that says what may not be.
#[test]
fn hello_out_of_bounds() {
    let now = Instant::now();
    let wrong = [
        Hello { token: vec![7; 15], ..hello() },
        Hello { token: vec![7; 65], ..hello() },
        Hello { token: vec![], ..hello() },
        Hello { window: Some(INITIAL_WINDOW - 1), ..hello() },
        Hello { client: "x".repeat(257), ..hello() },
    ];
    for hello in wrong {
        let mut server = Conn::new(Role::Server, now, 1);
        assert_eq!(error(&mut server, now, say_hello(1, &hello)), Some("MALFORMED_FRAME"), "{hello:?}");
    }
    let right = [
        Hello { token: vec![7; 64], ..hello() },
        Hello { window: Some(INITIAL_WINDOW), ..hello() },
        Hello { window: Some(u32::MAX), ..hello() },
        Hello { client: "x".repeat(256), ..hello() },
    ];
    for hello in right {
        let mut server = Conn::new(Role::Server, now, 1);
        assert!(server.handle_frame(now, say_hello(1, &hello)).is_ok(), "{hello:?}");
    }
    for payload in [&b""[..], b"\x80", b"\xc0", b"\x81\xa7version\xa1x", b"\x93\x01\x02\x03"] {
        let mut server = Conn::new(Role::Server, now, 1);
        assert!(error(&mut server, now, frame(1, Body::Hello(payload.into()))).is_some(), "{payload:?}");
    }
}

/// R-HELLO-8: a lane that ended here while the peer was still sending.
#[test]
fn late_frames_are_dropped() {
    let now = Instant::now();
    let mut server = Conn::new(Role::Server, now, 2);
    server.handle_frame(now, say_hello(1, &hello())).unwrap();
    server.attach(1);
    server.detach(1);
    for body in [open(), Body::Ack { received: 9 }, Body::Ping { nonce: 1 }] {
        assert_eq!(server.handle_frame(now, frame(1, body.clone())), Ok(Step::Done));
        assert_eq!(server.handle_frame(now, frame(77, body)), Ok(Step::Done));
    }
}

/// R-ZERO-1: lane 0 is the connection itself.
#[test]
fn lane_zero() {
    let now = Instant::now();
    for role in [Role::Client, Role::Server] {
        let mut conn = Conn::new(role, now, 1);
        let pong = Frame { lane: 0, channel: 0, body: Body::Pong { nonce: 9, received: 0 } };
        assert_eq!(conn.handle_frame(now, frame(0, Body::Ping { nonce: 9 })), Ok(Step::Reply(pong.clone())));
        assert_eq!(conn.handle_frame(now, pong), Ok(Step::Done));
        for body in [open(), Body::Ack { received: 0 }, Body::Cancel, Body::Credit { bytes: 1 }] {
            assert_eq!(error(&mut conn, now, frame(0, body)), Some("UNEXPECTED_FRAME"));
        }
    }
}

/// R-PING-1: silence is asked about, then it is the end; any sign of life puts that off.
#[test]
fn silence() {
    let start = Instant::now();
    let mut client = Conn::new(Role::Client, start, 1);
    assert_eq!(client.handle_timeout(start + PING_AFTER - Duration::from_millis(1)).unwrap(), None);
    let ping = client.handle_timeout(start + PING_AFTER).unwrap().unwrap();
    assert_eq!(ping.lane, CONNECTION);
    assert_eq!(client.handle_timeout(start + PING_AFTER).unwrap(), None, "once is enough");
    assert_eq!(client.poll_timeout(), Some(start + DEAD_AFTER));
    let alive = start + PING_AFTER + Duration::from_secs(1);
    client.handle_sign_of_life(alive);
    assert_eq!(client.poll_timeout(), Some(alive + PING_AFTER));
    let next = client.handle_timeout(alive + PING_AFTER).unwrap().unwrap();
    assert_ne!(next, ping, "each PING has a nonce of its own");
    assert_eq!(client.handle_timeout(alive + DEAD_AFTER).unwrap_err().name(), "PEER_SILENT");
    assert!(DEAD_AFTER <= Duration::from_secs(30));
}

/// R-PING-2: the text messages `ping` and `pong`, each from its side; no other text.
#[test]
fn texts_of_liveness() {
    let start = Instant::now();
    let later = start + PING_AFTER;
    let mut server = Conn::new(Role::Server, start, 1);
    assert_eq!(server.handle_text(later, b"ping"), Ok(Some("pong")), "before HELLO, too");
    assert_eq!(server.handle_timeout(later).unwrap_err().name(), "HELLO_TIMEOUT", "it is no HELLO");
    let mut server = Conn::new(Role::Server, start, 1);
    server.handle_frame(start, say_hello(1, &hello())).unwrap();
    server.attach(1);
    server.handle_text(later, b"ping").unwrap();
    assert_eq!(server.poll_timeout(), Some(later + PING_AFTER), "it is a sign of life");
    let mut client = Conn::new(Role::Client, start, 1);
    assert_eq!(client.handle_text(later, b"pong"), Ok(None));
    assert_eq!(client.poll_timeout(), Some(later + PING_AFTER));
    for text in ["", "ping ", "PING", "pingping", "pong\n", "{}"] {
        for conn in [&mut server, &mut client] {
            assert_eq!(conn.handle_text(later, text.as_bytes()).unwrap_err().name(), "MALFORMED_FRAME", "{text:?}");
        }
    }
    assert_eq!(server.handle_text(later, b"pong").unwrap_err().name(), "MALFORMED_FRAME");
    assert_eq!(client.handle_text(later, b"ping").unwrap_err().name(), "MALFORMED_FRAME");
}

/// R-GOAWAY-2, R-RELAY-1, R-RELAY-2: the end of a lane, and of the connection below it, are told apart.
#[test]
fn lanes_end_and_pause() {
    let now = Instant::now();
    let mut server = Conn::new(Role::Server, now, 3);
    for lane in [1, 2] {
        server.handle_frame(now, say_hello(lane, &hello())).unwrap();
        server.attach(lane);
    }
    let done = GoAway { reason: "done".to_owned(), ..GoAway::default() };
    let go_away = Body::GoAway(encode(&done).unwrap());
    assert_eq!(server.handle_frame(now, frame(1, go_away.clone())), Ok(Step::GoAway(1, done.clone())));
    assert_eq!(server.handle_frame(now, frame(1, go_away.clone())), Ok(Step::Done), "it is over already");
    let gone = Reset { reason: "client-gone".to_owned(), message: None };
    let reset = Body::Reset(encode(&gone).unwrap());
    assert_eq!(server.handle_frame(now, frame(2, reset.clone())), Ok(Step::Reset(2, gone)));
    assert_eq!(server.handle_frame(now, frame(2, reset.clone())), Ok(Step::Done));
    assert_eq!(server.handle_frame(now, frame(0, reset)), Ok(Step::Done));
    assert_eq!(server.handle_frame(now, frame(0, go_away)), Ok(Step::GoAway(0, done)));
}

/// R-SCHED-4: the kind's own class, and interactive for what nobody knows.
#[test]
fn classes_of_kinds() {
    assert_eq!(class_of("exec"), Some(Class::Bulk));
    assert_eq!(class_of("pty.open"), Some(Class::Interactive));
    assert_eq!(class_of("of.the.future"), None);
}
