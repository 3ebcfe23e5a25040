//! `file.read`: pulled by the reader, with one piece read ahead.

use std::os::fd::OwnedFd;

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::fs::{FileType, OFlags, Stat};
use rustix::io::Errno;
use sandwire_protocol::kind::file::{Info, Read, ReadEnd};
use sandwire_protocol::{ByteString, Code, Error};
use tokio::task::JoinHandle;

use super::error::{failed, refused};
use super::info::{describe, etag, size};
use super::path::{Need, reopen};
use super::pieces::{Pieces, SMALL};
use super::{Files, blocking};
use crate::sandbox::buckets::Passage;

/// An open file that is being read. It holds at most two [`Pieces`].
#[derive(Debug)]
pub(crate) struct Reader {
    info: Info,
    piece: Bytes,
    ahead: Option<JoinHandle<Result<(Source, Bytes), Error>>>,
    source: Option<Source>,
    delivered: u64,
    passage: Passage,
}

/// What the blocking side needs.
#[derive(Debug)]
struct Source {
    fd: OwnedFd,
    path: ByteString,
    before: Stat,
    position: u64,
    left: u64,
    pieces: Pieces,
}

impl Files {
    /// Opens a file and reads its first piece, so that a small file costs one hop.
    pub(crate) async fn read(&self, params: Read) -> Result<Reader, Error> {
        if params.tail.is_some() && params.offset.is_some() {
            let text = "offset and tail cannot both be given: a tail has its own beginning";
            return Err(Error::new(Code::ValidationFailed, text).with("parameter", "tail"));
        }
        let files = self.clone();
        let passage = self.passage([&params.path], false);
        let own = passage.clone();
        blocking::run(&passage, move |_| {
            let mut source = files.open_source(params)?;
            let info = describe(source.path.clone(), &source.before, || None);
            let piece = source.next()?;
            Ok(Reader { info, piece, ahead: None, source: Some(source), delivered: 0, passage: own })
        })
        .await
    }

    fn open_source(&self, params: Read) -> Result<Source, Error> {
        let path = params.path;
        let named = self.open_path(&path, Need::Read, true)?;
        let stat = rustix::fs::fstat(&named).map_err(|errno| failed("read", path.as_bytes(), errno))?;
        regular(&stat, &path)?;
        let fd = reopen(&named, OFlags::RDONLY | OFlags::NONBLOCK)
            .map_err(|errno| failed("read", path.as_bytes(), errno))?;
        let mut source = Source { fd, path, before: stat, position: 0, left: u64::MAX, pieces: Pieces::new() };
        source.position = params.offset.unwrap_or(0);
        if let Some(tail) = params.tail {
            source.position = source.length()?.saturating_sub(tail);
            source.left = tail;
        }
        // No file goes further than that, and pread(2) refuses to look there.
        let possible = i64::MAX.cast_unsigned().saturating_sub(source.position);
        source.left = source.left.min(params.length.unwrap_or(u64::MAX)).min(possible);
        Ok(source)
    }
}

impl Reader {
    /// What is read, as it was when it was opened.
    pub(crate) fn info(&self) -> &Info {
        &self.info
    }

    /// Whether everything was delivered, as far as that is known without waiting.
    pub(crate) fn is_at_end(&self) -> bool {
        self.piece.is_empty() && self.source.as_ref().is_some_and(|source| source.left == 0)
    }

    /// At most `room` bytes, the next ones; `None` at the end.
    pub(crate) async fn next(&mut self, room: usize) -> Result<Option<Bytes>, Error> {
        if self.piece.is_empty() {
            self.refill().await?;
        }
        self.read_ahead();
        let taken = self.piece.split_to(room.min(self.piece.len()));
        self.delivered += taken.len() as u64;
        Ok((!taken.is_empty()).then_some(taken))
    }

    /// The result, after the last piece.
    pub(crate) async fn end(mut self) -> Result<ReadEnd, Error> {
        if let Some(ahead) = self.ahead.take() {
            self.source = Some(blocking::join(ahead).await?.0);
        }
        let bytes = self.delivered;
        let Some(source) = self.source.take() else {
            return Ok(ReadEnd { bytes, ..ReadEnd::default() });
        };
        if self.passage.may_wait() {
            return self.passage.run(move || source.end(bytes)).await;
        }
        source.end(bytes)
    }

    async fn refill(&mut self) -> Result<(), Error> {
        self.read_ahead();
        if let Some(ahead) = self.ahead.take() {
            let (source, piece) = blocking::join(ahead).await?;
            self.source = Some(source);
            self.piece = piece;
        }
        Ok(())
    }

    /// Starts to read the next piece while this one is sent.
    fn read_ahead(&mut self) {
        if self.source.as_ref().is_some_and(|source| source.left > 0)
            && let Some(mut source) = self.source.take()
        {
            let next = move || {
                let piece = source.next()?;
                Ok((source, piece))
            };
            self.ahead = Some(if self.passage.may_wait() {
                let passage = self.passage.clone();
                tokio::spawn(async move { passage.run(next).await })
            } else {
                tokio::task::spawn_blocking(next)
            });
        }
    }
}

/// To close a file of a bucket may take as long as to read it.
impl Drop for Reader {
    fn drop(&mut self) {
        if self.source.is_some() || self.ahead.is_some() {
            self.passage.part_with((self.source.take(), self.ahead.take()));
        }
    }
}

impl Source {
    /// What is known after the last piece.
    fn end(&self, bytes: u64) -> Result<ReadEnd, Error> {
        let after = rustix::fs::fstat(&self.fd).map_err(|errno| failed("read", self.path.as_bytes(), errno))?;
        let before = etag(&self.before);
        // In /proc a file has no size, and other times whenever it is looked at.
        let changed = (self.before.st_size, after.st_size) != (0, 0) && before != etag(&after);
        Ok(ReadEnd { bytes, etag: before, changed })
    }

    /// The next piece; empty at the end, which is then final.
    fn next(&mut self) -> Result<Bytes, Error> {
        // Not more than there seems to be: a small file gets a small buffer. A size of 0 says nothing in /proc.
        let most = self.pieces.bytes();
        let seems = match size(&self.before) {
            0 => 16 << 10,
            size => usize::try_from(size.saturating_sub(self.position)).unwrap_or(most).clamp(1, most),
        };
        let wanted = usize::try_from(self.left).unwrap_or(most).min(seems);
        let mut buffer = Vec::with_capacity(wanted);
        while buffer.len() < wanted {
            match rustix::io::pread(&self.fd, spare_capacity(&mut buffer), self.position) {
                Ok(0) => {
                    self.left = 0;
                    break;
                }
                Ok(read) => {
                    self.position += read as u64;
                    self.left -= (read as u64).min(self.left);
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed("read", self.path.as_bytes(), errno)),
            }
        }
        if self.left > 0 && size(&self.before) != 0 && self.position == size(&self.before) {
            // Most likely the end; one byte more tells, without another hop.
            let mut more = Vec::with_capacity(1);
            if let Ok(0) = rustix::io::pread(&self.fd, spare_capacity(&mut more), self.position) {
                self.left = 0;
            }
        }
        if buffer.len() < buffer.capacity() / 2 {
            buffer.shrink_to_fit();
        }
        Ok(buffer.into())
    }

    /// The length, counted where the file system does not tell it: /proc says 0, /sys says a page.
    fn length(&self) -> Result<u64, Error> {
        let told = size(&self.before);
        let mut last = Vec::with_capacity(1);
        if told != 0
            && let Ok(1) = rustix::io::pread(&self.fd, spare_capacity(&mut last), told - 1)
        {
            return Ok(told);
        }
        let mut length = 0;
        let mut buffer = Vec::with_capacity(SMALL);
        loop {
            buffer.clear();
            match rustix::io::pread(&self.fd, spare_capacity(&mut buffer), length) {
                Ok(0) => return Ok(length),
                Ok(read) => length += read as u64,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed("read", self.path.as_bytes(), errno)),
            }
        }
    }
}

/// Refuses what is not a regular file.
pub(super) fn regular(stat: &Stat, path: &ByteString) -> Result<(), Error> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(refused(Code::IsDirectory, path.as_bytes(), "it is a directory")),
        FileType::Symlink => Err(failed("open", path.as_bytes(), Errno::LOOP)),
        FileType::Fifo | FileType::Socket | FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => {
            Err(refused(Code::SpecialFile, path.as_bytes(), "it is a device, a FIFO or a socket; use a command for it"))
        }
    }
}
