//! Work that blocks, on a thread of its own, and how it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sandwire_protocol::{Code, Error};
use tokio::task::JoinHandle;

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

/// Runs `work` on a blocking thread. When the future is dropped, the work is told to stop.
pub(super) async fn run<T: Send + 'static>(
    work: impl FnOnce(&Stop) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let stop = Stop::default();
    let _guard = stop.guard();
    join(tokio::task::spawn_blocking(move || work(&stop))).await
}

/// The result of a blocking task; a panic in it is a defect of ours and fails only this operation.
pub(super) async fn join<T>(task: JoinHandle<Result<T, Error>>) -> Result<T, Error> {
    match task.await {
        Ok(result) => result,
        Err(error) => Err(Error::new(Code::Internal, format!("the file operation was abandoned: {error}"))),
    }
}
