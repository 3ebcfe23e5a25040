//! The server's largest memory, read off its settings. The terms are the table *Where bytes can wait* in ARCHITECTURE.md.

use sandwire_protocol::limits::{INITIAL_WINDOW, MAX_DATA, MAX_FRAME, OUTBOX};

use super::Settings;
use crate::lanes::GROWTH;
use crate::sandbox::pty::{budget, registry};

/// The program itself: code, runtime, stacks, the allocator's slack.
const BASE: u64 = 16 << 20;

/// Buffers of one connection beside the frame that it reads: tungstenite's, the writer's batch, the task itself.
const CONNECTION: u64 = 48 << 10;

/// Tables of one channel.
const CHANNEL: u64 = 4 << 10;

/// A process beside its log: the table entry and the tasks that watch it.
const PROCESS: u64 = 16 << 10;

impl Settings {
    /// Upper bound of the server's own memory, in bytes, whatever clients and commands do.
    pub(crate) fn memory_bound(&self) -> u64 {
        let connections = self.max_connections() as u64 * (CONNECTION + MAX_FRAME as u64);
        let lanes = self.retained_bytes() as u64 + self.max_lanes() as u64 * GROWTH as u64;
        let channel = CHANNEL + u64::from(INITIAL_WINDOW) + OUTBOX as u64 + MAX_DATA as u64;
        let channels = self.max_channels() as u64 * channel;
        let kept = (self.max_processes() + self.keep_processes()) as u64;
        let processes = kept * (PROCESS + self.log_memory() as u64);
        let terminals = budget::memory(self.max_terminals() + registry::KEEP, self.scrollback());
        BASE + connections + lanes + channels + processes + terminals
    }
}
