//! Buffers for what is read from pipes, terminals and files. Large ones are used again: to give them back to the
//! allocator, and fault their pages in anew, would take a third of the processor's time in a flood.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Size of a large buffer in bytes: as many as one DATA frame carries.
pub(crate) const LARGEST: usize = 64 << 10;

/// Large buffers that are kept while nobody uses them: 3 MiB.
pub(crate) const KEPT: usize = 48;

static FREE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// A buffer. What its `Vec` holds was read; its capacity is what may be.
#[derive(Debug)]
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    /// An empty one for at most so many bytes, which is no more than [`LARGEST`].
    pub(crate) fn new(most: usize) -> Self {
        let most = most.min(LARGEST);
        let free = if most == LARGEST { free().pop() } else { None };
        Self(free.unwrap_or_else(|| Vec::with_capacity(most)))
    }

    /// What was read. A few bytes are copied, so that they do not keep a large buffer for as long as they live.
    pub(crate) fn freeze(self) -> Bytes {
        if self.0.len() < self.0.capacity() / 2 {
            return Bytes::copy_from_slice(&self.0);
        }
        Bytes::from_owner(self)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.0.capacity() != LARGEST {
            return;
        }
        let mut buffer = std::mem::take(&mut self.0);
        buffer.clear();
        let mut free = free();
        if free.len() < KEPT {
            free.push(buffer);
        }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

fn free() -> MutexGuard<'static, Vec<Vec<u8>>> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bytes_keep_no_large_buffer() {
        let mut buffer = Buffer::new(LARGEST);
        buffer.extend_from_slice(b"few");
        let from = buffer.as_ptr();
        let bytes = buffer.freeze();
        assert_eq!(bytes, "few");
        assert_ne!(bytes.as_ptr(), from);
    }

    #[test]
    fn a_full_buffer_is_handed_on_as_it_is() {
        let mut buffer = Buffer::new(LARGEST);
        buffer.resize(LARGEST, 7);
        let from = buffer.as_ptr();
        let bytes = buffer.freeze();
        assert_eq!((bytes.len(), bytes.as_ptr()), (LARGEST, from));
    }

    #[test]
    fn only_so_many_are_kept() {
        let many: Vec<Buffer> = (0..2 * KEPT).map(|_| Buffer::new(LARGEST)).collect();
        drop(many);
        assert!(free().len() <= KEPT);
        assert!(Buffer::new(LARGEST).is_empty());
    }
}
