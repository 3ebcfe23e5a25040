//! A flood to a client behind a relay and a slow link: what waits on the way is bounded, so that a key's echo comes soon, and
//! the link is used all the same.
#![allow(clippy::disallowed_methods, reason = "the machines are handed a beginning of time")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sandwire_protocol::channel::Item;
use sandwire_protocol::frame::{Body, Frame};
use sandwire_protocol::lane::{Config, Epoch, Lane, LaneEvent, Role};
use sandwire_protocol::limits::{MAX_DATA, MAX_WINDOW};
use sandwire_protocol::pace::{LEAST, PATIENCE, START};
use sandwire_protocol::schedule::Class;

/// A server's lane and a client's, a relay between them that takes everything at once, and the client's link behind it.
struct Path {
    now: Instant,
    server: (Lane, Epoch),
    client: (Lane, Epoch),
    /// Bytes in a second that the link carries.
    rate: u64,
    /// How long a byte takes that finds it empty, one way.
    latency: Duration,
    /// Frames on their way down: when they arrive.
    down: VecDeque<(Instant, Frame)>,
    /// When the link has carried what it was given.
    busy_until: Instant,
    up: VecDeque<(Instant, Frame)>,
    /// Bytes of the flood that the client took.
    taken: u64,
    /// Echoes: how long each took from the server to the client.
    echoes: Vec<Duration>,
    echo_at: Option<Instant>,
    pings: usize,
}

const FLOOD: u32 = 1;
const TERMINAL: u32 = 3;

impl Path {
    fn new(rate: u64, latency: Duration, paced: bool) -> Self {
        let now = Instant::now();
        let config = Config { send_window: MAX_WINDOW, recv_window: MAX_WINDOW, ..Config::default() };
        let (mut server, mut client) = (Lane::new(Role::Server, config), Lane::new(Role::Client, config));
        server.set_paced(paced);
        let (server_epoch, client_epoch) = (server.attach(0).unwrap(), client.attach(0).unwrap());
        client.open("exec", Class::Bulk, false, Bytes::new()).unwrap();
        client.open("pty.open", Class::Interactive, false, Bytes::new()).unwrap();
        while let Some(frame) = client.poll_transmit(client_epoch) {
            server.handle_frame(now, frame).unwrap();
        }
        let (server, client) = ((server, server_epoch), (client, client_epoch));
        let (down, up) = (VecDeque::new(), VecDeque::new());
        let (echoes, echo_at) = (Vec::new(), None);
        Self { now, server, client, rate, latency, down, busy_until: now, up, taken: 0, echoes, echo_at, pings: 0 }
    }

    /// The server writes as much as it may; the relay hands everything to the client's link at once.
    fn send(&mut self) {
        let (lane, epoch) = &mut self.server;
        loop {
            while lane.room(FLOOD).is_ok_and(|room| room >= MAX_DATA) {
                lane.send(FLOOD, 1, Bytes::from(vec![0; MAX_DATA])).unwrap();
            }
            let Some(frame) = lane.poll_transmit(*epoch) else { break };
            let length = frame.encoded_len();
            if lane.is_paced() {
                lane.handle_sent(length, self.now);
            }
            self.pings += usize::from(matches!(frame.body, Body::Ping { .. }));
            let takes = Duration::from_secs_f64(length as f64 / self.rate as f64);
            self.busy_until = self.busy_until.max(self.now) + takes;
            self.down.push_back((self.busy_until + self.latency, frame));
        }
        while lane.poll_event().is_some() {}
    }

    fn receive(&mut self) {
        while self.down.front().is_some_and(|(at, _)| *at <= self.now) {
            let (at, frame) = self.down.pop_front().unwrap();
            let (lane, _) = &mut self.client;
            if let Body::Ping { nonce } = frame.body {
                let received = lane.acknowledge_now();
                self.up.push_back((
                    at + self.latency,
                    Frame { lane: 0, channel: 0, body: Body::Pong { nonce, received } },
                ));
                continue;
            }
            if frame.channel == TERMINAL {
                self.echoes.push(at.duration_since(self.echo_at.take().unwrap()));
            }
            lane.handle_frame(at, frame).unwrap();
        }
        let (lane, epoch) = &mut self.client;
        for id in [FLOOD, TERMINAL] {
            while let Some(Item::Data(_, bytes)) = lane.recv(id) {
                self.taken += if id == FLOOD { bytes.len() as u64 } else { 0 };
            }
        }
        lane.handle_timeout(self.now);
        while let Some(frame) = lane.poll_transmit(*epoch) {
            self.up.push_back((self.now + self.latency, frame));
        }
        while self.up.front().is_some_and(|(at, _)| *at <= self.now) {
            let (at, frame) = self.up.pop_front().unwrap();
            self.server.0.handle_frame(at, frame).unwrap();
        }
        while let Some(LaneEvent::Opened { .. } | LaneEvent::Readable(_) | LaneEvent::Writable(_)) = lane.poll_event() {
        }
    }

    /// Lets so much time pass; every 200 ms a key's echo is written, behind what is on its way.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut next_echo = self.now;
        while self.now < end {
            self.send();
            if self.now >= next_echo && self.echo_at.is_none() {
                self.server.0.send(TERMINAL, 0, Bytes::from_static(b"k")).unwrap();
                self.echo_at = Some(self.now);
                next_echo = self.now + Duration::from_millis(200);
                self.send();
            }
            self.now += Duration::from_millis(1);
            self.receive();
        }
    }

    fn bytes_in(&self, time: Duration) -> u64 {
        (self.rate as f64 * time.as_secs_f64()) as u64
    }
}

/// R-PACE-1: from link to link, what a key's echo waits for is bounded, and the flood has the rest of the link.
#[test]
fn an_echo_waits_for_little_behind_a_slow_link() {
    for rate in [200_000, 1_000_000, 5_000_000, 50_000_000] {
        for latency in [Duration::from_millis(1), Duration::from_millis(40)] {
            let mut path = Path::new(rate, latency, true);
            // What is sent ahead before the first answer.
            path.run(Duration::from_secs(5));
            let first = path.echoes.iter().max().copied().unwrap();
            let frames = Duration::from_secs_f64((START + 3 * MAX_DATA as u64) as f64 / rate as f64);
            assert!(first <= latency + frames.max(PATIENCE) * 2, "{rate} {latency:?}: {first:?}");
            path.echoes.clear();
            let (before, seconds) = (path.taken, Duration::from_secs(20));
            path.run(seconds);
            let slowest = path.echoes.iter().max().copied().unwrap();
            let least = Duration::from_secs_f64((LEAST + 2 * MAX_DATA as u64) as f64 / rate as f64);
            let bound = latency + (PATIENCE * 2).max(least) + Duration::from_millis(5);
            assert!(slowest <= bound, "{rate} {latency:?}: an echo took {slowest:?}, more than {bound:?}");
            assert!(path.echoes.len() > 30);
            // A window bounds what a long way carries.
            let mut free = Path::new(rate, latency, false);
            free.run(Duration::from_secs(5));
            let free_before = free.taken;
            free.run(seconds);
            let share = (path.taken - before) as f64 / (free.taken - free_before) as f64;
            assert!(share > 0.9, "{rate} {latency:?}: the flood had {share} of what it has without");
        }
    }
}

/// What it is against: without it, an echo waits for all that a lane retains.
#[test]
fn without_it_an_echo_waits_for_all_that_is_retained() {
    let mut path = Path::new(1_000_000, Duration::from_millis(1), false);
    path.run(Duration::from_secs(10));
    assert_eq!(path.pings, 0, "a lane that is not behind a relay is not asked");
    assert!(path.echoes.iter().max().unwrap() > &Duration::from_secs(2));
}

/// A link that becomes slow is noticed, and so is one that becomes fast again.
#[test]
fn it_follows_the_link() {
    let mut path = Path::new(20_000_000, Duration::from_millis(10), true);
    path.run(Duration::from_secs(5));
    path.rate = 500_000;
    path.run(Duration::from_secs(20));
    path.echoes.clear();
    path.run(Duration::from_secs(5));
    let slowest = path.echoes.iter().max().copied().unwrap();
    assert!(slowest < Duration::from_millis(600), "{slowest:?}");
    path.rate = 20_000_000;
    let before = path.taken;
    path.run(Duration::from_secs(5));
    assert!(path.taken - before > path.bytes_in(Duration::from_secs(5)) * 8 / 10, "{}", path.taken - before);
}

/// A client that answers no PING gets what is sent ahead, and no bulk more; keys go on. Another connection begins anew.
#[test]
fn a_client_that_does_not_answer_holds_up_its_own_bulk_only() {
    let mut path = Path::new(u64::MAX / 2, Duration::ZERO, true);
    path.send();
    let ahead: usize = path.down.iter().map(|(_, frame)| frame.encoded_len()).sum();
    assert!((START..START + 2 * MAX_DATA as u64).contains(&(ahead as u64)), "{ahead}");
    let lane = &mut path.server.0;
    assert!(!lane.has_transmit() && !lane.is_retain_bound());
    lane.send(TERMINAL, 0, Bytes::from_static(b"k")).unwrap();
    assert_eq!(lane.transmit_class(), Some(Class::Interactive));
    // Answers to what was never asked say nothing.
    for nonce in [0, 99, u64::MAX] {
        let pong = Frame { lane: 0, channel: 0, body: Body::Pong { nonce, received: 0 } };
        lane.handle_frame(path.now, pong).unwrap();
    }
    assert_eq!(lane.transmit_class(), Some(Class::Interactive));
    path.server.1 = lane.attach(2).unwrap();
    assert!(lane.is_paced() && lane.has_transmit());
    path.down.clear();
    path.send();
    assert!(path.down.len() > 2);
}
