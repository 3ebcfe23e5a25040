//! The lanes of all clients, those included whose connection is lost: who owns them, how long they are kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sandwire_link::{Budget, Link};
use sandwire_protocol::frame::Hello;
use sandwire_protocol::lane::{Config, Role};
use sandwire_protocol::limits::INITIAL_WINDOW;
use sandwire_protocol::{Code, Error};
use sha2::{Digest, Sha256};

use crate::auth::Access;
use crate::config::Settings;

/// Bounds of lanes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Lanes at once, parked ones included.
    pub(crate) lanes: usize,
    /// Channels that may be open at once in one lane.
    pub(crate) channels_per_lane: usize,
    /// Retained bytes of one lane.
    pub(crate) retained_per_lane: usize,
    /// Retained bytes of all lanes together.
    pub(crate) retained: usize,
    /// How long a lane outlives its connection; zero ends it at once.
    pub(crate) ttl: Duration,
}

/// Bytes by which the receive windows of one lane may grow together.
pub(crate) const GROWTH: usize = 4 << 20;

/// Names a lane: the hash of its token, so that looking it up tells nothing about the token by its duration.
pub(crate) type LaneKey = [u8; 32];

/// A lane and what it may do.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) link: Link,
    pub(crate) access: Arc<Access>,
    /// Names the present connection of the lane, so that an old one's end does not park it.
    generation: u64,
    /// The last HELLO of the lane, as [`Hello::attempt`] counts them.
    attempt: u64,
}

/// What a HELLO leads to.
pub(crate) struct Greeting {
    pub(crate) key: LaneKey,
    pub(crate) entry: Entry,
    pub(crate) resumed: bool,
}

/// All lanes. Clones are the same registry.
#[derive(Clone, Debug)]
pub(crate) struct Lanes {
    bounds: Bounds,
    budget: Budget,
    entries: Arc<Mutex<BTreeMap<LaneKey, Entry>>>,
    generations: Arc<AtomicU64>,
}

impl Bounds {
    /// Those that the settings say.
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            lanes: settings.max_lanes(),
            channels_per_lane: settings.max_channels_per_lane(),
            retained_per_lane: settings.retained_bytes_per_lane(),
            retained: settings.retained_bytes(),
            ttl: settings.lane_ttl(),
        }
    }
}

impl Lanes {
    /// No lanes yet.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, budget: Budget::new(bounds.retained), entries: Arc::default(), generations: Arc::default() }
    }

    /// Their bounds.
    pub(crate) const fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// How many there are, parked ones included.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Finds the lane that a HELLO names, or makes it.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` when the scopes are more than the connection has, or the lane may do what this connection
    /// may not; `LIMIT_EXCEEDED` when there are too many lanes, or nothing is left to retain bytes in.
    pub(crate) fn greet(&self, hello: &Hello, access: &Access) -> Result<Greeting, Error> {
        let access = access.narrow(hello.scopes.as_deref())?;
        let key: LaneKey = Sha256::digest(&hello.token).into();
        let mut entries = self.lock();
        if self.bounds.ttl.is_zero()
            && let Some(old) = entries.remove(&key)
        {
            // Its connection is lost, though this side may not have noticed: no lane outlives its connection here.
            old.link.fail("its connection was lost, and the setting `lane_ttl` is 0");
        }
        if let Some(entry) = entries.get_mut(&key) {
            if !access.covers(&entry.access) {
                let message = "the lane may do more than this connection: use the token that it was opened with";
                return Err(Error::new(Code::PermissionDenied, message));
            }
            if hello.attempt != 0 && hello.attempt <= entry.attempt {
                let message = "this HELLO was delayed: a later connection has the lane";
                return Err(Error::new(Code::ValidationFailed, message));
            }
            entry.attempt = entry.attempt.max(hello.attempt);
            entry.generation = self.next_generation();
            return Ok(Greeting { key, entry: entry.clone(), resumed: true });
        }
        if entries.len() >= self.bounds.lanes {
            return Err(limit("lanes", self.bounds.lanes));
        }
        let config = Config {
            max_channels: self.bounds.channels_per_lane,
            retain: self.bounds.retained_per_lane,
            recv_window: INITIAL_WINDOW,
            send_window: hello.window.unwrap_or(INITIAL_WINDOW).clamp(INITIAL_WINDOW, 1 << 30),
            growth: GROWTH,
        };
        let link = Link::with_budget(Role::Server, config, &self.budget)
            .ok_or_else(|| limit("retained_bytes", self.bounds.retained))?;
        let entry =
            Entry { link, access: Arc::new(access), generation: self.next_generation(), attempt: hello.attempt };
        entries.insert(key, entry.clone());
        Ok(Greeting { key, entry, resumed: false })
    }

    /// A number that no connection of any lane has had: a lane may end and be made again under the same token while an
    /// old connection's time still runs.
    fn next_generation(&self) -> u64 {
        self.generations.fetch_add(1, Ordering::Relaxed)
    }

    /// The connection of this generation is lost. The lane ends when no other comes in time.
    pub(crate) fn park(&self, key: LaneKey, entry: &Entry) {
        let generation = entry.generation;
        let lanes = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(lanes.bounds.ttl).await;
            let expired = {
                let mut entries = lanes.lock();
                match entries.get(&key) {
                    Some(entry) if entry.generation == generation => entries.remove(&key),
                    Some(_) | None => None,
                }
            };
            if let Some(entry) = expired {
                tracing::info!(channels = entry.link.channels(), "a lane was not resumed in time");
                entry.link.fail("it was not resumed in time");
            }
        });
    }

    /// Ends a lane now.
    pub(crate) fn end(&self, key: &LaneKey, reason: &str) {
        let entry = self.lock().remove(key);
        if let Some(entry) = entry {
            entry.link.fail(reason);
        }
    }

    /// What is left of the budget for retained bytes.
    pub(crate) fn retained_left(&self) -> usize {
        self.budget.left()
    }

    /// All lanes' links.
    pub(crate) fn links(&self) -> Vec<Link> {
        self.lock().values().map(|entry| entry.link.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LaneKey, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn limit(name: &str, value: usize) -> Error {
    Error::new(Code::LimitExceeded, format!("the server's limit `{name}` ({value}) is reached")).with("limit", name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// R-HELLO-9 of the protocol.
    #[tokio::test]
    async fn a_delayed_hello_does_not_take_the_lane() {
        let lanes = Lanes::new(Bounds::of(&Settings::default()));
        let access = Access::full("local");
        let hello = |attempt| Hello { version: 1, token: vec![7; 16], attempt, ..Hello::default() };
        assert!(!lanes.greet(&hello(2), &access).unwrap().resumed);
        for late in [1, 2] {
            let Err(error) = lanes.greet(&hello(late), &access) else { panic!("HELLO {late} took the lane") };
            assert_eq!(error.code, Code::ValidationFailed);
        }
        assert!(lanes.greet(&hello(3), &access).unwrap().resumed);
        assert!(lanes.greet(&hello(0), &access).unwrap().resumed, "a client that does not count");
        assert_eq!(lanes.len(), 1);
    }
}
