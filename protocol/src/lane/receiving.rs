//! What a lane does with the peer's frames, and when it acknowledges them.

use std::time::Instant;

use bytes::Bytes;

use super::{Lane, LaneEvent, Role};
use crate::channel::{Channel, Side};
use crate::error::{Code, Error, LaneError};
use crate::frame::{Body, Frame, Outcome};
use crate::kind;
use crate::limits::{ACK_BYTES, ACK_DELAY};
use crate::replay::retain_cost;
use crate::schedule::Class;

impl Lane {
    /// Takes a frame of the peer for this lane.
    ///
    /// # Errors
    /// A [`LaneError`] when the peer broke the rules; the lane must then be given up.
    pub fn handle_frame(&mut self, now: Instant, frame: Frame) -> Result<(), LaneError> {
        if let Body::Pong { nonce, .. } = frame.body {
            self.note_held();
            if let Some(pace) = &mut self.pace {
                pace.handle_pong(nonce, now);
            }
        }
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
}
