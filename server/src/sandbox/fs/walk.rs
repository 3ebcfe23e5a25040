//! Walks what is below an opened directory, in the order of the bytes of the paths, without following links.
//!
//! Memory has a bound: of each directory on the way only a batch of the next names is held (a directory larger than a
//! batch is read again for the next one), [`BATCH`] names near the top and fewer further down, about 8 MB at
//! the very worst; all walks together hold little more than [`SHARED`]. At most [`OPEN_DIRECTORIES`] descriptors are open.

use std::cmp;
use std::collections::BinaryHeap;
use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::gitignore::Gitignore;
use super::globs::Globs;
use super::path::open_directory;

/// Names held of one directory near the top.
const BATCH: usize = 2048;

/// Names that all walks may hold before each takes only [`FEW`] of a directory at a time.
const SHARED: usize = 64 << 10;

/// Names held of one directory when there are many walks.
const FEW: usize = 64;

/// Names that all walks hold.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Directories held open on the way down.
const OPEN_DIRECTORIES: usize = 64;

/// Longest path below the directory, in bytes; what is deeper is told as unreadable.
const MAX_RELATIVE: usize = 4095;

/// What a walk leaves out.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Only what `exclude` says is used here: what is not included may hold what is.
    pub(super) globs: Globs,
    /// Where the walk begins, below the directory that the globs are for: empty, or with a slash at its end.
    pub(super) base: Vec<u8>,
    /// Leave out names that begin with a dot.
    pub(super) no_hidden: bool,
    /// Leave out what ignore files name.
    pub(super) gitignore: Option<Gitignore>,
    /// Levels of directories to look into; 1 is only the directory itself.
    pub(super) depth: Option<u32>,
    /// Only what comes after this path.
    pub(super) after: Option<Vec<u8>>,
}

/// One step of a walk.
#[derive(Debug)]
pub(super) enum Step {
    /// Something is there. A directory comes before what is in it.
    Entry(Entry),
    /// Everything in the directory has been seen.
    Leave(Entry),
    /// A directory could not be looked into.
    Unreadable(Vec<u8>, Errno),
}

/// Something below the directory.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The path below the directory.
    pub(super) path: Vec<u8>,
    /// The directory it is in.
    pub(super) dir: Arc<OwnedFd>,
    /// Its name there.
    pub(super) name: CString,
    /// What it was when its directory was read.
    pub(super) kind: FileType,
}

impl Entry {
    /// What stat(2) says, links not followed.
    pub(super) fn stat(&self) -> Result<Stat, Errno> {
        rustix::fs::statat(&*self.dir, self.name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Opens a regular file. Anything else is refused with `ELOOP` or `EINVAL`, before it is opened.
    pub(super) fn open(&self) -> Result<(OwnedFd, Stat), Errno> {
        let stat = self.stat()?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Errno::INVAL);
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&*self.dir, self.name.as_c_str(), flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile { Ok((fd, stat)) } else { Err(Errno::INVAL) }
    }
}

/// A walk. Not an `Iterator`: it is asked for the next step between pieces of other work.
#[derive(Debug)]
pub(super) struct Walk {
    rules: Rules,
    stack: Vec<Frame>,
    /// The path of the directory on top of the stack, with a slash at its end unless it is the root.
    prefix: Vec<u8>,
    descend: Option<Entry>,
}

#[derive(Debug)]
struct Frame {
    /// `None` while too many are open; then `identity` finds it again.
    dir: Option<Arc<OwnedFd>>,
    identity: (u64, u64),
    /// What is next, the last one first.
    items: Vec<Item>,
    /// How many of them there were.
    held: Held,
    /// The last name taken; with `more`, there are others after it.
    last: Option<Item>,
    more: bool,
    /// The name of the directory itself; the root has none.
    name: Option<CString>,
    ignores: bool,
}

/// A part of [`HELD`], given back when it is dropped.
#[derive(Debug)]
struct Held(usize);

impl Held {
    fn names(count: usize) -> Self {
        HELD.fetch_add(count, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// A name, or all that is in the directory of that name: these come later, after `name.txt` for example.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    name: CString,
    kind: FileType,
    inside: bool,
}

impl Item {
    fn key(&self) -> impl Iterator<Item = u8> + '_ {
        self.name.as_bytes().iter().copied().chain(self.inside.then_some(b'/'))
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        self.key().cmp(other.key())
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Walk {
    /// A walk below `root`, a directory opened for reading.
    pub(super) fn new(root: OwnedFd, rules: Rules) -> Result<Self, Errno> {
        let mut walk = Self { rules, stack: Vec::new(), prefix: Vec::new(), descend: None };
        walk.enter(root, None)?;
        Ok(walk)
    }

    /// The next step; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(entry) = self.descend.take() {
                let opened = if entry.path.len() >= MAX_RELATIVE {
                    Err(Errno::NAMETOOLONG)
                } else {
                    open_directory(&*entry.dir, entry.name.as_c_str())
                };
                let path = entry.path.clone();
                if let Err(errno) = opened.and_then(|fd| self.enter(fd, Some(entry))) {
                    return Some(Step::Unreadable(path, errno));
                }
            }
            let depth = self.stack.len();
            let frame = self.stack.last_mut()?;
            if let Some(item) = frame.items.pop() {
                let Some(dir) = frame.dir.clone() else { continue };
                frame.last = Some(item.clone());
                let mut path = self.prefix.clone();
                path.extend_from_slice(item.name.as_bytes());
                let entry = Entry { path, dir, name: item.name, kind: item.kind };
                if !item.inside {
                    return Some(Step::Entry(entry));
                }
                self.descend = Some(entry);
                continue;
            }
            if frame.more {
                if let Err(errno) = self.fill() {
                    self.stack[depth - 1].more = false;
                    return Some(Step::Unreadable(self.prefix.clone(), errno));
                }
                continue;
            }
            if let Some(step) = self.leave() {
                return Some(step);
            }
        }
    }

    fn enter(&mut self, fd: OwnedFd, entry: Option<Entry>) -> Result<(), Errno> {
        let stat = rustix::fs::fstat(&fd)?;
        self.prefix.clear();
        if let Some(entry) = &entry {
            self.prefix.extend_from_slice(&entry.path);
            self.prefix.push(b'/');
        }
        let ignores = match &mut self.rules.gitignore {
            Some(gitignore) => gitignore.enter(&fd, &self.prefix),
            None => false,
        };
        self.stack.push(Frame {
            dir: Some(Arc::new(fd)),
            identity: (stat.st_dev, stat.st_ino),
            items: Vec::new(),
            held: Held(0),
            last: None,
            more: true,
            name: entry.map(|entry| entry.name),
            ignores,
        });
        let depth = self.stack.len();
        if depth > OPEN_DIRECTORIES {
            self.stack[depth - 1 - OPEN_DIRECTORIES].dir = None;
        }
        Ok(())
    }

    /// Reads the next names of the directory on top.
    fn fill(&mut self) -> Result<(), Errno> {
        let depth = self.stack.len();
        let limit = if depth <= 8 { BATCH } else { (BATCH * 8 / depth.pow(2)).max(8) };
        let limit = if HELD.load(Ordering::Relaxed) < SHARED { limit } else { limit.min(FEW) };
        let Some(frame) = self.stack.last() else { return Ok(()) };
        let Some(dir) = frame.dir.clone() else { return Err(Errno::STALE) };
        let deeper = self.rules.depth.is_none_or(|levels| (depth as u64) < u64::from(levels));
        let mut heap: BinaryHeap<Item> = BinaryHeap::new();
        let mut more = false;
        let mut path = self.prefix.clone();
        let mut based = self.rules.base.clone();
        for found in Dir::read_from(&*dir)? {
            let found = found?;
            let name = found.file_name();
            if name == c"." || name == c".." || (self.rules.no_hidden && name.to_bytes().starts_with(b".")) {
                continue;
            }
            let mut kind = found.file_type();
            if kind == FileType::Unknown {
                kind = match kind_of(&dir, name) {
                    Ok(kind) => kind,
                    Err(Errno::NOENT) => continue,
                    Err(errno) => return Err(errno),
                };
            }
            path.truncate(self.prefix.len());
            path.extend_from_slice(name.to_bytes());
            let directory = kind == FileType::Directory;
            let ignored = self.rules.gitignore.as_ref().is_some_and(|rules| rules.ignores(&path, directory));
            based.truncate(self.rules.base.len());
            based.extend_from_slice(&path);
            if ignored || self.rules.globs.excludes(&based) {
                continue;
            }
            for inside in [false, true] {
                if inside && (!directory || !deeper) {
                    continue;
                }
                let item = Item { name: name.to_owned(), kind, inside };
                if frame.last.as_ref().is_some_and(|last| item <= *last) || !self.is_after(&path, inside) {
                    continue;
                }
                heap.push(item);
                if heap.len() > limit {
                    heap.pop();
                    more = true;
                }
            }
        }
        if let Some(frame) = self.stack.last_mut() {
            frame.items = heap.into_sorted_vec();
            frame.held = Held::names(frame.items.len());
            frame.items.reverse();
            frame.more = more;
        }
        Ok(())
    }

    fn is_after(&self, path: &[u8], inside: bool) -> bool {
        let Some(after) = &self.rules.after else { return true };
        if !inside {
            return path > after.as_slice();
        }
        let key = || path.iter().chain(b"/");
        key().gt(after.iter()) || (after.len() > path.len() && key().eq(after[..=path.len()].iter()))
    }

    fn leave(&mut self) -> Option<Step> {
        let frame = self.stack.pop()?;
        if frame.ignores
            && let Some(gitignore) = &mut self.rules.gitignore
        {
            gitignore.leave();
        }
        let name = frame.name?;
        let above = self.stack.last_mut()?;
        self.prefix.pop();
        let path = self.prefix.clone();
        self.prefix.truncate(path.len() - name.as_bytes().len());
        let dir = match &above.dir {
            Some(dir) => Ok(Arc::clone(dir)),
            None => frame.dir.ok_or(Errno::STALE).and_then(|dir| reopen_parent(&dir, above.identity)).map(Arc::new),
        };
        match dir {
            Ok(dir) => {
                above.dir = Some(Arc::clone(&dir));
                Some(Step::Leave(Entry { path, dir, name, kind: FileType::Directory }))
            }
            Err(errno) => {
                above.items.clear();
                above.more = false;
                Some(Step::Unreadable(path, errno))
            }
        }
    }
}

fn kind_of(dir: &OwnedFd, name: &CStr) -> Result<FileType, Errno> {
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(stat.st_mode))
}

/// The directory above, if it is still the one that the walk came from.
fn reopen_parent(dir: &OwnedFd, identity: (u64, u64)) -> Result<OwnedFd, Errno> {
    let parent = open_directory(dir, c"..")?;
    let stat = rustix::fs::fstat(&parent)?;
    if (stat.st_dev, stat.st_ino) == identity { Ok(parent) } else { Err(Errno::STALE) }
}
