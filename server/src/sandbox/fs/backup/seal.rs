//! The seal at the end of an archive: a SHA-256 over every byte before it, in a form that other programs pass over.
//!
//! The checksums of zstd and gzip cover what comes out, not every bit that goes in, and a tar without compression has none of
//! its content. With the seal no byte of an archive can be another one, and none can be missing.

use std::io::{self, Read, Write};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use sandwire_protocol::kind::backup::Compression;
use sandwire_protocol::{Code, Error};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};
use tokio::sync::mpsc;

use crate::sandbox::fs::blocking::Counts;
use crate::sandbox::fs::tree_write::received;

/// What tells how an archive is compressed.
const MAGIC: [(&[u8], Compression); 2] =
    [(&[0x28, 0xb5, 0x2f, 0xfd], Compression::Zstd), (&[0x1f, 0x8b, 0x08], Compression::Gzip)];

/// Bytes needed to tell.
const LONGEST_MAGIC: usize = 4;

const BLOCK: usize = 512;

/// An error of an archive that is not what it was.
pub(super) fn damaged(what: &str) -> Error {
    Error::new(Code::BackupDamaged, format!("{what}; nothing was restored"))
}

/// The seal of what has this digest.
fn seal(compression: Compression, digest: &[u8]) -> Vec<u8> {
    match compression {
        // A skippable frame: its magic number, its length, its content.
        Compression::Zstd => [&[0x5e, 0x2a, 0x4d, 0x18, 40, 0, 0, 0], &b"sandwire"[..], digest].concat(),
        // A member with an extra field (36 bytes: `SW`, 32, the digest) and nothing in it, whose checksum and size are 0.
        Compression::Gzip => {
            let head = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 36, 0, b'S', b'W', 32, 0];
            [&head[..], digest, &[3, 0], &[0; 8]].concat()
        }
        // A global header with a comment, and the end mark once more.
        Compression::None => {
            let record = format!("85 comment=sandwire {}\n", hex(digest));
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::XGlobalHeader);
            header.as_old_mut().name[..17].copy_from_slice(b"pax_global_header");
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_size(record.len() as u64);
            header.set_cksum();
            let mut seal = [header.as_bytes(), record.as_bytes()].concat();
            seal.resize(4 * BLOCK, 0);
            seal
        }
    }
}

/// A digest as it is told.
fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes an archive and its seal.
pub(super) struct Sealing<W: Write> {
    output: W,
    hash: Sha256,
    counts: Arc<Counts>,
}

impl<W: Write> Sealing<W> {
    /// An archive that goes to `output` and is counted there.
    pub(super) fn new(output: W, counts: Arc<Counts>) -> Self {
        Self { output, hash: Sha256::new(), counts }
    }

    /// Seals it. Returns the SHA-256 of the whole.
    pub(super) fn finish(mut self, compression: Compression) -> io::Result<String> {
        let digest = self.hash.clone().finalize();
        self.write_all(&seal(compression, &digest))?;
        self.flush()?;
        Ok(hex(&self.hash.finalize()))
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let taken = self.output.write(data)?;
        self.hash.update(&data[..taken]);
        self.counts.archive(taken as u64);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Reads an archive up to its seal. Its end is only told when the seal is right.
pub(super) struct Unsealed {
    pieces: mpsc::Receiver<Option<Bytes>>,
    compression: Compression,
    /// Bytes of the seal.
    length: usize,
    /// What may be the seal.
    held: Vec<u8>,
    /// What is none, and was not read yet.
    ready: Bytes,
    hash: Sha256,
    sum: Arc<OnceLock<String>>,
    counts: Arc<Counts>,
    ended: bool,
}

impl Unsealed {
    /// Waits for the first bytes, which tell how it is compressed. `sum` becomes the SHA-256 of the whole when its seal was
    /// right.
    pub(super) fn new(
        mut pieces: mpsc::Receiver<Option<Bytes>>,
        sum: Arc<OnceLock<String>>,
        counts: Arc<Counts>,
    ) -> Result<Self, Error> {
        let mut held = Vec::new();
        while held.len() < LONGEST_MAGIC {
            let Some(piece) = received(&mut pieces)? else {
                return Err(damaged(if held.is_empty() { "the archive is empty" } else { "the archive is cut off" }));
            };
            counts.archive(piece.len() as u64);
            held.extend_from_slice(&piece);
        }
        let known = MAGIC.iter().find(|(magic, _)| held.starts_with(magic));
        let compression = known.map_or(Compression::None, |(_, compression)| *compression);
        let length = seal(compression, &[0; 32]).len();
        let (hash, ready) = (Sha256::new(), Bytes::new());
        let mut archive = Self { pieces, compression, length, held, ready, hash, sum, counts, ended: false };
        archive.release();
        Ok(archive)
    }

    /// How it is compressed.
    pub(super) const fn compression(&self) -> Compression {
        self.compression
    }

    /// Lets go of what cannot be the seal.
    fn release(&mut self) {
        if let Some(free) = self.held.len().checked_sub(self.length) {
            let rest = self.held.split_off(free);
            self.hash.update(&self.held);
            self.ready = std::mem::replace(&mut self.held, rest).into();
        }
    }

    fn more(&mut self) -> Result<(), Error> {
        match received(&mut self.pieces)? {
            Some(piece) => {
                self.counts.archive(piece.len() as u64);
                self.held.extend_from_slice(&piece);
                self.release();
            }
            None => {
                let digest = self.hash.clone().finalize();
                if self.held != seal(self.compression, &digest) {
                    let text =
                        "the archive is damaged or cut off, or was not made by backup.create: its seal is not right";
                    return Err(damaged(text));
                }
                self.hash.update(&self.held);
                self.sum.get_or_init(|| hex(&self.hash.clone().finalize()));
                self.ended = true;
            }
        }
        Ok(())
    }
}

impl Read for Unsealed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.ended {
            self.more().map_err(io::Error::other)?;
        }
        let length = buffer.len().min(self.ready.len());
        buffer[..length].copy_from_slice(&self.ready.split_to(length));
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_has_the_form_that_the_protocol_says() {
        let digest = [0xab; 32];
        let zstd = seal(Compression::Zstd, &digest);
        assert_eq!((zstd.len(), &zstd[8..16]), (48, &b"sandwire"[..]));
        assert_eq!(seal(Compression::Gzip, &digest).len(), 58);
        let plain = seal(Compression::None, &digest);
        assert_eq!(plain.len(), 2048);
        // The length that a record says is its own.
        let record = &plain[BLOCK..BLOCK + 85];
        assert!(record.starts_with(b"85 comment=sandwire abab") && record.ends_with(b"ab\n"));
    }
}
