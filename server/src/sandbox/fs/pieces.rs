//! How much of a file is read or written in one hop: more for the first few transfers, so that the sum has a bound.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a hop.
pub(crate) const SMALL: usize = 64 << 10;

/// Bytes of a hop of the first [`FAST`] transfers: fewer hops are faster.
pub(crate) const LARGE: usize = 256 << 10;

/// Transfers that have large pieces.
pub(crate) const FAST: usize = 16;

/// Transfers that have large pieces now.
static NOW: AtomicUsize = AtomicUsize::new(0);

/// The pieces of one transfer.
#[derive(Debug)]
pub(super) struct Pieces {
    large: bool,
}

impl Pieces {
    /// Large ones, if there is a place for them.
    pub(super) fn new() -> Self {
        let free = |now: usize| (now < FAST).then_some(now + 1);
        Self { large: NOW.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).is_ok() }
    }

    /// Bytes of a piece.
    pub(super) const fn bytes(&self) -> usize {
        if self.large { LARGE } else { SMALL }
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        if self.large {
            NOW.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_large_and_the_others_small() {
        let mut many: Vec<Pieces> = (0..2 * FAST).map(|_| Pieces::new()).collect();
        // Other tests may have some.
        assert!(many.iter().filter(|pieces| pieces.bytes() == LARGE).count() <= FAST);
        assert!(many.iter().any(|pieces| pieces.bytes() == SMALL));
        many.retain(|pieces| pieces.bytes() == SMALL);
        assert!(many.len() >= FAST);
    }
}
