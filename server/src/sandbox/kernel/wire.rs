//! What server and bridge say to each other, through two pipes: a number of bytes, a tag, so many bytes.
//!
//! Both ends are the same program, so there are no versions. Pieces are small: who passes output on holds one of them.

use sandwire_protocol::kind::command::Exit;
use sandwire_protocol::kind::kernel::Status;
use sandwire_protocol::kind::{decode, encode};
use sandwire_protocol::{ByteString, Error};
use serde::{Deserialize, Serialize};

/// Bytes before the payload: its length, the lowest byte first, and the tag.
pub(crate) const HEADER: usize = 5;

/// Most bytes of a piece of output or code.
pub(crate) const PIECE: usize = 64 << 10;

/// Most bytes of any other payload to the server, so that it can hold one: an event (`MAX_EVENT`) and some.
pub(crate) const LONGEST: usize = 36 << 10;

/// What a payload is, to the bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Ask {
    /// [`Start`], before anything else.
    Start = b's',
    /// A piece of the next cell's code.
    Code = b'c',
    /// [`Cell`]: the code is whole.
    Run = b'r',
    /// The line that the cell asked for.
    Input = b'i',
    /// Interrupt the cell.
    Interrupt = b'!',
    /// Kill the kernel.
    Kill = b'k',
    /// End, the kernel by its own will within so many milliseconds: eight bytes, the lowest first.
    End = b'e',
}

/// What a payload is, to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Say {
    /// [`Ready`]: the kernel takes cells.
    Ready = b'R',
    /// A piece of what the cell wrote to standard output.
    Stdout = b'1',
    /// A piece of what it wrote to standard error.
    Stderr = b'2',
    /// A piece of a result's content.
    Content = b'3',
    /// An event of the cell, as `kernel.run` has it.
    Event = b'E',
    /// [`Done`]: the cell has ended.
    Done = b'D',
    /// [`Gone`]: the kernel has ended, or was never there.
    Gone = b'G',
}

/// How a kernel is started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Start {
    /// Its program and arguments; `{connection_file}` stands for that.
    pub(crate) argv: Vec<ByteString>,
    /// Whether it is interrupted by a message, not by SIGINT.
    pub(crate) interrupt_by_message: bool,
    /// Whether it is reached by TCP, because it knows no other way.
    pub(crate) tcp: bool,
    /// The directory that it makes for itself, and that the server removes when it cannot.
    pub(crate) folder: ByteString,
    /// Most bytes of output that wait for the server.
    pub(crate) spool: u64,
}

/// A cell.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cell {
    /// Whether it may ask for input.
    pub(crate) stdin: bool,
    /// Whether it is none of the user's: it has no number and no output.
    pub(crate) silent: bool,
    /// Code that is run before it, silently, and without which it is not run.
    pub(crate) before: Option<String>,
    /// Code that is run after it, silently.
    pub(crate) after: Option<String>,
    /// Whether its kernel may publish output after it said that it is idle: then it is asked for its info behind the cell,
    /// and what comes until that is answered is still of the cell.
    pub(crate) trails: bool,
}

/// A kernel that takes cells.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) pid: u32,
}

/// How a cell ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) status: Status,
    pub(crate) execution_count: Option<u64>,
    /// There was more output than may wait; what came after that is lost.
    pub(crate) overflow: bool,
}

/// How a kernel ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gone {
    /// Absent when it was not started.
    pub(crate) exit: Option<Exit>,
    /// What it said last outside of cells, or why it was not started.
    pub(crate) said: String,
}

/// The header of a payload.
pub(crate) fn header(tag: u8, length: usize) -> [u8; HEADER] {
    // No payload is longer than the largest frame of the protocol.
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    [a, b, c, d, tag]
}

/// Length and tag of the payload that follows.
pub(crate) fn parse_header([a, b, c, d, tag]: [u8; HEADER]) -> (usize, u8) {
    (usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX), tag)
}

/// A whole payload with its header.
///
/// # Errors
/// When it is too long.
pub(crate) fn message<T: Serialize>(tag: u8, value: &T) -> Result<Vec<u8>, Error> {
    let payload = encode(value)?;
    let mut message = header(tag, payload.len()).to_vec();
    message.extend_from_slice(&payload);
    Ok(message)
}

impl Ask {
    /// The tag that was read.
    pub(crate) fn of(tag: u8) -> Option<Ask> {
        [Ask::Start, Ask::Code, Ask::Run, Ask::Input, Ask::Interrupt, Ask::Kill, Ask::End]
            .into_iter()
            .find(|ask| *ask as u8 == tag)
    }
}

impl Say {
    /// The tag that was read.
    pub(crate) fn of(tag: u8) -> Option<Say> {
        [Say::Ready, Say::Stdout, Say::Stderr, Say::Content, Say::Event, Say::Done, Say::Gone]
            .into_iter()
            .find(|say| *say as u8 == tag)
    }
}

/// A payload as what it is.
///
/// # Errors
/// When it is not.
pub(crate) fn read<T: serde::de::DeserializeOwned>(payload: &[u8]) -> Result<T, Error> {
    decode(payload)
}
