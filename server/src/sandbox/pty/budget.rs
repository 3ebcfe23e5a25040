//! The memory of all terminals together has a bound: it is counted before it is taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::screen::{CELL, Size};
use super::{backlog, painting, queue};

/// Bytes that paint one cell, at the most: its content, and colours and attributes that no other cell has.
const PAINTED: u64 = 64;

/// One terminal takes at most this part of all: painting a screen makes copies of it, of one at a time.
const LARGEST: u64 = 4;

/// Bytes that there may be.
#[derive(Debug)]
pub(crate) struct Budget {
    most: u64,
    used: AtomicU64,
}

impl Budget {
    /// So many bytes.
    pub(crate) fn new(bytes: usize) -> Arc<Budget> {
        Arc::new(Budget { most: bytes as u64, used: AtomicU64::new(0) })
    }

    /// Takes what a terminal without viewers needs, or says that there is not enough.
    pub(crate) fn take(self: &Arc<Self>, size: Size, scrollback: usize) -> Option<Share> {
        let mut share = Share { budget: Arc::clone(self), held: 0, size, widest: 0, scrollback, viewers: 0 };
        share.resize(size).then_some(share)
    }
}

/// The largest memory of terminals that share so many bytes: two copies of the largest screen while it is painted.
pub(crate) fn memory(bytes: usize) -> u64 {
    bytes as u64 + 2 * (bytes as u64 / LARGEST)
}

/// The least that is of use, in bytes: one terminal of a usual size can be opened and seen.
pub(crate) fn least(scrollback: usize) -> u64 {
    LARGEST * needed(Size { cols: 80, rows: 24 }, 80, scrollback, 1)
}

/// What the model holds, what it has not seen yet, and what the viewers have not read yet. The model has two screens,
/// the normal and the alternate one, and the lines above, which stay as wide as they ever were.
fn needed(size: Size, widest: u16, scrollback: usize, viewers: usize) -> u64 {
    let screen = u64::from(size.cols) * u64::from(size.rows);
    let viewer = (queue::MOST + painting::HISTORY) as u64 + PAINTED * screen;
    backlog::MOST as u64 + (2 * screen + u64::from(widest) * scrollback as u64) * CELL + viewers as u64 * viewer
}

/// The bytes of one terminal, given back when it is gone.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    held: u64,
    size: Size,
    /// Widest that it ever was.
    widest: u16,
    scrollback: usize,
    viewers: usize,
}

impl Share {
    /// Takes what another number of viewers needs. False, and nothing changes, when there is not enough.
    pub(crate) fn view(&mut self, viewers: usize) -> bool {
        let taken = self.hold(needed(self.size, self.widest, self.scrollback, viewers));
        if taken {
            self.viewers = viewers;
        }
        taken
    }

    /// Takes what another size needs. False, and nothing changes, when there is not enough.
    pub(crate) fn resize(&mut self, size: Size) -> bool {
        let widest = self.widest.max(size.cols);
        let taken = self.hold(needed(size, widest, self.scrollback, self.viewers));
        if taken {
            (self.size, self.widest) = (size, widest);
        }
        taken
    }

    fn hold(&mut self, needed: u64) -> bool {
        let (most, held) = (self.budget.most, self.held);
        let fits = |used: u64| {
            let after = used - held + needed;
            (needed <= held || (after <= most && needed <= most / LARGEST)).then_some(after)
        };
        let taken = self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if taken {
            self.held = needed;
        }
        taken
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const USUAL: Size = Size { cols: 250, rows: 100 };
    const SMALL: Size = Size { cols: 80, rows: 24 };

    fn room_for(terminals: u64) -> Arc<Budget> {
        Budget::new(usize::try_from(terminals * needed(USUAL, 250, 1000, 1)).unwrap())
    }

    #[test]
    fn bytes_are_taken_and_given_back() {
        let budget = room_for(4);
        assert!(budget.take(Size { cols: 1000, rows: 1000 }, 1000).is_none(), "more than its part of all");
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
        let mut all: Vec<_> = (0..4).map(|_| budget.take(USUAL, 1000).unwrap()).collect();
        assert!(all.iter_mut().all(|share| share.view(1)));
        assert!(!all[0].view(2) && budget.take(SMALL, 0).is_none());
        assert!(all[0].resize(SMALL));
        drop(budget.take(SMALL, 0).unwrap());
        assert!(all[0].view(0) && all[0].resize(USUAL) && all[0].view(1));
        drop(all);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn narrow_lines_do_not_hide_wide_ones() {
        let mut share = room_for(8).take(USUAL, 1000).unwrap();
        let before = share.held;
        assert!(share.resize(Size { cols: 80, rows: 100 }));
        assert_eq!(before - share.held, 2 * 100 * (250 - 80) * CELL);
    }
}
