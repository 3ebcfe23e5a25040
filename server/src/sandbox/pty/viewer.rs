//! One who looks at a terminal, and types.

use std::sync::Arc;

use sandwire_protocol::{Code, Error};
use tokio::sync::Notify;

use super::painting::RESET;
use super::queue::Piece;
use super::screen::Size;
use super::terminal::Terminal;
use crate::sandbox::process::signal::Signal;
use crate::sandbox::process::spawn::signal_group;

/// A viewer. Dropping it detaches.
#[derive(Debug)]
pub(crate) struct Viewer {
    pub(super) terminal: Arc<Terminal>,
    pub(super) number: u64,
    pub(super) wake: Arc<Notify>,
    pub(super) read_only: bool,
    /// The terminal's size when it was attached.
    pub(crate) size: Size,
}

impl Viewer {
    /// The next thing to show, of at most `most` bytes. Cancel safe.
    pub(crate) async fn next(&self, most: usize) -> Piece {
        loop {
            let woken = self.wake.notified();
            let next = {
                let mut state = self.terminal.lock();
                match state.viewers.get_mut(&self.number) {
                    Some(looking) if looking.queue.is_behind() => Err(()),
                    Some(looking) => Ok(looking.queue.next(most)),
                    None => Ok(None),
                }
            };
            match next {
                Ok(Some(piece)) => {
                    self.terminal.taken.notify_one();
                    return piece;
                }
                Ok(None) => woken.await,
                Err(()) => self.paint().await,
            }
        }
    }

    /// Paints the screen as it is now, in place of what was missed.
    async fn paint(&self) {
        self.terminal
            .settled(|state| {
                // No more than the screen: who could not read a flood has no use for its last thousand lines.
                let painting = [RESET, &state.model.screen().paint(0)].concat();
                if let Some(looking) = state.viewers.get_mut(&self.number) {
                    looking.queue.paint(painting);
                }
            })
            .await;
    }

    /// Types. The terminal takes this viewer's size.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` for who may only look; `INTERNAL_ERROR` when the terminal cannot be written.
    pub(crate) async fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        self.may_act()?;
        let size = self.terminal.lock().viewers.get(&self.number).and_then(|looking| looking.size);
        if let Some(size) = size {
            self.terminal.resize(size, Some(self.number)).await?;
        }
        // After the end nobody reads keys; the viewer is about to be told.
        let Some(master) = self.terminal.master() else { return Ok(()) };
        match master.write(bytes).await {
            Ok(()) => Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(()),
            Err(error) => Err(Error::new(Code::Internal, format!("the terminal cannot be written: {error}"))),
        }
    }

    /// The viewer's size. One with a 0 in it is ignored.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` for who may only look; those of [`Terminal::resize`].
    pub(crate) async fn resize(&self, cols: u16, rows: u16) -> Result<(), Error> {
        self.may_act()?;
        let Some(size) = Size::of(Some(cols), Some(rows)) else { return Ok(()) };
        if let Some(looking) = self.terminal.lock().viewers.get_mut(&self.number) {
            looking.size = Some(size);
        }
        self.terminal.resize(size, Some(self.number)).await
    }

    /// Sends a signal to the foreground process group.
    ///
    /// # Errors
    /// `VALIDATION_FAILED` for a name that is no signal; `PERMISSION_DENIED` for who may only look.
    pub(crate) fn signal(&self, name: &str) -> Result<(), Error> {
        self.may_act()?;
        let signal = Signal::parse(name)?;
        if let Some(group) = self.terminal.master().and_then(|master| master.foreground())
            && let Err(error) = signal_group(group, signal)
        {
            tracing::debug!(%error, "a foreground process group could not be signalled");
        }
        Ok(())
    }

    fn may_act(&self) -> Result<(), Error> {
        if self.read_only {
            return Err(Error::new(Code::PermissionDenied, "this viewer may only look (`read_only`)"));
        }
        Ok(())
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.terminal.detach(self.number);
    }
}
