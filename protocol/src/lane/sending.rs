//! What a lane says next, and whether it may.

use std::time::Instant;

use super::{Epoch, Lane, LaneEvent};
use crate::channel::Side;
use crate::frame::{Body, Frame};
use crate::limits::RETAIN_RESERVE;
use crate::pace::Pace;
use crate::schedule::Class;

impl Lane {
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
        if let Some(nonce) = self.ping_due.take() {
            return Some(Frame { lane: 0, channel: 0, body: Body::Ping { nonce } });
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
                || self.ping_due.is_some()
                || self.replay.has_resend()
                || self.first_class().is_some_and(|class| self.may_send(class)))
    }

    /// The most urgent class in which something waits.
    pub fn transmit_class(&self) -> Option<Class> {
        if !self.has_transmit() {
            return None;
        }
        if self.ack_due || self.ping_due.is_some() {
            Some(Class::Control)
        } else {
            self.first_class().or(Some(Class::Bulk))
        }
    }

    /// Whether nothing is under way from here: every channel is over, and the peer has acknowledged all that was sent.
    pub fn is_delivered(&self) -> bool {
        self.channels.is_empty() && self.opens.is_empty() && self.replay.acked() == self.replay.sent()
    }

    /// Whether frames wait only because too much is retained.
    pub fn is_retain_bound(&self) -> bool {
        self.first_class().is_some_and(|class| !self.may_retain(class))
    }

    /// A frame of so many bytes, as [`poll_transmit`](Self::poll_transmit) gave it, is handed to the connection.
    pub fn handle_sent(&mut self, bytes: usize, now: Instant) {
        if let Some(pace) = &mut self.pace {
            self.ping_due = pace.handle_sent(bytes as u64, now).or(self.ping_due);
        }
        self.note_held();
    }

    /// What is on its way holds something back.
    pub(super) fn note_held(&mut self) {
        let waits = self.first_class() == Some(Class::Bulk);
        if let Some(pace) = self.pace.as_mut().filter(|pace| waits && pace.is_full()) {
            pace.hold();
        }
    }

    pub(super) fn queue_outbox(&mut self, id: u32) {
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

    pub(super) fn queue_control(&mut self, id: u32) {
        if let Some(channel) = self.channels.get_mut(&id)
            && !channel.control_queued
            && (channel.side() == Side::Acceptor || channel.open_count > 0)
        {
            channel.control_queued = true;
            self.scheduler.push(Class::Control, id);
        }
    }

    fn may_send(&self, class: Class) -> bool {
        let on_its_way = self.pace.as_ref().is_some_and(Pace::is_full);
        self.may_retain(class) && (class != Class::Bulk || !on_its_way)
    }

    /// Bulk leaves room for interactive frames, and these for control frames, so that a flood which fills the limit
    /// cannot hold a key or the credit that ends the jam.
    fn may_retain(&self, class: Class) -> bool {
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
}
