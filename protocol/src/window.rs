//! Credit windows: how many bytes may be on their way in one direction of a channel. Arithmetic only.

use crate::limits::{EVENT_RESERVE, GROWTH_FRAME, MAX_WINDOW, MIN_COST};

/// What a DATA or EVENT of this length costs.
pub fn cost(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX).max(MIN_COST)
}

/// The sender's side.
#[derive(Debug)]
pub struct SendWindow {
    /// Bytes that may be sent.
    available: u32,
}

impl SendWindow {
    /// A window of this many bytes.
    pub const fn new(initial: u32) -> Self {
        Self { available: initial }
    }

    /// Longest DATA that may be sent now: the window less what is kept for events.
    pub const fn room(&self) -> usize {
        let room = self.available.saturating_sub(EVENT_RESERVE);
        if room < MIN_COST { 0 } else { room as usize }
    }

    /// Longest EVENT that may be sent now.
    pub const fn event_room(&self) -> usize {
        if self.available < MIN_COST { 0 } else { self.available as usize }
    }

    /// Takes the cost of a payload. Returns whether there was room for it.
    #[must_use]
    pub const fn take(&mut self, cost: u32) -> bool {
        match self.available.checked_sub(cost) {
            Some(rest) => {
                self.available = rest;
                true
            }
            None => false,
        }
    }

    /// Adds credit. Returns false when the window would hold more than 2^31 bytes, which no honest peer grants.
    #[must_use]
    pub const fn grant(&mut self, bytes: u32) -> bool {
        match self.available.checked_add(bytes) {
            Some(sum) if sum <= 1 << 31 => {
                self.available = sum;
                true
            }
            Some(_) | None => false,
        }
    }
}

/// The receiver's side. At any time `credit + buffered + consumed = limit`.
#[derive(Debug)]
pub struct RecvWindow {
    /// Size of the window.
    limit: u32,
    /// Bytes that the peer may still send.
    credit: u32,
    /// Bytes that the user has taken and that have not been granted again.
    consumed: u32,
}

impl RecvWindow {
    /// A window of this many bytes.
    pub const fn new(limit: u32) -> Self {
        Self { limit, credit: limit, consumed: 0 }
    }

    /// A frame of this cost arrived. Returns false when the peer had no credit for it.
    #[must_use]
    pub const fn receive(&mut self, cost: u32) -> bool {
        match self.credit.checked_sub(cost) {
            Some(rest) => {
                self.credit = rest;
                true
            }
            None => false,
        }
    }

    /// The user took a frame of this cost. Returns the credit to grant now, if it is worth a frame: half a window.
    ///
    /// `drained` says that nothing more is buffered: the reader keeps up with the peer. If it takes bulk, frames of
    /// [`GROWTH_FRAME`] and more, it gets a window twice as large, as far as `budget` (bytes, reduced by what is taken)
    /// and [`MAX_WINDOW`] allow. A slow reader's window never grows, and an interactive one's stays small.
    pub fn consume(&mut self, cost: u32, drained: bool, budget: &mut usize) -> Option<u32> {
        self.consumed = self.consumed.saturating_add(cost);
        if self.consumed < self.limit / 2 {
            return None;
        }
        let mut grant = self.consumed;
        self.consumed = 0;
        if drained && cost >= GROWTH_FRAME {
            let room = MAX_WINDOW.saturating_sub(self.limit).min(self.limit);
            let growth = room.min(u32::try_from(*budget).unwrap_or(u32::MAX));
            *budget -= growth as usize;
            self.limit += growth;
            grant += growth;
        }
        self.credit = self.credit.saturating_add(grant);
        Some(grant)
    }

    /// Size of the window now, in bytes.
    pub const fn limit(&self) -> u32 {
        self.limit
    }
}
