//! The state tables, found by asking the machines.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sandwire_protocol::channel::State;
use sandwire_protocol::conn::{Conn, Step};
use sandwire_protocol::frame::{Body, Frame, GoAway, Hello, Outcome, Reset, Welcome};
use sandwire_protocol::kind::encode;
use sandwire_protocol::lane::{Config, Lane, LaneEvent, Role};
use sandwire_protocol::limits::{DEAD_AFTER, HELLO_WITHIN, PING_AFTER, VERSION};
use sandwire_protocol::schedule::Class;

use super::super::frames::describe;
use super::table;

/// A side of a channel, in a state.
#[derive(Clone, Copy)]
struct Case {
    opener: bool,
    state: State,
    name: &'static str,
}

const CASES: [Case; 6] = [
    Case { opener: true, state: State::Open, name: "opener, open" },
    Case { opener: true, state: State::Cancelling, name: "opener, cancelling" },
    Case { opener: true, state: State::Closed, name: "opener, closed" },
    Case { opener: false, state: State::Open, name: "acceptor, open" },
    Case { opener: false, state: State::Cancelling, name: "acceptor, cancelling" },
    Case { opener: false, state: State::Closed, name: "acceptor, closed" },
];

fn result() -> Outcome {
    Outcome::Result(Bytes::from_static(&[0x80]))
}

/// A lane of a client whose channel 1 is its own, or of a server whose channel 1 is the peer's.
fn lane_in(case: Case, now: Instant) -> Lane {
    let mut lane = Lane::new(if case.opener { Role::Client } else { Role::Server }, Config::default());
    let epoch = lane.attach(0).unwrap();
    if case.opener {
        lane.open("exec", Class::Bulk, false, Bytes::new()).unwrap();
        lane.poll_transmit(epoch).unwrap();
    } else {
        hear(&mut lane, now, Body::Open { kind: "exec".to_owned(), class: None, params: Bytes::new() }).unwrap();
    }
    match (case.state, case.opener) {
        (State::Open, _) => {}
        (State::Cancelling, true) => lane.cancel(1),
        (State::Cancelling, false) => hear(&mut lane, now, Body::Cancel).unwrap(),
        (State::Closed, true) => hear(&mut lane, now, Body::Close(result())).unwrap(),
        (State::Closed, false) => lane.close(1, result()).unwrap(),
    }
    assert_eq!(lane.state(1), Some(case.state));
    while lane.poll_event().is_some() {}
    lane
}

fn hear(lane: &mut Lane, now: Instant, body: Body) -> Result<(), sandwire_protocol::LaneError> {
    lane.handle_frame(now, Frame { lane: 1, channel: 1, body })
}

fn state_name(state: Option<State>) -> &'static str {
    match state {
        Some(State::Open) => "open",
        Some(State::Cancelling) => "cancelling",
        Some(State::Closed) => "closed",
        None => "gone",
    }
}

/// State × event of a channel.
pub fn channel() -> String {
    let now = Instant::now();
    let mut rows = vec![];
    let frames = [
        Body::Data { stream: 0, data: Bytes::from_static(b"x") },
        Body::Event(Bytes::from_static(&[0x80])),
        Body::End { stream: 0 },
        Body::Credit { bytes: 1 },
        Body::Close(result()),
        Body::Cancel,
        Body::Open { kind: "exec".to_owned(), class: None, params: Bytes::new() },
    ];
    for body in frames {
        let (name, _, _) = describe(&Frame { lane: 1, channel: 1, body: body.clone() });
        let cells = CASES.map(|case| {
            let mut lane = lane_in(case, now);
            let before = lane.state(1);
            let what = match hear(&mut lane, now, body.clone()) {
                Err(error) => return format!("`{}`", error.name()),
                Ok(()) => match lane.poll_event() {
                    Some(LaneEvent::Readable(_)) => "taken",
                    Some(LaneEvent::Cancelled(_)) => "told",
                    Some(LaneEvent::Opened { .. } | LaneEvent::Writable(_)) | None => match body {
                        Body::Credit { .. } if case.state == State::Open => "room",
                        _ => "dropped",
                    },
                },
            };
            arrow(what, before, lane.state(1))
        });
        rows.push([vec![format!("{name} arrives")], cells.to_vec()].concat());
    }
    type Deed = (&'static str, fn(&mut Lane) -> bool);
    let deeds: [Deed; 5] = [
        ("user sends DATA or EVENT", |lane| lane.send(1, 1, Bytes::from_static(b"x")).is_ok()),
        ("user sends END", |lane| lane.end(1, 1).is_ok()),
        ("user closes", |lane| lane.close(1, result()).is_ok()),
        ("user cancels", |lane| {
            let before = lane.state(1);
            lane.cancel(1);
            lane.state(1) != before
        }),
        ("the lane is lost", |lane| {
            lane.fail("lost");
            true
        }),
    ];
    for (name, deed) in deeds {
        let cells = CASES.map(|case| {
            let mut lane = lane_in(case, now);
            let before = lane.state(1);
            let what = if deed(&mut lane) { "done" } else { "refused" };
            arrow(what, before, lane.state(1))
        });
        rows.push([vec![name.to_owned()], cells.to_vec()].concat());
    }
    let head: Vec<_> = std::iter::once("").chain(CASES.map(|case| case.name)).collect();
    table(&head, rows)
}

fn arrow(what: &str, before: Option<State>, after: Option<State>) -> String {
    if before == after { what.to_owned() } else { format!("{what} → {}", state_name(after)) }
}

/// State × event of a connection.
pub fn connection() -> String {
    let now = Instant::now();
    let hello = Hello { version: VERSION, token: vec![0; 16], ..Hello::default() };
    let welcome = Welcome { version: VERSION, ..Welcome::default() };
    let hello = Body::Hello(encode(&hello).unwrap());
    let welcome = Body::Welcome(encode(&welcome).unwrap());
    let go_away = Body::GoAway(encode(&GoAway::default()).unwrap());
    let reset = Body::Reset(encode(&Reset::default()).unwrap());
    let frames: [(&str, u32, Body); 11] = [
        ("HELLO", 1, hello.clone()),
        ("WELCOME", 1, welcome.clone()),
        ("a frame of a channel, or ACK, in lane 1", 1, Body::Cancel),
        ("the same in a lane that the connection does not carry", 2, Body::Cancel),
        ("the same in lane 0", 0, Body::Cancel),
        ("PING in lane 0", 0, Body::Ping { nonce: 1 }),
        ("PING in lane 1", 1, Body::Ping { nonce: 1 }),
        ("PONG in lane 0", 0, Body::Pong { nonce: 1, received: 0 }),
        ("GOAWAY in lane 0", 0, go_away.clone()),
        ("GOAWAY in lane 1", 1, go_away),
        ("RESET in lane 1", 1, reset),
    ];
    type Make = fn(Instant, &Body, &Body) -> Conn;
    let cases: [(&str, Make); 5] = [
        ("server, before HELLO", |now, _, _| Conn::new(Role::Server, now, 4)),
        ("server, carries lane 1", |now, hello, _| {
            let mut conn = Conn::new(Role::Server, now, 4);
            conn.handle_frame(now, Frame { lane: 1, channel: 0, body: hello.clone() }).unwrap();
            conn.attach(1);
            conn
        }),
        ("server, carries lanes 1 and 3", |now, hello, _| {
            let mut conn = Conn::new(Role::Server, now, 4);
            for lane in [1, 3] {
                conn.handle_frame(now, Frame { lane, channel: 0, body: hello.clone() }).unwrap();
                conn.attach(lane);
            }
            conn
        }),
        ("client, HELLO in lane 1 said", |now, _, _| {
            let mut conn = Conn::new(Role::Client, now, 4);
            conn.attach(1);
            conn
        }),
        ("client, WELCOME in lane 1 heard", |now, _, welcome| {
            let mut conn = Conn::new(Role::Client, now, 4);
            conn.attach(1);
            conn.handle_frame(now, Frame { lane: 1, channel: 0, body: welcome.clone() }).unwrap();
            conn
        }),
    ];
    let mut rows = vec![];
    for (name, lane, body) in frames {
        let cells = cases.iter().map(|(_, make)| {
            let mut conn = make(now, &hello, &welcome);
            let channel = u32::from(body == Body::Cancel);
            match conn.handle_frame(now, Frame { lane, channel, body: body.clone() }) {
                Err(error) => format!("`{}`", error.name()),
                Ok(Step::Done) => "ignored".to_owned(),
                Ok(Step::Reply(_) | Step::LanePing(..)) => "PONG".to_owned(),
                Ok(Step::Hello(..)) => "WELCOME, or GOAWAY".to_owned(),
                Ok(Step::Welcome(..)) => "the lane begins or goes on".to_owned(),
                Ok(Step::Lane(_)) => "to the lane".to_owned(),
                Ok(Step::GoAway(0, _)) => "nothing new is opened".to_owned(),
                Ok(Step::GoAway(..)) => "the lane is over".to_owned(),
                Ok(Step::Reset(..)) => "the lane has no connection".to_owned(),
                Ok(Step::Broken(_, error)) => format!("the lane is over: `{}`", error.name()),
            }
        });
        rows.push(std::iter::once(name.to_owned()).chain(cells).collect());
    }
    for (name, time) in [
        ("silence for PING_AFTER", PING_AFTER),
        ("silence for HELLO_WITHIN", HELLO_WITHIN),
        ("silence for DEAD_AFTER", DEAD_AFTER),
    ] {
        let cells = cases.iter().map(|(_, make)| match make(now, &hello, &welcome).handle_timeout(now + time) {
            Err(error) => format!("`{}`", error.name()),
            Ok(Some(_)) => "PING in lane 0".to_owned(),
            Ok(None) => "nothing".to_owned(),
        });
        rows.push(std::iter::once(name.to_owned()).chain(cells).collect());
    }
    assert!(PING_AFTER < DEAD_AFTER && DEAD_AFTER < Duration::from_secs(30));
    let head: Vec<_> = std::iter::once("").chain(cases.iter().map(|(name, _)| *name)).collect();
    table(&head, rows)
}
