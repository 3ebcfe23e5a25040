//! The file behind a log: slots of a fixed size, used in turn. It has no name, so it cannot be left behind.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::store::SEGMENT;

/// A spool file.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    slots: u64,
}

impl Spool {
    /// A new file in that folder, for that many segments.
    ///
    /// # Errors
    /// As open(2).
    pub(super) fn create(folder: &Path, slots: u64) -> io::Result<Spool> {
        Ok(Spool { file: tempfile::tempfile_in(folder)?, slots })
    }

    /// How many segments it holds.
    pub(super) fn slots(&self) -> u64 {
        self.slots
    }

    /// Writes a segment into its slot, over the one that had it before.
    ///
    /// # Errors
    /// As pwrite(2).
    pub(super) fn write(&self, number: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.place(number))
    }

    /// Reads a segment of that length. What it gives is the segment only if that is still the slot's, which the store
    /// knows.
    ///
    /// # Errors
    /// As pread(2).
    pub(super) fn read(&self, number: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length.min(SEGMENT)];
        self.file.read_exact_at(&mut bytes, self.place(number))?;
        Ok(bytes)
    }

    fn place(&self, number: u64) -> u64 {
        number % self.slots * SEGMENT as u64
    }
}
