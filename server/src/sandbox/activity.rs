//! What goes on here, and when anybody last did anything: for whoever decides whether the sandbox may sleep.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::machine::now_ms;
use crate::count::{Count, OneMore};

/// A clock of use, and the work that keeps a sandbox awake.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    clock: Arc<Clock>,
    /// Commands that run.
    pub(crate) commands: Work,
    /// Terminals that live.
    pub(crate) terminals: Work,
    /// Processes that run and were marked.
    pub(crate) kept: Work,
}

impl Activity {
    /// Since now.
    pub(crate) fn new() -> Self {
        let clock = Arc::new(Clock::default());
        let work = || Work { clock: Arc::clone(&clock), count: Count::default() };
        Self { commands: work(), terminals: work(), kept: work(), clock }
    }

    /// Somebody does something now.
    pub(crate) fn touch(&self) {
        self.clock.touch();
    }

    /// When the server started, in milliseconds since 1970.
    pub(crate) fn started_ms(&self) -> u64 {
        self.clock.started_ms
    }

    /// Whether there is work that sleep would end.
    pub(crate) fn busy(&self) -> bool {
        [&self.commands, &self.terminals, &self.kept].iter().any(|work| work.count.now() > 0)
    }

    /// For how long nobody has done anything.
    pub(crate) fn idle(&self) -> Duration {
        self.clock.idle()
    }
}

/// Work of one sort. Clones count the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Work {
    clock: Arc<Clock>,
    pub(crate) count: Count,
}

impl Work {
    /// More of it, until the guard is dropped.
    pub(crate) fn begin(&self) -> Working {
        self.clock.touch();
        Working { clock: Arc::clone(&self.clock), _one: self.count.one_more() }
    }
}

/// One piece of work that goes on.
#[derive(Debug)]
pub(crate) struct Working {
    clock: Arc<Clock>,
    _one: OneMore,
}

impl Drop for Working {
    fn drop(&mut self) {
        // Before the count is told: who is told of the end must not read that nobody has done anything for long.
        self.clock.touch();
    }
}

#[derive(Debug)]
struct Clock {
    since: Instant,
    /// `since` on the calendar, in milliseconds since 1970.
    started_ms: u64,
    /// Milliseconds from `since` to the last use.
    last: AtomicU64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { since: Instant::now(), started_ms: now_ms(), last: AtomicU64::new(0) }
    }
}

impl Clock {
    fn touch(&self) {
        self.last.store(self.now(), Ordering::Relaxed);
    }

    fn idle(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.last.load(Ordering::Relaxed)))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
