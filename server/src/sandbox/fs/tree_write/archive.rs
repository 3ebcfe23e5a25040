//! Reads tar: ustar, pax and GNU names, with a bound on everything that is kept.

use bytes::{Buf, Bytes};
use sandwire_protocol::{Code, Error};
use tar::{EntryType, Header, PaxExtensions};

use crate::sandbox::fs::error::shown;

const BLOCK: usize = 512;

/// Largest extended header or long name.
const MAX_EXTENSION: u64 = 64 << 10;

/// Where an archive's bytes come from: `None` at its end.
pub(in crate::sandbox::fs) type Source = Box<dyn FnMut() -> Result<Option<Bytes>, Error>>;

/// The archive's bytes, as they come.
pub(in crate::sandbox::fs) struct Input {
    source: Source,
    piece: Bytes,
    ended: bool,
}

/// What an entry is to become.
#[derive(Debug)]
pub(super) struct Member {
    /// The name as it stands in the archive.
    pub(super) path: Vec<u8>,
    /// What it is.
    pub(super) kind: EntryType,
    /// Target of a symbolic or hard link.
    pub(super) link: Vec<u8>,
    /// Bytes of content that follow.
    pub(super) size: u64,
    /// Permission bits.
    pub(super) mode: u32,
    /// Owner.
    pub(super) uid: u32,
    /// Group.
    pub(super) gid: u32,
    /// Seconds and nanoseconds since 1970.
    pub(super) modified: (i64, u32),
}

/// What extended headers say about the next entry.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    modified: Option<(i64, u32)>,
}

impl Input {
    /// The archive that comes from there.
    pub(in crate::sandbox::fs) fn new(source: Source) -> Self {
        Self { source, piece: Bytes::new(), ended: false }
    }

    /// The next entry; `None` at the end of the archive.
    pub(super) fn next(&mut self, after: &[u8]) -> Result<Option<Member>, Error> {
        let mut extended = Extended::default();
        loop {
            let mut block = [0; BLOCK];
            self.fill(&mut block, after)?;
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let header = Header::from_byte_slice(&block);
            if header.cksum().ok() != Some(checksum(&block)) {
                return Err(broken(
                    after,
                    "a header has the wrong checksum after this entry: the data is not a tar archive",
                ));
            }
            let size = header.entry_size().map_err(|_| broken(after, "the size after this entry is not a number"))?;
            let kind = header.entry_type();
            #[expect(clippy::wildcard_enum_match_arm, reason = "every other kind is an entry of its own")]
            match kind {
                EntryType::XHeader => self.extension(size, after).and_then(|body| extended.pax(&body, after))?,
                EntryType::GNULongName => extended.path = Some(cut(self.extension(size, after)?)),
                EntryType::GNULongLink => extended.link = Some(cut(self.extension(size, after)?)),
                EntryType::XGlobalHeader => self.pass(size, after)?,
                _ => return member(header, kind, size, extended).map(Some),
            }
        }
    }

    /// Some of the next `left` bytes of content.
    pub(super) fn content(&mut self, left: u64, of: &[u8]) -> Result<Bytes, Error> {
        if !self.more()? {
            return Err(broken(of, "the archive ends in the middle of this entry"));
        }
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(self.piece.len());
        Ok(self.piece.split_to(length))
    }

    /// Passes over content and over what fills its last block.
    pub(super) fn pass(&mut self, size: u64, of: &[u8]) -> Result<(), Error> {
        let mut left = size;
        while left > 0 {
            left -= self.content(left, of)?.len() as u64;
        }
        self.padding(size, of)
    }

    /// Passes over what fills the last block of content of that size.
    pub(super) fn padding(&mut self, size: u64, of: &[u8]) -> Result<(), Error> {
        let mut left = size.next_multiple_of(BLOCK as u64) - size;
        while left > 0 {
            left -= self.content(left, of)?.len() as u64;
        }
        Ok(())
    }

    /// Passes over what follows the end of the archive.
    pub(super) fn drain(&mut self) -> Result<(), Error> {
        while self.more()? {
            self.piece.clear();
        }
        Ok(())
    }

    fn extension(&mut self, size: u64, after: &[u8]) -> Result<Vec<u8>, Error> {
        if size > MAX_EXTENSION {
            let what =
                format!("an extended header of {size} bytes follows this entry; at most {MAX_EXTENSION} are taken");
            return Err(broken(after, &what));
        }
        let mut body = vec![0; usize::try_from(size).unwrap_or(0)];
        self.fill(&mut body, after)?;
        self.padding(size, after)?;
        Ok(body)
    }

    fn fill(&mut self, mut buffer: &mut [u8], after: &[u8]) -> Result<(), Error> {
        while !buffer.is_empty() {
            if !self.more()? {
                return Err(broken(after, "the archive ends after this entry, without its end mark"));
            }
            let length = buffer.len().min(self.piece.len());
            let (now, rest) = buffer.split_at_mut(length);
            self.piece.copy_to_slice(now);
            buffer = rest;
        }
        Ok(())
    }

    fn more(&mut self) -> Result<bool, Error> {
        while self.piece.is_empty() && !self.ended {
            match (self.source)()? {
                Some(piece) => self.piece = piece,
                None => self.ended = true,
            }
        }
        Ok(!self.piece.is_empty())
    }
}

impl Extended {
    fn pax(&mut self, body: &[u8], after: &[u8]) -> Result<(), Error> {
        for record in PaxExtensions::new(body) {
            let record = record.map_err(|_| broken(after, "the extended header after this entry is malformed"))?;
            let value = record.value_bytes();
            let text = || std::str::from_utf8(value).ok();
            let number = || text().and_then(|text| text.parse::<u64>().ok());
            match record.key_bytes() {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = number(),
                b"uid" => self.uid = number().and_then(|id| id.try_into().ok()),
                b"gid" => self.gid = number().and_then(|id| id.try_into().ok()),
                b"mtime" => self.modified = text().and_then(parse_time),
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(broken(after, "a sparse file follows this entry; make the archive without --sparse"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// An error about an entry of the archive.
pub(super) fn broken(entry: &[u8], what: &str) -> Error {
    let entry = if entry.is_empty() { "(the beginning)".to_owned() } else { shown(entry) };
    Error::new(Code::ValidationFailed, format!("entry {entry:?}: {what}")).with("entry", entry)
}

fn member(header: &Header, kind: EntryType, size: u64, extended: Extended) -> Result<Member, Error> {
    let path = extended.path.unwrap_or_else(|| header.path_bytes().into_owned());
    let number = |what: &str| broken(&path, &format!("its {what} is not a number"));
    let id = |value: u64| u32::try_from(value).unwrap_or(u32::MAX - 1);
    let mode = header.mode().map_err(|_| number("mode"))?;
    let uid = extended.uid.map_or_else(|| header.uid().map(id), Ok).map_err(|_| number("owner"))?;
    let gid = extended.gid.map_or_else(|| header.gid().map(id), Ok).map_err(|_| number("group"))?;
    let modified = match extended.modified {
        Some(time) => time,
        None => (seconds(header).ok_or_else(|| number("time"))?, 0),
    };
    let link = extended.link.unwrap_or_else(|| header.link_name_bytes().unwrap_or_default().into_owned());
    // Old archives mark a directory by its name only.
    let kind = if kind == EntryType::Regular && path.ends_with(b"/") { EntryType::Directory } else { kind };
    let size = extended.size.unwrap_or(size);
    Ok(Member { path, kind, link, size, mode: mode & 0o7777, uid, gid, modified })
}

/// The time in a header. GNU writes one before 1970 as a negative big-endian number with its first bit set.
fn seconds(header: &Header) -> Option<i64> {
    let field = &header.as_old().mtime;
    if field[0] == 0xff {
        return Some(i64::from_be_bytes(field[4..].try_into().ok()?));
    }
    header.mtime().ok()?.try_into().ok()
}

/// A pax time: seconds, perhaps with a sign and a fraction.
fn parse_time(text: &str) -> Option<(i64, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: u32 = digits.parse().ok()?;
    if whole.starts_with('-') && nanoseconds > 0 {
        return Some((seconds.checked_sub(1)?, 1_000_000_000 - nanoseconds));
    }
    Some((seconds, nanoseconds))
}

fn checksum(block: &[u8; BLOCK]) -> u32 {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..])
}

/// A GNU long name ends at its NUL.
fn cut(mut name: Vec<u8>) -> Vec<u8> {
    if let Some(end) = memchr::memchr(0, &name) {
        name.truncate(end);
    }
    name
}
