//! Where a backup is unpacked: beside the directory that it is for, under a hidden name, which it then changes places with.
//!
//! The directory is locked (flock(2)) for as long as it is used. One that is not is what a server left behind that was killed:
//! it is removed by the next restore to the same place.

use std::ffi::{CStr, CString};
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use sandwire_protocol::{ByteString, Code, Error};

use crate::sandbox::fs::Files;
use crate::sandbox::fs::blocking::Stop;
use crate::sandbox::fs::change::chmod_entry;
use crate::sandbox::fs::error::refused;
use crate::sandbox::fs::path::{Need, Place, open_directory, real_path, reopen};
use crate::sandbox::fs::remove::remove_tree;
use crate::sandbox::fs::walk::{Rules, Step, Walk};

/// What stands between the directory's own name and the random digits.
const MARK: &[u8] = b".sandwire-restore-";

/// Hexadecimal digits at the end of the name.
const DIGITS: usize = 16;

/// Bytes of the directory's own name that fit.
const OWN: usize = 255 - 1 - MARK.len() - DIGITS;

/// Longest line of the table of mounts that is looked at: two paths, options and names.
const MAX_LINE: u64 = 64 << 10;

/// A directory that is being filled. Dropped, it is removed, or what it took the place of.
pub(super) struct Staging {
    /// The name that it will have. When parents are missing, that of the first one.
    place: Place,
    /// The directory in it that is to be filled, when parents are missing.
    below: PathBuf,
    /// Its name until then.
    name: CString,
    /// It, opened and locked.
    opened: OwnedFd,
    replace: bool,
    /// What will be replaced, as it really is, and whether the server itself is in there.
    old: Option<(PathBuf, bool)>,
}

impl Staging {
    /// Makes one for `path`, which may be missing, with its parents.
    pub(super) fn new(files: &Files, path: &ByteString, replace: bool) -> Result<Self, Error> {
        let (place, below) = find(files, path)?;
        let old = occupant(files, &place, replace)?;
        clear(&place).map_err(|errno| place.failed("restore", errno))?;
        let (name, opened) = make(&place).map_err(|errno| place.failed("restore", errno))?;
        Ok(Self { place, below, name, opened, replace, old })
    }

    /// The directory to fill.
    pub(super) fn directory(&self) -> Result<OwnedFd, Error> {
        let wrong = |errno| self.place.failed("restore", errno);
        let mut directory = open_directory(&self.opened, c".").map_err(wrong)?;
        for component in self.below.components() {
            let name = CString::new(component.as_os_str().as_bytes()).map_err(|_| wrong(Errno::INVAL))?;
            rustix::fs::mkdirat(&directory, name.as_c_str(), Mode::from_raw_mode(0o755)).map_err(wrong)?;
            directory = open_directory(&directory, name.as_c_str()).map_err(wrong)?;
        }
        if !self.below.as_os_str().is_empty() {
            rustix::fs::fchmod(&self.opened, Mode::from_raw_mode(0o755)).map_err(wrong)?;
        }
        Ok(directory)
    }

    /// Puts it where it belongs, in one step. Returns whether it took the place of another.
    pub(super) fn commit(self) -> Result<bool, Error> {
        let wrong = |errno| self.place.failed("restore", errno);
        // What is not on disk could be lost with the machine, and a disk that is full says so here at the latest.
        rustix::fs::syncfs(&self.opened).map_err(wrong)?;
        let (from, to) = (self.name.as_c_str(), self.place.name.as_c_str());
        let dir = &self.place.dir;
        let there = self.place.stat().map_err(wrong)?.is_some();
        let renamed = match &self.old {
            Some((real, _)) if self.replace => {
                no_mounts(real)?;
                match rustix::fs::renameat_with(dir, from, dir, to, RenameFlags::EXCHANGE) {
                    // It was removed meanwhile.
                    Err(Errno::NOENT) => rustix::fs::renameat(dir, from, dir, to),
                    renamed => renamed,
                }
            }
            Some(_) | None => rustix::fs::renameat(dir, from, dir, to),
        };
        renamed.map_err(|errno| self.not_renamed(errno))?;
        if let Some((_, true)) = self.old
            && let Err(errno) = rustix::process::fchdir(&self.opened)
        {
            tracing::warn!(%errno, "the server stays in a directory that was replaced");
        }
        let synced = reopen(dir, OFlags::RDONLY | OFlags::DIRECTORY).and_then(rustix::fs::fsync);
        if let Err(errno) = synced {
            tracing::warn!(%errno, "that a backup was restored may not be on disk");
        }
        Ok(there)
    }

    fn not_renamed(&self, errno: Errno) -> Error {
        let path = self.place.shown.as_bytes();
        match errno {
            Errno::NOTEMPTY | Errno::EXIST => not_empty(path),
            Errno::BUSY => mounted(path),
            Errno::XDEV | Errno::INVAL | Errno::NOSYS => {
                let text = "its file system cannot replace it in one step, as for a directory of a container's image; \
                    restore to another one, beside it or in it";
                refused(Code::NotSupported, path, text).with("errno", errno.raw_os_error())
            }
            errno => self.place.failed("restore", errno),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        remove(&self.place, &self.name);
    }
}

/// Where the first thing that is missing belongs, or the directory itself, and what is to be made in it.
fn find(files: &Files, path: &ByteString) -> Result<(Place, PathBuf), Error> {
    let missing = match files.place_followed(path, Need::Write) {
        Err(missing) if missing.code == Code::FileNotFound => missing,
        found => return Ok((found?, PathBuf::new())),
    };
    let absolute = files.absolute(path)?;
    let first = absolute.ancestors().take_while(|above| above.symlink_metadata().is_err()).last();
    let Some(first) = first else { return Err(missing) };
    let below = absolute.strip_prefix(first).map_err(|_| missing.clone())?;
    // What leads out of a directory that there is not leads nowhere.
    if !below.components().all(|component| matches!(component, Component::Normal(_))) {
        return Err(missing);
    }
    Ok((files.place_at(rustix::fs::CWD, first, Need::Write, path)?, below.to_owned()))
}

/// The directory that is there, unless it may not be replaced; and whether the server itself is in it.
fn occupant(files: &Files, place: &Place, replace: bool) -> Result<Option<(PathBuf, bool)>, Error> {
    let path = place.shown.as_bytes();
    let wrong = |errno| place.failed("restore", errno);
    let Some(stat) = place.stat().map_err(wrong)? else { return Ok(None) };
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Err(wrong(Errno::NOTDIR));
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(&place.dir, place.name.as_c_str(), flags, Mode::empty()).map_err(wrong)?;
    let real = real_path(&opened).map_err(wrong)?;
    no_mounts(&real)?;
    if !replace {
        let directory = reopen(&opened, OFlags::RDONLY | OFlags::DIRECTORY).map_err(wrong)?;
        let mut walk = Walk::new(directory, Rules { depth: Some(1), ..Rules::default() }).map_err(wrong)?;
        if walk.next().is_some() {
            return Err(not_empty(path));
        }
    }
    let here = std::env::current_dir().unwrap_or_default();
    for inside in [here.as_path(), &files.workspace] {
        if inside.starts_with(&real) && inside != real {
            let text =
                format!("the server's own directory {} is in it; restore to that, or beside it", inside.display());
            return Err(refused(Code::ValidationFailed, path, &text));
        }
    }
    let follows = here == real;
    Ok(Some((real, follows)))
}

/// Refuses a directory that is a mount point, or has one in it, which would be emptied with what is replaced.
fn no_mounts(real: &Path) -> Result<(), Error> {
    let Ok(table) = std::fs::File::open("/proc/self/mountinfo") else { return Ok(()) };
    let mut lines = BufReader::new(table);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = std::io::Read::take(&mut lines, MAX_LINE).read_until(b'\n', &mut line);
        if !read.is_ok_and(|length| length > 0) {
            return Ok(());
        }
        let Some(field) = line.split(|byte| *byte == b' ').nth(4) else { continue };
        let point = PathBuf::from(std::ffi::OsString::from_vec(unescaped(field)));
        if point == real {
            return Err(mounted(real.as_os_str().as_bytes()));
        }
        if point.starts_with(real) {
            let text = format!("something is mounted in it, at {}; unmount that first", point.display());
            return Err(refused(Code::ValidationFailed, real.as_os_str().as_bytes(), &text));
        }
    }
}

/// A path of the table of mounts: spaces and the like stand there as a backslash and three octal digits.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((byte, after)) = rest.split_first() {
        let octal = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(escaped) if *byte == b'\\' => {
                path.push(escaped);
                rest = &after[3..];
            }
            Some(_) | None => {
                path.push(*byte);
                rest = after;
            }
        }
    }
    path
}

fn mounted(path: &[u8]) -> Error {
    refused(Code::ValidationFailed, path, "it is a mount point, which cannot be replaced; restore to a directory in it")
}

fn not_empty(path: &[u8]) -> Error {
    refused(Code::DirectoryNotEmpty, path, "there is something in it; say `replace`, and what is there is removed")
}

/// What names of directories begin with that are filled for this place.
fn prefix(place: &Place) -> Vec<u8> {
    let own = place.name.as_bytes();
    [b".", &own[..own.len().min(OWN)], MARK].concat()
}

/// Makes a directory with a new name, and locks it.
fn make(place: &Place) -> Result<(CString, OwnedFd), Errno> {
    loop {
        let random = getrandom::u64().map_err(|_| Errno::IO)?;
        let name = [prefix(place), format!("{random:016x}").into_bytes()].concat();
        let name = CString::new(name).map_err(|_| Errno::INVAL)?;
        match rustix::fs::mkdirat(&place.dir, name.as_c_str(), Mode::RWXU) {
            Ok(()) => {}
            Err(Errno::EXIST) => continue,
            Err(errno) => return Err(errno),
        }
        let opened = open_directory(&place.dir, name.as_c_str());
        // Another restore to this place may have seen it before it was locked, and removed it.
        if let Ok(opened) = opened
            && lock(&opened)
            && same(place, &name, &opened)
        {
            return Ok((name, opened));
        }
        remove(place, &name);
    }
}

/// Whether it is ours now. A file system without locks gives everybody everything.
fn lock(opened: &OwnedFd) -> bool {
    !matches!(rustix::fs::flock(opened, FlockOperation::NonBlockingLockExclusive), Err(Errno::WOULDBLOCK))
}

fn same(place: &Place, name: &CStr, opened: &OwnedFd) -> bool {
    let there = rustix::fs::statat(&place.dir, name, AtFlags::SYMLINK_NOFOLLOW);
    let ours = rustix::fs::fstat(opened);
    there.is_ok_and(|there| ours.is_ok_and(|ours| (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)))
}

/// Removes what servers left here that were killed.
fn clear(place: &Place) -> Result<(), Errno> {
    let prefix = prefix(place);
    let directory = reopen(&place.dir, OFlags::RDONLY | OFlags::DIRECTORY)?;
    for entry in rustix::fs::Dir::read_from(&directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let digits = name.to_bytes().strip_prefix(prefix.as_slice());
        if !digits.is_some_and(|digits| digits.len() == DIGITS && digits.iter().all(u8::is_ascii_hexdigit)) {
            continue;
        }
        let opened = open_directory(&place.dir, name);
        if opened.as_ref().is_ok_and(|opened| !lock(opened)) {
            continue;
        }
        remove(place, name);
    }
    Ok(())
}

/// Removes a directory of ours with all that is in it. That it cannot be is only logged: the next restore tries again.
fn remove(place: &Place, name: &CStr) {
    let Ok(dir) = place.dir.try_clone() else { return };
    let gone = Place { dir, name: name.to_owned(), shown: place.shown.clone() };
    let stop = Stop::default();
    let removed = match remove_tree(&gone, &stop) {
        Err(error) if error.code == Code::PermissionDenied => {
            open_up(&gone);
            remove_tree(&gone, &stop)
        }
        removed => removed,
    };
    if let Err(error) = removed {
        tracing::warn!(?name, %error, "what a restore left behind could not be removed");
    }
}

/// Lets us into all of its directories: who is not root cannot empty one that is read-only.
fn open_up(place: &Place) {
    // What fails here fails again when it is removed, and is told then.
    chmod_entry(&place.dir, &place.name, 0o700).unwrap_or_default();
    let Ok(root) = open_directory(&place.dir, place.name.as_c_str()) else { return };
    let Ok(mut walk) = Walk::new(root, Rules::default()) else { return };
    while let Some(step) = walk.next() {
        if let Step::Entry(entry) = step
            && entry.kind == FileType::Directory
        {
            chmod_entry(&*entry.dir, &entry.name, 0o700).unwrap_or_default();
        }
    }
}
