//! Puts the entries of an archive on disk, each by its name in a directory that was reached without following a link.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid};
use rustix::io::Errno;
use sandwire_protocol::Error;
use sandwire_protocol::kind::file::TreeEnd;
use tar::EntryType;

use super::archive::{Input, Member, broken};
use crate::sandbox::fs::blocking::{Counts, Stop};
use crate::sandbox::fs::error::failed;
use crate::sandbox::fs::remove::discard;
use crate::sandbox::fs::tree_read::MAX_SKIPPED;

/// Bytes of names of directories whose modes and times are set at the end, when nothing is put into them any more.
/// Directories beyond get them at once, so that their times may change again.
const LATER_BYTES: usize = 4 << 20;

/// Unpacks below one directory.
pub(in crate::sandbox::fs) struct Unpack {
    root: OwnedFd,
    owners: bool,
    stop: Stop,
    end: TreeEnd,
    later: Vec<(Vec<u8>, Meta)>,
    later_bytes: usize,
    /// The directory of the last entry: most often the next one's too.
    last: Option<(Vec<u8>, OwnedFd)>,
    counts: Arc<Counts>,
    /// Whether the directory itself becomes what the archive says of it, and what that is.
    whole: bool,
    top: Option<Meta>,
}

/// What an entry is to have besides content.
#[derive(Clone, Copy)]
struct Meta {
    mode: u32,
    modified: (i64, u32),
    owner: Option<(u32, u32)>,
}

impl Unpack {
    /// Unpacks below `root`, taking owners or not.
    pub(in crate::sandbox::fs) fn new(root: OwnedFd, owners: bool, stop: Stop) -> Self {
        Self {
            root,
            owners,
            stop,
            end: TreeEnd::default(),
            later: Vec::new(),
            later_bytes: 0,
            last: None,
            counts: Arc::default(),
            whole: false,
            top: None,
        }
    }

    /// The same, and the directory itself is taken from the entry `./`. What is unpacked is counted there.
    pub(in crate::sandbox::fs) fn whole(self, counts: Arc<Counts>) -> Self {
        Self { counts, whole: true, ..self }
    }

    /// Unpacks everything.
    pub(in crate::sandbox::fs) fn all(mut self, mut input: Input) -> Result<TreeEnd, Error> {
        let mut after = Vec::new();
        while let Some(member) = input.next(&after)? {
            self.stop.check()?;
            self.member(&member, &mut input)?;
            after = member.path;
        }
        input.drain()?;
        for (path, meta) in std::mem::take(&mut self.later).into_iter().rev() {
            self.directory_meta(&path, meta).map_err(|errno| failed("unpack", &path, errno))?;
        }
        if let Some(meta) = self.top {
            opened_meta(&self.root, meta).map_err(|errno| failed("unpack", b"./", errno))?;
        }
        Ok(self.end)
    }

    fn member(&mut self, member: &Member, input: &mut Input) -> Result<(), Error> {
        let path = inside(&member.path)?;
        let wrong = |errno| entry_failed(&member.path, errno);
        // A program of the archive must not get the rights of the server's user.
        let mode = if self.owners { member.mode } else { member.mode & 0o1777 };
        let owner = self.owners.then_some((member.uid, member.gid));
        let meta = Meta { mode, modified: member.modified, owner };
        if path.is_empty() {
            if self.whole && member.kind == EntryType::Directory {
                self.top = Some(meta);
                self.end.entries += 1;
            }
            return input.pass(member.size, &member.path);
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of others are told as skipped")]
        match member.kind {
            EntryType::Regular | EntryType::Continuous => {
                let (dir, name) = self.parent(&path).map_err(wrong)?;
                clear(&dir, &name).map_err(wrong)?;
                self.file(&dir, &name, member, meta, input)?;
                self.keep(&path, dir);
                self.end.bytes += member.size;
            }
            EntryType::Directory => {
                input.pass(member.size, &member.path)?;
                self.directory(path, meta).map_err(wrong)?;
            }
            EntryType::Symlink => {
                input.pass(member.size, &member.path)?;
                let (dir, name) = self.parent(&path).map_err(wrong)?;
                let target = CString::new(member.link.clone()).map_err(|_| wrong(Errno::INVAL))?;
                clear(&dir, &name).map_err(wrong)?;
                rustix::fs::symlinkat(&target, &dir, &name).map_err(wrong)?;
                link_meta(&dir, &name, meta).map_err(wrong)?;
                self.keep(&path, dir);
            }
            EntryType::Link => {
                input.pass(member.size, &member.path)?;
                self.hard_link(&path, member)?;
            }
            // Devices and FIFOs, GNU's sparse files and volume labels, and what nobody knows.
            _ => {
                input.pass(member.size, &member.path)?;
                if self.end.skipped.len() < MAX_SKIPPED {
                    self.end.skipped.push(member.path.as_slice().into());
                }
                return Ok(());
            }
        }
        self.end.entries += 1;
        self.counts.entries(1);
        Ok(())
    }

    fn file(&self, dir: &OwnedFd, name: &CString, member: &Member, meta: Meta, input: &mut Input) -> Result<(), Error> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let wrong = |errno| entry_failed(&member.path, errno);
        let fd = rustix::fs::openat(dir, name, flags, Mode::from_raw_mode(0o600)).map_err(wrong)?;
        let written = self.content(&fd, member, input).and_then(|()| opened_meta(&fd, meta).map_err(wrong));
        if written.is_err() {
            // A part would look like the whole.
            discard(dir, name);
        }
        written
    }

    fn content(&self, fd: &OwnedFd, member: &Member, input: &mut Input) -> Result<(), Error> {
        let mut left = member.size;
        while left > 0 {
            self.stop.check()?;
            let piece = input.content(left, &member.path)?;
            left -= piece.len() as u64;
            self.counts.bytes(piece.len() as u64);
            let mut rest = piece.as_ref();
            while !rest.is_empty() {
                match rustix::io::write(fd, rest) {
                    Ok(written) => rest = &rest[written..],
                    Err(Errno::INTR) => {}
                    Err(errno) => return Err(entry_failed(&member.path, errno)),
                }
            }
        }
        input.padding(member.size, &member.path)
    }

    fn hard_link(&mut self, path: &[u8], member: &Member) -> Result<(), Error> {
        let wrong = |errno| entry_failed(&member.path, errno);
        let target = inside(&member.link)
            .map_err(|_| broken(&member.path, "it is a hard link to a name outside the directory"))?;
        let (from, old) = self.parent(&target).map_err(wrong)?;
        let (dir, name) = self.parent(path).map_err(wrong)?;
        let same = rustix::fs::statat(&from, &old, AtFlags::SYMLINK_NOFOLLOW).map_err(wrong)?;
        if let Ok(there) = rustix::fs::statat(&dir, &name, AtFlags::SYMLINK_NOFOLLOW)
            && (there.st_dev, there.st_ino) == (same.st_dev, same.st_ino)
        {
            return Ok(());
        }
        clear(&dir, &name).map_err(wrong)?;
        rustix::fs::linkat(&from, &old, &dir, &name, AtFlags::empty()).map_err(wrong)
    }

    fn directory(&mut self, path: Vec<u8>, meta: Meta) -> Result<(), Errno> {
        let (dir, name) = self.parent(&path)?;
        match rustix::fs::mkdirat(&dir, &name, Mode::RWXU) {
            Ok(()) => {}
            Err(Errno::EXIST) => drop(step(&dir, &name)?),
            Err(errno) => return Err(errno),
        }
        self.keep(&path, dir);
        if self.later_bytes + path.len() > LATER_BYTES {
            return self.directory_meta(&path, meta);
        }
        self.later_bytes += path.len() + size_of::<(Vec<u8>, Meta)>();
        self.later.push((path, meta));
        Ok(())
    }

    fn directory_meta(&mut self, path: &[u8], meta: Meta) -> Result<(), Errno> {
        let (dir, name) = self.parent(path)?;
        let fd = crate::sandbox::fs::path::open_directory(&dir, &name)?;
        self.keep(path, dir);
        opened_meta(&fd, meta)
    }

    /// The directory that an entry belongs in, made when it is missing, and the entry's name.
    fn parent(&mut self, path: &[u8]) -> Result<(OwnedFd, CString), Errno> {
        let (above, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&path[..0], path),
        };
        let name = CString::new(name).map_err(|_| Errno::INVAL)?;
        if let Some((last, fd)) = self.last.take()
            && last == above
        {
            return Ok((fd, name));
        }
        let mut dir = self.root.try_clone().map_err(|_| Errno::MFILE)?;
        for component in above.split(|byte| *byte == b'/').filter(|component| !component.is_empty()) {
            let component = CString::new(component).map_err(|_| Errno::INVAL)?;
            dir = match step(&dir, &component) {
                Err(Errno::NOENT) => {
                    match rustix::fs::mkdirat(&dir, &component, Mode::from_raw_mode(0o755)) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(errno) => return Err(errno),
                    }
                    step(&dir, &component)?
                }
                opened => opened?,
            };
        }
        Ok((dir, name))
    }

    fn keep(&mut self, path: &[u8], dir: OwnedFd) {
        let slash = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        self.last = Some((path[..slash].to_vec(), dir));
    }
}

/// One directory further, never through a link.
fn step(dir: &OwnedFd, name: &CString) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::empty())
}

/// The name of an entry below the directory, without what changes nothing in it. One that leads outside is refused.
fn inside(name: &[u8]) -> Result<Vec<u8>, Error> {
    if name.starts_with(b"/") {
        return Err(broken(name, "its name is absolute; only names below the directory are unpacked"));
    }
    if name.contains(&0) {
        return Err(broken(name, "its name holds a NUL byte"));
    }
    let mut path = Vec::with_capacity(name.len());
    for component in name.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => return Err(broken(name, "its name leads outside the directory")),
            component => {
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(component);
            }
        }
    }
    Ok(path)
}

/// Removes what is there, unless it is a directory: a file is made new, so that a link to another is not written
/// through.
fn clear(dir: &OwnedFd, name: &CString) -> Result<(), Errno> {
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn opened_meta(fd: &OwnedFd, meta: Meta) -> Result<(), Errno> {
    if let Some((user, group)) = meta.owner {
        rustix::fs::fchown(fd, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))?;
    }
    rustix::fs::fchmod(fd, Mode::from_raw_mode(meta.mode))?;
    rustix::fs::futimens(fd, &times(meta))
}

fn link_meta(dir: impl AsFd + Copy, name: &CString, meta: Meta) -> Result<(), Errno> {
    if let Some((user, group)) = meta.owner {
        let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
        rustix::fs::chownat(dir, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    rustix::fs::utimensat(dir, name, &times(meta), AtFlags::SYMLINK_NOFOLLOW)
}

fn times(meta: Meta) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: meta.modified.0, tv_nsec: meta.modified.1.into() },
    }
}

fn entry_failed(entry: &[u8], errno: Errno) -> Error {
    let error = match errno {
        Errno::LOOP | Errno::NOTDIR => {
            broken(entry, "a part of its path is a symbolic link or not a directory; it is not unpacked through that")
        }
        errno => failed("unpack", entry, errno),
    };
    let name = crate::sandbox::fs::error::shown(entry);
    error.with("entry", name)
}
