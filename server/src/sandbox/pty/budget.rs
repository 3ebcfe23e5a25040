//! The memory of all screens together has a bound: cells are counted before they are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::screen::{CELL, Size};
use super::{backlog, painting, queue};

/// Size of a terminal that the bound reckons with; larger ones take what others leave.
const USUAL: Size = Size { cols: 250, rows: 100 };

/// Viewers of all terminals together, for each terminal that there may be.
const VIEWERS: usize = 4;

/// Cells and viewers that there may be.
#[derive(Debug)]
pub(crate) struct Budget {
    most: u64,
    used: AtomicU64,
    viewers: Arc<Semaphore>,
}

impl Budget {
    /// Room for so many terminals of a usual size.
    pub(crate) fn new(terminals: usize, scrollback: usize) -> Arc<Budget> {
        let viewers = Arc::new(Semaphore::new(terminals * VIEWERS));
        Arc::new(Budget { most: most(terminals, scrollback), used: AtomicU64::new(0), viewers })
    }

    /// Takes the cells of a terminal, or says that there are not enough.
    pub(crate) fn take(self: &Arc<Self>, size: Size, scrollback: usize) -> Option<Cells> {
        let mut cells = Cells { budget: Arc::clone(self), held: 0, cols: 0, scrollback };
        cells.resize(size).then_some(cells)
    }
}

/// The largest memory of so many terminals and their viewers, in bytes.
pub(crate) fn memory(terminals: usize, scrollback: usize) -> u64 {
    // A painting of the screen takes about as much as the screen, and stands for both of its models.
    let viewer = (queue::MOST + painting::HISTORY) as u64 + cells(USUAL, 0, 0) * CELL;
    let terminal = backlog::MOST as u64 + VIEWERS as u64 * viewer;
    most(terminals, scrollback) * CELL + terminals as u64 * terminal
}

fn most(terminals: usize, scrollback: usize) -> u64 {
    terminals as u64 * cells(USUAL, USUAL.cols, scrollback)
}

/// Two screens, the normal and the alternate one, and the lines above, which stay as wide as they ever were.
fn cells(size: Size, widest: u16, scrollback: usize) -> u64 {
    2 * u64::from(size.cols) * u64::from(size.rows) + u64::from(widest) * scrollback as u64
}

/// The cells of one terminal, given back when it is gone.
#[derive(Debug)]
pub(crate) struct Cells {
    budget: Arc<Budget>,
    held: u64,
    /// Widest that it ever was.
    cols: u16,
    scrollback: usize,
}

impl Cells {
    /// One more viewer, until the permit is dropped.
    pub(crate) fn viewer(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.budget.viewers).try_acquire_owned().ok()
    }

    /// Takes what another size needs. False, and nothing changes, when there is not enough.
    pub(crate) fn resize(&mut self, size: Size) -> bool {
        let cols = self.cols.max(size.cols);
        let needed = cells(size, cols, self.scrollback);
        let (most, held) = (self.budget.most, self.held);
        let fits = |used: u64| Some(used - held + needed).filter(|used| *used <= most || needed <= held);
        let taken = self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if taken {
            (self.held, self.cols) = (needed, cols);
        }
        taken
    }
}

impl Drop for Cells {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn cells_are_taken_and_given_back() {
        let budget = Budget::new(2, 1000);
        let small = Size { cols: 80, rows: 24 };
        let large = Size { cols: 1000, rows: 1000 };
        assert!(budget.take(large, 1000).is_none());
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
        let mut one = budget.take(USUAL, 1000).unwrap();
        let other = budget.take(USUAL, 1000).unwrap();
        assert!(budget.take(small, 0).is_none());
        assert!(one.resize(small));
        drop(budget.take(small, 0).unwrap());
        drop(other);
        assert!(one.resize(USUAL));
        drop(one);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn narrow_lines_do_not_hide_wide_ones() {
        let budget = Budget::new(10, 1000);
        let mut cells = budget.take(USUAL, 1000).unwrap();
        let before = cells.held;
        assert!(cells.resize(Size { cols: 80, rows: 100 }));
        assert_eq!(before - cells.held, 2 * 100 * (250 - 80));
    }
}
