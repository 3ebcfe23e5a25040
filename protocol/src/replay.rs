//! Frames that were sent and are not yet acknowledged, by count: what a resumed lane sends again.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::frame::{Body, Frame};
use crate::limits::RETAIN_OVERHEAD;

/// What keeping this frame costs, in bytes.
pub fn retain_cost(body: &Body) -> usize {
    body.payload().map_or(0, Bytes::len) + RETAIN_OVERHEAD
}

/// The retained frames. Payloads are references to the bytes that were sent, not copies.
#[derive(Debug, Default)]
pub struct Replay {
    frames: VecDeque<Frame>,
    /// Frames that the peer has acknowledged, since the lane began.
    acked: u64,
    /// How many of `frames` have been handed to the present connection.
    handed: usize,
    /// Sum of [`retain_cost`] over `frames`.
    bytes: usize,
}

impl Replay {
    /// Frames sent since the lane began.
    pub fn sent(&self) -> u64 {
        self.acked + self.frames.len() as u64
    }

    /// Frames that the peer has acknowledged.
    pub const fn acked(&self) -> u64 {
        self.acked
    }

    /// What the retained frames cost, in bytes.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a frame that is being sent for the first time. The caller has seen to it that nothing waits to be resent.
    pub fn push(&mut self, frame: Frame) {
        self.bytes += retain_cost(&frame.body);
        self.frames.push_back(frame);
        self.handed = self.frames.len();
    }

    /// The peer has received this many frames since the lane began. Returns false when that cannot be.
    #[must_use]
    pub fn ack(&mut self, received: u64) -> bool {
        if received < self.acked || received > self.sent() {
            return false;
        }
        while self.acked < received {
            let Some(frame) = self.frames.pop_front() else { return false };
            self.bytes -= retain_cost(&frame.body);
            self.acked += 1;
            self.handed = self.handed.saturating_sub(1);
        }
        true
    }

    /// A new connection begins: everything that is retained must be sent again.
    pub const fn rewind(&mut self) {
        self.handed = 0;
    }

    /// The next frame to send again on this connection.
    pub fn resend(&mut self) -> Option<Frame> {
        let frame = self.frames.get(self.handed)?.clone();
        self.handed += 1;
        Some(frame)
    }

    /// Whether anything waits to be sent again.
    pub fn has_resend(&self) -> bool {
        self.handed < self.frames.len()
    }
}
