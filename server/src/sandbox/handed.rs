//! A secret that is handed to one child: a file without a name, in memory, as the child's descriptor 3.
//!
//! So it is in no argument, no environment and no file that anybody could find by its name. Who may read the child's
//! memory can read it, for as long as it is not forgotten.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Gid, MemfdFlags, Mode, Uid};

/// The file.
#[derive(Debug)]
pub(crate) struct Handed(OwnedFd);

impl Handed {
    /// With this content, for that user and group; none is the server's own.
    ///
    /// # Errors
    /// As memfd_create(2) and write(2).
    pub(crate) fn new(content: &[u8], owner: Option<(u32, u32)>) -> io::Result<Handed> {
        let fd = rustix::fs::memfd_create("sandwire", MemfdFlags::CLOEXEC)?;
        // Programs refuse keys that others could read; and who reads it opens it anew, by /proc/self/fd.
        rustix::fs::fchmod(&fd, Mode::RUSR | Mode::WUSR)?;
        if let Some((uid, gid)) = owner {
            rustix::fs::fchown(&fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
        let mut file = std::fs::File::from(fd);
        file.write_all(content)?;
        Ok(Handed(file.into()))
    }

    /// The descriptor.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Empties it: the child has read it.
    ///
    /// # Errors
    /// As ftruncate(2).
    pub(crate) fn forget(&self) -> io::Result<()> {
        Ok(rustix::fs::ftruncate(&self.0, 0)?)
    }
}
