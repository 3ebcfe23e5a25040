//! A peer that says anything: a named error or nothing, never a panic, and memory stays within its bounds.
#![allow(clippy::disallowed_methods, reason = "the machines are handed a beginning of time")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use sandwire_protocol::conn::Conn;
use sandwire_protocol::frame::header::Header;
use sandwire_protocol::frame::{Body, Frame, Hello, Outcome, Welcome};
use sandwire_protocol::kind::encode;
use sandwire_protocol::lane::{Config, Lane, LaneEvent, Role};
use sandwire_protocol::limits::{EVENT_RESERVE, MAX_FRAME, MAX_PAYLOAD, MIN_RETAIN, OUTBOX, RETAIN_OVERHEAD};
use sandwire_protocol::schedule::Class;

fn cases(default: u32) -> ProptestConfig {
    let cases = std::env::var("SANDWIRE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default);
    ProptestConfig { cases, max_shrink_iters: 4000, ..ProptestConfig::default() }
}

/// Ids near the edges, so that they meet.
fn id() -> impl Strategy<Value = u32> {
    prop_oneof![12 => 1u32..9, 1 => Just(u32::MAX), 1 => Just(u32::MAX - 1), 1 => any::<u32>().prop_map(|id| id.max(1))]
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from),
        2 => (0usize..70_000).prop_map(|len| Bytes::from(vec![0x61; len])),
    ]
}

fn counts() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0u64..20, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

fn body() -> impl Strategy<Value = Body> {
    let class = prop_oneof![Just(None), Just(Some(Class::Interactive)), Just(Some(Class::Bulk))];
    let kind = prop_oneof![Just("exec"), Just("pty.open"), Just(""), Just("of.the.future")];
    let credit = prop_oneof![1u32..200_000, Just(u32::MAX), Just(1 << 31)];
    prop_oneof![
        5 => (kind, class, bytes()).prop_map(|(kind, class, params)| Body::Open { kind: kind.to_owned(), class, params }),
        6 => (0u8..3, bytes()).prop_filter_map("empty", |(stream, data)| (!data.is_empty()).then_some(Body::Data { stream, data })),
        3 => bytes().prop_map(Body::Event),
        3 => credit.prop_map(|bytes| Body::Credit { bytes }),
        2 => (0u8..3).prop_map(|stream| Body::End { stream }),
        2 => bytes().prop_map(|payload| Body::Close(Outcome::Result(payload))),
        1 => bytes().prop_map(|payload| Body::Close(Outcome::Error(payload))),
        2 => Just(Body::Cancel),
        2 => counts().prop_map(|received| Body::Ack { received }),
        1 => counts().prop_map(|received| Body::Pong { nonce: 1, received }),
        1 => any::<u64>().prop_map(|nonce| Body::Ping { nonce }),
        1 => hello().prop_map(Body::Hello),
        1 => welcome().prop_map(Body::Welcome),
        1 => bytes().prop_map(Body::GoAway),
        1 => bytes().prop_map(Body::Reset),
    ]
}

fn hello() -> impl Strategy<Value = Bytes> {
    let honest = (0u32..3, 14usize..18)
        .prop_map(|(version, token)| encode(&Hello { version, token: vec![1; token], ..Hello::default() }).unwrap());
    prop_oneof![3 => honest, 1 => bytes()]
}

fn welcome() -> impl Strategy<Value = Bytes> {
    let honest = (0u32..3).prop_map(|version| encode(&Welcome { version, ..Welcome::default() }).unwrap());
    prop_oneof![3 => honest, 1 => bytes()]
}

fn frame() -> impl Strategy<Value = Frame> {
    (prop_oneof![3 => 0u32..4, 1 => any::<u32>()], id(), body()).prop_map(|(lane, channel, body)| {
        let channel = if body.is_counted() { channel } else { 0 };
        Frame { lane, channel, body }
    })
}

/// A frame, or what is left of one in transit by a client that means no good.
fn message() -> impl Strategy<Value = Bytes> {
    let change = prop::option::of((0usize..40, any::<u8>()));
    (frame(), change, prop::option::of(0usize..30)).prop_map(|(frame, change, cut)| {
        let mut bytes = frame.encode().to_vec();
        if let Some(place) = change.and_then(|(at, byte)| bytes.get_mut(at).map(|place| (place, byte))) {
            *place.0 = place.1;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| bytes.len().saturating_sub(cut)));
        bytes.into()
    })
}

/// Names that a wire error may have.
const WIRE: [&str; 8] = [
    "MALFORMED_FRAME",
    "FRAME_TOO_LARGE",
    "UNKNOWN_FRAME",
    "UNEXPECTED_FRAME",
    "UNSUPPORTED_VERSION",
    "HELLO_TIMEOUT",
    "PEER_SILENT",
    "TOO_MANY_LANES",
];

/// R-FRAME-2: what is accepted is the one encoding of it.
fn decodes_or_names(bytes: &Bytes) {
    match Frame::decode(bytes) {
        Ok(frame) => {
            assert_eq!(frame.encode(), *bytes);
            assert_eq!(frame.encoded_len(), bytes.len());
            let mut head = BytesMut::new();
            frame.encode_head(&mut head);
            assert!(head.len() <= sandwire_protocol::frame::codec::MAX_HEAD);
        }
        Err(error) => assert!(WIRE.contains(&error.name())),
    }
}

/// What the user of a lane under attack does.
#[derive(Clone, Debug)]
enum Deed {
    Hear(Frame),
    Open(u8),
    Send(u32, usize),
    Event(u32, usize),
    End(u32),
    Close(u32, usize),
    Cancel(u32),
    Release(u32),
    Recv(u32),
    Say(usize),
    Reconnect(u64),
    Lose,
    Wait(u64),
    Drain,
    Fail,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        30 => frame().prop_map(Deed::Hear),
        3 => (0u8..3).prop_map(Deed::Open),
        5 => (id(), 0usize..70_000).prop_map(|(id, len)| Deed::Send(id, len)),
        2 => (id(), 0usize..40_000).prop_map(|(id, len)| Deed::Event(id, len)),
        1 => id().prop_map(Deed::End),
        2 => (id(), 0usize..2000).prop_map(|(id, len)| Deed::Close(id, len)),
        1 => id().prop_map(Deed::Cancel),
        1 => id().prop_map(Deed::Release),
        8 => id().prop_map(Deed::Recv),
        8 => (0usize..20).prop_map(Deed::Say),
        1 => counts().prop_map(Deed::Reconnect),
        1 => Just(Deed::Lose),
        1 => (0u64..3000).prop_map(Deed::Wait),
        1 => Just(Deed::Drain),
        1 => Just(Deed::Fail),
    ]
}

const CONFIG: Config =
    Config { max_channels: 3, retain: MIN_RETAIN, recv_window: 64 << 10, send_window: 300 << 10, growth: 200_000 };

/// Plays the deeds. `give_up` says what an honest shell does at an error; without it the lane must hold even longer.
fn play(role: Role, deeds: Vec<Deed>, give_up: bool) {
    let mut now = Instant::now();
    let mut lane = Lane::new(role, CONFIG);
    let mut epoch = lane.attach(0).unwrap();
    let mut opened = BTreeSet::new();
    for deed in deeds {
        match deed {
            Deed::Hear(frame) => {
                if let Err(error) = lane.handle_frame(now, frame) {
                    assert!(!error.name().is_empty());
                    if give_up {
                        lane.fail(error.name());
                    }
                }
            }
            Deed::Open(class) => {
                let class = Class::ALL[usize::from(class)];
                lane.open("exec", class, true, Bytes::from_static(b"p"));
            }
            Deed::Send(id, len) => {
                let room = lane.room(id);
                let sent = lane.send(id, 1, Bytes::from(vec![0x62; len]));
                assert!(sent.is_err() || len == 0 || room.is_ok_and(|room| len <= room));
            }
            Deed::Event(id, len) => drop(lane.event(id, Bytes::from(vec![0x65; len]))),
            Deed::End(id) => drop(lane.end(id, (id % 3) as u8)),
            Deed::Close(id, len) => drop(lane.close(id, Outcome::Result(Bytes::from(vec![0x63; len])))),
            Deed::Cancel(id) => lane.cancel(id),
            Deed::Release(id) => lane.release(id),
            Deed::Recv(id) => drop(lane.recv(id)),
            Deed::Say(most) => {
                for _ in 0..most {
                    let retained = lane.retained();
                    let Some(frame) = lane.poll_transmit(epoch) else { break };
                    assert!(frame.encode().len() <= MAX_FRAME);
                    Frame::decode(&frame.encode()).expect("what is sent is a frame");
                    assert!(lane.retained() == retained || retained < CONFIG.retain, "sent beyond the limit");
                }
            }
            Deed::Reconnect(received) => {
                lane.detach();
                match lane.attach(received) {
                    Ok(new) => epoch = new,
                    Err(_) => epoch = lane.attach(lane.sent() - lane.sent().min(received % 3)).unwrap_or(epoch),
                }
            }
            Deed::Lose => lane.detach(),
            Deed::Wait(ms) => {
                now += Duration::from_millis(ms);
                lane.handle_timeout(now);
            }
            Deed::Drain => lane.drain(),
            Deed::Fail => lane.fail("lost"),
        }
        let mut events = 0;
        while let Some(event) = lane.poll_event() {
            events += 1;
            if let LaneEvent::Opened { id, .. } = event {
                assert!(opened.insert(id), "OPEN {id} took effect twice");
            }
        }
        bounded(&lane, events);
    }
}

fn bounded(lane: &Lane, events: usize) {
    let most = CONFIG.max_channels * 2 + CONFIG.max_channels;
    assert!(lane.channels() <= most + 1, "{} channels", lane.channels());
    let inboxes = lane.channels() * CONFIG.recv_window as usize + CONFIG.growth;
    assert!(lane.buffered() <= inboxes, "{} bytes wait for the user", lane.buffered());
    assert!(lane.growth_left() <= CONFIG.growth);
    let outboxes = lane.channels() * (OUTBOX + EVENT_RESERVE as usize + 2000);
    assert!(lane.queued() <= outboxes, "{} bytes wait to be sent", lane.queued());
    assert!(
        lane.retained() <= CONFIG.retain + MAX_PAYLOAD.min(70_000) + RETAIN_OVERHEAD,
        "{} retained",
        lane.retained()
    );
    assert!(events <= 2 * most + 2, "{events} events of one deed");
}

proptest! {
    #![proptest_config(cases(4000))]

    #[test]
    fn any_bytes_decode_or_have_a_name(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        decodes_or_names(&bytes.into());
    }

    #[test]
    fn frames_decode_to_themselves(frame in frame()) {
        let bytes = frame.encode();
        prop_assert_eq!(Frame::decode(&bytes).unwrap(), frame);
    }

    /// Valid frames with some bytes changed, cut or added come close to being frames.
    #[test]
    fn damaged_frames_decode_or_have_a_name(
        frame in frame(),
        changes in prop::collection::vec((0usize..40, any::<u8>()), 0..4),
        cut in 0usize..60,
        more in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        let mut bytes = frame.encode().to_vec();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if cut < 20 {
            bytes.truncate(bytes.len().saturating_sub(cut));
        }
        bytes.extend(more);
        decodes_or_names(&bytes.into());
    }
}

proptest! {
    #![proptest_config(cases(1500))]

    /// R-FLOW-7, R-CHANNEL-7, R-RETAIN-1: whatever comes, what is kept has its bound.
    #[test]
    fn a_lane_under_attack_holds(client in any::<bool>(), give_up in any::<bool>(), deeds in prop::collection::vec(deed(), 1..80)) {
        play(if client { Role::Client } else { Role::Server }, deeds, give_up);
    }

    /// R-HELLO-5, R-ZERO-1: a connection under attack carries no more lanes than it may.
    #[test]
    fn a_connection_under_attack_holds(client in any::<bool>(), frames in prop::collection::vec((message(), 0u64..20), 1..60)) {
        let role = if client { Role::Client } else { Role::Server };
        let mut now = Instant::now();
        let mut conn = Conn::new(role, now, 2);
        let mut carried = BTreeSet::new();
        if client {
            conn.attach(1);
            carried.insert(1);
        }
        for (frame, seconds) in frames {
            match conn.handle_message(now, &frame) {
                Ok(sandwire_protocol::conn::Step::Hello(lane, _)) => {
                    prop_assert!(lane != 0 && carried.len() < 2 && carried.insert(lane));
                    conn.attach(lane);
                }
                Ok(sandwire_protocol::conn::Step::GoAway(lane, _) | sandwire_protocol::conn::Step::Reset(lane, _)) => {
                    prop_assert!(lane == 0 || carried.remove(&lane));
                }
                Ok(sandwire_protocol::conn::Step::Lane(frame)) => prop_assert!(carried.contains(&frame.lane)),
                // R-GOAWAY-4: one lane is the most that a frame ends when there are others.
                Ok(sandwire_protocol::conn::Step::Broken(lane, error)) => {
                    prop_assert!(WIRE.contains(&error.name()));
                    carried.remove(&lane);
                    prop_assert!(lane != 0 && !carried.is_empty());
                }
                Ok(_) => {}
                Err(error) => {
                    prop_assert!(WIRE.contains(&error.name()));
                    let lane = Header::read(&frame).map_or(0, |header| header.lane);
                    prop_assert!(lane == 0 || carried.iter().all(|other| *other == lane), "{error} in {lane}");
                }
            }
            now += Duration::from_secs(seconds);
            if let Err(error) = conn.handle_timeout(now) {
                prop_assert!(WIRE.contains(&error.name()));
            }
        }
    }
}

/// A peer that takes everything, sends without end and never acknowledges: what is kept for it ends at the limit.
#[test]
fn a_peer_that_never_acknowledges_costs_no_more_than_the_limit() {
    let now = Instant::now();
    let mut lane = Lane::new(Role::Server, CONFIG);
    let epoch = lane.attach(0).unwrap();
    let hear = |lane: &mut Lane, channel, body| lane.handle_frame(now, Frame { lane: 1, channel, body });
    let mut id = 1;
    let mut refused = None;
    for _ in 0..100_000 {
        let open = Body::Open { kind: "exec".to_owned(), class: None, params: Bytes::new() };
        if let Err(error) = hear(&mut lane, id, open) {
            refused = Some(error);
            break;
        }
        // Each upload earns a CREDIT, each channel a CLOSE: control and interactive frames, without end.
        drop(hear(&mut lane, id, Body::Data { stream: 0, data: Bytes::from(vec![0; 40_000]) }));
        lane.recv(id);
        while lane.poll_transmit(epoch).is_some() {}
        lane.close(id, Outcome::Result(Bytes::from_static(&[0x80]))).ok();
        while lane.poll_transmit(epoch).is_some() {}
        while lane.poll_event().is_some() {}
        assert!(lane.retained() <= CONFIG.retain + RETAIN_OVERHEAD + 1);
        id += 2;
    }
    assert_eq!(refused.map(|error| error.name()), Some("TOO_MANY_CHANNELS"));
    assert!(lane.is_retain_bound() || !lane.has_transmit());
}

/// A stream that the codec would not let through is refused by the lane as well, from either side.
#[test]
fn a_stream_beyond_two_is_refused() {
    let now = Instant::now();
    let mut lane = Lane::new(Role::Server, CONFIG);
    lane.attach(0).unwrap();
    let open = Body::Open { kind: "exec".to_owned(), class: None, params: Bytes::new() };
    lane.handle_frame(now, Frame { lane: 1, channel: 1, body: open }).unwrap();
    for stream in [3, 8, 255] {
        assert!(lane.send(1, stream, Bytes::from_static(b"x")).is_err());
        assert!(lane.end(1, stream).is_err());
        for body in [Body::Data { stream, data: Bytes::from_static(b"x") }, Body::End { stream }] {
            let error = lane.handle_frame(now, Frame { lane: 1, channel: 1, body }).unwrap_err();
            assert_eq!(error.name(), "WRONG_STATE");
        }
    }
}

/// A name that is too long is cut between characters: what is sent can be read.
#[test]
fn a_long_kind_name_still_makes_a_frame() {
    for name in ["ä".repeat(40), "x".repeat(63) + "€", "x".repeat(200)] {
        let body = Body::Open { kind: name.clone(), class: None, params: Bytes::new() };
        let decoded = Frame::decode(&Frame { lane: 1, channel: 1, body }.encode()).unwrap();
        let Body::Open { kind, .. } = decoded.body else { panic!("no OPEN") };
        assert!(name.starts_with(&kind) && kind.len() > 60);
    }
}
