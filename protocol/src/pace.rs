//! How much of a lane may be on its way at once, so that little waits before a key.
//!
//! A relay takes what the server sends as fast as it comes, and what waits between it and its client nobody here can see: a
//! flood would pile up there, and a key's echo would wait behind it. So every so many bytes a PING goes out in the lane.
//! Its PONG tells what has arrived, and how long the way took. When that is [`PATIENCE`] more than the shortest way there
//! ever was, it is a queue, and less is sent ahead; when it is not, more.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::limits::DEFAULT_RETAIN;

/// How long frames may wait in queues on their way. Below what a person notices.
pub const PATIENCE: Duration = Duration::from_millis(50);

/// Bytes that may be on their way: at first.
pub const START: u64 = 256 << 10;

/// The same, at least: two of the largest frames.
pub const LEAST: u64 = 128 << 10;

/// The same, at most: what a lane keeps until it is acknowledged.
pub const MOST: u64 = DEFAULT_RETAIN as u64;

/// Bytes between two PINGs, at least.
const STEP: u64 = 32 << 10;

/// PINGs on their way at the most when more than that is.
const STEPS: u64 = 16;

/// After this time, half of it at least, a shortest way is forgotten: the network may be another one.
const MEMORY: Duration = Duration::from_secs(60);

/// The bytes of a lane on one connection.
#[derive(Debug)]
pub struct Pace {
    /// Bytes handed over.
    sent: u64,
    /// Of these, bytes that have arrived.
    arrived: u64,
    /// Bytes that may be on their way.
    budget: u64,
    /// PINGs on their way, in order. There is one for each [`STEP`] of what is retained, at the most.
    pings: VecDeque<Ping>,
    nonce: u64,
    /// Shortest way of this half of [`MEMORY`], and of the one before.
    shortest: Duration,
    shortest_before: Duration,
    half_since: Option<Instant>,
    /// Whether the budget held anything back since it was set.
    held: bool,
    /// The budget is set anew when this many bytes have arrived: what it allowed has had its effect then.
    next: u64,
}

#[derive(Debug)]
struct Ping {
    nonce: u64,
    at: Instant,
    behind: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            sent: 0,
            arrived: 0,
            budget: START,
            pings: VecDeque::new(),
            nonce: 0,
            shortest: Duration::MAX,
            shortest_before: Duration::MAX,
            half_since: None,
            held: false,
            next: 0,
        }
    }
}

impl Pace {
    /// Whether bulk has to wait.
    pub const fn is_full(&self) -> bool {
        self.sent - self.arrived >= self.budget
    }

    /// Something waits because it is full.
    pub const fn hold(&mut self) {
        self.held = true;
    }

    /// Bytes were handed over. Returns the nonce of a PING to send behind them, when one is due.
    pub fn handle_sent(&mut self, bytes: u64, now: Instant) -> Option<u64> {
        self.sent += bytes;
        let last = self.pings.back().map_or(self.arrived, |ping| ping.behind);
        if self.sent - last < STEP.max(self.budget / STEPS) {
            return None;
        }
        self.nonce += 1;
        self.pings.push_back(Ping { nonce: self.nonce, at: now, behind: self.sent });
        Some(self.nonce)
    }

    /// The answer to a PING has come. Answers come in order; one that is not ours is nothing.
    pub fn handle_pong(&mut self, nonce: u64, now: Instant) {
        let Some(index) = self.pings.iter().position(|ping| ping.nonce == nonce) else { return };
        let Some(ping) = self.pings.drain(..=index).next_back() else { return };
        self.arrived = ping.behind;
        let way = now.saturating_duration_since(ping.at).max(Duration::from_micros(1));
        self.remember(way, now);
        if ping.behind < self.next {
            return;
        }
        let wanted = self.shortest.min(self.shortest_before).saturating_add(PATIENCE);
        let fitting = u128::from(self.budget) * wanted.as_micros() / way.as_micros().max(1);
        let fitting = u64::try_from(fitting).unwrap_or(u64::MAX).clamp(self.budget / 2, self.budget * 2);
        // What nobody needed is no reason for more.
        if fitting < self.budget || self.held {
            self.budget = fitting.clamp(LEAST, MOST);
        }
        self.held = false;
        self.next = self.sent;
    }

    fn remember(&mut self, way: Duration, now: Instant) {
        let since = *self.half_since.get_or_insert(now);
        if now.saturating_duration_since(since) > MEMORY / 2 {
            self.shortest_before = self.shortest;
            self.shortest = way;
            self.half_since = Some(now);
        }
        self.shortest = self.shortest.min(way);
    }
}
