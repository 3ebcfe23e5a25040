//! What can be asked of a kernel at any time. One task says it to the bridge: in order, and never half of it.
//!
//! What a cell says waits until the bridge has read what was said before, so that a bridge that does not read holds up who
//! speaks, and nothing piles up. Interrupts, and what ends the kernel, are no messages that wait but wishes: one of each. They
//! are for the cell that they were meant for, by its number: never before the bridge knows of it, never when another one has
//! begun.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sandwire_protocol::Error;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::wire::{self, Ask};
use crate::sandbox::process::pipe::Stdin;
use crate::sandbox::process::stop::Stop;

/// Bytes of a cell's code that are said at once.
const CODE: usize = 32 << 10;

/// Most bytes that wait to be said: a piece of code, or input, which came as an event.
pub(super) const WAITS: usize = CODE + wire::HEADER;

/// Asks things of one kernel.
#[derive(Debug)]
pub(crate) struct Control {
    queue: mpsc::Sender<Message>,
    /// Of the one message that may wait until it is written.
    room: Arc<Semaphore>,
    wishes: Arc<Wishes>,
    /// Ends its bridge, and with it the kernel.
    pub(super) stop: Stop,
    /// It was given up: nobody is to wait for what it says.
    pub(super) given_up: CancellationToken,
}

/// What is said to the bridge.
#[derive(Debug)]
struct Message {
    bytes: Vec<u8>,
    /// The number of the cell that it begins.
    begins: Option<u64>,
    /// Given back when it is written; none for a wish.
    _room: Option<OwnedSemaphorePermit>,
}

/// What is said as soon as it can be.
#[derive(Debug, Default)]
struct Wishes {
    wanted: Mutex<Wanted>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Wanted {
    /// Number of the last cell.
    last: u64,
    /// The cell to be interrupted.
    interrupt: Option<u64>,
    /// The cell with which the kernel is to be killed.
    kill: Option<u64>,
    end: Option<Duration>,
}

impl Control {
    /// Of the kernel whose bridge has this standard input.
    pub(super) fn new(stdin: Option<Stdin>) -> Control {
        let (queue, messages) = mpsc::channel(1);
        let wishes = Arc::<Wishes>::default();
        if let Some(stdin) = stdin {
            tokio::spawn(say(stdin, messages, Arc::clone(&wishes)));
        }
        Control {
            queue,
            room: Arc::new(Semaphore::new(1)),
            wishes,
            stop: Stop::new(),
            given_up: CancellationToken::new(),
        }
    }

    /// Says it behind what was said before.
    pub(super) async fn say(&self, bytes: Vec<u8>) {
        self.send(|| bytes, None).await;
    }

    /// When the bridge has ended, nobody hears it.
    async fn send(&self, bytes: impl FnOnce() -> Vec<u8>, begins: Option<u64>) {
        let room = Arc::clone(&self.room).acquire_owned().await.ok();
        let _heard = self.queue.send(Message { bytes: bytes(), begins, _room: room }).await;
    }

    /// The number of the next cell.
    pub(super) fn number(&self) -> u64 {
        let mut wanted = self.wishes.lock();
        wanted.last += 1;
        wanted.last
    }

    /// Begins the cell of that number. Dropped before its end, it leaves half a cell: the kernel is then good for no other.
    ///
    /// # Errors
    /// When it cannot be said.
    pub(super) async fn begin(&self, number: u64, code: &str, cell: &wire::Cell) -> Result<(), Error> {
        let bytes = wire::message(Ask::Run as u8, cell)?;
        for piece in code.as_bytes().chunks(CODE) {
            self.send(|| framed(Ask::Code, piece), None).await;
        }
        self.send(|| bytes, Some(number)).await;
        Ok(())
    }

    /// Answers what the cell asked for.
    pub(super) async fn input(&self, value: &str) {
        self.send(|| framed(Ask::Input, value.as_bytes()), None).await;
    }

    /// Interrupts the cell of that number, when it runs.
    pub(super) fn interrupt(&self, number: u64) {
        self.wishes.add(|wanted| wanted.interrupt = wanted.interrupt.max(Some(number)));
    }

    /// Kills the kernel, when it runs the cell of that number.
    pub(super) fn kill(&self, number: u64) {
        self.wishes.add(|wanted| wanted.kill = wanted.kill.max(Some(number)));
    }

    /// Asks the kernel to end within that time.
    pub(super) fn end(&self, grace: Duration) {
        self.wishes.add(|wanted| wanted.end = Some(grace));
    }

    /// Nobody is to wait for what it says any more.
    pub(super) fn give_up(&self) {
        self.given_up.cancel();
    }
}

impl Wishes {
    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, change: impl FnOnce(&mut Wanted)) {
        change(&mut self.lock());
        self.changed.notify_one();
    }

    /// What is to be said now to a bridge that was told to begin the cell of that number last.
    fn next(&self, begun: u64) -> Option<Vec<u8>> {
        /// Whether it is for that cell. Dropped when it is for one before.
        fn is_due(wish: &mut Option<u64>, begun: u64) -> bool {
            wish.take_if(|number| *number <= begun).is_some_and(|number| number == begun)
        }
        let mut wanted = self.lock();
        if let Some(grace) = wanted.end.take() {
            let millis = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
            return Some(framed(Ask::End, &millis.to_le_bytes()));
        }
        if is_due(&mut wanted.kill, begun) {
            return Some(framed(Ask::Kill, &[]));
        }
        is_due(&mut wanted.interrupt, begun).then(|| framed(Ask::Interrupt, &[]))
    }
}

/// Says everything, until nobody asks any more, or the bridge has ended.
async fn say(stdin: Stdin, mut messages: mpsc::Receiver<Message>, wishes: Arc<Wishes>) {
    let mut begun = 0;
    loop {
        let message = match wishes.next(begun) {
            Some(bytes) => Message { bytes, begins: None, _room: None },
            None => tokio::select! {
                () = wishes.changed.notified() => continue,
                message = messages.recv() => match message {
                    Some(message) => message,
                    None => return,
                },
            },
        };
        match stdin.write(&message.bytes).await {
            Ok(true) => begun = message.begins.unwrap_or(begun),
            Ok(false) => return,
            Err(error) => {
                tracing::debug!(%error, "a kernel's bridge does not hear");
                return;
            }
        }
    }
}

/// A payload with its header.
fn framed(ask: Ask, payload: &[u8]) -> Vec<u8> {
    let mut message = wire::header(ask as u8, payload.len()).to_vec();
    message.extend_from_slice(payload);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_for_its_own_cell_alone() {
        let wishes = Wishes::default();
        let interrupt = Some(framed(Ask::Interrupt, &[]));
        // The bridge does not know the cell yet.
        wishes.add(|wanted| wanted.interrupt = Some(2));
        assert_eq!((wishes.next(0), wishes.next(1)), (None, None));
        assert_eq!((wishes.next(2), wishes.next(2)), (interrupt.clone(), None));
        // Another one has begun meanwhile.
        wishes.add(|wanted| (wanted.interrupt, wanted.kill) = (Some(2), Some(2)));
        assert_eq!((wishes.next(3), wishes.next(3)), (None, None));
        wishes.add(|wanted| (wanted.interrupt, wanted.kill) = (Some(3), Some(3)));
        assert_eq!((wishes.next(3), wishes.next(3)), (Some(framed(Ask::Kill, &[])), interrupt));
    }
}
