//! One file, link or special file from here to there.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid};
use rustix::io::Errno;
use sandwire_protocol::Error;

use super::CopyError;

/// Bytes copied between two looks at whether to stop.
const STEP: usize = 16 << 20;

/// Bytes copied at once where the kernel cannot copy by itself.
const BUFFER: usize = 256 << 10;

/// What a copy keeps besides content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Permissions and times.
    ModeAndTimes,
    /// The owner as well, where that is permitted: a move.
    Owner,
}

/// Opens a regular file in `dir` without following a link.
pub(super) fn open_source(dir: impl AsFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::empty())
}

/// Copies everything, sharing blocks where the file system can. Returns the bytes.
pub(super) fn copy_content(
    from: &OwnedFd,
    to: &OwnedFd,
    check: &mut dyn FnMut() -> Result<(), Error>,
) -> Result<u64, CopyError> {
    if rustix::fs::ioctl_ficlone(to, from).is_ok() {
        let stat = rustix::fs::fstat(to).map_err(CopyError::Errno)?;
        return Ok(u64::try_from(stat.st_size).unwrap_or(0));
    }
    let mut copied = 0;
    loop {
        check().map_err(CopyError::Stopped)?;
        match rustix::fs::copy_file_range(from, None, to, None, STEP) {
            Ok(0) => break,
            Ok(bytes) => copied += bytes as u64,
            Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM | Errno::BADF) => break,
            Err(errno) => return Err(CopyError::Errno(errno)),
        }
    }
    // Whatever the kernel left, from where it left it: a file in /proc says 0 there and has content.
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        check().map_err(CopyError::Stopped)?;
        buffer.clear();
        match rustix::io::read(from, spare_capacity(&mut buffer)) {
            Ok(0) => return Ok(copied),
            Ok(bytes) => copied += bytes as u64,
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(CopyError::Errno(errno)),
        }
        let mut rest = buffer.as_slice();
        while !rest.is_empty() {
            match rustix::io::write(to, rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::INTR) => {}
                Err(errno) => return Err(CopyError::Errno(errno)),
            }
        }
    }
}

/// Makes `to`/`new` what the link or special file `from`/`name` is.
pub(super) fn copy_other(
    from: impl AsFd,
    name: &CStr,
    stat: &Stat,
    to: impl AsFd + Copy,
    new: &CStr,
    kept: Keep,
) -> Result<(), Errno> {
    let kind = FileType::from_raw_mode(stat.st_mode);
    if kind == FileType::Symlink {
        let target = rustix::fs::readlinkat(from, name, Vec::new())?;
        rustix::fs::symlinkat(target.as_c_str(), to, new)?;
    } else {
        rustix::fs::mknodat(to, new, kind, Mode::from_raw_mode(stat.st_mode & 0o7777), stat.st_rdev)?;
    }
    if kept == Keep::Owner && rustix::process::geteuid().is_root() {
        let (user, group) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
        rustix::fs::chownat(to, new, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    rustix::fs::utimensat(to, new, &times(stat), AtFlags::SYMLINK_NOFOLLOW)
}

/// Gives an opened file or directory the mode and times of another.
pub(super) fn keep(fd: &OwnedFd, stat: &Stat, kept: Keep) -> Result<(), Errno> {
    if kept == Keep::Owner && rustix::process::geteuid().is_root() {
        rustix::fs::fchown(fd, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
    }
    rustix::fs::fchmod(fd, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    rustix::fs::futimens(fd, &times(stat))
}

fn times(stat: &Stat) -> Timestamps {
    let time = |seconds, nanoseconds: u64| Timespec { tv_sec: seconds, tv_nsec: nanoseconds.try_into().unwrap_or(0) };
    Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    }
}
