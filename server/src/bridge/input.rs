//! What the server asks for: the bridge's standard input.

use std::io;
use std::os::fd::AsFd;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::sandbox::kernel::wire::{self, Ask, HEADER};

/// Bytes that are read at once.
const READ: usize = 64 << 10;

/// Payloads as they come.
#[derive(Debug)]
pub(super) struct Input {
    pipe: pipe::Receiver,
    buffer: Vec<u8>,
}

impl Input {
    /// Standard input, which must be a pipe.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn new() -> io::Result<Input> {
        let pipe = pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
        Ok(Input { pipe, buffer: Vec::new() })
    }

    /// The next payload; none at the end, which is also the server's. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<(Ask, Vec<u8>)> {
        loop {
            if let Some(first) = self.buffer.first_chunk::<HEADER>() {
                let (length, tag) = wire::parse_header(*first);
                let end = HEADER + length;
                if self.buffer.len() >= end {
                    let payload = self.buffer.drain(..end).skip(HEADER).collect();
                    return Some((Ask::of(tag)?, payload));
                }
            }
            self.buffer.reserve(READ);
            if !matches!(self.pipe.read_buf(&mut self.buffer).await, Ok(1..)) {
                return None;
            }
        }
    }
}
