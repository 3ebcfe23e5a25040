//! The bare server that speed is measured against, and its client: a thread for each TCP connection, length prefixes,
//! `posix_spawn`, `sendfile`. No authentication, no multiplexing, no flow control of its own, no resumption:
//! nothing that does the same work can be faster by much.
//!
//! A request is its operation (1 byte), the length of its parameters (4 bytes, little endian as all numbers here) and
//! the parameters. The answers are at [`Operation`]. It is for benchmarks on loopback only: it does what anyone says.

mod client;
mod server;

pub use client::{Connection, Exit, Terminal};
pub use server::serve;

/// What a connection can be asked. Each may be asked again, but for [`Operation::Terminal`], which takes it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Operation {
    /// Any bytes. Answer: the same, as a piece.
    Ping = 0,
    /// A shell command. Answer: its status (i32), its stdout, its stderr, each as a piece.
    Exec = 1,
    /// A shell command. Answer: its stdout as pieces, an empty piece, its status (i32).
    Stream = 2,
    /// A shell command. Answer: what its terminal shows, as pieces, an empty piece, its status (i32). Pieces from the
    /// client are typed.
    Terminal = 3,
    /// A path. Answer: the size (u64), the content.
    Read = 4,
    /// The size (u64) and a path; the content follows. Answer: an empty piece, when the file is in its place.
    Write = 5,
}

/// A piece is its length (u32) and so many bytes; none is longer than this, so that a buffer can hold one.
pub const PIECE: usize = 1 << 20;

#[cfg(test)]
mod tests;
