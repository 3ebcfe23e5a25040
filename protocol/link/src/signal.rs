//! What wakes a connection's writer: lanes with something to send, and the connection's own replies.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use sandwire_protocol::frame::Frame;
use sandwire_protocol::schedule::{Class, Scheduler};
use tokio::sync::Notify;

/// Replies that may wait. A peer that asks for more without reading is not read any more.
const MAX_REPLIES: usize = 64;

/// Bytes of WebSocket control frames and text pongs that may wait. What comes beyond is dropped: a flood of pings is owed
/// one answer.
const MAX_CONTROL: usize = 4096;

/// The first byte of a text message in one frame (RFC 6455, section 5.2).
const FIN_TEXT: u8 = 0x81;

#[derive(Debug, Default)]
pub(crate) struct Signal {
    queues: Mutex<Queues>,
    wake: Notify,
    space: Notify,
    dropped: Notify,
}

#[derive(Debug, Default)]
struct Queues {
    ready: Scheduler<u32>,
    replies: VecDeque<Frame>,
    control: Vec<u8>,
    close: Option<(u16, String)>,
}

/// What the writer does next.
#[derive(Debug)]
pub(crate) enum Work {
    /// These bytes, as they are: WebSocket control frames, or short messages.
    Control(Vec<u8>),
    /// This frame.
    Reply(Frame),
    /// Whatever this lane has.
    Lane(u32),
    /// The closing handshake, then nothing.
    Close(u16, String),
}

impl Signal {
    /// A lane has something to send.
    pub(crate) fn ready(&self, class: Class, lane: u32) {
        self.with(|queues| queues.ready.push(class, lane));
        self.wake.notify_one();
    }

    /// A frame that no lane counts. Waits while too many wait.
    pub(crate) async fn reply(&self, frame: Frame) {
        let mut frame = Some(frame);
        loop {
            let space = self.space.notified();
            let queued = self.with(|queues| {
                let room = queues.replies.len() < MAX_REPLIES;
                if room {
                    queues.replies.extend(frame.take());
                }
                room
            });
            if queued {
                self.wake.notify_one();
                return;
            }
            space.await;
        }
    }

    /// An encoded WebSocket control frame.
    pub(crate) fn control(&self, bytes: &[u8]) {
        self.with(|queues| {
            if queues.control.len() + bytes.len() <= MAX_CONTROL {
                queues.control.extend_from_slice(bytes);
            }
        });
        self.wake.notify_one();
    }

    /// A short text message, unmasked as a server sends it. Waits where control frames wait, and is dropped like them.
    pub(crate) fn text(&self, text: &str) {
        let mut frame = vec![FIN_TEXT, u8::try_from(text.len()).unwrap_or_default()];
        frame.extend_from_slice(text.as_bytes());
        self.control(&frame);
    }

    /// Ends the connection after the replies. The first call counts.
    pub(crate) fn close(&self, code: u16, reason: String) {
        self.with(|queues| {
            queues.close.get_or_insert((code, reason));
        });
        self.wake.notify_one();
    }

    /// Something to do, if there is anything.
    pub(crate) fn take(&self) -> Option<Work> {
        self.with(|queues| {
            if !queues.control.is_empty() {
                return Some(Work::Control(std::mem::take(&mut queues.control)));
            }
            if let Some(frame) = queues.replies.pop_front() {
                self.space.notify_one();
                return Some(Work::Reply(frame));
            }
            if let Some((code, reason)) = queues.close.take() {
                return Some(Work::Close(code, reason));
            }
            queues.ready.pop(Class::Bulk).map(|(_, lane)| Work::Lane(lane))
        })
    }

    /// Waits until [`take`](Self::take) may have something.
    pub(crate) async fn wait(&self) {
        self.wake.notified().await;
    }

    /// The connection's owner is gone.
    pub(crate) fn drop_connection(&self) {
        self.dropped.notify_one();
    }

    /// Waits until the connection's owner is gone.
    pub(crate) async fn dropped(&self) {
        self.dropped.notified().await;
    }

    fn with<T>(&self, work: impl FnOnce(&mut Queues) -> T) -> T {
        work(&mut self.queues.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
