//! What a path is: `file.stat`, and the entity tag.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType as Kind, Stat};
use sandwire_protocol::kind::file::{self, FileType, Info};
use sandwire_protocol::{ByteString, Error};

use super::error::failed;
use super::path::Need;
use super::{Files, blocking};

impl Files {
    /// What a path is.
    pub(crate) async fn stat(&self, params: file::Stat) -> Result<Info, Error> {
        let files = self.clone();
        let passage = self.passage([&params.path], false);
        blocking::run(&passage, move |_| {
            let fd = files.open_path(&params.path, Need::Read, !params.no_follow)?;
            let stat = rustix::fs::fstat(&fd).map_err(|errno| failed("stat", params.path.as_bytes(), errno))?;
            Ok(describe(params.path, &stat, || link_target(&fd, c"")))
        })
        .await
    }
}

/// The target of the symbolic link `name` in `dir`; with an empty name, of the link that was opened itself.
pub(super) fn link_target(dir: impl AsFd, name: &std::ffi::CStr) -> Option<ByteString> {
    rustix::fs::readlinkat(dir, name, Vec::new()).ok().map(|target| ByteString::new(target.into_bytes()))
}

/// What is at `dir`/`name`, links not followed.
pub(super) fn describe_entry(
    path: ByteString,
    dir: impl AsFd + Copy,
    name: &std::ffi::CStr,
) -> Result<Info, rustix::io::Errno> {
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(describe(path, &stat, || link_target(dir, name)))
}

/// The wire form of what stat(2) says.
pub(super) fn describe(path: ByteString, stat: &Stat, target: impl FnOnce() -> Option<ByteString>) -> Info {
    let file_type = file_type(Kind::from_raw_mode(stat.st_mode));
    Info {
        path,
        file_type,
        size: size(stat),
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        modified_ms: stat.st_mtime.saturating_mul(1000).saturating_add(nanoseconds(stat.st_mtime_nsec) / 1_000_000),
        target: if file_type == FileType::Symlink { target() } else { None },
        etag: if file_type == FileType::File { etag(stat) } else { String::new() },
    }
}

/// Changes when the content of a regular file does.
pub(super) fn etag(stat: &Stat) -> String {
    let modified = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
    let changed = i128::from(stat.st_ctime) * 1_000_000_000 + i128::from(stat.st_ctime_nsec);
    format!("{:x}-{:x}-{modified:x}-{changed:x}", stat.st_ino, stat.st_size)
}

/// The size as an unsigned number.
pub(super) fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

/// The kind of a directory entry on the wire.
pub(super) fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::RegularFile => FileType::File,
        Kind::Directory => FileType::Directory,
        Kind::Symlink => FileType::Symlink,
        Kind::Fifo | Kind::Socket | Kind::CharacterDevice | Kind::BlockDevice | Kind::Unknown => FileType::Other,
    }
}

fn nanoseconds(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(0)
}
