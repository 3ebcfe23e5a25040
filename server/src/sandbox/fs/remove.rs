//! `file.remove`: everything by its name in an opened directory, so that a link swapped in is removed, not followed.

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;
use sandwire_protocol::kind::file::{Remove, Removed};
use sandwire_protocol::{Code, Error};
use std::ffi::CStr;
use std::os::fd::AsFd;

use super::blocking::Stop;
use super::error::failed;
use super::path::{Need, Place, open_directory};
use super::walk::{Rules, Step, Walk};
use super::{Files, blocking};

/// How often a directory is emptied again that others fill meanwhile.
const ATTEMPTS: usize = 8;

impl Files {
    /// Removes a file, a link or a directory.
    pub(crate) async fn remove(&self, params: Remove) -> Result<Removed, Error> {
        let files = self.clone();
        let passage = self.passage([&params.path], params.recursive);
        blocking::run(&passage, move |stop| {
            let place = match files.place(&params.path, Need::Write) {
                // As rm(1): below what is no directory there is nothing either.
                Err(error) if params.force && matches!(error.code, Code::FileNotFound | Code::NotDirectory) => {
                    return Ok(Removed::default());
                }
                place => place?,
            };
            let stat = place.stat().map_err(|errno| place.failed("remove", errno))?;
            match stat {
                None if params.force => Ok(Removed::default()),
                None => Err(place.failed("remove", Errno::NOENT)),
                Some(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::Directory => {
                    unlink(&place.dir, &place.name, AtFlags::empty())
                        .map(|count| Removed { count })
                        .map_err(|errno| place.failed("remove", errno))
                }
                Some(_) if params.recursive => remove_tree(&place, stop).map(|count| Removed { count }),
                Some(_) => unlink(&place.dir, &place.name, AtFlags::REMOVEDIR)
                    .map(|count| Removed { count })
                    .map_err(|errno| place.failed("remove", errno)),
            }
        })
        .await
    }
}

/// Removes a directory with all that is in it. Returns how many entries that were.
pub(super) fn remove_tree(place: &Place, stop: &Stop) -> Result<u64, Error> {
    let wrong = |path: &[u8], errno| {
        let mut whole = place.shown.as_bytes().to_vec();
        whole.push(b'/');
        whole.extend_from_slice(path);
        failed("remove", whole, errno)
    };
    let mut count = 0;
    for _ in 0..ATTEMPTS {
        let root = match open_directory(&place.dir, place.name.as_c_str()) {
            Ok(root) => root,
            Err(Errno::NOENT) => return Ok(count),
            Err(errno) => return Err(place.failed("remove", errno)),
        };
        let mut walk = Walk::new(root, Rules::default()).map_err(|errno| place.failed("remove", errno))?;
        while let Some(step) = walk.next() {
            stop.check()?;
            let removed = match &step {
                Step::Entry(entry) if entry.kind == FileType::Directory => continue,
                Step::Entry(entry) => unlink(&*entry.dir, &entry.name, AtFlags::empty()),
                Step::Leave(entry) => match unlink(&*entry.dir, &entry.name, AtFlags::REMOVEDIR) {
                    // Somebody put something in meanwhile: the next attempt gets it.
                    Err(Errno::NOTEMPTY) => Ok(0),
                    done => done,
                },
                Step::Unreadable(_, Errno::NOENT) => Ok(0),
                Step::Unreadable(_, errno) => Err(*errno),
            };
            match (removed, step) {
                (Ok(removed), _) => count += removed,
                (Err(errno), Step::Entry(entry) | Step::Leave(entry)) => return Err(wrong(&entry.path, errno)),
                (Err(errno), Step::Unreadable(path, _)) => return Err(wrong(&path, errno)),
            }
        }
        match unlink(&place.dir, &place.name, AtFlags::REMOVEDIR) {
            Ok(removed) => return Ok(count + removed),
            Err(Errno::NOTEMPTY) => {}
            Err(errno) => return Err(place.failed("remove", errno)),
        }
    }
    Err(place.failed("remove", Errno::NOTEMPTY))
}

/// Removes what was not finished. The error that counts is the one that stopped it, so this one is only logged.
pub(super) fn discard(dir: impl AsFd, name: &CStr) {
    if let Err(errno) = unlink(dir, name, AtFlags::empty()) {
        tracing::warn!(?name, %errno, "an unfinished file could not be removed");
    }
}

/// unlink(2) or rmdir(2); what is gone already is no error and does not count.
fn unlink(dir: impl AsFd, name: &CStr, flags: AtFlags) -> Result<u64, Errno> {
    match rustix::fs::unlinkat(dir, name, flags) {
        Ok(()) => Ok(1),
        Err(Errno::NOENT) => Ok(0),
        Err(errno) => Err(errno),
    }
}
