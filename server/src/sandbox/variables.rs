//! Variables of the sandbox, which every command is given over the server's own environment. In memory alone: they are no
//! part of the server's environment, of any argument, or of what is logged.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use sandwire_protocol::kind::env::{Listing, Set};
use sandwire_protocol::{ByteString, Code, Error};

use crate::sandbox::process::launch::{MARKER, is_inherited};

/// Most bytes of all variables, and what each counts for beside its name and value.
pub(crate) const LARGEST: usize = 64 << 10;
const EACH: usize = 64;

/// Longest name, in bytes.
const LONGEST_NAME: usize = 256;

/// The variables.
#[derive(Default)]
pub(crate) struct Variables(Mutex<Table>);

#[derive(Clone, Default)]
struct Table {
    variables: BTreeMap<Vec<u8>, Variable>,
    /// Counts the changes.
    version: u64,
    followers: Vec<Weak<AtomicU64>>,
}

#[derive(Clone)]
struct Variable {
    /// `None` is unset.
    value: Option<Vec<u8>>,
    /// The change that made it so.
    since: u64,
}

/// Somebody who runs, and takes the changes over one after the other.
#[derive(Debug)]
pub(crate) struct Follower {
    seen: Arc<AtomicU64>,
    /// What it had seen before it was told last.
    before: u64,
}

impl Follower {
    /// It has not taken over what it was told last.
    pub(crate) fn missed(&self) {
        self.seen.store(self.before, Ordering::Relaxed);
    }
}

/// Variables by name; `None` is unset.
pub(crate) type Changes = Vec<(String, Option<Vec<u8>>)>;

impl Variables {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets and unsets, all or nothing.
    ///
    /// # Errors
    /// `VALIDATION_FAILED` for a name or a value that no variable can have, `LIMIT_EXCEEDED`.
    pub(crate) fn set(&self, changes: Set) -> Result<(), Error> {
        for (name, value) in &changes.env {
            check(name.as_bytes(), value.as_ref().map(ByteString::as_bytes))?;
        }
        let mut table = self.lock();
        let mut next = table.clone();
        next.version += 1;
        for (name, value) in changes.env {
            let variable = Variable { value: value.map(ByteString::into_bytes), since: next.version };
            next.variables.insert(name.into_bytes(), variable);
        }
        next.forget();
        let size: usize = next.variables.iter().map(|(name, it)| size_of(name, it.value.as_deref())).sum();
        if size > LARGEST {
            let text = format!(
                "the variables of the sandbox would have {size} bytes, with {EACH} for each; {LARGEST} is the most. One \
                 that was unset counts until every session that runs has taken it over with a command"
            );
            return Err(Error::new(Code::LimitExceeded, text).with("limit", LARGEST));
        }
        *table = next;
        Ok(())
    }

    /// What is set, and what of the server's is unset.
    pub(crate) fn list(&self) -> Listing {
        let mut listing = Listing::default();
        for (name, variable) in &self.lock().variables {
            let name = ByteString::new(name.clone());
            match &variable.value {
                Some(value) => {
                    listing.env.insert(name, ByteString::new(value.clone()));
                }
                None if is_inherited(name.as_bytes()) => listing.unset.push(name),
                None => {}
            }
        }
        listing
    }

    /// What a command is given of that name, without being asked to.
    pub(crate) fn value(&self, name: &str) -> Option<Vec<u8>> {
        match self.lock().variables.get(name.as_bytes()) {
            Some(variable) => variable.value.clone(),
            None => std::env::var_os(name).map(std::ffi::OsString::into_encoded_bytes),
        }
    }

    /// Lays them over an environment.
    pub(crate) fn apply(&self, env: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
        for (name, variable) in &self.lock().variables {
            match &variable.value {
                Some(value) => env.insert(name.clone(), value.clone()),
                None => env.remove(name),
            };
        }
    }

    /// Follows the changes from now on.
    pub(crate) fn follow(&self) -> Follower {
        let mut table = self.lock();
        let seen = Arc::new(AtomicU64::new(table.version));
        table.followers.retain(|follower| follower.strong_count() > 0);
        table.followers.push(Arc::downgrade(&seen));
        Follower { seen, before: table.version }
    }

    /// What has changed since the follower was told last.
    pub(crate) fn changes(&self, follower: &mut Follower) -> Changes {
        let table = self.lock();
        let seen = follower.seen.load(Ordering::Relaxed);
        follower.before = seen;
        if seen == table.version {
            return Vec::new();
        }
        follower.seen.store(table.version, Ordering::Relaxed);
        let new = table.variables.iter().filter(|(_, variable)| variable.since > seen);
        new.map(|(name, it)| (String::from_utf8_lossy(name).into_owned(), it.value.clone())).collect()
    }
}

impl Table {
    /// Forgets what is unset, was never the server's, and nobody who runs still has.
    fn forget(&mut self) {
        self.followers.retain(|follower| follower.strong_count() > 0);
        let seen = self.followers.iter().filter_map(Weak::upgrade).map(|seen| seen.load(Ordering::Relaxed)).min();
        self.variables
            .retain(|name, it| it.value.is_some() || is_inherited(name) || seen.is_some_and(|seen| seen < it.since));
    }
}

/// How many there are: a value may be a secret.
impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Variables").field("count", &self.lock().variables.len()).finish()
    }
}

fn size_of(name: &[u8], value: Option<&[u8]>) -> usize {
    name.len() + value.map_or(0, <[u8]>::len) + EACH
}

/// Whether every shell can hold a variable of that name.
pub(crate) fn is_name(name: &[u8]) -> bool {
    let first = name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    first && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// # Errors
/// `VALIDATION_FAILED`, which does not show the value.
fn check(name: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
    let invalid = |text: String| Err(Error::new(Code::ValidationFailed, text).with("field", "env"));
    if name.len() > LONGEST_NAME {
        return invalid(format!("the name of a variable has {} bytes; {LONGEST_NAME} is the most", name.len()));
    }
    let shown = String::from_utf8_lossy(name);
    if !is_name(name) {
        // Who writes `NAME=value` here says a value, too.
        let shown = shown.split('=').next().unwrap_or_default();
        return invalid(format!("{shown:?} is no name of a variable: A-Z a-z 0-9 and _, and no digit first"));
    }
    if name == MARKER.as_bytes() {
        return invalid(format!("{MARKER} is the server's own variable, by which it finds what a command started"));
    }
    if value.is_some_and(|value| value.contains(&0)) {
        return invalid(format!("the value of {shown} holds a NUL byte"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn set(variables: &Variables, name: &str, value: Option<&str>) -> Result<(), Error> {
        variables.set(Set { env: [(name.into(), value.map(Into::into))].into() })
    }

    fn count(variables: &Variables) -> usize {
        variables.lock().variables.len()
    }

    #[test]
    fn names_are_those_of_posix() {
        let variables = Variables::default();
        for no in ["", "1A", "A-B", "A B", "A=", "ü", "BASH_FUNC_x%%", "SANDWIRE_ID", &"A".repeat(257)] {
            assert_eq!(set(&variables, no, Some("x")).unwrap_err().code, Code::ValidationFailed, "{no:?}");
        }
        assert_eq!(set(&variables, "A", Some("\0")).unwrap_err().code, Code::ValidationFailed);
        let told = set(&variables, "A=hunter2", Some("hunter3")).unwrap_err();
        assert!(!format!("{told:?}").contains("hunter"), "{told:?}");
        set(&variables, "_a1", Some("")).unwrap();
        assert!(!format!("{variables:?} {:?}", variables.list()).contains("hunter"));
    }

    #[test]
    fn all_is_set_or_nothing_and_there_is_a_bound() {
        let variables = Variables::default();
        set(&variables, "A", Some("1")).unwrap();
        let env = [("A".into(), Some("2".into())), ("B-".into(), Some("2".into()))].into();
        variables.set(Set { env }).unwrap_err();
        let large = "x".repeat(LARGEST);
        assert_eq!(set(&variables, "B", Some(&large)).unwrap_err().code, Code::LimitExceeded);
        for number in 0..(LARGEST - 66) / 70 {
            set(&variables, &format!("N{number:03}"), Some("12")).unwrap();
        }
        assert_eq!(set(&variables, "C", Some(&"x".repeat(100))).unwrap_err().code, Code::LimitExceeded);
        assert_eq!(variables.list().env[&ByteString::from("A")], ByteString::from("1"));
    }

    #[test]
    fn what_is_unset_is_kept_until_everybody_knows() {
        let variables = Variables::default();
        let mut follower = variables.follow();
        set(&variables, "A", Some("1")).unwrap();
        set(&variables, "B", Some("2")).unwrap();
        set(&variables, "A", None).unwrap();
        assert_eq!(variables.changes(&mut follower), [("A".to_owned(), None), ("B".to_owned(), Some(b"2".to_vec()))]);
        assert_eq!(variables.changes(&mut follower), []);
        follower.missed();
        assert_eq!(variables.changes(&mut follower), [], "it was not told anything");
        set(&variables, "B", Some("2")).unwrap();
        assert_eq!(variables.changes(&mut follower).len(), 1);
        follower.missed();
        assert_eq!(variables.changes(&mut follower).len(), 1);
        // Of nobody's any more.
        set(&variables, "B", Some("3")).unwrap();
        assert_eq!(count(&variables), 1);
        set(&variables, "B", None).unwrap();
        assert_eq!(count(&variables), 1, "the follower has it still");
        drop(follower);
        set(&variables, "PATH", None).unwrap();
        assert_eq!((count(&variables), variables.list().unset), (1, vec!["PATH".into()]));
        set(&variables, "PATH", Some("/bin")).unwrap();
        assert_eq!(variables.list().unset, []);
    }
}
