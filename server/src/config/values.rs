//! The settings as plain values. Every setting has a default, so that what is missing is what the default says.

use std::time::Duration;

use super::{Settings, Size, Time};

macro_rules! values {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ident;)+) => {
        impl Settings {
            $($(#[doc = $doc])+ pub(crate) fn $name(&self) -> values!(@type $kind) {
                let value = self.$name.or_else(|| Settings::default().$name);
                values!(@value $kind, value)
            })+
        }
    };
    (@type count) => { usize };
    (@type size) => { usize };
    (@type time) => { Duration };
    (@type switch) => { bool };
    (@value count, $value:ident) => { $value.unwrap_or_default() };
    (@value switch, $value:ident) => { $value.unwrap_or_default() };
    (@value size, $value:ident) => { $value.map_or(0, Size::bytes) };
    (@value time, $value:ident) => { $value.map_or(Duration::ZERO, |Time(time)| time) };
}

values! {
    /// Whether the end of standard input ends the server.
    end_with_stdin: switch;
    /// Connections at once.
    max_connections: count;
    /// Lanes at once.
    max_lanes: count;
    /// Lanes that one connection may carry.
    max_lanes_per_connection: count;
    /// Channels at once, of all lanes together.
    max_channels: count;
    /// Channels at once in one lane.
    max_channels_per_lane: count;
    /// Retained bytes of all lanes together.
    retained_bytes: size;
    /// Retained bytes of one lane.
    retained_bytes_per_lane: size;
    /// Background processes at once.
    max_processes: count;
    /// Ended processes that are kept.
    keep_processes: count;
    /// How long an ended process is kept.
    keep_processes_for: time;
    /// Log of one process in memory, in bytes.
    log_memory: size;
    /// Log of one process on disk, in bytes.
    log_spool: size;
    /// Terminals at once.
    max_terminals: count;
    /// Memory of all terminals, in bytes.
    terminal_memory: size;
    /// Shell sessions at once.
    max_sessions: count;
    /// Code contexts at once.
    max_kernels: count;
    /// Kernels that wait for a context.
    kernel_pool: count;
    /// Output of one kernel that waits for a reader, in bytes.
    kernel_spool: size;
    /// Lines above the screen.
    scrollback: count;
    /// How long a lane outlives its connection.
    lane_ttl: time;
    /// Time for the request of a new connection.
    handshake_timeout: time;
    /// How long a browser stays signed in without being used.
    session_ttl: time;
    /// How long what runs may go on after SIGTERM.
    drain_time: time;
    /// Time between TERM and KILL at the end of draining.
    drain_grace: time;
}
