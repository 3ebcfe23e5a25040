//! What `.gitignore` files and the rules for hidden files leave out.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use ignore::gitignore::{Gitignore as Matcher, GitignoreBuilder};
use rustix::fs::{Mode, OFlags};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Longest ignore file that is read, in bytes; what is behind is not seen.
const MAX_FILE: u64 = 1 << 20;

/// The ignore files of the directories that a walk is in.
#[derive(Debug, Default)]
pub(super) struct Gitignore {
    hidden: bool,
    stack: Vec<Matcher>,
}

impl Gitignore {
    /// Rules for a walk; `hidden` leaves out names that begin with a dot as well.
    pub(super) fn new(hidden: bool) -> Self {
        Self { hidden, stack: Vec::new() }
    }

    /// The walk enters `dir`, which is at `prefix` below its root. Returns whether [`Gitignore::leave`] is due.
    pub(super) fn enter(&mut self, dir: &OwnedFd, prefix: &[u8]) -> bool {
        let mut builder = GitignoreBuilder::new(Path::new(OsStr::from_bytes(prefix)));
        let mut found = false;
        for name in [c".git/info/exclude", c".gitignore"] {
            for line in lines(dir, name) {
                // A line that is no glob is passed over, as git does.
                found |= builder.add_line(None, &line).is_ok();
            }
        }
        if !found {
            return false;
        }
        builder.build().map(|matcher| self.stack.push(matcher)).is_ok()
    }

    /// The walk leaves the directory last entered.
    pub(super) fn leave(&mut self) {
        self.stack.pop();
    }

    /// Whether a path below the root is left out; the deepest file that says anything decides.
    pub(super) fn ignores(&self, path: &[u8], directory: bool) -> bool {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        let path = Path::new(OsStr::from_bytes(path));
        for matcher in self.stack.iter().rev() {
            let answer = matcher.matched(path, directory);
            if !answer.is_none() {
                return answer.is_ignore();
            }
        }
        self.hidden && name.starts_with(b".")
    }
}

fn lines(dir: &OwnedFd, name: &std::ffi::CStr) -> Vec<String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(fd) = rustix::fs::openat(dir, name, flags, Mode::empty()) else { return Vec::new() };
    let regular = rustix::fs::fstat(&fd)
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile);
    let mut text = Vec::new();
    if !regular || std::fs::File::from(fd).take(MAX_FILE).read_to_end(&mut text).is_err() {
        return Vec::new();
    }
    String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
}
