//! [`Server`]: what all connections share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sandwire_link::Link;
use tokio::sync::{Semaphore, watch};

use crate::lanes::{Bounds, Lanes};
use crate::sandbox::Sandbox;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) lanes: Lanes,
    /// Changes whenever the server starts.
    pub(crate) boot_id: String,
    pub(crate) lanes_per_connection: usize,
    /// Channels that may be open at once, of all lanes together.
    pub(crate) channels: Arc<Semaphore>,
    /// Connections now.
    pub(crate) connections: AtomicU32,
    /// Set once the server drains: how long what runs may go on.
    pub(crate) draining: watch::Sender<Option<Duration>>,
}

impl Server {
    /// A server that serves nobody yet.
    pub(crate) fn new(sandbox: Arc<Sandbox>, bounds: Bounds, lanes_per_connection: usize, channels: usize) -> Self {
        Self {
            sandbox,
            lanes: Lanes::new(bounds),
            boot_id: boot_id(),
            lanes_per_connection,
            channels: Arc::new(Semaphore::new(channels)),
            connections: AtomicU32::new(0),
            draining: watch::Sender::new(None),
        }
    }

    /// Takes no new work from here on; what runs may go on for this long.
    pub(crate) fn drain(&self, time: Duration) {
        self.lanes.links().iter().for_each(Link::drain);
        self.draining.send_replace(Some(time));
    }

    /// Connections now.
    pub(crate) fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }
}

fn boot_id() -> String {
    let mut bytes = [0u8; 8];
    if getrandom::fill(&mut bytes).is_err() {
        // Without random numbers the time tells two starts apart well enough: the id is no secret.
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        bytes = (since.as_nanos() as u64).to_be_bytes();
    }
    format!("{:016x}", u64::from_be_bytes(bytes))
}
