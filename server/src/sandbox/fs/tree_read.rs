//! `file.tree_read`: a tree as a pax tar stream, made on a thread of its own as fast as it is taken.
//!
//! Memory: [`QUEUE`] pieces of 64 KiB, and what [`pack`] says.

use std::io::{self, Write};

use bytes::Bytes;
use sandwire_protocol::Error;
use sandwire_protocol::kind::file::{TreeEnd, TreeRead};
use tokio::sync::mpsc;

pub(super) mod pack;

use super::Files;
use super::blocking::{Long, Stop, StopOnDrop};
use super::error::failed_io;
use super::globs::Globs;
use crate::sandbox::buckets::Long as Bucket;
use pack::Archive;

/// Pieces made and not yet taken.
pub(super) const QUEUE: usize = 4;

/// Size of a piece.
const PIECE: usize = 64 << 10;

/// Paths told as skipped.
pub(super) const MAX_SKIPPED: usize = 100;

/// A tar stream that is being made. Dropped, it stops.
#[derive(Debug)]
pub(crate) struct TreeReader {
    pieces: mpsc::Receiver<Bytes>,
    piece: Bytes,
    task: Long<TreeEnd>,
    _stop: StopOnDrop,
}

impl TreeReader {
    /// At most `room` bytes, the next ones; `None` at the end, which may be an error's: see [`TreeReader::end`].
    pub(crate) async fn next(&mut self, room: usize) -> Option<Bytes> {
        if self.piece.is_empty() {
            self.piece = self.pieces.recv().await?;
        }
        Some(self.piece.split_to(room.min(self.piece.len())))
    }

    /// The result.
    pub(crate) async fn end(self) -> Result<TreeEnd, Error> {
        drop(self.pieces);
        self.task.end().await
    }
}

impl Files {
    /// Begins to archive a directory or a single file.
    pub(crate) async fn tree_read(&self, params: TreeRead) -> Result<TreeReader, Error> {
        let globs = Globs::new(&params.include, &params.exclude)?;
        let place = self.long_work(&params.path, Bucket::Usual).await?;
        let (sender, pieces) = mpsc::channel(QUEUE);
        let stop = Stop::default();
        let guard = stop.guard();
        let files = self.clone();
        let task = Long::start(place, move || {
            let (mut output, end) = Archive::new(Output::new(sender), stop).all(&files, &params, &globs)?;
            output.flush().map_err(|error| failed_io("archive", params.path.as_bytes(), &error))?;
            Ok(end)
        })?;
        Ok(TreeReader { pieces, piece: Bytes::new(), task, _stop: guard })
    }
}

/// The stream, in pieces. What was not flushed is lost.
pub(super) struct Output {
    sender: mpsc::Sender<Bytes>,
    piece: Vec<u8>,
}

impl Output {
    /// A stream whose pieces go there.
    pub(super) fn new(sender: mpsc::Sender<Bytes>) -> Self {
        Self { sender, piece: Vec::with_capacity(PIECE) }
    }
}

impl Write for Output {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let taken = data.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&data[..taken]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.sender.blocking_send(piece.into()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
