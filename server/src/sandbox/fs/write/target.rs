//! The file behind a writer: a temporary one beside its target, or the target itself.

use std::ffi::CString;
use std::io::IoSlice;
use std::os::fd::OwnedFd;

use bytes::{Buf, Bytes};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, RenameFlags, Stat, Uid};
use rustix::io::Errno;
use sandwire_protocol::kind::file::{Write, WriteMode};
use sandwire_protocol::{Code, Error};

use crate::sandbox::fs::Files;
use crate::sandbox::fs::error::refused;
use crate::sandbox::fs::info::etag;
use crate::sandbox::fs::path::{Need, Place, reopen};
use crate::sandbox::fs::read::regular;
use crate::sandbox::fs::remove::discard;

/// Pieces given to one writev(2); the kernel takes at most 1024.
const VECTOR: usize = 64;

/// An open file, and where it belongs.
#[derive(Debug)]
pub(super) struct Target {
    place: Place,
    fd: OwnedFd,
    how: WriteMode,
    temporary: Option<CString>,
    /// Where the next byte goes, with `patch`.
    position: u64,
}

impl Target {
    /// Opens the file, or a temporary one beside it.
    pub(super) fn open(files: &Files, params: &Write) -> Result<Self, Error> {
        if params.parents {
            files.make_parents(&params.path, Need::Write)?;
        }
        let how = params.how.unwrap_or_default();
        let place = match how {
            WriteMode::Create => files.place(&params.path, Need::Write)?,
            WriteMode::Replace | WriteMode::Append | WriteMode::Patch => {
                files.place_followed(&params.path, Need::Write)?
            }
        };
        let existing = place.stat().map_err(|errno| place.failed("write", errno))?;
        if let Some(stat) = &existing {
            if how == WriteMode::Create {
                return Err(place.failed("create", Errno::EXIST));
            }
            regular(stat, &params.path)?;
        }
        matches_etag(&place, params, existing.as_ref())?;
        match how {
            WriteMode::Replace | WriteMode::Create => Self::beside(place, how, params, existing),
            WriteMode::Append | WriteMode::Patch => Self::in_place(place, how, params),
        }
    }

    /// Writes all of it.
    pub(super) fn write(&mut self, mut pieces: &[Bytes]) -> Result<(), Error> {
        let mut head = Bytes::new();
        loop {
            if head.is_empty() {
                let Some((first, rest)) = pieces.split_first() else { return Ok(()) };
                head = first.clone();
                pieces = rest;
                continue;
            }
            let mut vector = Vec::with_capacity(VECTOR);
            vector.push(IoSlice::new(&head));
            vector.extend(pieces.iter().take(VECTOR - 1).map(|piece| IoSlice::new(piece)));
            let written = match self.how {
                WriteMode::Patch => rustix::io::pwritev(&self.fd, &vector, self.position),
                WriteMode::Replace | WriteMode::Create | WriteMode::Append => rustix::io::writev(&self.fd, &vector),
            };
            let mut written = match written {
                Ok(0) => return Err(self.place.failed("write", Errno::IO)),
                Ok(written) => written,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(self.place.failed("write", errno)),
            };
            self.position += written as u64;
            while written > 0 {
                if head.is_empty() {
                    let Some((first, rest)) = pieces.split_first() else { break };
                    head = first.clone();
                    pieces = rest;
                }
                let step = written.min(head.len());
                head.advance(step);
                written -= step;
            }
        }
    }

    /// Puts the file in its place. Returns its entity tag.
    pub(super) fn commit(mut self, params: &Write) -> Result<String, Error> {
        let failed = |place: &Place, errno| place.failed("write", errno);
        if params.fsync {
            rustix::fs::fsync(&self.fd).map_err(|errno| failed(&self.place, errno))?;
        }
        if let Some(temporary) = &self.temporary {
            let existing = self.place.stat().map_err(|errno| failed(&self.place, errno))?;
            if let Some(stat) = &existing
                && self.how == WriteMode::Replace
            {
                regular(stat, &params.path)?;
            }
            matches_etag(&self.place, params, existing.as_ref())?;
            let flags = match self.how {
                WriteMode::Create => RenameFlags::NOREPLACE,
                WriteMode::Replace | WriteMode::Append | WriteMode::Patch => RenameFlags::empty(),
            };
            rename_entry(&self.place, temporary, flags).map_err(|errno| failed(&self.place, errno))?;
            self.temporary = None;
            if params.fsync {
                reopen(&self.place.dir, OFlags::RDONLY | OFlags::DIRECTORY)
                    .and_then(rustix::fs::fsync)
                    .map_err(|errno| failed(&self.place, errno))?;
            }
        }
        rustix::fs::fstat(&self.fd).map(|stat| etag(&stat)).map_err(|errno| failed(&self.place, errno))
    }

    fn beside(place: Place, how: WriteMode, params: &Write, existing: Option<Stat>) -> Result<Self, Error> {
        let exact = params.mode.or(existing.map(|stat| stat.st_mode & 0o7777));
        // Nobody else may look into it before it has the mode that it is to have.
        let first = if exact.is_some() { 0o600 } else { 0o644 };
        let (fd, temporary) = make_beside(&place, first).map_err(|errno| place.failed("write", errno))?;
        let target = Self { place, fd, how, temporary: Some(temporary), position: 0 };
        if let Some(stat) = &existing
            && rustix::process::geteuid().is_root()
        {
            rustix::fs::fchown(&target.fd, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))
                .map_err(|errno| target.place.failed("write", errno))?;
        }
        if let Some(mode) = exact {
            rustix::fs::fchmod(&target.fd, Mode::from_raw_mode(mode))
                .map_err(|errno| target.place.failed("write", errno))?;
        }
        Ok(target)
    }

    fn in_place(place: Place, how: WriteMode, params: &Write) -> Result<Self, Error> {
        let mut flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        if how == WriteMode::Append {
            flags |= OFlags::APPEND;
        }
        let fd = rustix::fs::openat(&place.dir, place.name.as_c_str(), flags, Mode::from_raw_mode(0o644))
            .map_err(|errno| place.failed("write", errno))?;
        let stat = rustix::fs::fstat(&fd).map_err(|errno| place.failed("write", errno))?;
        regular(&stat, &params.path)?;
        if let Some(mode) = params.mode {
            rustix::fs::fchmod(&fd, Mode::from_raw_mode(mode)).map_err(|errno| place.failed("write", errno))?;
        }
        Ok(Self { place, fd, how, temporary: None, position: params.offset.unwrap_or(0) })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            discard(&self.place.dir, &temporary);
        }
    }
}

/// Makes an empty file with a new name beside `place`.
pub(in crate::sandbox::fs) fn make_beside(place: &Place, mode: u32) -> Result<(OwnedFd, CString), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    loop {
        let name = name_beside(place)?;
        match rustix::fs::openat(&place.dir, name.as_c_str(), flags, Mode::from_raw_mode(mode)) {
            Ok(fd) => return Ok((fd, name)),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// A new name beside `place`: hidden, and telling whose it is should a crash leave it.
pub(in crate::sandbox::fs) fn name_beside(place: &Place) -> Result<CString, Errno> {
    let random = getrandom::u64().map_err(|_| Errno::IO)?;
    let own = place.name.as_bytes();
    // A name has at most 255 bytes.
    let mut name = Vec::with_capacity(255);
    name.push(b'.');
    name.extend_from_slice(&own[..own.len().min(255 - 27)]);
    name.extend_from_slice(format!(".sandwire-{random:016x}").as_bytes());
    CString::new(name).map_err(|_| Errno::INVAL)
}

/// Renames the entry `temporary` beside `place` to it.
pub(in crate::sandbox::fs) fn rename_entry(
    place: &Place,
    temporary: &CString,
    flags: RenameFlags,
) -> Result<(), Errno> {
    let (from, to) = (temporary.as_c_str(), place.name.as_c_str());
    if flags.is_empty() {
        return rustix::fs::renameat(&place.dir, from, &place.dir, to);
    }
    match rustix::fs::renameat_with(&place.dir, from, &place.dir, to, flags) {
        // A file system without the flag: a hard link fails as well when the name is taken.
        Err(Errno::INVAL) => {
            rustix::fs::linkat(&place.dir, from, &place.dir, to, AtFlags::empty())?;
            rustix::fs::unlinkat(&place.dir, from, AtFlags::empty())
        }
        done => done,
    }
}

fn matches_etag(place: &Place, params: &Write, existing: Option<&Stat>) -> Result<(), Error> {
    let Some(wanted) = &params.if_match else { return Ok(()) };
    let now = existing.map(etag);
    if now.as_ref() == Some(wanted) {
        return Ok(());
    }
    let what = if now.is_some() { "the file has changed since" } else { "the file does not exist" };
    let error = refused(Code::PreconditionFailed, place.shown.as_bytes(), what);
    Err(match now {
        Some(now) => error.with("etag", now),
        None => error,
    })
}
