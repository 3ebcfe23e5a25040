//! Memory that many lanes share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes that lanes take from and give back, so that their sum has a bound.
#[derive(Clone, Debug)]
pub struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// A budget of this many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// Takes bytes, all or none.
    #[must_use]
    pub fn take(&self, bytes: usize) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    /// Gives bytes back.
    pub fn give(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that are left.
    pub fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one lane has taken from a budget for the growth of its receive windows, in steps as its readers need it.
#[derive(Debug)]
pub(crate) struct Growth {
    budget: Budget,
    taken: usize,
}

impl Growth {
    /// What is taken at once, in bytes.
    pub(crate) const STEP: usize = 1 << 20;

    pub(crate) fn new(budget: &Budget) -> Self {
        Self { budget: budget.clone(), taken: 0 }
    }

    /// One more step, if the budget has it.
    pub(crate) fn grow(&mut self) -> bool {
        let grown = self.budget.take(Self::STEP);
        if grown {
            self.taken += Self::STEP;
        }
        grown
    }

    /// What is taken, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        self.taken
    }

    /// Gives everything back.
    pub(crate) fn give_back(&mut self) {
        self.budget.give(std::mem::take(&mut self.taken));
    }
}

impl Drop for Growth {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// What one lane has taken from a budget for its retained frames: at least [`Lease::STEP`], at most its own limit.
#[derive(Debug)]
pub(crate) struct Lease {
    budget: Budget,
    taken: usize,
    most: usize,
}

impl Lease {
    /// What is taken at once, in bytes; also the least that a lane has.
    pub(crate) const STEP: usize = sandwire_protocol::limits::MIN_RETAIN;

    /// A first step from the budget, if it has one.
    pub(crate) fn new(budget: &Budget, most: usize) -> Option<Self> {
        budget.take(Self::STEP).then(|| Self { budget: budget.clone(), taken: Self::STEP, most: most.max(Self::STEP) })
    }

    /// What the lane may retain now, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        self.taken
    }

    /// Takes one more step, if the budget and the lane's limit allow.
    pub(crate) fn grow(&mut self) -> bool {
        let grown = self.taken + Self::STEP <= self.most && self.budget.take(Self::STEP);
        if grown {
            self.taken += Self::STEP;
        }
        grown
    }

    /// Gives back all but the first step.
    pub(crate) fn shrink(&mut self) {
        self.budget.give(self.taken - Self::STEP);
        self.taken = Self::STEP;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.give(self.taken);
    }
}
