//! How long ago something was, however the machine slept and its clock was set meanwhile.

use std::time::{Duration, Instant, SystemTime};

/// Two clocks, of which the one that shows more counts: one stands still while the machine sleeps, the other may be set back.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    steady: Instant,
    wall: SystemTime,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }

    /// Milliseconds since then, and not less.
    pub(crate) fn ms(&self) -> u64 {
        // Set back, it says nothing.
        let wall = self.wall.elapsed().unwrap_or(Duration::ZERO);
        u64::try_from(self.steady.elapsed().max(wall).as_millis()).map_or(u64::MAX, |ms| ms.saturating_add(1))
    }
}
