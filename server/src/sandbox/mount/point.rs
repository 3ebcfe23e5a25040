//! The directory where a bucket appears: made when it is not there, empty before, and free again afterwards.
//!
//! Nothing here asks a mounted file system anything: one whose store is gone would not answer.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use sandwire_protocol::{Code, Error};

/// A directory for a mount.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) path: PathBuf,
    /// The first directory on the way to it that was made; nothing when it was there.
    made: Option<PathBuf>,
}

impl Point {
    /// Makes it, or looks whether it can be used.
    ///
    /// # Errors
    /// `BUCKET_MOUNT_ERROR`.
    pub(super) fn prepare(path: PathBuf) -> Result<Point, Error> {
        if is_mounted(&path) {
            return Err(failed(&path, "is a place where something is mounted already"));
        }
        let new = |directory: &&Path| directory.symlink_metadata().is_err();
        let made = path.ancestors().take_while(new).last().map(Path::to_owned);
        let point = Point { path, made };
        // What was made on the way goes with what could not be.
        point.make().inspect_err(|_| point.clear())?;
        Ok(point)
    }

    fn make(&self) -> Result<(), Error> {
        fs::create_dir_all(&self.path).map_err(|error| self.failed(&format!("cannot be made: {error}")))?;
        match fs::read_dir(&self.path).map(|mut entries| entries.next()) {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(self.failed("is not empty; a bucket is mounted on a new or empty directory")),
            Err(error) => Err(self.failed(&format!("cannot be used: {error}"))),
        }
    }

    /// Removes what was made. Nothing is mounted there any more.
    pub(super) fn clear(&self) {
        let Some(first) = &self.made else { return };
        for directory in self.path.ancestors().take_while(|directory| directory.starts_with(first)) {
            if let Err(error) = fs::remove_dir(directory) {
                // It was never made, or somebody has put something there, which keeps those above it too.
                tracing::debug!(%error, path = %directory.display(), "a directory of a mount stays");
            }
        }
    }

    /// `BUCKET_MOUNT_ERROR` of this directory.
    pub(super) fn failed(&self, text: &str) -> Error {
        failed(&self.path, text)
    }
}

/// How a mount is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Only when nobody uses it.
    Whole,
    /// From sight at once, and whole when nobody uses it any more.
    Lazy,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unmounted {
    /// It is gone from sight.
    Gone,
    /// Somebody uses it.
    Busy,
    /// Only root may; or fusermount, which is root.
    Forbidden,
}

/// Takes it away by the kernel's own call.
///
/// # Errors
/// As umount2(2).
pub(super) fn unmount(path: &Path, way: Way) -> io::Result<Unmounted> {
    use rustix::io::Errno;
    use rustix::mount::UnmountFlags;
    let lazy = if way == Way::Lazy { UnmountFlags::DETACH } else { UnmountFlags::empty() };
    match rustix::mount::unmount(path, UnmountFlags::NOFOLLOW | lazy) {
        // Nothing is mounted there, or the directory itself is gone.
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => Ok(Unmounted::Gone),
        Err(Errno::BUSY) => Ok(Unmounted::Busy),
        Err(Errno::PERM) => Ok(Unmounted::Forbidden),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether something is mounted there, by the kernel's table.
pub(super) fn is_mounted(path: &Path) -> bool {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    table.split(|byte| *byte == b'\n').any(|line| {
        // The fifth field (proc(5)).
        line.split(|byte| *byte == b' ').nth(4).is_some_and(|field| unescaped(field) == path)
    })
}

/// Space, tab, end of line and `\` stand in the table as three octal digits.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, more @ ..] = rest {
        let octal = more
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        out.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { more.get(3..).unwrap_or_default() } else { more };
    }
    PathBuf::from(OsString::from_vec(out))
}

/// A path without `.`, doubled `/`, and `..` where it can be seen what that is: to compare, without asking what is there.
pub(super) fn plain(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => out.push(part),
        }
    }
    out
}

fn failed(path: &Path, text: &str) -> Error {
    let shown = String::from_utf8_lossy(path.as_os_str().as_bytes()).into_owned();
    Error::new(Code::BucketMount, format!("{shown} {text}")).with("path", shown)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_is_made_for_a_mount_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        let point = Point::prepare(deep.clone()).unwrap();
        assert!(deep.is_dir());
        point.clear();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        let point = Point::prepare(deep.clone()).unwrap();
        fs::write(folder.path().join("a/other"), "x").unwrap();
        point.clear();
        assert!(!deep.exists() && folder.path().join("a/other").exists());

        fs::create_dir(&deep).unwrap();
        Point::prepare(deep.clone()).unwrap().clear();
        assert!(deep.is_dir(), "it was there before");
        fs::write(deep.join("x"), "").unwrap();
        assert_eq!(Point::prepare(deep.clone()).unwrap_err().code, Code::BucketMount);
        assert_eq!(Point::prepare(deep.join("x")).unwrap_err().code, Code::BucketMount);
        let long = folder.path().join("new/and").join("x".repeat(300));
        assert_eq!(Point::prepare(long).unwrap_err().code, Code::BucketMount);
        assert!(!folder.path().join("new").exists(), "what was made on the way stays");
        assert_eq!(Point::prepare("/proc".into()).unwrap_err().code, Code::BucketMount);
    }

    #[test]
    fn the_table_of_mounts_is_read_as_it_is_written() {
        assert_eq!(unescaped(br"/a\040b\134c\011"), Path::new("/a b\\c\t"));
        assert_eq!(unescaped(br"/a\9"), Path::new(r"/a\9"));
        assert!(is_mounted(Path::new("/proc")) && !is_mounted(Path::new("/proc/self")));
        assert_eq!(plain(Path::new("/a/./b//../c/")), Path::new("/a/c"));
    }
}
