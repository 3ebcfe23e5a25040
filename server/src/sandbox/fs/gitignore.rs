//! What `.gitignore` files and the rules for hidden files leave out.

use std::ffi::{CStr, OsStr};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ignore::gitignore::{Gitignore as Matcher, GitignoreBuilder};
use rustix::fs::{AtFlags, Mode, OFlags};

use super::Files;
use super::path::{open_directory, real_path};

/// Longest ignore file that is read, in bytes; what is behind is not seen.
const MAX_FILE: u64 = 32 << 10;

/// Bytes of all ignore files that hold at one place; files further down are not read beyond. Globs take hundreds of
/// times their length when they are compiled: these make about 40 MB at the worst.
const MAX_TOTAL: u64 = 64 << 10;

/// Directories above a walk that are looked into for the root of its repository; each is held open meanwhile.
const MAX_ABOVE: usize = 64;

/// The ignore files of the directories that a walk is in.
#[derive(Debug)]
pub(super) struct Gitignore {
    hidden: bool,
    /// Where the walk begins, below the repository: empty, or with a slash at its end.
    base: Vec<u8>,
    stack: Vec<Rules>,
    left: u64,
}

/// What the files of one directory say.
#[derive(Debug)]
struct Rules {
    matcher: Matcher,
    bytes: u64,
}

impl Gitignore {
    /// Rules for a walk below `root`; `hidden` leaves out names that begin with a dot as well. In a repository, what is
    /// said above `root` holds too, as far as the caller may read there.
    pub(super) fn new(files: &Files, root: &OwnedFd, hidden: bool) -> Self {
        let mut rules = Self { hidden, base: Vec::new(), stack: Vec::new(), left: MAX_TOTAL };
        let above = above(files, root);
        for (depth, dir) in above.iter().enumerate().rev() {
            // The directory is entered before the walk begins: its path has no part of the walk's.
            rules.base = above[depth + 1..].iter().rev().flat_map(|level| level.below()).copied().collect();
            rules.enter(&dir.fd, b"");
        }
        rules.base = above.iter().rev().flat_map(|level| level.below()).copied().collect();
        rules
    }

    /// The walk enters `dir`, which is at `prefix` below its root. Returns whether [`Gitignore::leave`] is due.
    pub(super) fn enter(&mut self, dir: &OwnedFd, prefix: &[u8]) -> bool {
        let at = [self.base.as_slice(), prefix].concat();
        let mut builder = GitignoreBuilder::new(Path::new(OsStr::from_bytes(&at)));
        let (mut found, mut bytes) = (false, 0);
        for name in [c".git/info/exclude", c".gitignore"] {
            let text = read(dir, name, MAX_FILE.min(self.left - bytes));
            bytes += text.len() as u64;
            for line in String::from_utf8_lossy(&text).lines() {
                // A line that is no glob is passed over, as git does.
                found |= builder.add_line(None, line).is_ok();
            }
        }
        let built = if found { builder.build().ok() } else { None };
        let Some(matcher) = built else { return false };
        self.left -= bytes;
        self.stack.push(Rules { matcher, bytes });
        true
    }

    /// The walk leaves the directory last entered.
    pub(super) fn leave(&mut self) {
        if let Some(rules) = self.stack.pop() {
            self.left += rules.bytes;
        }
    }

    /// Whether a path below the root is left out; the deepest file that says anything decides.
    pub(super) fn ignores(&self, path: &[u8], directory: bool) -> bool {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        let path = [self.base.as_slice(), path].concat();
        let path = Path::new(OsStr::from_bytes(&path));
        for rules in self.stack.iter().rev() {
            let answer = rules.matcher.matched(path, directory);
            if !answer.is_none() {
                return answer.is_ignore();
            }
        }
        self.hidden && name.starts_with(b".")
    }
}

/// A directory above the walk.
struct Level {
    fd: OwnedFd,
    /// The name of the one below it, on the way to the walk.
    name: Vec<u8>,
}

impl Level {
    fn below(&self) -> impl Iterator<Item = &u8> {
        self.name.iter().chain(b"/")
    }
}

/// The directories above `root` up to the repository's own, the nearest first. None when `root` is in no repository,
/// or is one itself, or when the caller may not read so far up.
fn above(files: &Files, root: &OwnedFd) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::new();
    let Ok(real) = real_path(root) else { return levels };
    for name in real.components().rev() {
        let here = levels.last().map_or(root, |level| &level.fd);
        if rustix::fs::statat(here, c".git", AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return levels;
        }
        if levels.len() >= MAX_ABOVE {
            break;
        }
        match open_directory(here, c"..") {
            Ok(fd) if files.may_read(&fd) => levels.push(Level { fd, name: name.as_os_str().as_bytes().to_vec() }),
            Ok(_) | Err(_) => break,
        }
    }
    Vec::new()
}

fn read(dir: &OwnedFd, name: &CStr, limit: u64) -> Vec<u8> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(fd) = rustix::fs::openat(dir, name, flags, Mode::empty()) else { return Vec::new() };
    let regular = rustix::fs::fstat(&fd)
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile);
    let mut text = Vec::new();
    if !regular || std::fs::File::from(fd).take(limit).read_to_end(&mut text).is_err() {
        return Vec::new();
    }
    text
}
