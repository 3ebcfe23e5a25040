//! `file.write`: collects what comes, and writes it in few hops; a small file takes one.

use bytes::Bytes;
use sandwire_protocol::kind::file::{Write, WriteMode, Written};
use sandwire_protocol::{Code, Error};
use tokio::task::JoinHandle;

pub(super) mod target;

use super::pieces::Pieces;
use super::{Files, blocking};
use crate::sandbox::buckets::Passage;
use target::Target;

/// Pieces collected before they are written, however small. A writer holds at most two batches, of so many pieces or of
/// [`Pieces::bytes`].
const BATCH_PIECES: usize = 64;

/// A file that is being written. Dropped before [`Writer::finish`], it leaves what was there as it was (`replace`,
/// `create`) and no temporary file.
#[derive(Debug)]
pub(crate) struct Writer {
    files: Files,
    params: Write,
    pieces: Pieces,
    batch: Vec<Bytes>,
    batch_bytes: usize,
    received: u64,
    target: Option<Target>,
    running: Option<JoinHandle<Result<Target, Error>>>,
    passage: Passage,
}

impl Files {
    /// Begins to write. The file is opened with the first bytes that are written, so its errors come from
    /// [`Writer::push`] and [`Writer::finish`].
    pub(crate) fn write(&self, params: Write) -> Result<Writer, Error> {
        let how = params.how.unwrap_or_default();
        let wrong = |parameter: &'static str, text: &str| {
            Err(Error::new(Code::ValidationFailed, text).with("parameter", parameter))
        };
        if params.offset.is_some() && how != WriteMode::Patch {
            return wrong("offset", "offset is only for `how: patch`");
        }
        if params.mode.is_some_and(|mode| mode > 0o7777) {
            return wrong("mode", "mode has to be at most 0o7777");
        }
        if how == WriteMode::Create && params.if_match.is_some() {
            return wrong("if_match", "if_match cannot be met by a file that must not exist");
        }
        Ok(Writer {
            passage: self.passage([&params.path], false),
            files: self.clone(),
            params,
            pieces: Pieces::new(),
            batch: Vec::new(),
            batch_bytes: 0,
            received: 0,
            target: None,
            running: None,
        })
    }
}

/// To close a file of a bucket sends it to the store.
impl Drop for Writer {
    fn drop(&mut self) {
        if self.target.is_some() || self.running.is_some() {
            self.passage.part_with((self.target.take(), self.running.take()));
        }
    }
}

impl Writer {
    /// Takes the next bytes. Waits while the disk is behind.
    pub(crate) async fn push(&mut self, data: Bytes) -> Result<(), Error> {
        self.received += data.len() as u64;
        if let Some(size) = self.params.size
            && self.received > size
        {
            return Err(self.wrong_size(size));
        }
        self.batch_bytes += data.len();
        self.batch.push(data);
        if self.batch_bytes >= self.pieces.bytes() || self.batch.len() >= BATCH_PIECES {
            self.flush().await?;
        }
        Ok(())
    }

    /// Whether it may have to wait for a bucket.
    pub(crate) fn may_wait(&self) -> bool {
        self.passage.may_wait()
    }

    /// Whether bytes written so far may be seen at once: then they should not wait for a full batch.
    pub(crate) fn in_place(&self) -> bool {
        matches!(self.params.how, Some(WriteMode::Append | WriteMode::Patch))
    }

    /// Starts to write what was collected. Waits for the batch before.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.settle().await?;
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let target = self.target.take();
        let (files, params) = (self.files.clone(), self.params.clone());
        let write = move || {
            let mut target = target.map_or_else(|| Target::open(&files, &params), Ok)?;
            target.write(&batch)?;
            Ok(target)
        };
        self.running = Some(if self.passage.may_wait() {
            let passage = self.passage.clone();
            tokio::spawn(async move { passage.run(write).await })
        } else {
            tokio::task::spawn_blocking(write)
        });
        Ok(())
    }

    /// Everything came: puts it in its place.
    pub(crate) async fn finish(mut self) -> Result<Written, Error> {
        if let Some(size) = self.params.size
            && self.received != size
        {
            return Err(self.wrong_size(size));
        }
        self.settle().await?;
        let (files, params, received) = (self.files.clone(), std::mem::take(&mut self.params), self.received);
        let (batch, target) = (std::mem::take(&mut self.batch), self.target.take());
        blocking::run(&self.passage, move |_| {
            let mut target = target.map_or_else(|| Target::open(&files, &params), Ok)?;
            target.write(&batch)?;
            let etag = target.commit(&params)?;
            Ok(Written { bytes: received, etag })
        })
        .await
    }

    async fn settle(&mut self) -> Result<(), Error> {
        if let Some(running) = self.running.take() {
            self.target = Some(blocking::join(running).await?);
        }
        Ok(())
    }

    fn wrong_size(&self, size: u64) -> Error {
        let text = format!("{} bytes came, but size says {size}", self.received);
        Error::new(Code::ValidationFailed, text).with("parameter", "size").with("received", self.received)
    }
}
