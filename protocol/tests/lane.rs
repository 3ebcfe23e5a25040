//! Two lanes with a network between them that loses connections at any frame: what was sent arrives once, in order.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use sandwire_protocol::channel::{Blocked, Item};
use sandwire_protocol::frame::{Frame, Outcome};
use sandwire_protocol::lane::{Config, Epoch, Lane, LaneEvent, Role};
use sandwire_protocol::schedule::Class;

/// What a test does next; indices are taken modulo what there is.
#[derive(Clone, Debug)]
enum Act {
    Open { bulk: bool },
    Send { side: bool, channel: usize, len: usize },
    Event { side: bool, channel: usize },
    End { side: bool, channel: usize },
    Take { side: bool, channel: usize, times: usize },
    Cancel { channel: usize },
    Close { channel: usize },
    Carry { side: bool, frames: usize },
    Cut { keep_up: usize, keep_down: usize },
    Tick,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => any::<bool>().prop_map(|bulk| Act::Open { bulk }),
        8 => (any::<bool>(), 0usize..8, 1usize..40_000).prop_map(|(side, channel, len)| Act::Send { side, channel, len }),
        2 => (any::<bool>(), 0usize..8).prop_map(|(side, channel)| Act::Event { side, channel }),
        1 => (any::<bool>(), 0usize..8).prop_map(|(side, channel)| Act::End { side, channel }),
        8 => (any::<bool>(), 0usize..8, 1usize..6).prop_map(|(side, channel, times)| Act::Take { side, channel, times }),
        1 => (0usize..8).prop_map(|channel| Act::Cancel { channel }),
        1 => (0usize..8).prop_map(|channel| Act::Close { channel }),
        12 => (any::<bool>(), 1usize..12).prop_map(|(side, frames)| Act::Carry { side, frames }),
        2 => (0usize..6, 0usize..6).prop_map(|(keep_up, keep_down)| Act::Cut { keep_up, keep_down }),
        1 => Just(Act::Tick),
    ]
}

/// One end: the lane and what its user has seen.
struct End {
    lane: Lane,
    epoch: Epoch,
    wire: VecDeque<Frame>,
    /// What was put into each channel, as the peer's user must see it.
    put: BTreeMap<u32, Vec<Item>>,
    /// What the user took from each channel.
    taken: BTreeMap<u32, Vec<Item>>,
    opened: Vec<u32>,
    cancelled: Vec<u32>,
}

impl End {
    fn new(role: Role) -> Self {
        let mut lane = Lane::new(role, Config { max_channels: 6, ..Config::default() });
        let epoch = lane.attach(0).unwrap();
        let empty = BTreeMap::new;
        Self {
            lane,
            epoch,
            wire: VecDeque::new(),
            put: empty(),
            taken: BTreeMap::new(),
            opened: vec![],
            cancelled: vec![],
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.lane.poll_event() {
            match event {
                LaneEvent::Opened { id, kind, params } => {
                    assert_eq!(kind, "exec");
                    assert_eq!(params, id.to_be_bytes().to_vec());
                    assert!(!self.opened.contains(&id), "OPEN {id} took effect twice");
                    self.opened.push(id);
                }
                LaneEvent::Cancelled(id) => {
                    assert!(!self.cancelled.contains(&id));
                    self.cancelled.push(id);
                }
                LaneEvent::Readable(_) | LaneEvent::Writable(_) => {}
            }
        }
    }

    fn put(&mut self, id: u32, item: Item) {
        self.put.entry(id).or_default().push(item);
    }

    fn transmit(&mut self) {
        while let Some(frame) = self.lane.poll_transmit(self.epoch) {
            self.wire.push_back(frame);
        }
    }
}

struct Pair {
    client: End,
    server: End,
    ids: Vec<u32>,
    cancelled: Vec<u32>,
    now: Instant,
    counter: u8,
}

impl Pair {
    #[expect(clippy::disallowed_methods, reason = "the virtual clock has to start somewhere")]
    fn new() -> Self {
        Self {
            client: End::new(Role::Client),
            server: End::new(Role::Server),
            ids: vec![],
            cancelled: vec![],
            now: Instant::now(),
            counter: 0,
        }
    }

    fn end(&mut self, side: bool) -> &mut End {
        if side { &mut self.client } else { &mut self.server }
    }

    fn id(&self, channel: usize) -> Option<u32> {
        (!self.ids.is_empty()).then(|| self.ids[channel % self.ids.len()])
    }

    fn carry(&mut self, side: bool, frames: usize) {
        let now = self.now;
        let (from, to) = if side { (&mut self.client, &mut self.server) } else { (&mut self.server, &mut self.client) };
        from.transmit();
        for _ in 0..frames {
            let Some(frame) = from.wire.pop_front() else { break };
            let bytes = frame.encode();
            let decoded = Frame::decode(&bytes).unwrap();
            assert_eq!(decoded, frame);
            to.lane.handle_frame(now, decoded).unwrap();
            to.events();
            assert!(to.lane.retained() <= 4 << 20);
        }
    }

    fn cut(&mut self, keep_up: usize, keep_down: usize) {
        // Some of what was sent still arrives; the rest is lost with the connection.
        self.carry(true, keep_up);
        self.carry(false, keep_down);
        for end in [&mut self.client, &mut self.server] {
            end.lane.detach();
            end.wire.clear();
            assert!(end.lane.poll_transmit(end.epoch).is_none());
        }
        let (up, down) = (self.server.lane.received(), self.client.lane.received());
        self.client.epoch = self.client.lane.attach(up).unwrap();
        self.server.epoch = self.server.lane.attach(down).unwrap();
    }

    fn take(&mut self, side: bool, id: u32) -> bool {
        let end = self.end(side);
        let Some(item) = end.lane.recv(id) else { return false };
        end.taken.entry(id).or_default().push(item);
        true
    }

    fn step(&mut self, act: Act) {
        match act {
            Act::Open { bulk } => {
                let class = if bulk { Class::Bulk } else { Class::Interactive };
                let next = self.ids.last().map_or(1, |id| id + 2);
                if let Some(id) =
                    self.client.lane.open("exec", class, true, Bytes::copy_from_slice(&next.to_be_bytes()))
                {
                    assert_eq!(id, next);
                    self.ids.push(id);
                }
            }
            Act::Send { side, channel, len } => {
                let Some(id) = self.id(channel) else { return };
                self.counter = self.counter.wrapping_add(1);
                let byte = self.counter;
                let end = self.end(side);
                let room = end.lane.room(id).unwrap_or(0);
                let data = Bytes::from(vec![byte; len]);
                match end.lane.send(id, 1, data.clone()) {
                    Ok(()) => {
                        assert!(len <= room);
                        end.put(id, Item::Data(1, data));
                    }
                    Err(Blocked::Window) => assert!(len > room, "{len} fits in {room}"),
                    Err(Blocked::Done) => {}
                }
            }
            Act::Event { side, channel } => {
                let Some(id) = self.id(channel) else { return };
                let payload = Bytes::from_static(b"\x80");
                let end = self.end(side);
                if end.lane.event(id, payload.clone()).is_ok() {
                    end.put(id, Item::Event(payload));
                }
            }
            Act::End { side, channel } => {
                let Some(id) = self.id(channel) else { return };
                let end = self.end(side);
                if end.lane.end(id, 1).is_ok() {
                    end.put(id, Item::End(1));
                }
            }
            Act::Take { side, channel, times } => {
                let Some(id) = self.id(channel) else { return };
                for _ in 0..times {
                    self.take(side, id);
                }
            }
            Act::Cancel { channel } => {
                let Some(id) = self.id(channel) else { return };
                self.client.lane.cancel(id);
                self.cancelled.push(id);
            }
            Act::Close { channel } => {
                let Some(id) = self.id(channel) else { return };
                let outcome = Outcome::Result(Bytes::from_static(b"\x80"));
                if self.server.lane.close(id, outcome.clone()).is_ok() {
                    self.server.put(id, Item::Close(outcome));
                }
            }
            Act::Carry { side, frames } => self.carry(side, frames),
            Act::Cut { keep_up, keep_down } => self.cut(keep_up, keep_down),
            Act::Tick => {
                self.now += Duration::from_millis(700);
                let now = self.now;
                for side in [true, false] {
                    self.end(side).lane.handle_timeout(now);
                }
            }
        }
    }

    /// Runs until nothing moves: everything is carried and taken, and every channel is closed by the server.
    fn drain(&mut self) {
        let ids = self.ids.clone();
        for round in 0..10_000 {
            let before = (self.client.lane.received(), self.server.lane.received());
            let mut moved = false;
            for side in [true, false] {
                self.carry(side, usize::MAX);
                for id in &ids {
                    while self.take(side, *id) {
                        moved = true;
                    }
                }
            }
            for id in &ids {
                let outcome = Outcome::Result(Bytes::new());
                if self.server.lane.close(*id, outcome.clone()).is_ok() {
                    self.server.put(*id, Item::Close(outcome));
                    moved = true;
                }
            }
            if !moved && before == (self.client.lane.received(), self.server.lane.received()) {
                return;
            }
            assert!(round < 9_999, "the lanes never come to rest");
        }
    }

    fn check(&self) {
        let none = vec![];
        for id in &self.ids {
            let cancelled = self.cancelled.contains(id);
            let put = self.server.put.get(id).unwrap_or(&none);
            let taken = self.client.taken.get(id).unwrap_or(&none);
            if cancelled {
                // What was queued and not sent at the CANCEL is thrown away; the rest is in order, and CLOSE comes.
                let mut rest = put.iter();
                assert!(taken.iter().all(|item| rest.any(|put| put == item)), "channel {id}: {taken:?} of {put:?}");
            } else {
                assert_eq!(taken, put, "channel {id} down");
            }
            assert!(matches!(taken.last(), Some(Item::Close(_))), "channel {id} has no CLOSE");
            // Up, the server may have closed while data was on its way: a prefix arrives, in order.
            let put = self.client.put.get(id).unwrap_or(&none);
            let taken = self.server.taken.get(id).unwrap_or(&none);
            assert!(put.starts_with(taken), "channel {id} up: {taken:?} of {put:?}");
        }
        assert_eq!(self.server.opened, self.ids, "every OPEN arrives once, in order");
        assert_eq!(self.client.lane.channels(), 0, "the client forgets ended channels");
        assert_eq!(self.server.lane.channels(), 0, "the server forgets ended channels");
        assert_eq!(self.client.lane.growth_left(), Config::default().growth, "grown windows come back");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_was_sent_arrives_once_in_order_whatever_connections_are_lost(acts in prop::collection::vec(act(), 1..120)) {
        let mut pair = Pair::new();
        for act in acts {
            pair.step(act);
        }
        pair.drain();
        pair.check();
    }
}

/// Cases of each property; more by an environment variable, for a long run by hand.
fn cases() -> u32 {
    std::env::var("SANDWIRE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000)
}
