//! One channel's life, seen from one side.
//!
//! ```text
//!  opener    ── OPEN ──▶ Open ──(we CANCEL)──▶ Cancelling ──(peer CLOSE)──▶ Closed
//!                          └───────────(peer CLOSE)──────────────────────▶ Closed
//!  acceptor  ◀─ OPEN ──  Open ──(peer CANCEL)─▶ Cancelling ──(we CLOSE)───▶ Closed
//!                          └───────────(we CLOSE)────────────────────────▶ Closed
//! ```
//! What arrives for a channel after its CLOSE was sent crossed it on the way, and is dropped.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::error::LaneError;
use crate::frame::{Body, Outcome};
use crate::limits::{EVENT_RESERVE, INTERACTIVE_BACKLOG, MAX_DATA, MAX_EVENT, OUTBOX};
use crate::schedule::Class;
use crate::window::{RecvWindow, SendWindow, cost};

/// Which side of the channel we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// We sent OPEN.
    Opener,
    /// The peer sent OPEN.
    Acceptor,
}

/// Where the channel is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Both sides may speak.
    Open,
    /// CANCEL was sent or received; CLOSE is to come.
    Cancelling,
    /// CLOSE was queued (acceptor) or received (opener).
    Closed,
}

/// What the user of a channel takes from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Bytes of a stream.
    Data(u8, Bytes),
    /// An encoded event.
    Event(Bytes),
    /// The stream has ended.
    End(u8),
    /// The channel has ended; nothing comes after this.
    Close(Outcome),
}

/// Why nothing can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// There is no room: wait until the channel is writable.
    Window,
    /// The channel takes nothing any more: cancelled, closed, or the stream was ended.
    Done,
}

/// One channel.
#[derive(Debug)]
pub struct Channel {
    side: Side,
    state: State,
    class: Class,
    /// Frames that wait for their turn, all within the send window.
    outbox: VecDeque<Body>,
    /// Cost of the DATA and EVENT frames in `outbox`.
    outbox_cost: usize,
    /// What arrived and was not taken.
    inbox: VecDeque<Item>,
    send: SendWindow,
    recv: RecvWindow,
    /// Credit to grant with the next CREDIT; 0 for none.
    credit_due: u32,
    cancel_due: bool,
    /// Streams that we ended, a bit each.
    ended: u8,
    /// Streams that the peer ended.
    peer_ended: u8,
    /// Whether the user waits for room.
    wants_room: bool,
    /// The class in whose queue the scheduler has this channel's outbox.
    pub(crate) queued: Option<Class>,
    /// Whether the scheduler has this channel for its CREDIT or CANCEL.
    pub(crate) control_queued: bool,
    /// Number of the OPEN among the frames that we sent (opener), counted from 1; 0 while it waits.
    pub(crate) open_count: u64,
    /// Whether the peer has said anything on it.
    pub(crate) heard: bool,
    /// Nobody will take what arrives (opener whose user has gone).
    abandoned: bool,
}

impl Channel {
    pub(crate) fn new(side: Side, class: Class, send: u32, recv: u32) -> Self {
        Self {
            side,
            state: State::Open,
            class,
            outbox: VecDeque::new(),
            outbox_cost: 0,
            inbox: VecDeque::new(),
            send: SendWindow::new(send),
            recv: RecvWindow::new(recv),
            credit_due: 0,
            cancel_due: false,
            ended: 0,
            peer_ended: 0,
            wants_room: false,
            queued: None,
            control_queued: false,
            open_count: 0,
            heard: false,
            abandoned: false,
        }
    }

    /// Which side we are.
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Where the channel is in its life.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Size of the receive window, in bytes.
    pub const fn recv_limit(&self) -> u32 {
        self.recv.limit()
    }

    /// What arrived and was not taken, in bytes of window.
    pub(crate) fn buffered(&self) -> usize {
        let payloads = self.inbox.iter().filter_map(|item| match item {
            Item::Data(_, payload) | Item::Event(payload) => Some(cost(payload.len()) as usize),
            Item::End(_) | Item::Close(_) => None,
        });
        payloads.sum()
    }

    /// What waits to be sent, in bytes of payload.
    pub(crate) fn queued(&self) -> usize {
        self.outbox.iter().filter_map(Body::payload).map(Bytes::len).sum()
    }

    /// The class for the next frame: a flooding interactive channel counts as bulk.
    pub(crate) const fn class_now(&self) -> Class {
        match self.class {
            Class::Interactive if self.outbox_cost > INTERACTIVE_BACKLOG => Class::Bulk,
            Class::Control | Class::Interactive | Class::Bulk => self.class,
        }
    }

    /// Longest payload that may be queued now.
    pub fn room(&self) -> usize {
        if self.state != State::Open {
            return 0;
        }
        self.send.room().min(OUTBOX.saturating_sub(self.outbox_cost)).min(MAX_DATA)
    }

    /// Longest EVENT that may be queued now.
    fn event_room(&self) -> usize {
        let outbox = (OUTBOX + EVENT_RESERVE as usize).saturating_sub(self.outbox_cost);
        self.send.event_room().min(outbox).min(MAX_EVENT)
    }

    /// Queues DATA or EVENT.
    pub(crate) fn push(&mut self, body: Body) -> Result<(), Blocked> {
        if self.state != State::Open {
            return Err(Blocked::Done);
        }
        if let Body::Data { stream, data } = &body {
            if *stream > 2 || self.ended & (1 << stream) != 0 {
                return Err(Blocked::Done);
            }
            if data.is_empty() {
                return Ok(());
            }
        }
        let length = body.payload().map_or(0, Bytes::len);
        let room = if matches!(body, Body::Event(_)) { self.event_room() } else { self.room() };
        let cost = cost(length);
        if length > room || room == 0 || !self.send.take(cost) {
            return Err(Blocked::Window);
        }
        self.outbox_cost += cost as usize;
        self.outbox.push_back(body);
        Ok(())
    }

    /// Queues END.
    pub(crate) fn push_end(&mut self, stream: u8) -> Result<(), Blocked> {
        if self.state != State::Open || stream > 2 || self.ended & (1 << stream) != 0 {
            return Err(Blocked::Done);
        }
        self.ended |= 1 << stream;
        self.outbox.push_back(Body::End { stream });
        Ok(())
    }

    /// Queues CLOSE behind what is queued. What the peer still says is dropped from here on.
    pub(crate) fn push_close(&mut self, outcome: Outcome) -> Result<(), Blocked> {
        if self.side != Side::Acceptor || self.state == State::Closed {
            return Err(Blocked::Done);
        }
        self.state = State::Closed;
        self.inbox.clear();
        self.credit_due = 0;
        self.outbox.push_back(Body::Close(outcome));
        Ok(())
    }

    /// Throws away what is queued.
    pub(crate) fn discard(&mut self) {
        self.outbox.clear();
        self.outbox_cost = 0;
    }

    /// Gives up as the opener. Returns whether a CANCEL is now due.
    pub(crate) fn cancel(&mut self) -> bool {
        if self.side != Side::Opener || self.state != State::Open {
            return false;
        }
        self.state = State::Cancelling;
        // OPEN itself must go out before CANCEL; it is in the control queue and not here.
        self.discard();
        self.cancel_due = true;
        true
    }

    /// Nobody will take what arrives.
    pub(crate) fn abandon(&mut self) {
        self.abandoned = true;
        self.inbox.clear();
        self.credit_due = 0;
    }

    /// The user waits for room and is told when there is some.
    pub(crate) const fn want_room(&mut self) {
        self.wants_room = true;
    }

    /// Whether to tell the user that waits for room. A little room is kept back while more is on its way, so that a
    /// fast writer sends few large frames and not many small ones.
    pub(crate) fn take_room_wanted(&mut self) -> bool {
        let worth =
            self.room() >= OUTBOX / 4 || (self.room() > 0 && self.outbox.is_empty()) || self.state != State::Open;
        let tell = self.wants_room && worth;
        if tell {
            self.wants_room = false;
        }
        tell
    }

    /// Whether the outbox has anything for the scheduler.
    pub(crate) fn has_outbox(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// The next frame of the outbox.
    pub(crate) fn pop(&mut self) -> Option<Body> {
        let body = self.outbox.pop_front()?;
        if let Body::Data { data: payload, .. } | Body::Event(payload) = &body {
            self.outbox_cost -= cost(payload.len()) as usize;
        }
        Some(body)
    }

    /// The CREDIT or CANCEL that is due.
    pub(crate) fn pop_control(&mut self) -> Option<Body> {
        if self.cancel_due {
            self.cancel_due = false;
            return Some(Body::Cancel);
        }
        if self.credit_due == 0 || self.state == State::Closed {
            return None;
        }
        Some(Body::Credit { bytes: std::mem::take(&mut self.credit_due) })
    }

    /// Takes a frame of the peer for this channel. Returns whether the user has something new to look at.
    pub(crate) fn handle(&mut self, id: u32, body: Body) -> Result<bool, LaneError> {
        if self.side == Side::Opener && self.state == State::Closed {
            return Err(LaneError::WrongState(id, "a frame after CLOSE"));
        }
        self.heard = true;
        match body {
            Body::Data { stream, .. } | Body::End { stream } if stream > 2 => {
                Err(LaneError::WrongState(id, "a stream is 0 to 2"))
            }
            Body::Data { stream, data } => {
                if self.peer_ended & (1 << stream) != 0 {
                    return Err(LaneError::WrongState(id, "DATA after END"));
                }
                self.receive(id, data.len(), Item::Data(stream, data))
            }
            Body::Event(payload) => self.receive(id, payload.len(), Item::Event(payload)),
            Body::Credit { bytes } => {
                if self.send.grant(bytes) {
                    Ok(false)
                } else {
                    Err(LaneError::CreditOverflow(id))
                }
            }
            Body::End { stream } => {
                if self.peer_ended & (1 << stream) != 0 {
                    return Err(LaneError::WrongState(id, "END twice"));
                }
                self.peer_ended |= 1 << stream;
                Ok(self.keep(Item::End(stream)))
            }
            Body::Close(outcome) => {
                if self.side != Side::Opener {
                    return Err(LaneError::WrongState(id, "CLOSE comes from the side that did not open"));
                }
                self.end(outcome);
                Ok(true)
            }
            Body::Cancel => {
                if self.side != Side::Acceptor || self.state == State::Cancelling {
                    return Err(LaneError::WrongState(id, "CANCEL comes once, from the opener"));
                }
                // One that crossed our CLOSE is no news.
                let news = self.state == State::Open;
                if news {
                    self.state = State::Cancelling;
                    self.discard();
                    self.inbox.clear();
                }
                Ok(news)
            }
            Body::Hello(_)
            | Body::Welcome(_)
            | Body::Ack { .. }
            | Body::Ping { .. }
            | Body::Pong { .. }
            | Body::GoAway(_)
            | Body::Reset(_)
            | Body::Open { .. } => Err(LaneError::WrongState(id, "not a frame of an open channel")),
        }
    }

    /// The channel ends with this outcome, as if the peer had said it.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        self.state = State::Closed;
        self.discard();
        self.cancel_due = false;
        self.credit_due = 0;
        if !self.abandoned {
            self.inbox.push_back(Item::Close(outcome));
        }
    }

    fn receive(&mut self, id: u32, len: usize, item: Item) -> Result<bool, LaneError> {
        let cost = cost(len);
        if !self.recv.receive(cost) {
            return Err(LaneError::WindowExceeded(id));
        }
        Ok(self.keep(item))
    }

    fn keep(&mut self, item: Item) -> bool {
        // Dropped data needs no credit: an abandoned channel was cancelled, and the peer stops.
        let keep = self.state == State::Open || (self.side == Side::Opener && !self.abandoned);
        if keep {
            self.inbox.push_back(item);
        }
        keep
    }

    /// Takes the next item. Returns it, and whether a CREDIT is now due.
    pub(crate) fn take(&mut self, budget: &mut usize) -> Option<(Item, bool)> {
        let item = self.inbox.pop_front()?;
        let (Item::Data(_, payload) | Item::Event(payload)) = &item else { return Some((item, false)) };
        let grant = self.recv.consume(cost(payload.len()), self.inbox.is_empty(), budget);
        if let Some(grant) = grant
            && self.state == State::Open
        {
            self.credit_due += grant;
        }
        Some((item, self.credit_due > 0))
    }

    /// Takes the next event, past data that was not taken yet.
    pub(crate) fn take_event(&mut self, budget: &mut usize) -> Option<(Item, bool)> {
        let at = self.inbox.iter().position(|item| matches!(item, Item::Event(_)))?;
        self.inbox.rotate_left(at);
        let taken = self.take(budget);
        self.inbox.rotate_right(at);
        taken
    }

    /// Whether the channel can be forgotten: ended, and nothing is left to send or to take.
    pub(crate) fn is_finished(&self) -> bool {
        self.state == State::Closed && self.outbox.is_empty() && self.inbox.is_empty()
    }
}
