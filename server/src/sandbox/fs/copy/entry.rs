//! One file, link or special file from here to there.

use std::ffi::CStr;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, SeekFrom, Stat, Timespec, Timestamps, Uid};
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

/// Copies everything, sharing blocks where the file system can, and holes as holes. Returns the bytes.
pub(super) fn copy_content(
    from: &OwnedFd,
    to: &OwnedFd,
    check: &mut dyn FnMut() -> Result<(), Error>,
) -> Result<u64, CopyError> {
    if rustix::fs::ioctl_ficlone(to, from).is_ok() {
        let stat = rustix::fs::fstat(to).map_err(CopyError::Errno)?;
        return Ok(u64::try_from(stat.st_size).unwrap_or(0));
    }
    let stat = rustix::fs::fstat(from).map_err(CopyError::Errno)?;
    // A file that takes little of a disk must not fill it with its copy.
    let sparse = stat.st_blocks.saturating_mul(512) < stat.st_size;
    let (mut copied, mut by_kernel) = (0, true);
    loop {
        check().map_err(CopyError::Stopped)?;
        let mut step = STEP;
        if sparse {
            let Some(data) = next_data(from, to, copied).map_err(CopyError::Errno)? else {
                return end_in_hole(from, to).map_err(CopyError::Errno);
            };
            copied = data.start;
            step = usize::try_from(data.end - data.start).unwrap_or(STEP).min(STEP);
        }
        if by_kernel {
            match rustix::fs::copy_file_range(from, None, to, None, step) {
                Ok(bytes) if bytes > 0 => copied += bytes as u64,
                Err(Errno::INTR) => {}
                // Whatever the kernel left, from where it left it: a file in /proc says 0 there and has content.
                Ok(_)
                | Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM | Errno::BADF) => {
                    by_kernel = false;
                }
                Err(errno) => return Err(CopyError::Errno(errno)),
            }
            continue;
        }
        match copy_piece(from, to, step.min(BUFFER)) {
            Ok(0) => return Ok(copied),
            Ok(bytes) => copied += bytes as u64,
            Err(errno) => return Err(CopyError::Errno(errno)),
        }
    }
}

/// The next bytes at or after `at` that are no hole, with both files positioned there; `None` when there are no more.
fn next_data(from: &OwnedFd, to: &OwnedFd, at: u64) -> Result<Option<Range<u64>>, Errno> {
    let start = match rustix::fs::seek(from, SeekFrom::Data(at)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    let end = rustix::fs::seek(from, SeekFrom::Hole(start))?;
    rustix::fs::seek(from, SeekFrom::Start(start))?;
    rustix::fs::seek(to, SeekFrom::Start(start))?;
    Ok(Some(start..end))
}

/// The rest is a hole: the copy gets the same size. Returns it.
fn end_in_hole(from: &OwnedFd, to: &OwnedFd) -> Result<u64, Errno> {
    let size = u64::try_from(rustix::fs::fstat(from)?.st_size).unwrap_or(0);
    rustix::fs::ftruncate(to, size)?;
    Ok(size)
}

/// Some bytes through memory; 0 at the end.
fn copy_piece(from: &OwnedFd, to: &OwnedFd, length: usize) -> Result<usize, Errno> {
    let mut buffer = Vec::with_capacity(length);
    while let Err(errno) = rustix::io::read(from, spare_capacity(&mut buffer)) {
        if errno != Errno::INTR {
            return Err(errno);
        }
    }
    let mut rest = buffer.as_slice();
    while !rest.is_empty() {
        match rustix::io::write(to, rest) {
            Ok(written) => rest = &rest[written..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(buffer.len())
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
