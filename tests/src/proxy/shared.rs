//! What the controls set and the connections read.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::{Counters, Cut, Direction};

/// Settings of one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    pub(super) stalled: bool,
    pub(super) delay: Duration,
    /// Bytes a second.
    pub(super) rate: Option<u32>,
    /// Largest piece.
    pub(super) split: Option<usize>,
}

/// All settings.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    up: Way,
    down: Way,
    pub(super) refuse: bool,
    /// How many times all connections were cut, and how the last time.
    pub(super) cut_now: Option<(u64, Cut)>,
}

impl Settings {
    pub(super) const fn way(&self, direction: Direction) -> &Way {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }

    const fn way_mut(&mut self, direction: Direction) -> &mut Way {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

/// A cut that is to come: behind so many more bytes of a direction.
#[derive(Clone, Copy, Debug)]
struct Planned {
    direction: Direction,
    left: u64,
    cut: Cut,
}

impl Planned {
    /// How many of `bytes` in `direction` may pass.
    fn allows(&self, direction: Direction, bytes: usize) -> usize {
        if self.direction != direction {
            return bytes;
        }
        usize::try_from(self.left).map_or(bytes, |left| left.min(bytes))
    }

    /// Counts bytes that pass; the cut, when these were the last.
    fn spend(&mut self, direction: Direction, bytes: usize) -> Option<Cut> {
        if self.direction == direction {
            self.left -= bytes as u64;
        }
        (self.left == 0).then_some(self.cut)
    }
}

/// The place of one connection.
#[derive(Debug)]
pub(super) struct Turn {
    /// Which of the connections, from 0: the seed of its random pieces.
    pub(super) number: u64,
    /// How often all were cut before this one came.
    pub(super) cuts_before: u64,
    /// Its own cut, and the epoch in which that was chosen.
    planned: Mutex<Option<(Planned, u64)>>,
}

#[derive(Debug, Default)]
struct State {
    counters: Counters,
    /// The cut over all connections.
    once: Option<Planned>,
    random: Option<(fastrand::Rng, Range<u64>)>,
    /// Random cuts that were chosen before this many calls of `keep_whole` are void.
    epoch: u64,
}

/// Shared by the proxy and its connections.
#[derive(Debug)]
pub(super) struct Shared {
    settings: watch::Sender<Settings>,
    state: Mutex<State>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self { settings: watch::Sender::new(Settings::default()), state: Mutex::default() }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Settings)) {
        self.settings.send_modify(change);
    }

    pub(super) fn change_way(&self, direction: Direction, change: impl FnOnce(&mut Way)) {
        self.change(|settings| change(settings.way_mut(direction)));
    }

    pub(super) fn settings(&self) -> Settings {
        self.settings.borrow().clone()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Settings> {
        self.settings.subscribe()
    }

    pub(super) fn cut_after(&self, direction: Direction, bytes: u64, cut: Cut) {
        self.state().once = (bytes > 0).then_some(Planned { direction, left: bytes, cut });
    }

    pub(super) fn cut_randomly(&self, seed: u64, after: Range<u64>) {
        assert!(after.start < after.end, "the range of a random cut is empty");
        self.state().random = Some((fastrand::Rng::with_seed(seed), after));
    }

    pub(super) fn keep_whole(&self) {
        let mut state = self.state();
        state.once = None;
        state.random = None;
        state.epoch += 1;
    }

    /// Counts a new connection in, and chooses its cut.
    pub(super) fn join(&self) -> Turn {
        let cuts_before = self.settings.borrow().cut_now.map_or(0, |(times, _)| times);
        let mut state = self.state();
        let number = state.counters.connections;
        state.counters.connections += 1;
        state.counters.open += 1;
        let planned = state.random.as_mut().map(|(random, after)| Planned {
            left: random.u64(after.clone()).max(1),
            direction: if random.bool() { Direction::Up } else { Direction::Down },
            cut: if random.bool() { Cut::Reset } else { Cut::Finish },
        });
        Turn { number, cuts_before, planned: Mutex::new(planned.map(|planned| (planned, state.epoch))) }
    }

    /// How many of these bytes may pass, and whether the connection is cut behind them.
    pub(super) fn pass(&self, turn: &Turn, direction: Direction, bytes: usize) -> (usize, Option<Cut>) {
        let mut state = self.state();
        let epoch = state.epoch;
        let mut own = lock(&turn.planned);
        if own.is_some_and(|(_, chosen)| chosen != epoch) {
            *own = None;
        }
        let plans = || own.iter().map(|(planned, _)| planned).chain(&state.once);
        let pass = plans().map(|planned| planned.allows(direction, bytes)).min().unwrap_or(bytes);
        let by_own = own.as_mut().and_then(|(planned, _)| planned.spend(direction, pass));
        let by_once = state.once.as_mut().and_then(|planned| planned.spend(direction, pass));
        if by_once.is_some() {
            state.once = None;
        }
        (pass, by_once.or(by_own))
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Counters)) {
        count(&mut self.state().counters);
    }

    pub(super) fn counters(&self) -> Counters {
        self.state().counters
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
