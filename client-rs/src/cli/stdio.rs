//! Raw bytes to standard output and standard error: no buffer between, whole chunks at once.

use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// Writes all of it to standard output. Blocks the thread: only the main task may call it.
pub(crate) fn stdout(data: &[u8]) -> io::Result<()> {
    write_all(io::stdout().as_fd(), data)
}

/// Writes all of it to standard error.
pub(crate) fn stderr(data: &[u8]) -> io::Result<()> {
    write_all(io::stderr().as_fd(), data)
}

fn write_all(fd: BorrowedFd<'_>, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        match rustix::io::write(fd, data) {
            Ok(written) => data = data.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            // Whoever shares the descriptor with us made it non-blocking.
            Err(Errno::AGAIN) => {
                let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
                match poll(&mut fds, None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether a person sees standard error.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// A line to standard output, written when it is complete.
pub(crate) fn line(text: impl std::fmt::Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// A value as a line of JSON.
pub(crate) fn json(value: &impl serde::Serialize) -> io::Result<()> {
    line(serde_json::to_string(value).map_err(io::Error::other)?)
}
