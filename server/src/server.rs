//! [`Server`]: what all connections share.

use std::sync::Arc;
use std::time::Duration;

use sandwire_link::Link;
use tokio::sync::{Semaphore, watch};

use crate::config::Settings;
use crate::lanes::{Bounds, Lanes};
use crate::sandbox::Sandbox;

/// Where the server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It takes work.
    Serving,
    /// It takes no new work; what runs may go on for this long.
    Draining(Duration),
    /// Connections are closed.
    Closing,
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) lanes: Lanes,
    /// Changes whenever the server starts.
    pub(crate) boot_id: String,
    pub(crate) lanes_per_connection: usize,
    /// Upper bound of the server's memory, in bytes.
    pub(crate) memory_bound: u64,
    /// Places for channels, of all lanes together.
    pub(crate) channels: Arc<Semaphore>,
    max_channels: usize,
    /// Connections now.
    pub(crate) connections: Count,
    pub(crate) phase: watch::Sender<Phase>,
}

/// How many there are of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) connections: u32,
    pub(crate) lanes: u32,
    pub(crate) channels: u32,
    pub(crate) processes: u32,
    pub(crate) terminals: u32,
}

/// A number that can be awaited to be zero.
#[derive(Debug)]
pub(crate) struct Count(watch::Sender<u32>);

impl Count {
    /// One more, until the guard is dropped.
    pub(crate) fn one_more(&self) -> OneMore {
        self.0.send_modify(|count| *count += 1);
        OneMore(self.0.clone())
    }
}

/// One of a [`Count`].
#[derive(Debug)]
pub(crate) struct OneMore(watch::Sender<u32>);

impl Drop for OneMore {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Server {
    /// A server that serves nobody yet.
    pub(crate) fn new(sandbox: Arc<Sandbox>, settings: &Settings) -> Self {
        let max_channels = settings.max_channels();
        Self {
            sandbox,
            lanes: Lanes::new(Bounds::of(settings)),
            boot_id: boot_id(),
            lanes_per_connection: settings.max_lanes_per_connection(),
            memory_bound: settings.memory_bound(),
            channels: Arc::new(Semaphore::new(max_channels)),
            max_channels,
            connections: Count(watch::Sender::new(0)),
            phase: watch::Sender::new(Phase::Serving),
        }
    }

    /// Where the server is in its life.
    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Takes no new work from here on; what runs may go on for this long.
    pub(crate) fn drain(&self, time: Duration) {
        // Before anybody is told, so that nobody who was told is still served; after it, for lanes made meanwhile.
        self.lanes.links().iter().for_each(Link::drain);
        self.phase.send_replace(Phase::Draining(time));
        self.lanes.links().iter().for_each(Link::drain);
    }

    /// Channels that are open.
    pub(crate) fn open_channels(&self) -> usize {
        self.max_channels - self.channels.available_permits()
    }

    /// Waits until no channel is open.
    pub(crate) async fn no_channels(&self) {
        let all = u32::try_from(self.max_channels).unwrap_or(u32::MAX);
        // Never closed, so that acquiring cannot fail; given back at once.
        self.channels.acquire_many(all).await.map(drop).unwrap_or_default();
    }

    /// Waits until the clients of these lanes have all that was said to them. A lane that no connection carries waits for
    /// its client to come back, or for its end.
    pub(crate) async fn delivered(&self, of: impl Fn(&Link) -> bool) {
        for link in self.lanes.links().iter().filter(|link| of(link)) {
            link.delivered().await;
        }
    }

    /// Ends what is still open, and waits at most so long until it has ended.
    pub(crate) async fn end_lanes(&self, at_most: Duration) {
        for link in self.lanes.links() {
            link.cancel_all();
        }
        if tokio::time::timeout(at_most, self.no_channels()).await.is_err() {
            tracing::warn!(channels = self.open_channels(), "channels that do not end are left");
        }
    }

    /// Waits until no connection is left.
    pub(crate) async fn no_connections(&self) {
        let mut count = self.connections.0.subscribe();
        // The sender is `self`: the channel cannot close.
        count.wait_for(|count| *count == 0).await.map(drop).unwrap_or_default();
    }

    /// How many there are of what.
    pub(crate) fn counts(&self) -> Counts {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Counts {
            connections: *self.connections.0.borrow(),
            lanes: count(self.lanes.len()),
            channels: count(self.open_channels()),
            processes: count(self.sandbox.processes.running()),
            terminals: count(self.sandbox.terminals.living()),
        }
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
