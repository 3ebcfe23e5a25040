//! Content whose every byte is known, so that what arrives can be checked at the speed of `memcmp`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tempfile::TempDir;

/// Lines of printable characters; the length is no multiple of any buffer's, so that a lost buffer shows.
static BLOCK: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = fastrand::Rng::with_seed(1);
    (1..=1_000_003_usize).map(|place| if place % 80 == 0 { b'\n' } else { random.alphanumeric() as u8 }).collect()
});

/// What comes at an offset, up to the end of a block.
pub(super) fn at(offset: usize) -> &'static [u8] {
    &BLOCK[offset % BLOCK.len()..]
}

/// Checks bytes as they come.
#[derive(Debug, Default)]
pub(super) struct Check {
    offset: usize,
}

impl Check {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they are not what they should be.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let expected = at(self.offset);
            let count = expected.len().min(bytes.len());
            if bytes[..count] != expected[..count] {
                return Err(io::Error::other(format!("wrong content in the {count} bytes from {}", self.offset)));
            }
            self.offset += count;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// How much came.
    #[must_use]
    pub(super) const fn bytes(&self) -> u64 {
        self.offset as u64
    }

    /// Nothing is missing.
    ///
    /// # Errors
    /// When the size is another.
    pub(super) fn whole(&self, size: usize) -> io::Result<()> {
        if self.offset == size {
            return Ok(());
        }
        Err(io::Error::other(format!("{} bytes came of {size}", self.offset)))
    }
}

/// A file of such content in a folder of its own; in the page cache, since it was just written.
#[derive(Debug)]
pub(super) struct Content {
    folder: TempDir,
    pub(super) size: usize,
}

impl Content {
    pub(super) fn new(size: usize) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("sandwire-bench-").tempdir()?;
        let content = Self { folder, size };
        let mut file = io::BufWriter::new(std::fs::File::create(content.path())?);
        let mut offset = 0;
        while offset < size {
            let next = at(offset);
            let count = next.len().min(size - offset);
            file.write_all(&next[..count])?;
            offset += count;
        }
        file.into_inner()?;
        Ok(content)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("content")
    }

    /// A place for another file.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The content of a written file.
pub(super) fn check_file(path: &Path, size: usize) -> io::Result<()> {
    let mut check = Check::default();
    check.feed(&std::fs::read(path)?)?;
    check.whole(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_wrong_or_missing() {
        let content = Content::new(3_000_000).unwrap();
        check_file(&content.path(), 3_000_000).unwrap();
        check_file(&content.path(), 3_000_001).unwrap_err();
        let mut bytes = std::fs::read(content.path()).unwrap();
        bytes.drain(65_536..131_072);
        Check::default().feed(&bytes).unwrap_err();
    }
}
