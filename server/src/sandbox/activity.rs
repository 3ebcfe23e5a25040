//! When anybody last did anything here, for whoever decides whether the sandbox may sleep.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::machine::now_ms;

/// A clock of use.
#[derive(Debug)]
pub(crate) struct Activity {
    since: Instant,
    /// `since` on the calendar, in milliseconds since 1970.
    started_ms: u64,
    /// Milliseconds from `since` to the last use.
    last: AtomicU64,
}

impl Default for Activity {
    fn default() -> Self {
        Self { since: Instant::now(), started_ms: now_ms(), last: AtomicU64::new(0) }
    }
}

impl Activity {
    /// Somebody does something now.
    pub(crate) fn touch(&self) {
        self.last.store(self.now(), Ordering::Relaxed);
    }

    /// When the server started, in milliseconds since 1970.
    pub(crate) fn started_ms(&self) -> u64 {
        self.started_ms
    }

    /// For how long nobody has.
    pub(crate) fn idle(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.last.load(Ordering::Relaxed)))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
