//! What the lane promises about time and memory: keys are not behind floods, what is kept has a limit, nobody waits for
//! an acknowledgement that is held back, windows grow for who keeps up.
#![allow(clippy::disallowed_methods, reason = "the machines are handed a beginning of time")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use proptest::prelude::*;
use sandwire_protocol::channel::Item;
use sandwire_protocol::error::Detail;
use sandwire_protocol::frame::{Body, Frame, Outcome};
use sandwire_protocol::kind;
use sandwire_protocol::lane::{Config, Epoch, Lane, Role};
use sandwire_protocol::limits::{
    ACK_BYTES, GROWTH_FRAME, MAX_DATA, MAX_WINDOW, MIN_RETAIN, RETAIN_OVERHEAD, RETAIN_RESERVE,
};
use sandwire_protocol::schedule::Class;
use sandwire_protocol::{Code, Error};

fn server(config: Config) -> (Lane, Epoch) {
    let mut lane = Lane::new(Role::Server, config);
    let epoch = lane.attach(0).unwrap();
    (lane, epoch)
}

fn hear(lane: &mut Lane, channel: u32, body: Body) {
    lane.handle_frame(Instant::now(), Frame { lane: 1, channel, body }).unwrap();
    while lane.poll_event().is_some() {}
}

fn open(kind: &str) -> Body {
    Body::Open { kind: kind.to_owned(), class: None, params: Bytes::new() }
}

fn bytes(len: usize) -> Bytes {
    Bytes::from(vec![0x61; len])
}

/// As much as there is room for, in frames of this length.
fn fill(lane: &mut Lane, id: u32, len: usize) {
    while lane.room(id).is_ok_and(|room| room >= len) {
        lane.send(id, 1, bytes(len)).unwrap();
    }
}

const WIDE: Config =
    Config { max_channels: 64, retain: 64 << 20, recv_window: 64 << 10, send_window: 1 << 20, growth: 8 << 20 };

/// R-SCHED-2: whatever floods, the frame after the one that is on its way is the key.
#[test]
fn a_key_is_at_most_one_bulk_frame_behind() {
    let (mut lane, epoch) = server(WIDE);
    for id in (1..=39).step_by(2) {
        hear(&mut lane, id, open("exec"));
        fill(&mut lane, id, MAX_DATA);
    }
    hear(&mut lane, 41, open("pty.open"));
    for _ in 0..30 {
        assert_ne!(lane.poll_transmit(epoch).unwrap().channel, 41);
        lane.send(41, 0, bytes(1)).unwrap();
        assert_eq!(lane.poll_transmit(epoch).unwrap().channel, 41, "the key goes next");
    }
}

/// R-SCHED-3: a terminal that floods does not hold another terminal's key, and bulk still gets its turn beside it.
#[test]
fn a_flooding_terminal_takes_its_turn_with_bulk() {
    let (mut lane, epoch) = server(WIDE);
    for id in [1, 3] {
        hear(&mut lane, id, open("pty.open"));
    }
    hear(&mut lane, 5, open("exec"));
    fill(&mut lane, 1, 8 << 10);
    fill(&mut lane, 5, 8 << 10);
    lane.poll_transmit(epoch).unwrap();
    let mut turns = BTreeMap::new();
    for _ in 0..20 {
        lane.send(3, 0, bytes(1)).unwrap();
        assert_eq!(lane.poll_transmit(epoch).unwrap().channel, 3);
        fill(&mut lane, 1, 8 << 10);
        fill(&mut lane, 5, 8 << 10);
        *turns.entry(lane.poll_transmit(epoch).unwrap().channel).or_insert(0) += 1;
    }
    assert_eq!(turns, BTreeMap::from([(1, 10), (5, 10)]));
}

/// R-SCHED-2: channels of one class have the same number of turns, however much each has.
#[test]
fn channels_of_a_class_take_turns() {
    let (mut lane, epoch) = server(WIDE);
    for id in [1, 3, 5] {
        hear(&mut lane, id, open("file.read"));
    }
    let mut turns = BTreeMap::new();
    for _ in 0..300 {
        fill(&mut lane, 1, 1000);
        fill(&mut lane, 3, 20_000);
        fill(&mut lane, 5, 100);
        let frame = lane.poll_transmit(epoch).unwrap();
        *turns.entry(frame.channel).or_insert(0) += 1;
        let Body::Data { data, .. } = frame.body else { panic!("no DATA") };
        hear(&mut lane, frame.channel, Body::Credit { bytes: u32::try_from(data.len()).unwrap() });
    }
    assert!(turns.values().all(|turns| *turns == 100), "{turns:?}");
}

/// R-RETAIN-2: bulk stops first, then interactive frames, then control; each goes on after an ACK.
#[test]
fn at_the_limit_bulk_stops_before_keys_and_keys_before_credit() {
    let config = Config { retain: MIN_RETAIN, ..WIDE };
    let (mut lane, epoch) = server(config);
    hear(&mut lane, 1, open("exec"));
    hear(&mut lane, 3, open("pty.open"));
    let mut sent = 0;
    let mut drain = |lane: &mut Lane| {
        let before = sent;
        while let Some(frame) = lane.poll_transmit(epoch) {
            sent += u64::from(frame.body.is_counted());
        }
        sent - before
    };
    loop {
        fill(&mut lane, 1, 10_000);
        if drain(&mut lane) == 0 {
            break;
        }
    }
    let bulk = lane.retained();
    assert!((MIN_RETAIN - RETAIN_RESERVE..MIN_RETAIN - RETAIN_RESERVE + 10_000 + RETAIN_OVERHEAD).contains(&bulk));
    assert!(lane.is_retain_bound());
    loop {
        lane.send(3, 0, bytes(1000)).unwrap();
        if drain(&mut lane) == 0 {
            break;
        }
    }
    let keys = lane.retained();
    let reserve = RETAIN_RESERVE / 2;
    assert!((MIN_RETAIN - reserve..MIN_RETAIN - reserve + 1000 + RETAIN_OVERHEAD).contains(&keys), "{keys}");
    // The peer uploads: CREDIT still goes out, up to the limit itself.
    let mut credits = 0;
    while lane.retained() < MIN_RETAIN {
        hear(&mut lane, 1, Body::Data { stream: 0, data: bytes(33_000) });
        lane.recv(1).unwrap();
        credits += drain(&mut lane);
        assert!(credits > 0, "credit passes keys and bulk");
    }
    assert!(lane.retained() <= MIN_RETAIN + RETAIN_OVERHEAD);
    assert!(credits > 400);
    hear(&mut lane, 1, Body::Data { stream: 0, data: bytes(33_000) });
    lane.recv(1).unwrap();
    assert_eq!(drain(&mut lane), 0, "beyond the limit nothing goes, not even credit");
    let sent = lane.sent();
    hear(&mut lane, 0, Body::Ack { received: sent });
    assert_eq!(lane.retained(), 0);
    assert!(drain(&mut lane) > 0);
    assert!(lane.retained() > 0);
}

/// R-RETAIN-1: OPENs as well stop at the limit, when the peer ends every channel and never acknowledges.
#[test]
fn opens_stop_at_the_limit() {
    let mut lane = Lane::new(Role::Client, Config { retain: MIN_RETAIN, ..WIDE });
    let epoch = lane.attach(0).unwrap();
    for round in 0..10_000 {
        assert!(round < 9_999, "OPENs without end");
        let id = lane.open("exec", Class::Bulk, false, bytes(1000)).unwrap();
        if lane.poll_transmit(epoch).is_none() {
            break;
        }
        hear(&mut lane, id, Body::Close(Outcome::Result(Bytes::new())));
        lane.recv(id).unwrap();
    }
    assert!(lane.retained() <= MIN_RETAIN + 1000 + RETAIN_OVERHEAD);
    assert!(lane.is_retain_bound() && !lane.has_transmit());
    let sent = lane.sent();
    hear(&mut lane, 0, Body::Ack { received: sent });
    assert!(lane.has_transmit());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// R-ACK-1, R-RETAIN-1: with the least retention there is, a sender whose frames all arrive is never stuck, although no
    /// time passes and so no acknowledgement comes by time.
    #[test]
    fn no_sender_waits_for_an_acknowledgement_that_is_held_back(
        lengths in prop::collection::vec(prop_oneof![1usize..200, 1usize..MAX_DATA, Just(MAX_DATA)], 20..200),
        interactive in any::<bool>(),
    ) {
        let now = Instant::now();
        let config = Config { retain: MIN_RETAIN, recv_window: 1 << 20, ..WIDE };
        let mut sender = Lane::new(Role::Server, config);
        let mut receiver = Lane::new(Role::Client, config);
        let (up, down) = (receiver.attach(0).unwrap(), sender.attach(0).unwrap());
        let class = if interactive { Class::Interactive } else { Class::Bulk };
        let id = receiver.open("exec", class, true, Bytes::new()).unwrap();
        let mut lengths = lengths.into_iter().cycle().take(600);
        let mut next = lengths.next();
        let mut unreported = 0;
        while next.is_some() {
            let mut moved = false;
            while let Some(frame) = receiver.poll_transmit(up) {
                moved = true;
                if matches!(frame.body, Body::Ack { .. }) {
                    unreported = 0;
                }
                sender.handle_frame(now, frame).unwrap();
            }
            while let Some(len) = next && sender.send(id, 1, bytes(len)).is_ok() {
                moved = true;
                next = lengths.next();
            }
            while let Some(frame) = sender.poll_transmit(down) {
                moved = true;
                if frame.body.is_counted() {
                    unreported += frame.body.payload().map_or(0, Bytes::len) + RETAIN_OVERHEAD;
                }
                receiver.handle_frame(now, frame).unwrap();
                receiver.recv(id);
                if unreported >= ACK_BYTES {
                    prop_assert!(receiver.has_transmit(), "an acknowledgement is due");
                }
            }
            while sender.poll_event().is_some() || receiver.poll_event().is_some() {}
            prop_assert!(moved, "stuck with {} bytes retained", sender.retained());
        }
    }
}

/// R-FLOW-6: the window of a reader that keeps up doubles up to the largest; what grew comes back at the end.
#[test]
fn windows_grow_for_who_keeps_up_and_only_then() {
    let granted = |frame: usize, lag: usize, growth: usize| {
        let mut lane = Lane::new(Role::Client, Config { growth, ..WIDE });
        let epoch = lane.attach(0).unwrap();
        let id = lane.open("file.read", Class::Bulk, false, Bytes::new()).unwrap();
        lane.poll_transmit(epoch).unwrap();
        let mut window = 64 << 10;
        let mut largest = window;
        let mut waiting = 0;
        for _ in 0..100 {
            while window >= frame.max(64) {
                hear(&mut lane, id, Body::Data { stream: 1, data: bytes(frame) });
                window -= frame.max(64);
                waiting += 1;
            }
            while waiting > lag {
                assert!(matches!(lane.recv(id), Some(Item::Data(..))));
                waiting -= 1;
            }
            while let Some(frame) = lane.poll_transmit(epoch) {
                if let Body::Credit { bytes } = frame.body {
                    window += bytes as usize;
                }
            }
            largest = largest.max(window + waiting * frame.max(64));
        }
        hear(&mut lane, id, Body::Close(Outcome::Result(Bytes::new())));
        while lane.recv(id).is_some() {}
        assert_eq!(lane.growth_left(), growth, "what grew comes back");
        assert_eq!(lane.channels(), 0);
        largest
    };
    let small = GROWTH_FRAME as usize - 1;
    assert_eq!(granted(16 << 10, 0, 64 << 20), MAX_WINDOW as usize, "a reader that keeps up");
    assert_eq!(granted(16 << 10, 1, 64 << 20), 64 << 10, "one that lags");
    assert_eq!(granted(small, 0, 64 << 20), 64 << 10, "small frames");
    assert_eq!(granted(16 << 10, 0, 100_000), (64 << 10) + 100_000, "as far as the budget goes");
    assert_eq!(granted(16 << 10, 0, 0), 64 << 10);
}

/// R-LOST-1: what is said of each channel when the lane is gone.
#[test]
fn a_lost_lane_says_what_is_known_of_each_channel() {
    let mut lane = Lane::new(Role::Client, WIDE);
    let epoch = lane.attach(0).unwrap();
    let mut ids = vec![];
    for _ in 0..3 {
        ids.push(lane.open("exec", Class::Bulk, false, Bytes::new()).unwrap());
        lane.poll_transmit(epoch).unwrap();
    }
    ids.push(lane.open("exec", Class::Bulk, false, Bytes::new()).unwrap());
    hear(&mut lane, 0, Body::Ack { received: 1 });
    hear(&mut lane, ids[2], Body::End { stream: 1 });
    lane.fail("gone");
    ids.push(lane.open("exec", Class::Bulk, false, Bytes::new()).unwrap());
    let admitted = ids.iter().map(|id| {
        loop {
            match lane.recv(*id).expect("every channel ends") {
                Item::Close(Outcome::Error(payload)) => {
                    let error: Error = kind::decode(&payload).unwrap();
                    assert_eq!(error.code, Code::OperationInterrupted);
                    break match error.details.get("admitted") {
                        Some(Detail::Text(text)) => text.clone(),
                        other => panic!("{other:?}"),
                    };
                }
                Item::End(_) => {}
                other @ (Item::Data(..) | Item::Event(_) | Item::Close(_)) => panic!("{other:?}"),
            }
        }
    });
    assert_eq!(admitted.collect::<Vec<_>>(), ["true", "unknown", "true", "false", "false"]);
    assert_eq!(lane.channels(), 0);
    assert!(!lane.has_transmit() && lane.attach(0).is_err());
}
