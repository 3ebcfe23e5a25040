//! Reads away what background jobs write when the command that started them is over: they must not end by a broken pipe,
//! nor stand still at a full one.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::io::Interest;
use tokio::sync::Semaphore;

use crate::sandbox::process::spawn::watch;

/// Most pipes that are read away at once. Who writes to another one gets SIGPIPE.
const MOST: usize = 256;

/// The sink of all sessions.
#[derive(Clone, Debug)]
pub(super) struct Sink(Arc<Semaphore>);

impl Sink {
    pub(super) fn new() -> Sink {
        Sink(Arc::new(Semaphore::new(MOST)))
    }

    /// Reads this pipe until nobody writes to it any more.
    pub(super) fn drain(&self, pipe: OwnedFd) {
        let Ok(place) = Arc::clone(&self.0).try_acquire_owned() else {
            tracing::info!(limit = MOST, "too many background jobs of sessions still hold their output: one loses it");
            return;
        };
        tokio::spawn(async move {
            if let Err(error) = drain(pipe).await {
                tracing::debug!(%error, "the output of a background job");
            }
            drop(place);
        });
    }
}

async fn drain(pipe: OwnedFd) -> std::io::Result<()> {
    let pipe = watch(pipe, Interest::READABLE)?;
    let mut buffer = [0_u8; 4096];
    loop {
        let mut ready = pipe.readable().await?;
        match ready.try_io(|pipe| Ok(rustix::io::read(pipe, &mut buffer)?)) {
            Ok(Ok(0)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Ok(Ok(_)) | Err(_) => {}
        }
    }
}
