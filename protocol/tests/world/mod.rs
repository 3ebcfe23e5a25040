//! A client and a server with several lanes on one connection after another, and a record of what their users did.

mod pair;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sandwire_protocol::channel::{Blocked, Item};
use sandwire_protocol::conn::{Conn, Step};
use sandwire_protocol::frame::{Body, Frame, Hello, Outcome, Welcome};
use sandwire_protocol::kind;
use sandwire_protocol::lane::{Epoch, Role};
use sandwire_protocol::limits::VERSION;
use sandwire_protocol::schedule::Class;

use pair::{End, Pair};

/// Lanes on the connection.
pub(crate) const LANES: usize = 2;

/// What happens next; indices are taken modulo what there is. `side` true is the client.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Open {
        lane: usize,
        side: bool,
        bulk: bool,
    },
    Send {
        lane: usize,
        side: bool,
        channel: usize,
        len: usize,
    },
    Event {
        lane: usize,
        side: bool,
        channel: usize,
        len: usize,
    },
    End {
        lane: usize,
        side: bool,
        channel: usize,
    },
    Take {
        lane: usize,
        side: bool,
        channel: usize,
        times: usize,
    },
    Cancel {
        lane: usize,
        channel: usize,
    },
    Close {
        lane: usize,
        channel: usize,
    },
    Carry {
        up: bool,
        frames: usize,
    },
    /// On the connection before, whose loss the server has not noticed.
    CarryOld {
        frames: usize,
    },
    LoseAtClient,
    LoseAtServer,
    Dial,
    Wait {
        ms: u64,
    },
}

/// One connection: what is on its way, and what each side thinks of it.
struct Wire {
    up: VecDeque<Bytes>,
    down: VecDeque<Bytes>,
    client: Option<(Conn, [Option<Epoch>; LANES])>,
    server: Option<(Conn, [Option<Epoch>; LANES])>,
}

pub(crate) struct World {
    pairs: Vec<Pair>,
    wire: Wire,
    /// The connection before, as far as the server still reads it.
    old: Option<Wire>,
    now: Instant,
    counter: u8,
    lost_in_flight: usize,
}

impl World {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let wire = Wire { up: VecDeque::new(), down: VecDeque::new(), client: None, server: None };
        let pairs = (0..LANES).map(|_| Pair::new()).collect();
        let mut world = Self { pairs, wire, old: None, now, counter: 0, lost_in_flight: 0 };
        world.dial();
        world
    }

    /// Messages that were lost on their way.
    pub(crate) const fn lost_in_flight(&self) -> usize {
        self.lost_in_flight
    }

    pub(crate) fn step(&mut self, act: Act) {
        match act {
            Act::Open { lane, side, bulk } => self.open(lane, side, bulk),
            Act::Send { lane, side, channel, len } => self.send(lane, side, channel, len),
            Act::Event { lane, side, channel, len } => self.event(lane, side, channel, len),
            Act::End { lane, side, channel } => {
                let Some(id) = self.id(lane, channel) else { return };
                let end = self.end(lane, side);
                if end.lane.end(id, 1).is_ok() {
                    end.put.entry(id).or_default().push(Item::End(1));
                }
            }
            Act::Take { lane, side, channel, times } => {
                let Some(id) = self.id(lane, channel) else { return };
                for _ in 0..times {
                    self.take(lane, side, id);
                }
            }
            Act::Cancel { lane, channel } => {
                let Some(id) = self.id(lane, channel) else { return };
                let opener = self.opener(lane, id);
                self.end(lane, opener).lane.cancel(id);
                self.pairs[lane].cancelled.push(id);
            }
            Act::Close { lane, channel } => {
                let Some(id) = self.id(lane, channel) else { return };
                self.close(lane, id);
            }
            Act::Carry { up, frames } => self.carry(up, frames),
            Act::CarryOld { frames } => self.carry_old(frames),
            Act::LoseAtClient => self.lose_at_client(),
            Act::LoseAtServer => self.lose_at_server(),
            Act::Dial => self.dial(),
            Act::Wait { ms } => self.wait(ms),
        }
        for pair in &mut self.pairs {
            pair.client.events();
            pair.server.events();
        }
    }

    fn end(&mut self, lane: usize, side: bool) -> &mut End {
        let pair = &mut self.pairs[lane];
        if side { &mut pair.client } else { &mut pair.server }
    }

    fn id(&self, lane: usize, channel: usize) -> Option<u32> {
        let ids = &self.pairs[lane].ids;
        (!ids.is_empty()).then(|| ids[channel % ids.len()].0)
    }

    fn opener(&self, lane: usize, id: u32) -> bool {
        self.pairs[lane].ids.iter().any(|(other, side)| *other == id && *side)
    }

    fn open(&mut self, lane: usize, side: bool, bulk: bool) {
        // A server opens nothing in a lane that it does not have yet.
        if !side && !self.pairs[lane].known {
            return;
        }
        let class = if bulk { Class::Bulk } else { Class::Interactive };
        let last = self.pairs[lane].ids.iter().rev().find(|(_, opener)| *opener == side).map(|(id, _)| *id);
        let next = last.map_or(if side { 1 } else { 2 }, |id| id + 2);
        let params = Bytes::copy_from_slice(&next.to_be_bytes());
        if let Some(id) = self.end(lane, side).lane.open("exec", class, true, params) {
            assert_eq!(id, next);
            self.pairs[lane].ids.push((id, side));
        }
    }

    fn send(&mut self, lane: usize, side: bool, channel: usize, len: usize) {
        let Some(id) = self.id(lane, channel) else { return };
        self.counter = self.counter.wrapping_add(1);
        let data = Bytes::from(vec![self.counter; len]);
        let end = self.end(lane, side);
        let room = end.lane.room(id).unwrap_or(0);
        match end.lane.send(id, 1, data.clone()) {
            Ok(()) if len == 0 => {}
            Ok(()) => {
                assert!(len <= room);
                end.put.entry(id).or_default().push(Item::Data(1, data));
            }
            Err(Blocked::Window) => assert!(len > room, "{len} fits in {room}"),
            Err(Blocked::Done) => {}
        }
    }

    fn event(&mut self, lane: usize, side: bool, channel: usize, len: usize) {
        let Some(id) = self.id(lane, channel) else { return };
        self.counter = self.counter.wrapping_add(1);
        let payload = Bytes::from(vec![self.counter; len]);
        let end = self.end(lane, side);
        if end.lane.event(id, payload.clone()).is_ok() {
            end.put.entry(id).or_default().push(Item::Event(payload));
        }
    }

    fn close(&mut self, lane: usize, id: u32) -> bool {
        let acceptor = !self.opener(lane, id);
        let outcome = Outcome::Result(Bytes::from_static(b"\x80"));
        let end = self.end(lane, acceptor);
        let closed = end.lane.close(id, outcome.clone()).is_ok();
        if closed {
            end.put.entry(id).or_default().push(Item::Close(outcome));
        }
        closed
    }

    fn take(&mut self, lane: usize, side: bool, id: u32) -> bool {
        let end = self.end(lane, side);
        let Some(item) = end.lane.recv(id) else { return false };
        end.taken.entry(id).or_default().push(item);
        true
    }

    fn wait(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        let now = self.now;
        for pair in &mut self.pairs {
            pair.client.lane.handle_timeout(now);
            pair.server.lane.handle_timeout(now);
        }
    }

    /// The client makes a connection when it has none, and says HELLO in every lane. The old one goes on at the server.
    fn dial(&mut self) {
        if self.wire.client.is_some() {
            return;
        }
        let now = self.now;
        let mut client = Conn::new(Role::Client, now, LANES);
        let mut epochs = [None; LANES];
        let mut up = VecDeque::new();
        for (index, pair) in self.pairs.iter_mut().enumerate() {
            let lane = number(index);
            pair.hellos += 1;
            let hello = Hello {
                version: VERSION,
                token: vec![u8::try_from(index).unwrap(); 16],
                received: pair.client.lane.received(),
                attempt: pair.hellos,
                // What the servers of this world have had they keep: that makes it younger than all of them.
                age_ms: (!pair.answered).then_some(0),
                ..Hello::default()
            };
            let body = Body::Hello(kind::encode(&hello).unwrap());
            up.push_back(Frame { lane, channel: 0, body }.encode());
            client.attach(lane);
            if !pair.begun {
                // Requests go out right behind HELLO.
                pair.begun = true;
                epochs[index] = Some(pair.client.lane.attach(0).unwrap());
            }
        }
        let server = Conn::new(Role::Server, now, LANES);
        let wire =
            Wire { up, down: VecDeque::new(), client: Some((client, epochs)), server: Some((server, [None; LANES])) };
        let old = std::mem::replace(&mut self.wire, wire);
        self.lost_in_flight += old.down.len();
        if let Some(older) = self.old.replace(old) {
            self.lost_in_flight += older.up.len();
        }
    }

    fn lose_at_client(&mut self) {
        if self.wire.client.take().is_some() {
            for pair in &mut self.pairs {
                pair.client.lane.detach();
            }
            self.lost_in_flight += self.wire.down.len();
            self.wire.down.clear();
        }
    }

    fn lose_at_server(&mut self) {
        if let Some((_, epochs)) = self.wire.server.take() {
            for (pair, epoch) in self.pairs.iter_mut().zip(epochs) {
                if epoch.is_some_and(|epoch| pair.server.lane.is_current(epoch)) {
                    pair.server.lane.detach();
                }
            }
            self.lost_in_flight += self.wire.up.len();
            self.wire.up.clear();
        }
    }

    /// Everything that the lanes have for this connection is put on it.
    fn transmit(&mut self) {
        let Wire { up, down, client, server } = &mut self.wire;
        for (index, pair) in self.pairs.iter_mut().enumerate() {
            for (side, end, queue) in
                [(client.as_ref(), &mut pair.client, &mut *up), (server.as_ref(), &mut pair.server, &mut *down)]
            {
                let Some(epoch) = side.and_then(|(_, epochs)| epochs[index]) else { continue };
                while let Some(frame) = end.lane.poll_transmit(epoch) {
                    queue.push_back(Frame { lane: number(index), ..frame }.encode());
                }
            }
        }
        // What is sent to a side that is gone is lost.
        if client.is_none() {
            down.clear();
        }
        if server.is_none() {
            self.lost_in_flight += up.len();
            up.clear();
        }
    }

    fn carry(&mut self, up: bool, frames: usize) {
        self.transmit();
        for _ in 0..frames {
            let queue = if up { &mut self.wire.up } else { &mut self.wire.down };
            let Some(bytes) = queue.pop_front() else { return };
            let frame = Frame::decode(&bytes).unwrap();
            if up {
                if let Some((conn, epochs)) = &mut self.wire.server {
                    serve(&mut self.pairs, conn, epochs, &mut self.wire.down, self.now, frame);
                }
            } else {
                self.hear(frame);
            }
        }
    }

    /// The server still reads the connection before this one.
    fn carry_old(&mut self, frames: usize) {
        let Some(old) = &mut self.old else { return };
        for _ in 0..frames {
            let Some(bytes) = old.up.pop_front() else { return };
            let Some((conn, epochs)) = &mut old.server else { return };
            serve(&mut self.pairs, conn, epochs, &mut VecDeque::new(), self.now, Frame::decode(&bytes).unwrap());
        }
    }

    fn hear(&mut self, frame: Frame) {
        let now = self.now;
        let Some((conn, epochs)) = &mut self.wire.client else { return };
        match conn.handle_frame(now, frame).unwrap() {
            Step::Welcome(lane, welcome) => {
                let pair = &mut self.pairs[index(lane)];
                pair.answered = true;
                if epochs[index(lane)].is_some() {
                    assert!(!welcome.resumed && welcome.received == 0, "the first HELLO made the lane");
                } else {
                    assert!(welcome.resumed, "wherever the connections were cut, nothing is lost");
                    epochs[index(lane)] = Some(pair.client.lane.attach(welcome.received).unwrap());
                }
            }
            Step::Lane(frame) => {
                let index = index(frame.lane);
                let end = &mut self.pairs[index].client;
                if epochs[index].is_some_and(|epoch| end.lane.is_current(epoch)) {
                    end.lane.handle_frame(now, frame).unwrap();
                    end.events();
                }
            }
            other @ (Step::Done
            | Step::Reply(_)
            | Step::Hello(..)
            | Step::LanePing(..)
            | Step::GoAway(..)
            | Step::Reset(..)
            | Step::Broken(..)) => panic!("{other:?}"),
        }
    }

    /// Runs until nothing moves: connections are made, everything is carried and taken, every channel is closed.
    pub(crate) fn drain(&mut self) {
        for round in 0..2000 {
            self.dial();
            if self.wire.server.is_none() {
                self.lose_at_client();
                self.dial();
            }
            let before = self.progress();
            let mut moved = false;
            for up in [true, false] {
                self.carry(up, usize::MAX);
            }
            for lane in 0..LANES {
                for (id, _) in self.pairs[lane].ids.clone() {
                    for side in [true, false] {
                        while self.take(lane, side, id) {
                            moved = true;
                        }
                    }
                    let known = self.pairs[lane].server.opened.contains(&id) || !self.opener(lane, id);
                    moved |= known && self.close(lane, id);
                }
            }
            self.wait(1000);
            for pair in &mut self.pairs {
                pair.client.events();
                pair.server.events();
            }
            if !moved && before == self.progress() && round > 3 {
                return;
            }
        }
        panic!("the lanes never come to rest");
    }

    fn progress(&self) -> Vec<(u64, u64)> {
        self.pairs.iter().map(|pair| (pair.client.lane.received(), pair.server.lane.received())).collect()
    }

    pub(crate) fn check(&self) {
        for pair in &self.pairs {
            pair.check();
        }
    }
}

/// What the server does with a frame of this connection.
fn serve(
    pairs: &mut [Pair],
    conn: &mut Conn,
    epochs: &mut [Option<Epoch>; LANES],
    down: &mut VecDeque<Bytes>,
    now: Instant,
    frame: Frame,
) {
    match conn.handle_frame(now, frame).unwrap() {
        Step::Hello(lane, hello) => {
            let index = index(lane);
            let pair = &mut pairs[index];
            // R-HELLO-9
            if hello.attempt <= pair.attempt {
                return;
            }
            pair.attempt = hello.attempt;
            // Nothing of an older connection counts from here on.
            pair.server.lane.detach();
            // R-HELLO-11
            let resumed = std::mem::replace(&mut pair.known, true) || (hello.attempt > 1 && hello.age_ms.is_some());
            let received = pair.server.lane.received();
            let welcome = Welcome { version: VERSION, resumed, received, ..Welcome::default() };
            let body = Body::Welcome(kind::encode(&welcome).unwrap());
            down.push_back(Frame { lane, channel: 0, body }.encode());
            epochs[index] = Some(pair.server.lane.attach(hello.received).unwrap());
            conn.attach(lane);
        }
        Step::Lane(frame) => {
            let index = index(frame.lane);
            let end = &mut pairs[index].server;
            if epochs[index].is_some_and(|epoch| end.lane.is_current(epoch)) {
                end.lane.handle_frame(now, frame).unwrap();
                end.events();
            }
        }
        // What stands behind a HELLO that was refused.
        Step::Done => assert!(epochs.contains(&None)),
        other @ (Step::Reply(_)
        | Step::Welcome(..)
        | Step::LanePing(..)
        | Step::GoAway(..)
        | Step::Reset(..)
        | Step::Broken(..)) => panic!("{other:?}"),
    }
}

/// The number of a lane on the wire.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap() * 7 + 1
}

fn index(lane: u32) -> usize {
    usize::try_from((lane - 1) / 7).unwrap()
}
