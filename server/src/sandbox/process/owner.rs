//! To which command a process of the machine belongs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::list::{Entry, marker_of};

/// Steps from a process to its ancestors. A longer way leads to nobody.
const ANCESTORS: usize = 64;

/// The first process of a command.
#[derive(Clone, Debug)]
pub(crate) struct Leader {
    /// Its pid, as long as that is its own.
    pub(super) pid: Option<i32>,
    /// What it and its descendants have in their environment.
    pub(super) marker: Arc<str>,
}

/// A process of the machine, at one time.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) pid: i32,
    /// When it began, in clock ticks after boot: with the pid its name for all time.
    pub(crate) start: u64,
    marker: Option<Arc<str>>,
}

impl Seen {
    /// Looks at a process.
    pub(crate) fn look(pid: i32) -> Option<Self> {
        Some(Self { pid, start: start_of(pid)?, marker: marker_of(pid).map(Into::into) })
    }

    /// Whether it still runs.
    pub(crate) fn lives(&self) -> bool {
        start_of(self.pid) == Some(self.start)
    }
}

/// When a process began, in clock ticks after boot; nothing when there is none.
pub(crate) fn start_of(pid: i32) -> Option<u64> {
    Entry::read(pid).filter(|entry| !entry.dead).map(|entry| entry.start)
}

/// Commands by what their processes are known by.
#[derive(Debug)]
pub(crate) struct Owners<T> {
    markers: BTreeMap<Arc<str>, T>,
    pids: BTreeMap<i32, T>,
}

impl<T: Clone> Owners<T> {
    /// Of these commands.
    pub(crate) fn new(leaders: impl IntoIterator<Item = (T, Leader)>) -> Self {
        let mut owners = Self { markers: BTreeMap::new(), pids: BTreeMap::new() };
        for (owner, leader) in leaders {
            if let Some(pid) = leader.pid {
                owners.pids.insert(pid, owner.clone());
            }
            owners.markers.insert(leader.marker, owner);
        }
        owners
    }

    /// The command that a process belongs to: by its environment, which outlives its parents, else by its session and
    /// its parents.
    pub(crate) fn of(&self, process: &Seen) -> Option<&T> {
        let marked = process.marker.as_ref().and_then(|marker| self.markers.get(marker));
        if marked.is_some() {
            return marked;
        }
        let mut pid = process.pid;
        for _ in 0..ANCESTORS {
            let entry = Entry::read(pid)?;
            let found = self.pids.get(&pid).or_else(|| self.pids.get(&entry.session));
            if found.is_some() || entry.parent <= 1 {
                return found;
            }
            pid = entry.parent;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_process_is_found_by_its_parents_when_it_hides_its_environment() {
        let own = i32::try_from(std::process::id()).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").env_clear().spawn().unwrap();
        let seen = Seen::look(i32::try_from(child.id()).unwrap()).unwrap();
        let leader = |pid, marker: &str| Leader { pid, marker: marker.into() };
        let owners = Owners::new([("other", leader(None, "a")), ("this", leader(Some(own), "b"))]);
        assert_eq!(owners.of(&seen), Some(&"this"));
        let marked = Seen { marker: Some("a".into()), ..seen.clone() };
        assert_eq!(owners.of(&marked), Some(&"other"));
        assert_eq!(Owners::new([("other", leader(None, "a"))]).of(&seen), None);
        assert!(seen.lives());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!seen.lives());
    }
}
