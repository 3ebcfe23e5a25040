//! Work that blocks, on a thread of its own, and how it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sandwire_protocol::{Code, Error};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::sandbox::buckets::Passage;

/// Asked for in the loops of long work.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Fails with `CANCELLED` once the one who waits has gone.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) { Err(Error::new(Code::Cancelled, "the opener gave up")) } else { Ok(()) }
    }

    /// A guard that says stop when it is dropped.
    pub(super) fn guard(&self) -> StopOnDrop {
        StopOnDrop(self.clone())
    }
}

/// Says stop when it is dropped.
#[derive(Debug)]
pub(super) struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// How far long work is, for who waits for it.
#[derive(Debug, Default)]
pub(super) struct Counts {
    entries: AtomicU64,
    bytes: AtomicU64,
    archive: AtomicU64,
}

impl Counts {
    /// So many entries more.
    pub(super) fn entries(&self, more: u64) {
        self.entries.fetch_add(more, Ordering::Relaxed);
    }

    /// So many bytes of content more.
    pub(super) fn bytes(&self, more: u64) {
        self.bytes.fetch_add(more, Ordering::Relaxed);
    }

    /// So many bytes of an archive more.
    pub(super) fn archive(&self, more: u64) {
        self.archive.fetch_add(more, Ordering::Relaxed);
    }

    /// Entries, bytes of content and bytes of the archive so far.
    pub(super) fn now(&self) -> (u64, u64, u64) {
        let [entries, bytes, archive] =
            [&self.entries, &self.bytes, &self.archive].map(|it| it.load(Ordering::Relaxed));
        (entries, bytes, archive)
    }
}

/// Runs `work` on a blocking thread. When the future is dropped, the work is told to stop.
pub(super) async fn run<T: Send + 'static>(
    passage: &Passage,
    work: impl FnOnce(&Stop) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let stop = Stop::default();
    let _guard = stop.guard();
    passage.run(move || work(&stop)).await
}

/// Work that waits for its reader or its sender, on a thread of its own: the blocking threads are few, and short work
/// has to find one however many readers have stopped.
#[derive(Debug)]
pub(super) struct Long<T> {
    result: oneshot::Receiver<Result<T, Error>>,
}

impl<T: Send + 'static> Long<T> {
    /// Starts it, for as long as it holds its place.
    pub(super) fn start(
        place: impl Send + 'static,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<Self, Error> {
        let (sender, result) = oneshot::channel();
        let run = move || {
            let result = work();
            drop(place);
            // Nobody may wait any more.
            drop(sender.send(result));
        };
        match std::thread::Builder::new().name("sandwire-files".to_owned()).spawn(run) {
            Ok(_) => Ok(Self { result }),
            Err(error) => Err(Error::new(Code::LimitExceeded, format!("no thread can be started: {error}"))),
        }
    }

    /// Its result.
    pub(super) async fn end(self) -> Result<T, Error> {
        match self.result.await {
            Ok(result) => result,
            Err(_) => Err(Error::new(Code::Internal, "the file operation was abandoned")),
        }
    }
}

/// The result of a blocking task; a panic in it is a defect of ours and fails only this operation.
pub(super) async fn join<T>(task: JoinHandle<Result<T, Error>>) -> Result<T, Error> {
    match task.await {
        Ok(result) => result,
        Err(error) => Err(Error::new(Code::Internal, format!("the file operation was abandoned: {error}"))),
    }
}
