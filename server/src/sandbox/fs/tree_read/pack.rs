//! Packs what a walk finds as a pax tar, into whatever takes bytes.
//!
//! Memory: the walk, and the names of [`MAX_LINKS`] files with more than one link; those beyond are archived as files of
//! their own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use sandwire_protocol::kind::file::{TreeEnd, TreeRead};
use sandwire_protocol::{Code, Error};
use tar::{Builder, EntryType, Header};

use super::MAX_SKIPPED;
use crate::sandbox::fs::Files;
use crate::sandbox::fs::blocking::{Counts, Stop};
use crate::sandbox::fs::error::{failed, failed_io};
use crate::sandbox::fs::gitignore::Gitignore;
use crate::sandbox::fs::globs::Globs;
use crate::sandbox::fs::info::size;
use crate::sandbox::fs::path::{Need, reopen};
use crate::sandbox::fs::read::regular;
use crate::sandbox::fs::walk::{Entry, Rules, Step, Walk};

/// Files with several links that are remembered.
const MAX_LINKS: usize = 2048;

/// Longest name that a ustar header holds without help.
const SHORT_NAME: usize = 100;

/// A tar that is being written.
pub(in crate::sandbox::fs) struct Archive<W: Write> {
    builder: Builder<W>,
    stop: Stop,
    links: BTreeMap<(u64, u64), Vec<u8>>,
    end: TreeEnd,
    counts: Arc<Counts>,
    whole: bool,
}

impl<W: Write> Archive<W> {
    /// One that goes to `output`.
    pub(in crate::sandbox::fs) fn new(output: W, stop: Stop) -> Self {
        let builder = Builder::new(output);
        Self { builder, stop, links: BTreeMap::new(), end: TreeEnd::default(), counts: Arc::default(), whole: false }
    }

    /// The same of a directory only, and with the directory itself as `./`. What goes into it is counted there.
    pub(in crate::sandbox::fs) fn whole(self, counts: Arc<Counts>) -> Self {
        Self { counts, whole: true, ..self }
    }

    /// Packs everything, up to tar's end mark.
    pub(in crate::sandbox::fs) fn all(
        mut self,
        files: &Files,
        params: &TreeRead,
        globs: &Globs,
    ) -> Result<(W, TreeEnd), Error> {
        self.tree(files, params, globs)?;
        let output = self.builder.into_inner().map_err(|error| stopped(params.path.as_bytes(), &error))?;
        Ok((output, self.end))
    }

    fn tree(&mut self, files: &Files, params: &TreeRead, globs: &Globs) -> Result<(), Error> {
        let wrong = |errno| failed("archive", params.path.as_bytes(), errno);
        let top = files.open_path(&params.path, Need::Read, true)?;
        let stat = rustix::fs::fstat(&top).map_err(wrong)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            if self.whole {
                return Err(wrong(Errno::NOTDIR));
            }
            regular(&stat, &params.path)?;
            let file = reopen(&top, rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK).map_err(wrong)?;
            let path: &std::path::Path = params.path.as_ref();
            let name = path.file_name().map_or(&b"file"[..], |name| name.as_bytes());
            return self.file(name, &stat, File::from(file));
        }
        let root = reopen(&top, rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY).map_err(wrong)?;
        let gitignore = params.gitignore.then(|| Gitignore::new(files, &root, false));
        let rules = Rules { globs: globs.clone(), gitignore, ..Rules::default() };
        let mut walk = Walk::new(root, rules).map_err(wrong)?;
        if self.whole {
            self.append(b"./", &stat, EntryType::Directory, None, 0, io::empty())?;
        }
        while let Some(step) = walk.next() {
            self.stop.check()?;
            match step {
                Step::Entry(entry) if globs.includes(&entry.path) => self.entry(&entry)?,
                Step::Entry(_) | Step::Leave(_) => {}
                Step::Unreadable(path, errno) if path.is_empty() => return Err(wrong(errno)),
                Step::Unreadable(path, _) => self.skip(&path),
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), Error> {
        let Ok(stat) = entry.stat() else {
            self.skip(&entry.path);
            return Ok(());
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let mut name = entry.path.clone();
                name.push(b'/');
                self.append(&name, &stat, EntryType::Directory, None, 0, io::empty())
            }
            FileType::Symlink => match rustix::fs::readlinkat(&*entry.dir, entry.name.as_c_str(), Vec::new()) {
                Ok(target) => {
                    self.append(&entry.path, &stat, EntryType::Symlink, Some(target.as_bytes()), 0, io::empty())
                }
                Err(_) => {
                    self.skip(&entry.path);
                    Ok(())
                }
            },
            FileType::RegularFile => {
                let identity = (stat.st_dev, stat.st_ino);
                if let Some(first) = self.links.get(&identity).cloned() {
                    return self.append(&entry.path, &stat, EntryType::Link, Some(&first), 0, io::empty());
                }
                let Ok((fd, stat)) = entry.open() else {
                    self.skip(&entry.path);
                    return Ok(());
                };
                if stat.st_nlink > 1 && self.links.len() < MAX_LINKS {
                    self.links.insert(identity, entry.path.clone());
                }
                self.file(&entry.path, &stat, File::from(fd))
            }
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => {
                self.skip(&entry.path);
                Ok(())
            }
        }
    }

    /// Exactly the bytes that the header announces, whatever happens to the file meanwhile.
    fn file(&mut self, name: &[u8], stat: &Stat, file: File) -> Result<(), Error> {
        let announced = size(stat);
        let (stop, counts) = (self.stop.clone(), Arc::clone(&self.counts));
        let mut content = Exactly { file, left: announced, real: 0, stop, counts };
        self.append(name, stat, EntryType::Regular, None, announced, &mut content)?;
        let now = rustix::fs::fstat(&content.file);
        if content.real != announced || now.is_ok_and(|now| size(&now) != announced) {
            self.skip(name);
        }
        self.end.bytes += content.real;
        Ok(())
    }

    fn append(
        &mut self,
        name: &[u8],
        stat: &Stat,
        kind: EntryType,
        link: Option<&[u8]>,
        size: u64,
        content: impl Read,
    ) -> Result<(), Error> {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(stat.st_mode & 0o7777);
        header.set_uid(stat.st_uid.into());
        header.set_gid(stat.st_gid.into());
        header.set_size(size);
        header.set_mtime(u64::try_from(stat.st_mtime).unwrap_or(0));
        let mut extensions: Vec<(&str, Vec<u8>)> = Vec::new();
        if !put(&mut header.as_old_mut().name, name) {
            extensions.push(("path", name.to_vec()));
        }
        if let Some(link) = link
            && !put(&mut header.as_old_mut().linkname, link)
        {
            extensions.push(("linkpath", link.to_vec()));
        }
        if stat.st_mtime < 0 || stat.st_mtime_nsec != 0 {
            extensions.push(("mtime", decimal_time(stat.st_mtime, stat.st_mtime_nsec).into_bytes()));
        }
        header.set_cksum();
        let pairs = extensions.iter().map(|(key, value)| (*key, value.as_slice()));
        let written = if extensions.is_empty() { Ok(()) } else { self.builder.append_pax_extensions(pairs) };
        let written = written.and_then(|()| self.builder.append(&header, content));
        self.stop.check()?;
        written.map_err(|error| stopped(name, &error))?;
        self.end.entries += 1;
        self.counts.entries(1);
        Ok(())
    }

    fn skip(&mut self, path: &[u8]) {
        if self.end.skipped.len() < MAX_SKIPPED {
            self.end.skipped.push(path.into());
        }
    }
}

/// Why nothing more can be written: who takes it went away, or what the error says.
fn stopped(name: &[u8], error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Error::new(Code::Cancelled, "the opener gave up")
    } else {
        failed_io("archive", name, error)
    }
}

/// A name into its field. `false` when an extended header has to say it: too long, or not ASCII.
fn put(field: &mut [u8; SHORT_NAME], name: &[u8]) -> bool {
    let fits = name.len() <= SHORT_NAME && name.is_ascii();
    let length = name.len().min(SHORT_NAME);
    field[..length].copy_from_slice(&name[..length]);
    fits
}

/// Seconds with a fraction, as pax writes them; the fraction counts up also before 1970.
fn decimal_time(seconds: i64, nanoseconds: u64) -> String {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    let sign = if total < 0 { "-" } else { "" };
    let total = total.unsigned_abs();
    format!("{sign}{}.{:09}", total / 1_000_000_000, total % 1_000_000_000)
}

/// A file as exactly so many bytes: cut when it has grown, filled with zeros when it has shrunk.
struct Exactly {
    file: File,
    left: u64,
    real: u64,
    stop: Stop,
    counts: Arc<Counts>,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stop.check().map_err(io::Error::other)?;
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let buffer = &mut buffer[..wanted];
        let read = match self.file.read(buffer) {
            Ok(0) => 0,
            Err(error) if error.raw_os_error() == Some(Errno::INTR.raw_os_error()) => return Err(error),
            // What cannot be read is filled up: the archive has to stay whole, and the path is told.
            Err(_) => 0,
            Ok(read) => read,
        };
        self.real += read as u64;
        self.counts.bytes(read as u64);
        let given = if read == 0 {
            buffer.fill(0);
            wanted
        } else {
            read
        };
        self.left -= given as u64;
        Ok(given)
    }
}
