//! Lanes that did not begin with their first HELLO (R-HELLO-11): should it come late, it must not begin them again when they
//! have ended meanwhile.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::lanes::LaneKey;

/// Most of them at once, those that have ended included. While there are so many, no other lane may begin so.
const MOST: usize = 64;

/// Bytes that all of them cost.
pub(crate) const MEMORY: u64 = MOST as u64 * 128;

/// What is known of them. Pure: it is told the time.
#[derive(Debug)]
pub(crate) struct Late {
    /// How long one that has ended is remembered: a first HELLO is no later, for its connection is closed before, because
    /// nothing is heard on it.
    keep: Duration,
    lanes: BTreeMap<LaneKey, Option<Ended>>,
}

/// How one has ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    at: Instant,
    /// The last HELLO that it had.
    attempt: u64,
}

impl Late {
    /// None yet.
    pub(crate) fn new(keep: Duration) -> Late {
        Late { keep, lanes: BTreeMap::new() }
    }

    /// A lane is to begin so. False when it must not, because it could not be remembered.
    pub(crate) fn begin(&mut self, key: LaneKey, now: Instant) -> bool {
        let keep = self.keep;
        self.lanes.retain(|_, ended| ended.is_none_or(|ended| now.saturating_duration_since(ended.at) < keep));
        let room = self.lanes.len() < MOST || self.lanes.contains_key(&key);
        if room {
            self.lanes.insert(key, None);
        }
        room
    }

    /// A lane has ended, which may be one of them.
    pub(crate) fn end(&mut self, key: &LaneKey, attempt: u64, now: Instant) {
        if let Some(ended) = self.lanes.get_mut(key) {
            *ended = Some(Ended { at: now, attempt });
        }
    }

    /// Whether this HELLO of a lane that is not there is one that comes late.
    pub(crate) fn is_late(&self, key: &LaneKey, attempt: u64) -> bool {
        attempt != 0 && self.lanes.get(key).copied().flatten().is_some_and(|ended| attempt <= ended.attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_secs(120);

    #[test]
    fn what_comes_late_for_a_lane_that_has_ended_is_known() {
        let (mut late, now) = (Late::new(KEEP), Instant::now());
        assert!(late.begin([1; 32], now));
        assert!(!late.is_late(&[1; 32], 1), "the lane is there, and knows itself");
        late.end(&[1; 32], 3, now);
        late.end(&[2; 32], 3, now);
        assert!(late.is_late(&[1; 32], 1) && late.is_late(&[1; 32], 3));
        assert!(!late.is_late(&[1; 32], 4), "the client goes on under the same token");
        assert!(!late.is_late(&[1; 32], 0), "a client that does not count");
        assert!(!late.is_late(&[2; 32], 1), "it began with its first HELLO");
    }

    #[test]
    fn only_so_many_are_remembered_and_only_for_their_time() {
        let (mut late, now) = (Late::new(KEEP), Instant::now());
        let key = |number: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            key
        };
        assert!((0..MOST).all(|number| late.begin(key(number), now)));
        assert!(!late.begin(key(MOST), now));
        late.end(&key(0), 1, now);
        assert!(!late.begin(key(MOST), now), "it is remembered");
        assert!(late.begin(key(MOST), now + KEEP));
        assert!(!late.is_late(&key(0), 1));
        assert_eq!(late.lanes.len(), MOST);
    }
}
