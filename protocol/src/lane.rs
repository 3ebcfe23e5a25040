//! A lane: one client's ordered, reliable, resumable sequence of frames, and the channels in it.
//!
//! The lane routes, a file a direction: its user's calls, what it says, what it hears, how it ends. What a
//! frame means to a channel is in [`channel`](crate::channel), what is kept for resumption in [`replay`](crate::replay), whose turn it is in [`schedule`](crate::schedule).

mod ending;
mod receiving;
mod sending;
mod user;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use crate::channel::{Channel, State};
use crate::error::LaneError;
use crate::frame::Body;
use crate::limits::{DEFAULT_RETAIN, INITIAL_WINDOW, MIN_RETAIN};
use crate::pace::Pace;
use crate::replay::Replay;
use crate::schedule::Scheduler;

/// Which side of the lane we are. It decides the parity of the channel ids that we open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Opens odd ids.
    Client,
    /// Opens even ids.
    Server,
}

/// Names one connection of the lane. A writer that holds an old epoch is given nothing more to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(u64);

/// Bounds of a lane.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Channels that may be open at once; one more is answered with `LIMIT_EXCEEDED`.
    pub max_channels: usize,
    /// Retained bytes; see [`Replay`]. At least [`MIN_RETAIN`].
    pub retain: usize,
    /// Window of a channel for what the peer sends, in bytes.
    pub recv_window: u32,
    /// Window of a channel for what we send before the first CREDIT, in bytes.
    pub send_window: u32,
    /// Bytes by which the receive windows of all channels together may grow.
    pub growth: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_channels: 1024,
            retain: DEFAULT_RETAIN,
            recv_window: INITIAL_WINDOW,
            send_window: INITIAL_WINDOW,
            growth: 8 << 20,
        }
    }
}

/// What the user of a lane has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneEvent {
    /// The peer opened a channel.
    Opened {
        /// Its id.
        id: u32,
        /// Name of the kind.
        kind: String,
        /// The parameters, encoded.
        params: Bytes,
    },
    /// There is something to take from this channel.
    Readable(u32),
    /// There is room on this channel, for which somebody waited.
    Writable(u32),
    /// The peer gave up this channel (or the lane is gone): stop the work and close it.
    Cancelled(u32),
}

/// One lane.
#[derive(Debug)]
pub struct Lane {
    role: Role,
    config: Config,
    channels: BTreeMap<u32, Channel>,
    /// The id that we open next.
    next_id: u32,
    /// The highest id that the peer opened.
    peer_id: u32,
    /// Ids of the peer's channels that are open, closing ones included.
    accepted: usize,
    scheduler: Scheduler<u32>,
    /// OPENs that wait, with their channel.
    opens: VecDeque<(u32, Body)>,
    replay: Replay,
    /// Counted frames received since the lane began.
    received: u64,
    /// What arrived since the peer was last told `received`, counted as [`retain_cost`].
    unreported_bytes: usize,
    /// When to acknowledge at the latest.
    ack_by: Option<Instant>,
    ack_due: bool,
    epoch: u64,
    attached: bool,
    events: VecDeque<LaneEvent>,
    draining: bool,
    /// Why the lane is gone for good.
    gone: Option<String>,
    /// What is on its way, where that waits where nobody sees it.
    pace: Option<Pace>,
    /// The PING that it wants to be sent.
    ping_due: Option<u64>,
}

impl Lane {
    /// A new lane, not attached to a connection.
    pub fn new(role: Role, mut config: Config) -> Self {
        config.retain = config.retain.max(MIN_RETAIN);
        Self {
            role,
            config,
            channels: BTreeMap::new(),
            next_id: match role {
                Role::Client => 1,
                Role::Server => 2,
            },
            peer_id: 0,
            accepted: 0,
            scheduler: Scheduler::default(),
            opens: VecDeque::new(),
            replay: Replay::default(),
            received: 0,
            unreported_bytes: 0,
            ack_by: None,
            ack_due: false,
            epoch: 0,
            attached: false,
            events: VecDeque::new(),
            draining: false,
            gone: None,
            pace: None,
            ping_due: None,
        }
    }

    /// Whether bulk frames are held back so that few of them wait on the way; see [`pace`](crate::pace). For a lane behind
    /// a relay. Default: no, they go out as fast as the connection takes them.
    pub fn set_paced(&mut self, paced: bool) {
        if self.pace.is_some() != paced {
            self.pace = paced.then(Pace::default);
            self.ping_due = None;
        }
    }

    /// Whether it is.
    pub const fn is_paced(&self) -> bool {
        self.pace.is_some()
    }

    /// A connection carries the lane from here on. The peer has received this many of our frames; what came after
    /// them is sent again. The handshake tells the peer [`received`](Self::received).
    ///
    /// # Errors
    /// [`LaneError::BadAck`] when the peer cannot have received that many, or says that it has received fewer than it
    /// has acknowledged: those are gone, and nothing could fill the gap. [`LaneError::Gone`] after [`fail`](Self::fail).
    pub fn attach(&mut self, peer_received: u64) -> Result<Epoch, LaneError> {
        if self.gone.is_some() {
            return Err(LaneError::Gone);
        }
        if !self.replay.ack(peer_received) {
            return Err(LaneError::BadAck { acked: peer_received, sent: self.replay.sent() });
        }
        self.replay.rewind();
        self.unreported_bytes = 0;
        self.ack_by = None;
        self.ack_due = false;
        self.attached = true;
        self.epoch += 1;
        // Nothing of this connection is on its way yet, and what was on that of another is nobody's.
        self.pace = self.pace.as_ref().map(|_| Pace::default());
        self.ping_due = None;
        Ok(Epoch(self.epoch))
    }

    /// The connection is lost. Channels go on, as far as their windows allow.
    pub const fn detach(&mut self) {
        self.attached = false;
        self.epoch += 1;
    }

    /// Whether this is the lane's present connection.
    pub const fn is_current(&self, epoch: Epoch) -> bool {
        self.attached && self.epoch == epoch.0
    }

    /// Whether a connection carries the lane.
    pub const fn is_attached(&self) -> bool {
        self.attached
    }

    /// Counted frames received since the lane began.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Counted frames sent since the lane began, on any connection.
    pub fn sent(&self) -> u64 {
        self.replay.sent()
    }

    /// Bytes of retained frames.
    pub const fn retained(&self) -> usize {
        self.replay.bytes()
    }

    /// Lets the receive windows of all channels together grow by so many bytes more.
    pub const fn add_growth(&mut self, bytes: usize) {
        self.config.growth += bytes;
    }

    /// Takes back all that is left of it.
    pub const fn take_growth(&mut self) -> usize {
        std::mem::replace(&mut self.config.growth, 0)
    }

    /// Sets the limit of retained bytes.
    pub fn set_retain(&mut self, bytes: usize) {
        self.config.retain = bytes.max(MIN_RETAIN);
    }

    /// Sets how many channels may be open at once, as WELCOME says it.
    pub const fn set_max_channels(&mut self, most: usize) {
        self.config.max_channels = most;
    }

    /// Bytes by which receive windows may still grow.
    pub const fn growth_left(&self) -> usize {
        self.config.growth
    }

    /// The window that the peer announced for its channels, in bytes; for channels that are opened from here on.
    pub const fn set_send_window(&mut self, bytes: u32) {
        self.config.send_window = bytes;
    }

    /// Open channels, closing ones included.
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// What arrived and was not taken, in bytes of window: at most what the windows of all channels have.
    pub fn buffered(&self) -> usize {
        self.channels.values().map(Channel::buffered).sum()
    }

    /// What waits to be sent for the first time on channels, in bytes of payload, CLOSE included.
    pub fn queued(&self) -> usize {
        let opens = self.opens.iter().map(|(_, body)| body.payload().map_or(0, Bytes::len));
        self.channels.values().map(Channel::queued).chain(opens).sum()
    }

    /// Where a channel is in its life; nothing when it was never opened, or is forgotten.
    pub fn state(&self, id: u32) -> Option<State> {
        self.channels.get(&id).map(Channel::state)
    }

    /// The next thing that the user has to know.
    pub fn poll_event(&mut self) -> Option<LaneEvent> {
        self.events.pop_front()
    }
}
