//! Bytes for the server that it has not taken yet: a little in memory, the rest in a file without a name, with a bound.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Most bytes in memory, before the file is used.
const MEMORY: usize = 1 << 20;

/// Bytes that are read back from the file at once.
const BACK: u64 = 64 << 10;

/// A queue of bytes.
#[derive(Debug)]
pub(super) struct Spool {
    /// What goes next.
    head: Vec<u8>,
    /// How much of it has gone.
    gone: usize,
    /// What comes after it, as a ring.
    file: Option<File>,
    start: u64,
    length: u64,
    most: u64,
    folder: PathBuf,
}

impl Spool {
    /// An empty one of at most so many bytes, whose file is made in that folder when it is needed.
    pub(super) fn new(most: u64, folder: PathBuf) -> Spool {
        Spool { head: Vec::new(), gone: 0, file: None, start: 0, length: 0, most: most.max(1), folder }
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> u64 {
        (self.head.len() - self.gone) as u64 + self.length
    }

    /// Whether there is little enough that who writes need not wait.
    pub(super) fn is_low(&self) -> bool {
        self.len() < MEMORY as u64
    }

    /// Whether so many bytes more are within the bound.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.len() + bytes <= self.most
    }

    /// Adds bytes behind all others. What is beyond the bound is kept in memory: only for the few that end a cell.
    ///
    /// # Errors
    /// When the file cannot be made or written.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let in_memory = self.head.len() - self.gone;
        if self.length == 0 && (in_memory + bytes.len() <= MEMORY || !self.has_room(bytes.len() as u64)) {
            if self.gone > MEMORY / 2 || self.gone == self.head.len() {
                self.head.drain(..self.gone);
                self.gone = 0;
            }
            self.head.extend_from_slice(bytes);
            return Ok(());
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile_in(&self.folder)?,
        };
        let file = self.file.insert(file);
        // A little more than the bound, for what ends a cell.
        let ring = self.most + MEMORY as u64;
        let at = (self.start + self.length) % ring;
        let first = usize::try_from(ring - at).unwrap_or(usize::MAX).min(bytes.len());
        let (before, after) = bytes.split_at(first);
        file.write_all_at(before, at)?;
        file.write_all_at(after, 0)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// What goes next; empty when there is nothing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn next(&mut self) -> io::Result<&[u8]> {
        if self.gone == self.head.len() && self.length > 0 {
            self.back()?;
        }
        Ok(self.head.get(self.gone..).unwrap_or_default())
    }

    fn back(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let ring = self.most + MEMORY as u64;
        let length = self.length.min(BACK).min(ring - self.start);
        self.head.resize(usize::try_from(length).unwrap_or_default(), 0);
        self.gone = 0;
        file.read_exact_at(&mut self.head, self.start)?;
        self.start = (self.start + length) % ring;
        self.length -= length;
        if self.length == 0 {
            // Its blocks go back to the disk.
            self.start = 0;
            file.set_len(0)?;
        }
        Ok(())
    }

    /// So many bytes of what goes next have gone.
    pub(super) fn taken(&mut self, bytes: usize) {
        self.gone = (self.gone + bytes).min(self.head.len());
        if self.gone == self.head.len() {
            self.head.clear();
            self.head.shrink_to(MEMORY / 16);
            self.gone = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// Takes at most so many bytes.
    fn take(spool: &mut Spool, most: usize) -> Vec<u8> {
        let next = spool.next().unwrap();
        let taken = next[..next.len().min(most)].to_vec();
        spool.taken(taken.len());
        taken
    }

    #[test]
    fn what_goes_in_comes_out_in_order_however_the_file_goes_round() {
        let mut spool = Spool::new(4 << 20, std::env::temp_dir());
        let mut random = 1_u64;
        let mut next = move |most: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from((random >> 33) % most).unwrap()
        };
        let (mut written, mut read) = (0_u64, 0_u64);
        let byte = |at: u64| u8::try_from(at % 251).unwrap();
        while read < 40 << 20 {
            let length = next(700 << 10);
            if spool.has_room(length as u64) {
                let bytes: Vec<u8> = (written..written + length as u64).map(byte).collect();
                spool.push(&bytes).unwrap();
                written += length as u64;
            }
            for _ in 0..next(12) {
                let taken = take(&mut spool, next(200 << 10) + 1);
                assert!(taken.iter().zip(read..).all(|(found, at)| *found == byte(at)), "at {read}");
                read += taken.len() as u64;
            }
            assert_eq!(spool.len(), written - read);
            assert!(spool.head.len() <= MEMORY + (700 << 10));
        }
    }

    #[test]
    fn it_has_a_bound_and_the_end_fits_beyond_it() {
        let mut spool = Spool::new(2 << 20, std::env::temp_dir());
        spool.push(&vec![1; 2 << 20]).unwrap();
        assert!(!spool.has_room(1) && !spool.is_low());
        spool.push(b"end").unwrap();
        let mut all = Vec::new();
        while spool.len() > 0 {
            all.extend(take(&mut spool, usize::MAX));
        }
        assert_eq!((all.len(), &all[2 << 20..]), ((2 << 20) + 3, &b"end"[..]));
        assert!(spool.is_low() && spool.has_room(2 << 20));
        assert_eq!(spool.file.unwrap().metadata().unwrap().len(), 0);
    }
}
