//! The pipes of a command, on the server's side.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use sandwire_protocol::kind::command::Output;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::spawn::watch;
use crate::sandbox::buffer::{Buffer, LARGEST};

/// Most bytes of one read, which is also the size of a new pipe.
pub(crate) const READ: usize = LARGEST;

/// Size that a pipe is given once it was found full, in bytes. Asked for late, because most commands say little. A
/// larger one is no faster.
const LARGE_PIPE: usize = 256 << 10;

/// Most pipes that are large at once: what the kernel holds for commands that nobody reads has a bound, too.
const LARGE_PIPES: usize = 64;

/// Pipes that are large now.
static LARGE: AtomicUsize = AtomicUsize::new(0);

/// A new pipe: the end to read, the end to write.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe_with(PipeFlags::CLOEXEC)?)
}

fn nonblocking(fd: &OwnedFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    if flags.contains(OFlags::NONBLOCK) {
        return Ok(());
    }
    Ok(rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK)?)
}

/// What a look at the pipes gave.
#[derive(Debug)]
pub(crate) enum Look<T> {
    /// Something was read.
    Data(Output, T),
    /// There is nothing now.
    Empty,
    /// There will be nothing any more.
    Closed,
}

/// The pipes that a command writes, one or two.
#[derive(Debug)]
pub(crate) struct Pipes {
    sources: [Option<Source>; 2],
    /// Which one is looked at first, so that neither starves the other.
    turn: usize,
}

#[derive(Debug)]
struct Source {
    output: Output,
    fd: AsyncFd<OwnedFd>,
    size: Size,
    /// Bytes that may still be read, once that is decided.
    left: Option<u64>,
}

impl Pipes {
    /// Takes the reading ends.
    ///
    /// # Errors
    /// When they cannot be made non-blocking or watched.
    pub(crate) fn new(stdout: OwnedFd, stderr: Option<OwnedFd>) -> io::Result<Pipes> {
        let source = |output, fd: OwnedFd| {
            nonblocking(&fd)?;
            let fd = watch(fd, Interest::READABLE)?;
            io::Result::Ok(Source { output, fd, size: Size::Default, left: None })
        };
        let stderr = stderr.map(|fd| source(Output::Stderr, fd)).transpose()?;
        Ok(Pipes { sources: [Some(source(Output::Stdout, stdout)?), stderr], turn: 0 })
    }

    /// Reads at most `max` bytes from whichever pipe has some, without waiting.
    ///
    /// # Errors
    /// As read(2).
    pub(crate) fn read(&mut self, max: usize) -> io::Result<Look<Bytes>> {
        self.look(max, |_, buffer| buffer.freeze())
    }

    /// As [`Pipes::read`], but shows the bytes where they are.
    ///
    /// # Errors
    /// As read(2).
    pub(crate) fn read_with<T>(&mut self, take: impl FnOnce(Output, &[u8]) -> T) -> io::Result<Look<T>> {
        self.look(READ, |output, buffer| take(output, &buffer))
    }

    fn look<T>(&mut self, max: usize, take: impl FnOnce(Output, Buffer) -> T) -> io::Result<Look<T>> {
        let mut buffer = Buffer::new(max.min(READ));
        // First what the runtime knows of. It may not have heard of the rest yet.
        for known in [true, false] {
            for _ in 0..2 {
                let index = self.turn;
                self.turn = 1 - self.turn;
                let Some(source) = self.sources[index].as_mut() else { continue };
                match source.read(&mut buffer, known)? {
                    Some(0) => self.sources[index] = None,
                    Some(_) => return Ok(Look::Data(source.output, take(source.output, buffer))),
                    None => {}
                }
            }
        }
        Ok(if self.sources.iter().all(Option::is_none) { Look::Closed } else { Look::Empty })
    }

    /// Decides that only what is in the pipes at this moment will be read.
    ///
    /// # Errors
    /// As ioctl(2).
    pub(crate) fn limit_to_present(&mut self) -> io::Result<()> {
        for source in self.sources.iter_mut().flatten() {
            if source.left.is_none() {
                source.left = Some(rustix::io::ioctl_fionread(source.fd.get_ref())?);
            }
        }
        Ok(())
    }

    /// Waits until a look may find something. Cancel safe.
    ///
    /// # Errors
    /// When the runtime is going down.
    pub(crate) async fn readable(&mut self) -> io::Result<()> {
        match &mut self.sources {
            [Some(first), Some(second)] => tokio::select! {
                ready = first.fd.readable() => ready.map(drop),
                ready = second.fd.readable() => ready.map(drop),
            },
            [Some(only), None] | [None, Some(only)] => only.fd.readable().await.map(drop),
            [None, None] => Ok(()),
        }
    }
}

/// What became of a pipe's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// It was never found full.
    Default,
    Large,
    /// It was found full, and stays as it is.
    Fixed,
}

impl Source {
    /// Fills the empty `buffer` with what there is, up to its capacity; `known` when the runtime says that there is
    /// something, and otherwise all the same. `Some(0)` is the end, `None` nothing now.
    fn read(&mut self, buffer: &mut Buffer, known: bool) -> io::Result<Option<usize>> {
        if let Some(left) = self.left {
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            if left == 0 {
                return Ok(Some(0));
            }
            if left < buffer.capacity() {
                *buffer = Buffer::new(left);
            }
        }
        let read = if known {
            self.fd.try_io(Interest::READABLE, |fd| fill(fd, buffer))
        } else {
            fill(self.fd.get_ref(), buffer)
        };
        match read {
            Ok(length) => {
                if let Some(left) = &mut self.left {
                    *left = left.saturating_sub(length as u64);
                }
                if length >= READ && self.size == Size::Default {
                    self.size = enlarge(self.fd.get_ref());
                }
                Ok(Some(length))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if self.size == Size::Large {
            LARGE.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn enlarge(fd: &OwnedFd) -> Size {
    if LARGE.fetch_add(1, Ordering::Relaxed) < LARGE_PIPES {
        match rustix::pipe::fcntl_setpipe_size(fd, LARGE_PIPE) {
            Ok(_) => return Size::Large,
            Err(error) => tracing::debug!(%error, "the pipe keeps its size"),
        }
    }
    LARGE.fetch_sub(1, Ordering::Relaxed);
    Size::Fixed
}

fn fill(fd: &OwnedFd, buffer: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        match rustix::io::read(fd, spare_capacity(buffer)) {
            Err(Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
}

/// The writing end of a command's standard input. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Stdin(AsyncFd<OwnedFd>);

impl Stdin {
    /// Takes the writing end.
    ///
    /// # Errors
    /// When it cannot be made non-blocking or watched.
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Stdin> {
        nonblocking(&fd)?;
        Ok(Stdin(watch(fd, Interest::WRITABLE)?))
    }

    /// Writes everything, as fast as the command reads. False when nobody reads any more.
    ///
    /// # Errors
    /// As write(2), but for EPIPE.
    pub(crate) async fn write(&self, mut bytes: &[u8]) -> io::Result<bool> {
        let mut direct = true;
        while !bytes.is_empty() {
            let written = if direct {
                rustix::io::write(self.0.get_ref(), bytes).map_err(io::Error::from)
            } else {
                match self.0.writable().await?.try_io(|fd| Ok(rustix::io::write(fd.get_ref(), bytes)?)) {
                    Ok(written) => written,
                    Err(_would_block) => continue,
                }
            };
            match written {
                Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => direct = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
