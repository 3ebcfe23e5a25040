//! [`Server`]: what all connections share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sandwire_link::{Held, Link};
use sandwire_protocol::{Code, Error};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::config::Settings;
use crate::count::{Count, OneMore};
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
    /// Places for messages that are longer than most, of all connections together.
    pub(crate) long_messages: Arc<Semaphore>,
    /// Places for connections to exposed ports.
    pub(crate) previews: Arc<Semaphore>,
    max_previews: usize,
    /// Upper bound of the server's memory, in bytes.
    pub(crate) memory_bound: u64,
    /// Places for channels, of all lanes together.
    places: Arc<Semaphore>,
    /// Channels that are served.
    channels: Count,
    /// Connections now.
    pub(crate) connections: Count,
    pub(crate) phase: watch::Sender<Phase>,
    /// Whether what is still open is ended from here.
    ending: AtomicBool,
}

/// How many there are of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) connections: u32,
    pub(crate) lanes: u32,
    pub(crate) channels: u32,
    pub(crate) processes: u32,
    pub(crate) terminals: u32,
    pub(crate) previews: u32,
}

/// Long messages that may be on their way in at once. A connection that is slow with one is silent, and not for long.
pub(crate) const LONG_MESSAGES: usize = 6;

/// Bytes of a channel's end that its place pays for. A longer one takes more places until it is sent: clients that ask
/// and do not read must not cost more than what they may open.
pub(crate) const RESULT: usize = 128 << 10;

/// A channel's place among all.
#[derive(Debug)]
pub(crate) struct Place {
    permit: OwnedSemaphorePermit,
    _served: OneMore,
}

impl Place {
    /// The channel is served; its end, of so many bytes, is to be kept until it is sent.
    pub(crate) fn hold(self, bytes: usize) -> Result<Held, (Error, Held)> {
        let Self { mut permit, _served } = self;
        let more = u32::try_from(bytes / RESULT).unwrap_or(u32::MAX);
        match Arc::clone(permit.semaphore()).try_acquire_many_owned(more) {
            Ok(others) => {
                permit.merge(others);
                Ok(Box::new(permit))
            }
            Err(_) => Err((no_place(), Box::new(permit))),
        }
    }
}

fn no_place() -> Error {
    let message = "the server's limit `max_channels` is reached: read or close something first";
    Error::new(Code::LimitExceeded, message).with("limit", "max_channels")
}

impl Server {
    /// A server that serves nobody yet.
    pub(crate) fn new(sandbox: Arc<Sandbox>, settings: &Settings) -> Self {
        Self {
            sandbox,
            lanes: Lanes::new(Bounds::of(settings)),
            boot_id: boot_id(),
            lanes_per_connection: settings.max_lanes_per_connection(),
            long_messages: Arc::new(Semaphore::new(LONG_MESSAGES)),
            previews: Arc::new(Semaphore::new(settings.max_previews())),
            max_previews: settings.max_previews(),
            memory_bound: settings.memory_bound(),
            places: Arc::new(Semaphore::new(settings.max_channels())),
            channels: Count::default(),
            connections: Count::default(),
            phase: watch::Sender::new(Phase::Serving),
            ending: AtomicBool::new(false),
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

    /// A place for one more channel.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED`.
    pub(crate) fn channel(&self) -> Result<Place, Error> {
        let permit = Arc::clone(&self.places).try_acquire_owned().map_err(|_| no_place())?;
        Ok(Place { permit, _served: self.channels.one_more() })
    }

    /// Channels that are served.
    pub(crate) fn open_channels(&self) -> u32 {
        self.channels.now()
    }

    /// Waits until no channel is served.
    pub(crate) async fn no_channels(&self) {
        self.channels.none().await;
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
        self.ending.store(true, Ordering::SeqCst);
        for link in self.lanes.links() {
            link.cancel_all();
        }
        if tokio::time::timeout(at_most, self.no_channels()).await.is_err() {
            tracing::warn!(channels = self.open_channels(), "channels that do not end are left");
        }
    }

    /// What a channel is told that ended with this error: nobody gave up what the server ended.
    pub(crate) fn cause_of(&self, error: Error) -> Error {
        if error.code != Code::Cancelled || !self.ending.load(Ordering::SeqCst) {
            return error;
        }
        let message = "the server is shutting down and has ended this: it was started, and did not come to its own end";
        Error::new(Code::OperationInterrupted, message).with("admitted", "true").with("reason", "draining")
    }

    /// Waits until no connection is left.
    pub(crate) async fn no_connections(&self) {
        self.connections.none().await;
    }

    /// How many there are of what.
    pub(crate) fn counts(&self) -> Counts {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Counts {
            connections: self.connections.now(),
            lanes: count(self.lanes.len()),
            channels: self.open_channels(),
            processes: count(self.sandbox.processes.running()),
            terminals: count(self.sandbox.terminals.living()),
            previews: count(self.max_previews.saturating_sub(self.previews.available_permits())),
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
