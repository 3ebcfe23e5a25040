//! What one watch is of: a directory with what is below it, or a single file.

use std::os::fd::OwnedFd;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use sandwire_protocol::kind::file::Watch;
use sandwire_protocol::{Code, Error};

use super::hub::{Raw, RawChange, join};
use super::pending::MAX_PENDING;
use crate::sandbox::fs::Files;
use crate::sandbox::fs::blocking::Stop;
use crate::sandbox::fs::error::{failed, refused};
use crate::sandbox::fs::globs::Globs;
use crate::sandbox::fs::path::{Need, open_directory, reopen};
use crate::sandbox::fs::walk::{Rules, Step, Walk};

/// What is watched, and by which rules.
#[derive(Debug)]
pub(super) struct Target {
    files: Files,
    params: Watch,
    pub(super) globs: Globs,
    /// Device and inode of the directory, so that another one of the same name is not taken for it.
    identity: Option<(u64, u64)>,
    /// The name in the watched directory, when only one file is meant: files are watched through their directory, as
    /// most programs replace them.
    single: Option<Vec<u8>>,
}

/// Why a watch that stood cannot go on.
#[derive(Debug)]
pub(super) enum Lost {
    /// Its path is gone, or leads to something else.
    Gone,
    /// The kernel refused.
    Failed(Error),
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        let elsewhere = [Code::FileNotFound, Code::NotDirectory, Code::PermissionDenied, Code::TooManyLinks];
        if elsewhere.contains(&error.code) { Lost::Gone } else { Lost::Failed(error) }
    }
}

impl Target {
    /// Not watched yet.
    pub(super) fn new(files: Files, params: Watch, globs: Globs) -> Self {
        Self { files, params, globs, identity: None, single: None }
    }

    /// The path as the caller wrote it.
    pub(super) fn shown(&self) -> &[u8] {
        self.params.path.as_bytes()
    }

    /// Whether a directory is watched, not a single file.
    pub(super) fn is_directory(&self) -> bool {
        self.single.is_none()
    }

    /// Whether directories below are watched too.
    pub(super) fn recursive(&self) -> bool {
        !self.params.flat && self.single.is_none()
    }

    /// Where a change is, below what is watched; `None` when it is not meant.
    pub(super) fn relative(&self, raw: &Raw) -> Option<Vec<u8>> {
        match &self.single {
            None => Some(join(&raw.dir, &raw.name)),
            Some(single) if **single == *raw.name || matches!(raw.change, RawChange::Gone) => Some(Vec::new()),
            Some(_) => None,
        }
    }

    /// Watches all there is.
    pub(super) fn establish(&mut self, id: u64, stop: &Stop) -> Result<(), Error> {
        let opened = self.files.open_path(&self.params.path, Need::Read, true)?;
        let stat = rustix::fs::fstat(&opened).map_err(|errno| self.failed(errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            let place = self.files.place_followed(&self.params.path, Need::Read)?;
            self.files.hub.add(id, &place.dir, b"", &self.params.path)?;
            self.single = Some(place.name.into_bytes());
            return Ok(());
        }
        let identity = (stat.st_dev, stat.st_ino);
        if self.identity.is_some_and(|known| known != identity) {
            return Err(refused(Code::FileNotFound, self.shown(), "there is another directory now"));
        }
        self.identity = Some(identity);
        self.files.hub.add(id, &opened, b"", &self.params.path)?;
        if self.recursive() {
            let root = reopen(&opened, OFlags::RDONLY | OFlags::DIRECTORY).map_err(|errno| self.failed(errno))?;
            self.walk(id, root, b"", stop, &mut |_, _| {})?;
        }
        Ok(())
    }

    /// The same after an overflow, in which the end of what is watched may have gone unheard.
    pub(super) fn establish_again(&mut self, id: u64, stop: &Stop) -> Result<(), Lost> {
        self.establish(id, stop).map_err(Lost::from)
    }

    /// Watches a directory that is new, with all below it. Returns what is in it already, as far as it can be told.
    pub(super) fn extend(&self, id: u64, path: &[u8], stop: &Stop) -> Result<Vec<(Vec<u8>, bool)>, Lost> {
        let mut found = Vec::new();
        // inotify does not tell that a directory above was moved away; then what is new cannot be reached any more, and
        // an end is better than silence.
        let dir = match open_below(self.top()?, path) {
            Ok(dir) => dir,
            // It is gone again, or is something else: that is told by other changes.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(found),
            Err(errno) => return Err(Lost::Failed(failed("watch", path, errno))),
        };
        self.files.hub.add(id, &dir, path, &self.params.path).map_err(Lost::Failed)?;
        let each = &mut |path, directory| {
            // One more than can wait makes the overflow be told.
            if found.len() <= MAX_PENDING {
                found.push((path, directory));
            }
        };
        self.walk(id, dir, path, stop, each).map_err(Lost::Failed)?;
        Ok(found)
    }

    /// Lets go of a directory that is somewhere else now.
    pub(super) fn forget(&self, id: u64, path: &[u8]) {
        if !path.is_empty() {
            self.files.hub.forget(id, path);
        }
    }

    fn walk(
        &self,
        id: u64,
        dir: OwnedFd,
        prefix: &[u8],
        stop: &Stop,
        found: &mut dyn FnMut(Vec<u8>, bool),
    ) -> Result<(), Error> {
        let base = if prefix.is_empty() { Vec::new() } else { [prefix, b"/"].concat() };
        let rules = Rules { globs: self.globs.clone(), base, ..Rules::default() };
        let mut walk = Walk::new(dir, rules).map_err(|errno| self.failed(errno))?;
        while let Some(step) = walk.next() {
            stop.check()?;
            let Step::Entry(entry) = step else { continue };
            let path = join(prefix, &entry.path);
            let directory = entry.kind == FileType::Directory;
            if directory {
                // Before the walk reads it: what comes after that is told by the kernel.
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                match rustix::fs::openat(&*entry.dir, entry.name.as_c_str(), flags, Mode::empty()) {
                    Ok(dir) => self.files.hub.add(id, &dir, &path, &self.params.path)?,
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                    Err(errno) => return Err(failed("watch", &path, errno)),
                }
            }
            found(path, directory);
        }
        Ok(())
    }

    /// The watched directory, if its path still leads to it.
    fn top(&self) -> Result<OwnedFd, Lost> {
        let top = self.files.open_directory(&self.params.path, Need::Read).map_err(Lost::from)?;
        let stat = rustix::fs::fstat(&top).map_err(|errno| Lost::Failed(self.failed(errno)))?;
        if self.identity == Some((stat.st_dev, stat.st_ino)) { Ok(top) } else { Err(Lost::Gone) }
    }

    fn failed(&self, errno: Errno) -> Error {
        failed("watch", self.shown(), errno)
    }
}

/// A directory below another, reached without a link.
fn open_below(top: OwnedFd, path: &[u8]) -> Result<OwnedFd, Errno> {
    let components = path.split(|byte| *byte == b'/').filter(|component| !component.is_empty());
    components.into_iter().try_fold(top, |dir, component| open_directory(&dir, component))
}
