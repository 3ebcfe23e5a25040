//! Small changes: make a directory or a link, change permissions, rename.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use sandwire_protocol::kind::Done;
use sandwire_protocol::kind::file::{Chmod, Mkdir, Rename, Symlink};
use sandwire_protocol::{ByteString, Code, Error};

use super::error::{failed, refused};
use super::path::{Need, Place, magic_link, reopen};
use super::walk::{Rules, Step, Walk};
use super::{Files, blocking};

impl Files {
    /// Makes a directory.
    pub(crate) async fn mkdir(&self, params: Mkdir) -> Result<Done, Error> {
        permission_bits(params.mode)?;
        let files = self.clone();
        let passage = self.passage([&params.path], false);
        blocking::run(&passage, move |_| {
            if params.parents {
                files.make_parents(&params.path, Need::Write)?;
            }
            let place = match files.place(&params.path, Need::Write) {
                Ok(place) => place,
                // "/" or a root of the token: there is no entry to make, and it may exist already.
                Err(error) if params.parents => {
                    return files.open_directory(&params.path, Need::Write).map(|_| Done {}).map_err(|_| error);
                }
                Err(error) => return Err(error),
            };
            // Without a mode the umask applies; with one it is meant exactly.
            let first = if params.mode.is_some() { 0o700 } else { 0o755 };
            match rustix::fs::mkdirat(&place.dir, place.name.as_c_str(), Mode::from_raw_mode(first)) {
                Ok(()) => {}
                Err(Errno::EXIST) if params.parents => {
                    return files.open_directory(&params.path, Need::Write).map(|_| Done {});
                }
                Err(errno) => return Err(place.failed("mkdir", errno)),
            }
            if let Some(mode) = params.mode {
                chmod_entry(&place.dir, place.name.as_c_str(), mode).map_err(|errno| place.failed("mkdir", errno))?;
            }
            Ok(Done {})
        })
        .await
    }

    /// Makes a symbolic link. Its target is not looked at.
    pub(crate) async fn symlink(&self, params: Symlink) -> Result<Done, Error> {
        let files = self.clone();
        let passage = self.passage([&params.path], false);
        blocking::run(&passage, move |_| {
            // The target is bounded and checked like a path; what it leads to is checked when it is used.
            files.absolute(&params.target)?;
            let place = files.place(&params.path, Need::Write)?;
            let target: &std::ffi::OsStr = params.target.as_ref();
            rustix::fs::symlinkat(target, &place.dir, place.name.as_c_str())
                .map_err(|errno| place.failed("symlink", errno))?;
            Ok(Done {})
        })
        .await
    }

    /// Changes permissions.
    pub(crate) async fn chmod(&self, params: Chmod) -> Result<Done, Error> {
        permission_bits(Some(params.mode))?;
        let files = self.clone();
        let passage = self.passage([&params.path], params.recursive);
        blocking::run(&passage, move |stop| {
            let wrong = |path: &[u8], errno| failed("chmod", path, errno);
            let top = files.open_path(&params.path, Need::Write, true)?;
            let stat = rustix::fs::fstat(&top).map_err(|errno| wrong(params.path.as_bytes(), errno))?;
            let walks = params.recursive && FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            // A directory that loses its bits is changed after what is in it, one that gains them before.
            let early = params.mode & 0o500 == 0o500;
            if early || !walks {
                chmod_opened(&top, params.mode).map_err(|errno| wrong(params.path.as_bytes(), errno))?;
            }
            if !walks {
                return Ok(Done {});
            }
            let root = reopen(&top, OFlags::RDONLY | OFlags::DIRECTORY)
                .map_err(|errno| wrong(params.path.as_bytes(), errno))?;
            let mut walk = Walk::new(root, Rules::default()).map_err(|errno| wrong(params.path.as_bytes(), errno))?;
            while let Some(step) = walk.next() {
                stop.check()?;
                let entry = match step {
                    Step::Entry(entry) if entry.kind != FileType::Directory || early => entry,
                    Step::Leave(entry) if !early => entry,
                    Step::Entry(_) | Step::Leave(_) => continue,
                    Step::Unreadable(path, errno) => return Err(wrong(&path, errno)),
                };
                match chmod_entry(&*entry.dir, entry.name.as_c_str(), params.mode) {
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(errno) => return Err(wrong(&entry.path, errno)),
                }
            }
            if !early {
                chmod_opened(&top, params.mode).map_err(|errno| wrong(params.path.as_bytes(), errno))?;
            }
            Ok(Done {})
        })
        .await
    }

    /// Renames within one file system.
    pub(crate) async fn rename(&self, params: Rename) -> Result<Done, Error> {
        let files = self.clone();
        let passage = self.passage([&params.from, &params.to], false);
        blocking::run(&passage, move |_| {
            let (from, to) = files.rename_places(&params)?;
            match rename_places(&from, &to, params.no_replace) {
                Ok(()) => Ok(Done {}),
                Err(Errno::XDEV) => Err(refused(
                    Code::Filesystem,
                    params.to.as_bytes(),
                    "it is on another file system than what is renamed; use file.move",
                )
                .with("errno", Errno::XDEV.raw_os_error())),
                Err(errno) => Err(rename_failed(&params, &from, errno)),
            }
        })
        .await
    }

    /// Both ends of a rename. What is moved could be read at its new place, so it has to be readable at the old one.
    pub(super) fn rename_places(&self, params: &Rename) -> Result<(Place, Place), Error> {
        self.place(&params.from, Need::Read)?;
        Ok((self.place(&params.from, Need::Write)?, self.place(&params.to, Need::Write)?))
    }
}

/// rename(2) of one place to another.
pub(super) fn rename_places(from: &Place, to: &Place, no_replace: bool) -> Result<(), Errno> {
    let (old, new) = (from.name.as_c_str(), to.name.as_c_str());
    if !no_replace {
        return rustix::fs::renameat(&from.dir, old, &to.dir, new);
    }
    match rustix::fs::renameat_with(&from.dir, old, &to.dir, new, RenameFlags::NOREPLACE) {
        // A file system without the flag: as near as it can be.
        Err(Errno::INVAL) if to.stat()?.is_some() => Err(Errno::EXIST),
        Err(Errno::INVAL) => rustix::fs::renameat(&from.dir, old, &to.dir, new),
        done => done,
    }
}

/// The error of a rename, about the end that it is about.
pub(super) fn rename_failed(params: &Rename, from: &Place, errno: Errno) -> Error {
    let about: &ByteString = match errno {
        Errno::NOENT if matches!(from.stat(), Ok(None)) => &params.from,
        Errno::INVAL => {
            return refused(Code::ValidationFailed, params.to.as_bytes(), "a directory cannot be moved into itself");
        }
        _ => &params.to,
    };
    failed("rename", about.as_bytes(), errno).with("from", params.from.to_string()).with("to", params.to.to_string())
}

/// Changes the permissions of an entry, unless it is a symbolic link.
pub(super) fn chmod_entry(dir: impl AsFd, name: &std::ffi::CStr, mode: u32) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(dir, name, flags, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) == FileType::Symlink {
        return Ok(());
    }
    chmod_opened(&fd, mode)
}

fn chmod_opened(fd: &OwnedFd, mode: u32) -> Result<(), Errno> {
    rustix::fs::chmod(magic_link(fd.as_fd()), Mode::from_raw_mode(mode))
}

fn permission_bits(mode: Option<u32>) -> Result<(), Error> {
    match mode {
        Some(mode) if mode > 0o7777 => {
            Err(Error::new(Code::ValidationFailed, "mode has to be at most 0o7777").with("parameter", "mode"))
        }
        Some(_) | None => Ok(()),
    }
}
