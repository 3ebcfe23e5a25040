//! A lane: one client's ordered, reliable, resumable sequence of frames, and the channels in it.
//!
//! The lane routes. What a frame means to a channel is in [`channel`](crate::channel), what is kept for resumption in
//! [`replay`](crate::replay), whose turn it is in [`schedule`](crate::schedule).

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use crate::channel::{Blocked, Channel, Item, Side, State};
use crate::error::{Code, Error, LaneError};
use crate::frame::{Body, Frame, Outcome};
use crate::kind;
use crate::limits::{ACK_BYTES, ACK_DELAY, DEFAULT_RETAIN, INITIAL_WINDOW, MIN_RETAIN, RETAIN_RESERVE};
use crate::replay::{Replay, retain_cost};
use crate::schedule::{Class, Scheduler};

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
        }
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

    /// Whether frames wait only because too much is retained.
    pub fn is_retain_bound(&self) -> bool {
        self.first_class().is_some_and(|class| !self.may_send(class))
    }

    /// Bytes by which receive windows may still grow.
    pub const fn growth_left(&self) -> usize {
        self.config.growth
    }

    /// The window that the peer announced for its channels, in bytes; for channels that are opened from here on.
    pub const fn set_send_window(&mut self, bytes: u32) {
        self.config.send_window = bytes;
    }

    /// Refuses new channels from here on, with `DRAINING`.
    pub const fn drain(&mut self) {
        self.draining = true;
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

    /// Opens a channel. Returns its id, or nothing when `max_channels` are open or the ids are used up. In a lane that
    /// is gone the channel ends at once, as [`fail`](Self::fail) says. `params` have at most
    /// [`MAX_PAYLOAD`](crate::limits::MAX_PAYLOAD) bytes, as [`kind::encode`] sees to.
    pub fn open(&mut self, kind: &str, class: Class, explicit: bool, params: Bytes) -> Option<u32> {
        if self.channels.len() - self.accepted >= self.config.max_channels {
            return None;
        }
        let id = self.next_id;
        self.next_id = id.checked_add(2)?;
        // The control class is for the lane's own frames.
        let class = class.max(Class::Interactive);
        let mut channel = Channel::new(Side::Opener, class, INITIAL_WINDOW, self.config.recv_window);
        if let Some(reason) = &self.gone {
            channel.end(Outcome::Error(kind::encode(&interrupted(reason, 0, 0)).unwrap_or_default()));
            self.channels.insert(id, channel);
            self.events.push_back(LaneEvent::Readable(id));
            return Some(id);
        }
        self.channels.insert(id, channel);
        let class = explicit.then_some(class);
        self.opens.push_back((id, Body::Open { kind: kind.to_owned(), class, params }));
        Some(id)
    }

    /// Longest payload that [`send`](Self::send) and [`event`](Self::event) take now. When it is 0, `Writable` comes.
    ///
    /// # Errors
    /// [`Blocked::Done`] when the channel takes nothing any more.
    pub fn room(&mut self, id: u32) -> Result<usize, Blocked> {
        let channel = self.channels.get_mut(&id).ok_or(Blocked::Done)?;
        if channel.state() != State::Open {
            return Err(Blocked::Done);
        }
        let room = channel.room();
        if room == 0 {
            channel.want_room();
        }
        Ok(room)
    }

    /// Asks for `Writable` when there is more room than now.
    pub fn want_room(&mut self, id: u32) {
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.want_room();
        }
    }

    /// Queues DATA. No bytes are no frame.
    ///
    /// # Errors
    /// [`Blocked`], and nothing was queued.
    pub fn send(&mut self, id: u32, stream: u8, data: Bytes) -> Result<(), Blocked> {
        self.push(id, |channel| channel.push(Body::Data { stream, data }))
    }

    /// Queues EVENT.
    ///
    /// # Errors
    /// [`Blocked`], and nothing was queued.
    pub fn event(&mut self, id: u32, payload: Bytes) -> Result<(), Blocked> {
        self.push(id, |channel| channel.push(Body::Event(payload)))
    }

    /// Queues END.
    ///
    /// # Errors
    /// [`Blocked::Done`] when the stream or the channel has ended.
    pub fn end(&mut self, id: u32, stream: u8) -> Result<(), Blocked> {
        self.push(id, |channel| channel.push_end(stream))
    }

    /// Ends a channel that the peer opened. The payload has at most [`MAX_PAYLOAD`](crate::limits::MAX_PAYLOAD) bytes,
    /// as [`kind::encode`] sees to.
    ///
    /// # Errors
    /// [`Blocked::Done`] when it has ended, or is ours.
    pub fn close(&mut self, id: u32, outcome: Outcome) -> Result<(), Blocked> {
        let gone = self.gone.is_some();
        self.push(id, |channel| {
            channel.push_close(outcome)?;
            // Nobody will ever be told.
            if gone {
                channel.discard();
            }
            Ok(())
        })?;
        self.forget_finished(id);
        Ok(())
    }

    /// Gives up a channel that we opened. Its CLOSE still comes.
    pub fn cancel(&mut self, id: u32) {
        let Some(channel) = self.channels.get_mut(&id) else { return };
        if channel.cancel() {
            self.queue_control(id);
            if let Some(channel) = self.channels.get_mut(&id)
                && channel.take_room_wanted()
            {
                self.events.push_back(LaneEvent::Writable(id));
            }
        }
    }

    /// Gives up a channel that we opened, and whatever arrives on it.
    pub fn release(&mut self, id: u32) {
        self.cancel(id);
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.abandon();
        }
        self.forget_finished(id);
    }

    /// Takes the next item of a channel. Taking DATA and EVENT lets the peer send more.
    pub fn recv(&mut self, id: u32) -> Option<Item> {
        self.take(id, Channel::take)
    }

    /// Takes the next event of a channel, past data that was not taken yet.
    pub fn recv_event(&mut self, id: u32) -> Option<Item> {
        self.take(id, Channel::take_event)
    }

    /// Whether nothing more comes on this channel: it is gone, or the peer gave it up.
    pub fn is_over(&self, id: u32) -> bool {
        self.channels.get(&id).is_none_or(|channel| channel.side() == Side::Acceptor && channel.state() != State::Open)
    }

    /// Takes a frame of the peer for this lane.
    ///
    /// # Errors
    /// A [`LaneError`] when the peer broke the rules; the lane must then be given up.
    pub fn handle_frame(&mut self, now: Instant, frame: Frame) -> Result<(), LaneError> {
        if let Body::Ack { received } | Body::Pong { received, .. } = frame.body {
            return self.acknowledged(received);
        }
        if !frame.body.is_counted() {
            return Err(LaneError::WrongState(frame.channel, "not a frame of a lane"));
        }
        self.count_received(now, &frame.body);
        let id = frame.channel;
        if let Body::Open { kind, class, params } = frame.body {
            return self.handle_open(id, kind, class, params);
        }
        let Some(channel) = self.channels.get_mut(&id) else { return self.handle_stray(id) };
        if channel.side() == Side::Opener && channel.open_count == 0 {
            return Err(LaneError::NoSuchChannel(id));
        }
        let cancel = frame.body == Body::Cancel;
        let news = channel.handle(id, frame.body)?;
        if channel.take_room_wanted() {
            self.events.push_back(LaneEvent::Writable(id));
        }
        if news {
            self.events.push_back(if cancel { LaneEvent::Cancelled(id) } else { LaneEvent::Readable(id) });
        }
        self.forget_finished(id);
        Ok(())
    }

    /// The next frame for the connection of this epoch.
    pub fn poll_transmit(&mut self, epoch: Epoch) -> Option<Frame> {
        if !self.is_current(epoch) {
            return None;
        }
        if self.ack_due {
            self.unreported_bytes = 0;
            self.ack_by = None;
            self.ack_due = false;
            return Some(Frame { lane: 0, channel: 0, body: Body::Ack { received: self.received } });
        }
        if let Some(frame) = self.replay.resend() {
            return Some(frame);
        }
        loop {
            let (channel, body) = self.next_frame()?;
            let Some(body) = body else { continue };
            let frame = Frame { lane: 0, channel, body };
            self.replay.push(frame.clone());
            return Some(frame);
        }
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) would give a frame.
    pub fn has_transmit(&self) -> bool {
        self.attached
            && (self.ack_due
                || self.replay.has_resend()
                || self.first_class().is_some_and(|class| self.may_send(class)))
    }

    /// The most urgent class in which something waits.
    pub fn transmit_class(&self) -> Option<Class> {
        if !self.has_transmit() {
            return None;
        }
        if self.ack_due { Some(Class::Control) } else { self.first_class().or(Some(Class::Bulk)) }
    }

    /// Whether nothing is under way from here: every channel is over, and the peer has acknowledged all that was sent.
    pub fn is_delivered(&self) -> bool {
        self.channels.is_empty() && self.opens.is_empty() && self.replay.acked() == self.replay.sent()
    }

    /// The next thing that the user has to know.
    pub fn poll_event(&mut self) -> Option<LaneEvent> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        if self.attached { self.ack_by } else { None }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.ack_by.is_some_and(|by| by <= now) {
            self.ack_due = true;
        }
    }

    /// What a PONG in this lane acknowledges.
    pub const fn acknowledge_now(&mut self) -> u64 {
        self.unreported_bytes = 0;
        self.ack_by = None;
        self.ack_due = false;
        self.received
    }

    /// Asks every channel that the peer opened to end, as if the peer had given it up. Their CLOSE still goes out.
    pub fn cancel_all(&mut self) {
        let ids: Vec<u32> = self.channels.keys().copied().collect();
        for id in ids {
            self.cancel_accepted(id);
        }
    }

    /// The lane is gone for good. Channels that we opened end with `OPERATION_INTERRUPTED`, whose `admitted` says what
    /// is known of them: `true`, the peer had the OPEN; `false`, it was never sent; `unknown`. Channels of the peer are
    /// cancelled.
    pub fn fail(&mut self, reason: &str) {
        self.attached = false;
        self.epoch += 1;
        self.gone = Some(reason.to_owned());
        let acked = self.replay.acked();
        self.replay = Replay::default();
        self.opens.clear();
        self.scheduler = Scheduler::default();
        let ids: Vec<u32> = self.channels.keys().copied().collect();
        for id in ids {
            let Some(channel) = self.channels.get_mut(&id) else { continue };
            channel.queued = None;
            channel.control_queued = false;
            match channel.side() {
                Side::Opener if channel.state() != State::Closed => {
                    // An answer proves the arrival as well as an acknowledgement.
                    let arrived = if channel.heard { channel.open_count } else { acked };
                    let error = interrupted(reason, channel.open_count, arrived);
                    channel.end(Outcome::Error(kind::encode(&error).unwrap_or_default()));
                    self.events.push_back(LaneEvent::Readable(id));
                    self.events.push_back(LaneEvent::Writable(id));
                }
                Side::Acceptor => self.cancel_accepted(id),
                Side::Opener => {}
            }
            self.forget_finished(id);
        }
    }

    fn cancel_accepted(&mut self, id: u32) {
        let Some(channel) = self.channels.get_mut(&id) else { return };
        if channel.side() == Side::Acceptor
            && channel.state() == State::Open
            && channel.handle(id, Body::Cancel).is_ok()
        {
            self.events.push_back(LaneEvent::Cancelled(id));
            self.events.push_back(LaneEvent::Writable(id));
        }
    }

    fn take(&mut self, id: u32, take: impl FnOnce(&mut Channel, &mut usize) -> Option<(Item, bool)>) -> Option<Item> {
        let channel = self.channels.get_mut(&id)?;
        let (item, credit) = take(channel, &mut self.config.growth)?;
        if credit {
            self.queue_control(id);
        }
        self.forget_finished(id);
        Some(item)
    }

    fn push(&mut self, id: u32, push: impl FnOnce(&mut Channel) -> Result<(), Blocked>) -> Result<(), Blocked> {
        let channel = self.channels.get_mut(&id).ok_or(Blocked::Done)?;
        push(channel)?;
        self.queue_outbox(id);
        Ok(())
    }

    fn queue_outbox(&mut self, id: u32) {
        if let Some(channel) = self.channels.get_mut(&id)
            && channel.queued.is_none()
            && channel.has_outbox()
            && (channel.side() == Side::Acceptor || channel.open_count > 0)
        {
            let class = channel.class_now();
            channel.queued = Some(class);
            self.scheduler.push(class, id);
        }
    }

    fn queue_control(&mut self, id: u32) {
        if let Some(channel) = self.channels.get_mut(&id)
            && !channel.control_queued
            && (channel.side() == Side::Acceptor || channel.open_count > 0)
        {
            channel.control_queued = true;
            self.scheduler.push(Class::Control, id);
        }
    }

    /// Bulk leaves room for interactive frames, and these for control frames, so that a flood which fills the limit
    /// cannot hold a key or the credit that ends the jam.
    fn may_send(&self, class: Class) -> bool {
        let reserve = match class {
            Class::Control => 0,
            Class::Interactive => RETAIN_RESERVE / 2,
            Class::Bulk => RETAIN_RESERVE,
        };
        self.replay.bytes() < self.config.retain - reserve
    }

    /// The most urgent class in which a new frame waits.
    fn first_class(&self) -> Option<Class> {
        if self.opens.is_empty() { self.scheduler.first() } else { Some(Class::Control) }
    }

    /// The next new frame, or a channel that turned out to have none.
    fn next_frame(&mut self) -> Option<(u32, Option<Body>)> {
        let lowest = Class::ALL.into_iter().rev().find(|class| self.may_send(*class))?;
        if let Some((id, body)) = self.opens.pop_front() {
            if let Some(channel) = self.channels.get_mut(&id) {
                channel.open_count = self.replay.sent() + 1;
            }
            self.queue_outbox(id);
            self.queue_control(id);
            return Some((id, Some(body)));
        }
        let (class, id) = self.scheduler.pop(lowest)?;
        let Some(channel) = self.channels.get_mut(&id) else { return Some((id, None)) };
        if class == Class::Control {
            channel.control_queued = false;
            return Some((id, channel.pop_control()));
        }
        channel.queued = None;
        let body = channel.pop();
        if channel.take_room_wanted() {
            self.events.push_back(LaneEvent::Writable(id));
        }
        self.queue_outbox(id);
        self.forget_finished(id);
        Some((id, body))
    }

    fn handle_open(&mut self, id: u32, kind: String, class: Option<Class>, params: Bytes) -> Result<(), LaneError> {
        let odd = id % 2 == 1;
        if odd != (self.role == Role::Server) || id <= self.peer_id {
            return Err(LaneError::BadChannelId(id));
        }
        if self.accepted >= self.config.max_channels.saturating_mul(2) {
            return Err(LaneError::TooManyChannels);
        }
        self.peer_id = id;
        let class = class.or_else(|| kind::class_of(&kind)).unwrap_or(Class::Interactive);
        let channel = Channel::new(Side::Acceptor, class, self.config.send_window, self.config.recv_window);
        self.channels.insert(id, channel);
        self.accepted += 1;
        let refusal = if self.draining {
            Some(Error::new(Code::Draining, "the server is draining and takes no new work"))
        } else if self.accepted > self.config.max_channels {
            let message =
                format!("{} channels are open in this lane, and no more are allowed", self.config.max_channels);
            Some(Error::new(Code::LimitExceeded, message).with("limit", self.config.max_channels))
        } else {
            None
        };
        match refusal {
            None => self.events.push_back(LaneEvent::Opened { id, kind, params }),
            Some(error) => {
                let outcome = Outcome::Error(kind::encode(&error).unwrap_or_default());
                self.close(id, outcome).map_err(|_| LaneError::BadChannelId(id))?;
            }
        }
        Ok(())
    }

    /// A frame for a channel that is not there. What the peer said before it had our CLOSE crossed it, and is dropped;
    /// after its own CLOSE it has nothing to say.
    const fn handle_stray(&self, id: u32) -> Result<(), LaneError> {
        let ours = (id % 2 == 1) == matches!(self.role, Role::Client);
        if id == 0 || (ours && id >= self.next_id) || (!ours && id > self.peer_id) {
            return Err(LaneError::NoSuchChannel(id));
        }
        if ours { Err(LaneError::WrongState(id, "a frame after CLOSE")) } else { Ok(()) }
    }

    fn acknowledged(&mut self, received: u64) -> Result<(), LaneError> {
        // An acknowledgement that was overtaken by a newer one, in a PONG or a handshake, says nothing new.
        if received < self.replay.acked() || self.replay.ack(received) {
            return Ok(());
        }
        Err(LaneError::BadAck { acked: received, sent: self.replay.sent() })
    }

    fn count_received(&mut self, now: Instant, body: &Body) {
        self.received += 1;
        self.unreported_bytes += retain_cost(body);
        if self.unreported_bytes >= ACK_BYTES {
            self.ack_due = true;
        } else if self.ack_by.is_none() {
            self.ack_by = now.checked_add(ACK_DELAY);
        }
    }

    fn forget_finished(&mut self, id: u32) {
        if self.channels.get(&id).is_some_and(Channel::is_finished)
            && let Some(channel) = self.channels.remove(&id)
        {
            self.config.growth += (channel.recv_limit() - self.config.recv_window) as usize;
            if channel.side() == Side::Acceptor {
                self.accepted -= 1;
            }
        }
    }
}

fn interrupted(reason: &str, open_count: u64, arrived: u64) -> Error {
    let (admitted, known) = if open_count == 0 {
        ("false", "it was never sent, and can be repeated safely")
    } else if open_count <= arrived {
        ("true", "it was started; whether it has ended is not known")
    } else {
        ("unknown", "whether it was started is not known")
    };
    Error::new(Code::OperationInterrupted, format!("the lane is lost ({reason}): {known}"))
        .with("admitted", admitted)
        .with("reason", reason)
}
