//! `file.copy` and `file.move`.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use sandwire_protocol::kind::Done;
use sandwire_protocol::kind::file::{Copied, Copy, Rename};
use sandwire_protocol::{Code, Error};

mod entry;

use super::blocking::Stop;
use super::change::{rename_failed, rename_places};
use super::error::{failed, refused};
use super::path::{Need, Place, open_directory, reopen};
use super::remove::{discard, remove_tree};
use super::walk::{Rules, Step, Walk};
use super::write::target::{make_beside, name_beside, rename_entry};
use super::{Files, blocking};
use entry::{Keep, copy_content, copy_other, keep};

impl Files {
    /// Copies a file, a link or a directory.
    pub(crate) async fn copy(&self, params: Copy) -> Result<Copied, Error> {
        let files = self.clone();
        let passage = self.passage([&params.from, &params.to], true);
        blocking::run(&passage, move |stop| {
            let from = files.open_path(&params.from, Need::Read, false)?;
            let stat = rustix::fs::fstat(&from).map_err(|errno| failed("copy", params.from.as_bytes(), errno))?;
            let to = files.place(&params.to, Need::Write)?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                let origin = files.place(&params.from, Need::Read)?;
                return copy_single(&origin, &to, params.no_replace, Keep::ModeAndTimes, stop);
            }
            if !params.recursive {
                let what = "it is a directory; say `recursive` to copy it with all that is in it";
                return Err(refused(Code::IsDirectory, params.from.as_bytes(), what));
            }
            not_into_itself(&stat, &to)?;
            match rustix::fs::mkdirat(&to.dir, to.name.as_c_str(), rustix::fs::Mode::RWXU) {
                Err(Errno::EXIST) if !params.no_replace => {}
                made => made.map_err(|errno| to.failed("copy", errno))?,
            }
            copy_tree(&from, &stat, &to.dir, &to.name, Keep::ModeAndTimes, stop)
                .map_err(|(path, errno)| copy_failed(&params.from.to_string(), &path, errno))
        })
        .await
    }

    /// Moves, across file systems too: then it is copied beside its target, renamed, and the old one removed.
    pub(crate) async fn move_to(&self, params: Rename) -> Result<Done, Error> {
        let files = self.clone();
        let passage = self.passage([&params.from, &params.to], true);
        blocking::run(&passage, move |stop| {
            let (from, to) = files.rename_places(&params)?;
            match rename_places(&from, &to, params.no_replace) {
                Ok(()) => return Ok(Done {}),
                Err(Errno::XDEV) => {}
                Err(errno) => return Err(rename_failed(&params, &from, errno)),
            }
            let stat = from.stat().map_err(|errno| from.failed("move", errno))?;
            let stat = stat.ok_or_else(|| from.failed("move", Errno::NOENT))?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                move_tree(&from, &to, &stat, params.no_replace, stop)?;
            } else {
                copy_single(&from, &to, params.no_replace, Keep::Owner, stop)?;
                rustix::fs::unlinkat(&from.dir, from.name.as_c_str(), AtFlags::empty())
                    .map_err(|errno| from.failed("move", errno))?;
            }
            Ok(Done {})
        })
        .await
    }
}

fn move_tree(from: &Place, to: &Place, stat: &Stat, no_replace: bool, stop: &Stop) -> Result<(), Error> {
    let source = open_directory(&from.dir, from.name.as_c_str()).map_err(|errno| from.failed("move", errno))?;
    let name = name_beside(to).map_err(|errno| to.failed("move", errno))?;
    rustix::fs::mkdirat(&to.dir, name.as_c_str(), rustix::fs::Mode::RWXU).map_err(|errno| to.failed("move", errno))?;
    let moved = copy_tree(&source, stat, &to.dir, &name, Keep::Owner, stop)
        .map_err(|(path, errno)| copy_failed(&from.shown.to_string(), &path, errno))
        .and_then(|_| {
            let flags = if no_replace { RenameFlags::NOREPLACE } else { RenameFlags::empty() };
            rename_entry(to, &name, flags).map_err(|errno| to.failed("move", errno))
        });
    if let Err(error) = moved {
        let dir =
            to.dir.try_clone().map_err(|failure| super::error::failed_io("move", to.shown.as_bytes(), &failure))?;
        let unfinished = Place { dir, name, shown: to.shown.clone() };
        if let Err(left) = remove_tree(&unfinished, &Stop::default()) {
            tracing::warn!(%left, "an unfinished copy could not be removed");
        }
        return Err(error);
    }
    remove_tree(from, stop).map(|_| ())
}

/// Copies what is not a directory, so that its target is the old or the new, never a part.
fn copy_single(from: &Place, to: &Place, no_replace: bool, kept: Keep, stop: &Stop) -> Result<Copied, Error> {
    let there = to.stat().map_err(|errno| to.failed("copy", errno))?;
    if let Some(there) = there {
        if no_replace {
            return Err(to.failed("copy", Errno::EXIST));
        }
        if FileType::from_raw_mode(there.st_mode) == FileType::Directory {
            return Err(to.failed("copy", Errno::ISDIR));
        }
    }
    let flags = if no_replace { RenameFlags::NOREPLACE } else { RenameFlags::empty() };
    let stat = from.stat().map_err(|errno| from.failed("copy", errno))?;
    let stat = stat.ok_or_else(|| from.failed("copy", Errno::NOENT))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        let name = name_beside(to).map_err(|errno| to.failed("copy", errno))?;
        copy_other(&from.dir, &from.name, &stat, &to.dir, &name, kept).map_err(|errno| from.failed("copy", errno))?;
        return rename_entry(to, &name, flags).map(|()| Copied { count: 1, bytes: 0 }).map_err(|errno| {
            discard(&to.dir, &name);
            to.failed("copy", errno)
        });
    }
    let (target, name) = make_beside(to, 0o600).map_err(|errno| to.failed("copy", errno))?;
    let copied =
        entry::open_source(&from.dir, &from.name).map_err(|errno| from.failed("copy", errno)).and_then(|source| {
            let bytes = copy_content(&source, &target, &mut || stop.check())
                .map_err(|error| error.into_error(|errno| to.failed("copy", errno)))?;
            keep(&target, &stat, kept).map_err(|errno| to.failed("copy", errno))?;
            rename_entry(to, &name, flags).map_err(|errno| to.failed("copy", errno))?;
            Ok(Copied { count: 1, bytes })
        });
    if copied.is_err() {
        discard(&to.dir, &name);
    }
    copied
}

/// Copies what is in a directory into the existing directory `dir`/`name`, which then gets the mode and times.
fn copy_tree(
    from: &OwnedFd,
    stat: &Stat,
    dir: &OwnedFd,
    name: &CStr,
    kept: Keep,
    stop: &Stop,
) -> Result<Copied, (Vec<u8>, CopyError)> {
    let top = |errno: Errno| (Vec::new(), CopyError::Errno(errno));
    let source = reopen(from.as_fd(), OFlags::RDONLY | OFlags::DIRECTORY).map_err(top)?;
    let mut to = Descent { current: open_directory(dir, name).map_err(top)?, above: Vec::new() };
    let mut copied = Copied { count: 1, bytes: 0 };
    let mut walk = Walk::new(source, Rules::default()).map_err(top)?;
    while let Some(step) = walk.next() {
        stop.check().map_err(|error| (Vec::new(), CopyError::Stopped(error)))?;
        let (path, done) = match step {
            Step::Unreadable(path, errno) => (path, Err(CopyError::Errno(errno))),
            Step::Leave(entry) => {
                let done = entry.stat().and_then(|stat| {
                    keep(&to.current, &stat, kept)?;
                    to.leave()
                });
                (entry.path, done.map_err(CopyError::Errno))
            }
            Step::Entry(entry) if entry.kind == FileType::Directory => {
                let done = to.enter(&entry.name).map(|()| copied.count += 1);
                (entry.path, done.map_err(CopyError::Errno))
            }
            Step::Entry(entry) => {
                let done = copy_entry(&entry, &to.current, kept, stop).map(|bytes| {
                    copied.count += 1;
                    copied.bytes += bytes;
                });
                (entry.path, done)
            }
        };
        done.map_err(|error| (path, error))?;
    }
    keep(&to.current, stat, kept).map_err(top)?;
    Ok(copied)
}

fn copy_entry(entry: &super::walk::Entry, to: &OwnedFd, kept: Keep, stop: &Stop) -> Result<u64, CopyError> {
    let stat = entry.stat().map_err(CopyError::Errno)?;
    // An entry that is there is replaced, whatever it is but a directory.
    match rustix::fs::unlinkat(to, entry.name.as_c_str(), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(CopyError::Errno(errno)),
    }
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        copy_other(&*entry.dir, &entry.name, &stat, to, &entry.name, kept).map_err(CopyError::Errno)?;
        return Ok(0);
    }
    let source = entry::open_source(&*entry.dir, &entry.name).map_err(CopyError::Errno)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let target = rustix::fs::openat(to, entry.name.as_c_str(), flags, rustix::fs::Mode::from_raw_mode(0o600))
        .map_err(CopyError::Errno)?;
    let copied = copy_content(&source, &target, &mut || stop.check());
    if copied.is_err() {
        // A half copy would look like a whole one.
        discard(to, &entry.name);
    }
    let bytes = copied?;
    keep(&target, &stat, kept).map_err(CopyError::Errno)?;
    Ok(bytes)
}

/// Why a copy stopped.
#[derive(Debug)]
pub(super) enum CopyError {
    /// The kernel refused.
    Errno(Errno),
    /// It was told to stop.
    Stopped(Error),
}

impl CopyError {
    fn into_error(self, failed: impl FnOnce(Errno) -> Error) -> Error {
        match self {
            CopyError::Errno(errno) => failed(errno),
            CopyError::Stopped(error) => error,
        }
    }
}

fn copy_failed(from: &str, path: &[u8], error: CopyError) -> Error {
    let mut whole = from.as_bytes().to_vec();
    if !path.is_empty() {
        whole.push(b'/');
        whole.extend_from_slice(path);
    }
    error.into_error(|errno| failed("copy", whole, errno))
}

/// The directory being written, with one descriptor however deep it is.
#[derive(Debug)]
struct Descent {
    current: OwnedFd,
    above: Vec<(u64, u64)>,
}

impl Descent {
    fn enter(&mut self, name: &CStr) -> Result<(), Errno> {
        match rustix::fs::mkdirat(&self.current, name, rustix::fs::Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        let stat = rustix::fs::fstat(&self.current)?;
        self.current = open_directory(&self.current, name)?;
        self.above.push((stat.st_dev, stat.st_ino));
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Errno> {
        let Some(identity) = self.above.pop() else { return Ok(()) };
        let parent = open_directory(&self.current, c"..")?;
        let stat = rustix::fs::fstat(&parent)?;
        if (stat.st_dev, stat.st_ino) != identity {
            return Err(Errno::STALE);
        }
        self.current = parent;
        Ok(())
    }
}

/// Refuses to copy a directory to a place in itself, which would not end.
fn not_into_itself(source: &Stat, to: &Place) -> Result<(), Error> {
    let failed = |errno| to.failed("copy", errno);
    let refusal = || {
        let what = "a directory cannot be copied into or onto itself";
        refused(Code::ValidationFailed, to.shown.as_bytes(), what)
    };
    if to.stat().map_err(failed)?.is_some_and(|there| (there.st_dev, there.st_ino) == (source.st_dev, source.st_ino)) {
        return Err(refusal());
    }
    let mut dir = reopen(&to.dir, OFlags::RDONLY | OFlags::DIRECTORY).map_err(failed)?;
    loop {
        let stat = rustix::fs::fstat(&dir).map_err(failed)?;
        if (stat.st_dev, stat.st_ino) == (source.st_dev, source.st_ino) {
            return Err(refusal());
        }
        let parent = open_directory(&dir, c"..").map_err(failed)?;
        let above = rustix::fs::fstat(&parent).map_err(failed)?;
        if (above.st_dev, above.st_ino) == (stat.st_dev, stat.st_ino) {
            return Ok(());
        }
        dir = parent;
    }
}
