//! The lanes of all clients, those included whose connection is lost: who owns them, how long they are kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sandwire_link::{Budget, Budgets, Link};
use sandwire_protocol::frame::Hello;
use sandwire_protocol::lane::{Config, Role};
use sandwire_protocol::limits::{DEAD_AFTER, INITIAL_WINDOW};
use sandwire_protocol::{Code, Error};
use sha2::{Digest, Sha256};
use tokio::task::AbortHandle;

use crate::auth::{Access, Grant};
use crate::config::Settings;
use crate::late::Late;

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

/// Bytes by which the receive windows of all lanes may grow together: eight readers at full speed.
pub(crate) const GROWTH: usize = 32 << 20;

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
    /// It is not the lane that its client means, which the client may not have heard: no frame of that lane is for this one.
    anew: bool,
    /// While no connection has it: since when, and the task that ends it in time.
    parked: Option<(Instant, AbortHandle)>,
}

/// What a HELLO leads to.
pub(crate) struct Greeting {
    pub(crate) key: LaneKey,
    pub(crate) entry: Entry,
    /// As in WELCOME.
    pub(crate) resumed: bool,
}

/// All lanes. Clones are the same registry.
#[derive(Clone, Debug)]
pub(crate) struct Lanes {
    bounds: Bounds,
    budgets: Budgets,
    kept: Arc<Mutex<Kept>>,
    generations: Arc<AtomicU64>,
}

/// What is kept of lanes.
#[derive(Debug)]
struct Kept {
    /// Since when no lane has ended but by its client's will, or by its time.
    since: Instant,
    entries: BTreeMap<LaneKey, Entry>,
    late: Late,
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
        let budgets = Budgets { retained: Budget::new(bounds.retained), growth: Budget::new(GROWTH) };
        // Longer than any connection that may bring a HELLO stays silent.
        let late = Late::new(bounds.ttl.max(2 * DEAD_AFTER));
        let kept = Kept { since: Instant::now(), entries: BTreeMap::new(), late };
        Self { bounds, budgets, kept: Arc::new(Mutex::new(kept)), generations: Arc::default() }
    }

    /// Their bounds.
    pub(crate) const fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// How many there are, parked ones included.
    pub(crate) fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Finds the lane that a HELLO names, or makes it.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` when what is asked for is more than the connection has, or the lane may do what this connection
    /// may not; `LIMIT_EXCEEDED` when there are too many lanes, or nothing is left to retain bytes in.
    pub(crate) fn greet(&self, hello: &Hello, access: &Access) -> Result<Greeting, Error> {
        let access = access.narrow(&Grant::of(hello))?;
        let key: LaneKey = Sha256::digest(&hello.token).into();
        let mut kept = self.lock();
        if self.bounds.ttl.is_zero()
            && let Some(old) = kept.remove(&key)
        {
            // Its connection is lost, though this side may not have noticed: no lane outlives its connection here.
            old.link.fail("its connection was lost, and the setting `lane_ttl` is 0");
        }
        if let Some(entry) = kept.entries.get_mut(&key) {
            if !access.covers(&entry.access) {
                let message = "the lane may do more than this connection: use the token that it was opened with";
                return Err(Error::new(Code::PermissionDenied, message));
            }
            if hello.attempt != 0 && hello.attempt <= entry.attempt {
                return Err(delayed("a later connection has the lane"));
            }
            entry.attempt = entry.attempt.max(hello.attempt);
            entry.generation = self.next_generation();
            if let Some((_, end)) = entry.parked.take() {
                end.abort();
            }
            let resumed = !entry.anew || entry.link.received() > 0;
            return Ok(Greeting { key, entry: entry.clone(), resumed });
        }
        if kept.late.is_late(&key, hello.attempt) {
            return Err(delayed("the lane is over"));
        }
        if kept.entries.len() >= self.bounds.lanes && !kept.evict() {
            return Err(limit("max_lanes", self.bounds.lanes));
        }
        let config = Config {
            max_channels: self.bounds.channels_per_lane,
            retain: self.bounds.retained_per_lane,
            recv_window: INITIAL_WINDOW,
            send_window: hello.window.unwrap_or(INITIAL_WINDOW).clamp(INITIAL_WINDOW, 1 << 30),
            growth: 0,
        };
        let link = loop {
            match Link::with_budgets(Role::Server, config, &self.budgets) {
                Some(link) => break link,
                None if kept.evict() => {}
                None => return Err(limit("retained_bytes", self.bounds.retained)),
            }
        };
        let (access, generation) = (Arc::new(access), self.next_generation());
        let again = hello.attempt > 1;
        let resumed = again && self.never_had(hello, &kept) && kept.late.begin(key, Instant::now());
        let entry = Entry { link, access, generation, attempt: hello.attempt, anew: again && !resumed, parked: None };
        kept.entries.insert(key, entry.clone());
        Ok(Greeting { key, entry, resumed })
    }

    /// Whether a lane that is not here cannot have been here, by its age: R-HELLO-11. One in which anything ran would be here
    /// still.
    fn never_had(&self, hello: &Hello, kept: &Kept) -> bool {
        let age = hello.age_ms.map(Duration::from_millis);
        age.is_some_and(|age| age < kept.since.elapsed() && age < self.bounds.ttl)
    }

    /// A number that no connection of any lane has had: a lane may end and be made again under the same token while an
    /// old connection's time still runs.
    fn next_generation(&self) -> u64 {
        self.generations.fetch_add(1, Ordering::Relaxed)
    }

    /// The connection of this generation is lost. The lane ends when no other comes in time.
    pub(crate) fn park(&self, key: LaneKey, entry: &Entry) {
        let generation = entry.generation;
        let mut kept = self.lock();
        // A lane that goes on elsewhere is none of this connection's business: one task a lane, not one a connection.
        let Some(entry) = kept.entries.get_mut(&key).filter(|entry| entry.generation == generation) else { return };
        let lanes = self.clone();
        let end = tokio::spawn(async move {
            tokio::time::sleep(lanes.bounds.ttl).await;
            let expired = {
                let mut kept = lanes.lock();
                match kept.entries.get(&key) {
                    Some(entry) if entry.generation == generation => kept.remove(&key),
                    Some(_) | None => None,
                }
            };
            if let Some(entry) = expired {
                tracing::info!(channels = entry.link.channels(), "a lane was not resumed in time");
                entry.link.fail("it was not resumed in time");
            }
        });
        entry.parked = Some((Instant::now(), end.abort_handle()));
    }

    /// Ends a lane against its client's will. Should the client not hear of it, nobody is to take the lane for one that never
    /// was.
    pub(crate) fn expel(&self, key: &LaneKey, reason: &str) {
        self.lock().since = Instant::now();
        self.end(key, reason);
    }

    /// Ends a lane now, as its client wants it.
    pub(crate) fn end(&self, key: &LaneKey, reason: &str) {
        let entry = self.lock().remove(key);
        if let Some(entry) = entry {
            entry.link.fail(reason);
        }
    }

    /// What is left of the budget for retained bytes.
    pub(crate) fn retained_left(&self) -> usize {
        self.budgets.retained.left()
    }

    /// All lanes' links.
    pub(crate) fn links(&self) -> Vec<Link> {
        self.lock().entries.values().map(|entry| entry.link.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn remove(&mut self, key: &LaneKey) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        self.late.end(key, entry.attempt, Instant::now());
        Some(entry)
    }

    /// Ends the lane that has been without a connection for longest, of those in which nothing is open and nothing under
    /// way: nobody loses anything by it. False when there is none.
    fn evict(&mut self) -> bool {
        let idle = self.entries.iter().filter(|(_, entry)| entry.link.is_delivered());
        let oldest = idle.filter_map(|(key, entry)| Some((entry.parked.as_ref()?.0, *key))).min();
        let Some(entry) = oldest.and_then(|(_, key)| self.remove(&key)) else { return false };
        entry.link.fail("others needed its place");
        if let Some((_, end)) = entry.parked {
            end.abort();
        }
        true
    }
}

fn delayed(why: &str) -> Error {
    Error::new(Code::ValidationFailed, format!("this HELLO was delayed: {why}"))
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
        assert!(!lanes.greet(&hello(1), &access).unwrap().resumed);
        assert!(lanes.greet(&hello(2), &access).unwrap().resumed);
        for late in [1, 2] {
            let Err(error) = lanes.greet(&hello(late), &access) else { panic!("HELLO {late} took the lane") };
            assert_eq!(error.code, Code::ValidationFailed);
        }
        assert!(lanes.greet(&hello(3), &access).unwrap().resumed);
        assert!(lanes.greet(&hello(0), &access).unwrap().resumed, "a client that does not count");
        assert_eq!(lanes.len(), 1);
    }

    /// R-HELLO-11 of the protocol.
    #[tokio::test]
    async fn a_lane_that_cannot_have_been_here_goes_on() {
        let ttl = Duration::from_secs(60);
        let old = Instant::now().checked_sub(Duration::from_secs(3600)).unwrap();
        let lanes = |since, ttl| {
            let lanes = Lanes::new(Bounds { ttl, ..Bounds::of(&Settings::default()) });
            lanes.lock().since = since;
            lanes
        };
        let resumed = |lanes: &Lanes, token: u8, age_ms| {
            // Each is one more.
            let attempt = 2 + lanes.lock().entries.values().map(|entry| entry.attempt).max().unwrap_or_default();
            let hello = Hello { version: 1, token: vec![token; 16], attempt, age_ms, ..Hello::default() };
            lanes.greet(&hello, &Access::full("local")).unwrap().resumed
        };
        let serving = lanes(old, ttl);
        assert!(resumed(&serving, 1, Some(59_999)));
        assert!(!resumed(&serving, 2, Some(60_000)), "it may have been here for its time, and have ended");
        assert!(!resumed(&serving, 3, None), "it was answered once: it was here");
        assert!(
            !resumed(&lanes(Instant::now(), ttl), 4, Some(59_999)),
            "it may have been at the server before this one"
        );
        assert!(!resumed(&lanes(old, Duration::ZERO), 5, Some(0)), "lanes end with their connections");
        // The answer may not have been heard.
        assert!(
            resumed(&serving, 1, Some(59_999)) && !resumed(&serving, 2, Some(60_000)) && !resumed(&serving, 3, None)
        );
        // The first HELLO comes when all is over.
        serving.end(&Sha256::digest([1; 16]).into(), "the client ended it");
        let first = Hello { version: 1, token: vec![1; 16], attempt: 1, ..Hello::default() };
        let Err(error) = serving.greet(&first, &Access::full("local")) else { panic!("it began the lane again") };
        assert_eq!(error.code, Code::ValidationFailed);
        // A lane may have been ended that its client does not know to be over.
        serving.expel(&Sha256::digest([3; 16]).into(), "signed out");
        assert!(!resumed(&serving, 6, Some(59_999)));
    }

    /// R-HELLO-10: on a relay's connection each client has what its own HELLO says, also of a lane that is there.
    #[tokio::test]
    async fn a_lane_is_not_resumed_by_who_may_do_less() {
        let lanes = Lanes::new(Bounds::of(&Settings::default()));
        let access = Access::full("relay");
        let least = Hello { version: 1, token: vec![7; 16], ..Hello::default() };
        let terminals = |ids: &[&str]| Some(ids.iter().map(|id| (*id).to_owned()).collect());
        let narrow = Hello { terminals: terminals(&["a"]), paths: Some(vec!["/w".into()]), ..least.clone() };
        assert!(!lanes.greet(&narrow, &access).unwrap().resumed);
        for other in [
            Hello { terminals: terminals(&["b"]), ..narrow.clone() },
            Hello { terminals: terminals(&[]), ..narrow.clone() },
            Hello { paths: Some(vec!["/w/deeper".into()]), ..narrow.clone() },
            Hello { scopes: terminals(&["info"]), ..narrow.clone() },
        ] {
            assert_eq!(lanes.greet(&other, &access).err().unwrap().code, Code::PermissionDenied, "{other:?}");
        }
        // Who may do more goes on with it as it is.
        let greeting = lanes.greet(&least, &access).unwrap();
        assert!(greeting.resumed && !greeting.entry.access.sees_terminal("b"));
        assert!(lanes.greet(&narrow, &access).unwrap().resumed);
    }

    #[tokio::test]
    async fn lanes_that_were_left_with_nothing_in_them_make_room() {
        let lanes = Lanes::new(Bounds { lanes: 2, ..Bounds::of(&Settings::default()) });
        let access = Access::full("local");
        let greet = |token: u8| lanes.greet(&Hello { version: 1, token: vec![token; 16], ..Hello::default() }, &access);
        let (first, second) = (greet(1).unwrap(), greet(2).unwrap());
        assert_eq!(greet(3).err().unwrap().code, Code::LimitExceeded, "both are in use");
        lanes.park(first.key, &first.entry);
        lanes.park(second.key, &second.entry);
        assert!(!greet(3).unwrap().resumed);
        assert!(greet(2).unwrap().resumed, "the one that was left first had to go");
        assert_eq!(greet(1).err().unwrap().code, Code::LimitExceeded);
        // Work in a lane keeps it.
        let busy = lanes.entry(&second.key);
        busy.link
            .open::<sandwire_protocol::kind::SandboxInfo>(&Default::default(), None)
            .map(std::mem::forget)
            .unwrap();
        lanes.park(second.key, &busy);
        assert_eq!(greet(4).err().unwrap().code, Code::LimitExceeded);
    }

    #[tokio::test]
    async fn connections_that_come_and_go_leave_no_task_each() {
        let lanes = Lanes::new(Bounds::of(&Settings::default()));
        let access = Access::full("local");
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        for _ in 0..100 {
            let hello = Hello { version: 1, token: vec![7; 16], ..Hello::default() };
            let greeting = lanes.greet(&hello, &access).unwrap();
            lanes.park(greeting.key, &greeting.entry);
            tokio::task::yield_now().await;
        }
        assert!(tasks() <= before + 2, "{} of {before}", tasks());
    }

    impl Lanes {
        fn entry(&self, key: &LaneKey) -> Entry {
            self.lock().entries.get(key).cloned().unwrap()
        }
    }
}
