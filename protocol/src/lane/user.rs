//! What the user of a lane does: open, send, take, end, give up.

use bytes::Bytes;

use super::ending::interrupted;
use super::{Lane, LaneEvent};
use crate::channel::{Blocked, Channel, Item, Side, State};
use crate::frame::{Body, Outcome};
use crate::kind;
use crate::limits::INITIAL_WINDOW;
use crate::schedule::Class;

impl Lane {
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
}
