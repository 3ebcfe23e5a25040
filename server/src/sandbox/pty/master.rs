//! The master side of a pseudo-terminal, without a thread of its own.

#![allow(unsafe_code, reason = "portable-pty lends its descriptor only as a number")]

use std::ffi::CString;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use portable_pty::{MasterPty, PtySize, SlavePty, native_pty_system};
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::screen::Size;
use crate::sandbox::buffer::{Buffer, LARGEST};
use crate::sandbox::process::spawn::watch;

/// What one read of a pseudo-terminal gives at the most, as Linux has it.
const PIECE: usize = 4 << 10;

/// Less than this is not the beginning of much, in bytes.
const SHORT: usize = 256;

/// Time between tries where readiness cannot be awaited.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The master side.
pub(crate) struct Master {
    pty: Mutex<Box<dyn MasterPty + Send>>,
    fd: AsyncFd<OwnedFd>,
}

/// The slave side, open until the program has it.
pub(crate) struct Slave {
    _open: Box<dyn SlavePty + Send>,
    /// Its path, as `/dev/pts/3`.
    pub(crate) path: CString,
}

/// What one look at the master gave.
pub(crate) enum Look {
    /// What the program shows.
    Data(Bytes),
    /// Nothing now.
    Empty,
    /// Nobody has the slave side open any more.
    Closed,
}

impl std::fmt::Debug for Master {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Master").finish_non_exhaustive()
    }
}

/// A new pseudo-terminal.
///
/// # Errors
/// When the system has no more of them.
pub(crate) fn open(size: Size) -> io::Result<(Master, Slave)> {
    let pair = native_pty_system().openpty(pty_size(size)).map_err(io::Error::other)?;
    let lost = || io::Error::other("the pseudo-terminal has no name or descriptor");
    let path = pair.master.tty_name().ok_or_else(lost)?;
    let path = CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)?;
    let raw = pair.master.as_raw_fd().ok_or_else(lost)?;
    // SAFETY: `pair.master` keeps the descriptor open during this call, which duplicates it.
    let fd = unsafe { BorrowedFd::borrow_raw(raw) }.try_clone_to_owned()?;
    rustix::io::ioctl_fionbio(&fd, true)?;
    let fd = watch(fd, Interest::READABLE | Interest::WRITABLE)?;
    Ok((Master { pty: Mutex::new(pair.master), fd }, Slave { _open: pair.slave, path }))
}

impl Master {
    /// What is there now, gathered from as many reads as the kernel's small pieces need.
    pub(crate) fn look(&self) -> io::Result<Look> {
        let mut buffer = Buffer::new(LARGEST);
        while buffer.len() + PIECE <= LARGEST {
            let before = buffer.len();
            match rustix::io::read(self.fd.get_ref(), spare_capacity(&mut buffer)) {
                // EIO is how Linux says that the other side is closed.
                Ok(0) | Err(Errno::IO) if before == 0 => return Ok(Look::Closed),
                Err(Errno::AGAIN) if before == 0 => return Ok(Look::Empty),
                Err(Errno::INTR) => {}
                // An echo, a prompt: most likely there is no more.
                Ok(1..SHORT) if before == 0 => break,
                Ok(1..) => {}
                Ok(0) | Err(Errno::AGAIN | Errno::IO) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Look::Data(buffer.freeze()))
    }

    /// Waits until there may be something. False when it was hung up once: from then on waiting is of no use, because
    /// the runtime keeps that for ever, and somebody may open it again.
    pub(crate) async fn readable(&self) -> io::Result<bool> {
        let mut guard = self.fd.readable().await?;
        let closed = guard.ready().is_read_closed();
        guard.clear_ready();
        Ok(!closed)
    }

    /// Types, as fast as the program takes it.
    pub(crate) async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(self.fd.get_ref(), bytes) {
                Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let mut guard = self.fd.writable().await?;
                    let closed = guard.ready().is_write_closed();
                    guard.clear_ready();
                    if closed {
                        tokio::time::sleep(LOOK_AGAIN).await;
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Gives the terminal another size; its programs get SIGWINCH.
    pub(crate) fn resize(&self, size: Size) -> io::Result<()> {
        self.pty.lock().unwrap_or_else(PoisonError::into_inner).resize(pty_size(size)).map_err(io::Error::other)
    }

    /// The foreground process group (tcgetpgrp(3)).
    pub(crate) fn foreground(&self) -> Option<i32> {
        self.pty.lock().unwrap_or_else(PoisonError::into_inner).process_group_leader().filter(|group| *group > 0)
    }
}

fn pty_size(size: Size) -> PtySize {
    PtySize { rows: size.rows, cols: size.cols, pixel_width: 0, pixel_height: 0 }
}
