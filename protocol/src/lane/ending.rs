//! How channels and the lane itself come to their end.

use super::{Lane, LaneEvent};
use crate::channel::{Channel, Side, State};
use crate::error::{Code, Error};
use crate::frame::{Body, Outcome};
use crate::kind;
use crate::replay::Replay;
use crate::schedule::Scheduler;

impl Lane {
    /// Refuses new channels from here on, with `DRAINING`.
    pub const fn drain(&mut self) {
        self.draining = true;
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

    pub(super) fn cancel_accepted(&mut self, id: u32) {
        let Some(channel) = self.channels.get_mut(&id) else { return };
        if channel.side() == Side::Acceptor
            && channel.state() == State::Open
            && channel.handle(id, Body::Cancel).is_ok()
        {
            self.events.push_back(LaneEvent::Cancelled(id));
            self.events.push_back(LaneEvent::Writable(id));
        }
    }

    pub(super) fn forget_finished(&mut self, id: u32) {
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

/// The error of a channel that was lost with its lane.
pub(super) fn interrupted(reason: &str, open_count: u64, arrived: u64) -> Error {
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
