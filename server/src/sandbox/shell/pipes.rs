//! The named pipes for one command's outputs, used again for the next as long as nobody else holds them.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::home::Home;

/// The names of pipes that are there and that nobody holds.
#[derive(Debug, Default)]
pub(super) struct Free {
    names: Vec<String>,
    made: u64,
}

/// A pipe that a command may write to.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) name: String,
    /// For who delivers what is written.
    pub(super) reader: Option<OwnedFd>,
    /// The same pipe, for what is written when the command is over.
    rest: OwnedFd,
    /// Held until the end of the command, so that nobody takes a pipe for closed that was not opened yet.
    writer: Option<OwnedFd>,
}

impl Free {
    /// A pipe.
    ///
    /// # Errors
    /// As mkfifo(3) and open(2).
    pub(super) fn take(&mut self, home: &Home) -> io::Result<Output> {
        let name = self.name(home)?;
        let reader = home.open_pipe(&name, OFlags::RDONLY)?;
        let writer = home.open_pipe(&name, OFlags::WRONLY)?;
        let rest = reader.try_clone()?;
        Ok(Output { name, reader: Some(reader), rest, writer: Some(writer) })
    }

    /// The name of a pipe.
    ///
    /// # Errors
    /// As mkfifo(3).
    pub(super) fn name(&mut self, home: &Home) -> io::Result<String> {
        if let Some(name) = self.names.pop() {
            return Ok(name);
        }
        self.made += 1;
        let name = format!("p{}", self.made);
        home.make_pipe(&name)?;
        Ok(name)
    }

    /// Takes a pipe back. When somebody else holds it, it is another one from now on, and this is what they write to.
    pub(super) fn give_back(&mut self, home: &Home, output: Output) -> Option<OwnedFd> {
        let Output { name, reader, rest, writer } = output;
        drop((reader, writer));
        // Nothing, and nobody who could write.
        if matches!(rustix::io::read(&rest, &mut [0_u8; 1]), Ok(0)) {
            self.names.push(name);
            return None;
        }
        home.remove(&name);
        Some(rest)
    }

    /// Forgets a pipe that somebody may hold.
    pub(super) fn forget(&mut self, home: &Home, name: &str) {
        home.remove(name);
    }
}

impl Output {
    /// The command is over: from now on the pipe ends when nobody else holds it.
    pub(super) fn over(&mut self) {
        self.writer = None;
    }
}

/// Whether opening for writing failed because nobody reads.
pub(super) fn nobody_reads(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::NXIO)
}
