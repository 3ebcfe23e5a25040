//! The server's largest memory, read off its settings. The terms are the table *Where bytes can wait* in ARCHITECTURE.md.

use sandwire_protocol::limits::{INITIAL_WINDOW, MAX_DATA, MAX_FRAME, OUTBOX};

use super::Settings;
use crate::auth::{MAX_GRANT, MAX_SESSIONS, MAX_TICKETS};
use crate::http::{MAX_HEAD, proxy};
use crate::lanes::GROWTH;
use crate::late;
use crate::sandbox::buffer;
use crate::sandbox::fs::backup::MAX_BACKUPS;
use crate::sandbox::fs::{MAX_LONG, MAX_SEARCHES, MAX_WATCHES, pieces};
use crate::sandbox::kernel::LARGEST_LIVING;
use crate::sandbox::mount;
use crate::sandbox::port::{LISTED, MAX_LISTED, MAX_WATCHES as PORT_WATCHES};
use crate::sandbox::process::log::{SEGMENT, SHARED_MEMORY};
use crate::sandbox::process::pipe::READ;
use crate::sandbox::process::registry::{MAX_RESTARTED, ready};
use crate::sandbox::pty::budget;
use crate::sandbox::shell::{LARGEST_START, LONGEST_REPORTS};
use crate::sandbox::variables;
use crate::server::LONG_MESSAGES;

/// The program itself: code, runtime, stacks, the allocator's slack; and the buffers that are kept for the next read.
const BASE: u64 = (45 << 20) + (buffer::KEPT * buffer::LARGEST) as u64;

/// Buffers of one connection beside the message that it reads: tungstenite's, the writer's batch, the task itself.
const CONNECTION: u64 = 48 << 10;

/// What TLS adds to it: records on their way in and out.
const TLS: u64 = 128 << 10;

/// A message that is not whole is held twice while its buffer grows.
const GROWING: u64 = 2;

/// A channel that was refused and whose end the client has not read yet.
const REFUSED: u64 = 1 << 10;

/// Tables of one channel, its task, and what payloads hold beside what they are.
const CHANNEL: u64 = 24 << 10;

/// A process beside its log: the table entry and the tasks that watch it.
const PROCESS: u64 = 16 << 10;

/// A shell session: what it is started with, its shell's reports (see `shell/report.rs`), and its shell. Who waits for it is a
/// channel.
const SHELL: u64 = PROCESS + LONGEST_REPORTS as u64 + LARGEST_START as u64;

/// Variables of the sandbox, and the same once more while they are changed: twice what was counted.
const VARIABLES: u64 = 4 * variables::LARGEST as u64;

/// A code context: what its kernel is started with, what of its bridge is not taken yet, and its bridge. The rest is the
/// bridge's, which has a bound of its own.
const KERNEL: u64 = PROCESS + LARGEST_START as u64 + LARGEST_LIVING as u64;

/// A search by content: its line, its pattern and the pattern's states, its results (see `fs/search.rs`).
const SEARCH: u64 = 5 << 20;

/// A tree: pieces on their way (see `fs/tree_read.rs`).
const TREE: u64 = 512 << 10;

/// A backup beside its tree: what compresses or decompresses, with its buffers (see `fs/backup/`).
const BACKUP: u64 = 5 << 20;

/// Names that walks hold (see `fs/walk.rs`): what they share, and what each may have begun to read.
const WALKS: u64 = 20 << 20;
const WALK: u64 = 640 << 10;

/// A watch: changes on their way and its globs; and the directories of all watches (see `fs/watch`).
const WATCH: u64 = 11 << 18;
const WATCHED: u64 = 24 << 20;

/// A browser that is signed in, or may sign in with a ticket.
const SESSION: u64 = 1 << 10;
/// A connection to an exposed port: what hyper may read ahead and hold on both of its sides, a piece on its way each way,
/// the task. It is one of the connections, and takes no more than what a WebSocket would there.
const PREVIEW: u64 = (2 * MAX_HEAD + 2 * proxy::BUFFER) as u64 + (MAX_HEAD + proxy::BUFFER) as u64 + (16 << 10);
const _: () = assert!(PREVIEW <= CONNECTION + GROWING * sandwire_link::SHORT as u64);

/// What each watch of ports was told and is being told, where that is not what another was; and the newest look.
const PORTS: u64 = ((2 * PORT_WATCHES + 4) * MAX_LISTED * LISTED) as u64;

/// Buckets that are mounted; s3fs is a process of its own.
const MOUNTS: u64 = (mount::MAX * mount::MEMORY) as u64;

impl Settings {
    /// Upper bound of the server's own memory, in bytes, whatever clients and commands do.
    pub(crate) fn memory_bound(&self) -> u64 {
        BASE + self.connections()
            + self.lanes()
            + self.channels()
            + self.processes()
            + self.sessions()
            + self.files()
            + PORTS
            + VARIABLES
            + MOUNTS
            + budget::memory(if self.max_terminals() == 0 { 0 } else { self.terminal_memory() })
    }

    fn connections(&self) -> u64 {
        let tls = if self.tls_cert.is_some() { TLS } else { 0 };
        let each = CONNECTION + tls + GROWING * sandwire_link::SHORT as u64;
        let sessions = (MAX_SESSIONS + MAX_TICKETS) as u64 * (SESSION + MAX_GRANT as u64);
        self.max_connections() as u64 * each + sessions + LONG_MESSAGES as u64 * (GROWING + 1) * MAX_FRAME as u64
    }

    fn lanes(&self) -> u64 {
        // The last frame of each goes a little beyond what it may retain.
        let each = (MAX_DATA + MAX_GRANT) as u64 + self.max_channels_per_lane() as u64 * REFUSED;
        (self.retained_bytes() + GROWTH) as u64 + self.max_lanes() as u64 * each + late::MEMORY
    }

    fn channels(&self) -> u64 {
        // What waits to be sent is an outbox or a result; a piece is on its way in or out of a file or a command.
        let each = CHANNEL + u64::from(INITIAL_WINDOW) + OUTBOX as u64 + pieces::SMALL as u64;
        let fast = pieces::FAST * 2 * pieces::LARGE;
        let waits = ready::MAX_WAITS * (ready::PATTERN_SIZE + ready::STATES_SIZE + 2 * ready::LINE);
        self.max_channels() as u64 * each + (fast + waits) as u64
    }

    fn processes(&self) -> u64 {
        let (running, kept) = (self.max_processes(), self.max_processes() + self.keep_processes());
        // A log begins with all that is left of what they share, and is only made smaller by its next write.
        let logs: usize = (1..=kept).map(|logs| self.log_memory().min((SHARED_MEMORY / logs).max(SEGMENT))).sum();
        // Twice what was counted: strings of their own.
        kept as u64 * PROCESS + (logs + running * (READ + 2 * MAX_RESTARTED)) as u64
    }

    fn sessions(&self) -> u64 {
        self.max_sessions() as u64 * SHELL + (self.max_kernels() + self.kernel_pool()) as u64 * KERNEL
    }

    #[expect(clippy::unused_self, reason = "of the same shape as the others")]
    fn files(&self) -> u64 {
        let long = MAX_SEARCHES as u64 * SEARCH + MAX_LONG as u64 * TREE + MAX_BACKUPS as u64 * BACKUP;
        long + WALKS + (crate::run::BLOCKING_THREADS + MAX_LONG) as u64 * WALK + MAX_WATCHES as u64 * WATCH + WATCHED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_for_a_small_machine_and_each_setting_counts() {
        let bound = Settings::default().memory_bound();
        assert!(bound <= 1 << 30, "{} MiB", bound >> 20);
        let double = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.memory_bound()
        };
        for (name, changed) in [
            ("max_connections", double(|it| it.max_connections = Some(512))),
            ("max_lanes", double(|it| it.max_lanes = Some(448))),
            ("max_channels", double(|it| it.max_channels = Some(1024))),
            ("retained_bytes", double(|it| it.retained_bytes = Some(super::super::Size(224 << 20)))),
            ("max_processes", double(|it| it.max_processes = Some(512))),
            ("keep_processes", double(|it| it.keep_processes = Some(128))),
            ("max_sessions", double(|it| it.max_sessions = Some(128))),
            ("max_kernels", double(|it| it.max_kernels = Some(32))),
            ("kernel_pool", double(|it| it.kernel_pool = Some(2))),
            ("log_memory", double(|it| it.log_memory = Some(super::super::Size(512 << 10)))),
            ("terminal_memory", double(|it| it.terminal_memory = Some(super::super::Size(224 << 20)))),
            ("tls_cert", double(|it| it.tls_cert = Some("cert.pem".into()))),
        ] {
            assert!(changed > bound, "{name} costs nothing");
        }
    }
}
